-- What is known of a connection is kept until the server says more. Our own close_notify is more, too: whoever had
-- asked before it saw a connection that we had left without a word, where the server said nothing after it.

local resum = require "resum"
local servers = require "spec.support.servers"

describe("what is known of a full handshake", function()
  after_each(servers.stop_all)

  for name, start in pairs({
    nginx = function() return servers.nginx({ session_cache = "none", session_tickets = "on" }) end,
    ["s_server -no_ticket"] = function() return servers.s_server({ args = { "-no_ticket" } }) end,
  }) do
    it("holds our close_notify: " .. name, function()
      local entry = assert(resum.scan(start().address)).addresses[1]
      local seeds = 0
      for mechanism, verdict in pairs(entry.support) do
        for i, attempt in ipairs(verdict.attempts) do
          local ours = 0
          for _, alert in ipairs(attempt.facts and attempt.facts.alerts or {}) do
            ours = ours + (alert.from == "client" and 1 or 0)
          end
          if attempt.design == "seed" then
            seeds = seeds + 1
            assert.equal(1, ours, mechanism .. " " .. i)
          end
        end
      end
      assert.is_true(seeds >= 3)
    end)
  end
end)
