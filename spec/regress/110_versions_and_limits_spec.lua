--- "Does not speak TLS 1.2" from any repeated alert: of a server that serves its first connection and turns all later
-- ones away, or sends alerts at random. Only what works for another version right before and right after shows that it
-- is the version, for alerts as for drops.

local listener = require "spec.support.listener"
local resum = require "resum"

local ALERTS = { handshake_failure = 40, internal_error = 80, protocol_version = 70 }

local function alert_of(code)
  return "\21\3\3\0\2\2" .. string.char(code)
end

-- Turns away the connections that `is_away` says, before any of TLS: with an alert, or with a drop.
local function start(options, is_away, code)
  return listener.start(options, {
    bytes = function(link)
      if is_away(link.number) then
        if code then
          link.send(alert_of(code))
        end
        link.drop(code and "fin" or "rst")
        return true
      end
    end,
  })
end

local function verdicts(server, options)
  local entry = assert(resum.run(server.address, options)).addresses[1]
  server.close()
  local found = {}
  for name, judged in pairs(entry.support or entry.rate or entry.balancer and entry.balancer.quick or {}) do
    found[name] = judged.verdict
  end
  return found
end

local SCANS = {
  support = { support = true, rate = false },
  rate = { support = false, rate = true, balancer = false, attempts = 12 },
  quick = { support = false, rate = true, quick = true, attempts = 12 },
}

local ways = { drop = false }
for name, code in pairs(ALERTS) do
  ways[name] = code
end

describe("a server that serves its first connections and turns all later ones away", function()
  for way, code in pairs(ways) do
    for scan, options in pairs(code and SCANS or { support = SCANS.support }) do
      it(("is not said to lack a version: %s, %s"):format(way, scan), function()
        for served = 1, scan == "support" and 2 or 4, 3 do
          local server = start({}, function(number) return number > served end, code)
          for name, verdict in pairs(verdicts(server, options)) do
            assert.equal("inconclusive", verdict, name .. " after " .. served)
          end
        end
      end)
    end
  end
end)

describe("a server that turns away every second connection, whatever that offers", function()
  for way, code in pairs(ways) do
    it("is not said to lack a version: " .. way, function()
      for phase = 0, 1 do
        local server = start({}, function(number) return number > 1 and number % 2 == phase end, code)
        for name, verdict in pairs(verdicts(server, SCANS.support)) do
          assert.is_true(verdict ~= "not_applicable", name)
        end
      end
    end)
  end
end)

describe("a server that lacks a version", function()
  local LACKS = {
    ["TLSv1.2"] = { { "psk" }, { "session_id", "ticket" } },
    ["TLSv1.3"] = { { "session_id", "ticket" }, { "psk" } },
  }
  for version, case in pairs(LACKS) do
    for scan, options in pairs(SCANS) do
      it(("is said to, by its alert: only %s, %s"):format(version, scan), function()
        local server = start({ min_version = version, max_version = version }, function() return false end)
        local found = verdicts(server, options)
        for _, name in ipairs(case[1]) do
          assert.equal("not_applicable", found[name], name)
        end
        for _, name in ipairs(case[2]) do
          assert.is_true(found[name] ~= "not_applicable", name)
        end
      end)
    end
  end

  -- The versions in a ClientHello's supported_versions extension: TLS 1.3 stands first in it, or not.
  local function offers_new(bytes)
    return bytes:find("\0%+\0..\3\4") ~= nil
  end

  for way, code in pairs(ways) do
    if code ~= ALERTS.handshake_failure then -- which may as well mean the ciphers
      it("is said to where it turns only that away: " .. way, function()
        local server = listener.start({}, {
          bytes = function(link, bytes)
            if link.state == "want" and not link.seen then
              link.seen = true
              if not offers_new(bytes) then
                if code then
                  link.send(alert_of(code))
                end
                link.drop(code and "fin" or "rst")
                return true
              end
            end
          end,
        })
        assert.same({ session_id = "not_applicable", ticket = "not_applicable", psk = "supported" },
          verdicts(server, SCANS.support))
      end)
    end
  end
end)
