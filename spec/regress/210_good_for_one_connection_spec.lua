-- Tickets that are good for one connection were called a change of keys where TLS 1.2 issued them. Whether a server
-- refuses what it has seen before, or answers it with an alert, fresh ones tell it.

local listener = require "spec.support.listener"
local memory = require "spec.support.memory"
local resum = require "resum"
local wire = require "spec.support.wire"

local ALERT = "\21\3\3\0\2\2\80" -- internal_error

-- What a ClientHello offers: its ticket, or its PSK's identities, with binders.
local function offered_in(bytes)
  local hello = wire.client_hello(bytes:sub(6))
  local ticket = hello.extensions[wire.EXTENSION.session_ticket] or ""
  local psks = hello.extensions[41]
  return psks and psks:sub(5, 4 + (">I2"):unpack(psks, 3)) or #ticket > 0 and ticket or nil
end

local KEYS = ("k"):rep(80)

-- Takes each ticket once; then it "refuses", or sends an "alert".
local function start(version, how)
  local options = { max_version = version, ticket_keys = KEYS }
  local refusing, seen = memory.server({ max_version = version, ticket_keys = KEYS, accept_tickets = false }), {}
  return listener.start(options, {
    bytes = function(link, bytes)
      if link.state ~= "want" or link.seen or bytes:byte() ~= 22 then
        return false
      end
      link.seen = true
      local offered = offered_in(bytes)
      local is_spent = offered and seen[offered]
      seen[offered or ""] = true
      if is_spent and how == "alert" then
        link.send(ALERT)
        link.drop("fin")
        return true
      elseif is_spent then
        link.connection = refusing:accept()
      end
      return false
    end,
  })
end

describe("tickets that are good for one connection", function()
  for mechanism, version in pairs({ ticket = "TLSv1.2", psk = "TLSv1.3" }) do
    for _, how in ipairs({ "refuses", "alert" }) do
      it(("are no change of keys: %s, %s"):format(mechanism, how), function()
        local server = start(version, how)
        local entry = assert(resum.run(server.address, { support = false, rate = true,
          mechanisms = { mechanism } })).addresses[1]
        server.close()
        local rate = entry.rate[mechanism]
        assert.same({ "fresh", 1 }, { rate.design, rate.rate })
        assert.equal("all_shared", entry.balancer.verdict)
      end)
    end
  end
end)
