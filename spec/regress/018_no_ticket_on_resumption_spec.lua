-- Where no ticket comes on a resumed connection (Node sends none), it was waited for two seconds each time: a scan that
-- looks for renewed tickets took half a minute.

local attempt = require "resum.connection.client"
local host = require "resum.host.uv"
local listener = require "spec.support.listener"
local quickest = require "spec.support.quickest"

-- Issues tickets in full handshakes only, `late_ms` after them.
local function start(late_ms)
  return listener.start({ min_version = "TLSv1.3", num_tickets = 0 }, {
    established = function(link, bytes)
      link.send(bytes)
      if not link.connection:facts().reused then
        link.later(late_ms, function()
          link.send(link.connection:issue_ticket())
        end)
      end
    end,
  })
end

local function seconds_of_resumption(late_ms)
  local server = start(late_ms)
  local client = attempt.new_client({ address = "127.0.0.1", port = server.port }, { host = host })
  local first = client:attempt({ mechanism = "psk", want_tickets = true })
  assert.equal(1, #first.sessions)
  local second = client:attempt({ mechanism = "psk", session = first.sessions[1], want_tickets = true })
  assert.equal("resumed", second.outcome)
  server.close()
  return second.timing.total_s
end

describe("a ticket on a resumed connection", function()
  for _, case in ipairs({ { 0, 0.1 }, { 100, 0.3 } }) do
    it(("is waited for as long as those of the server take: %d ms late"):format(case[1]), function()
      local seconds = quickest(1.9, function()
        return seconds_of_resumption(case[1])
      end)
      assert.is_true(seconds >= case[2] and seconds < 1.9, seconds .. " s")
    end)
  end
end)
