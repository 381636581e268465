--- Up to TLS 1.2 the session was taken when Lua asked for it. libssl marks its own as not resumable when the server
-- ends the connection without close_notify or with an alert, so a session asked for after that was never offered.

local memory = require "spec.support.memory"

local FATAL_ALERT = "\21\3\3\0\2\2\80"

describe("the session of a connection that ended badly", function()
  for _, mechanism in ipairs { { name = "a ticket" }, { name = "a session id", tickets = false } } do
    for _, ending in ipairs {
      { name = "an end without close_notify", run = function(client) return client:eof() end },
      { name = "bytes that make no sense", run = function(client) return client:step(FATAL_ALERT) end },
    } do
      it(("is still good with %s, after %s"):format(mechanism.name, ending.name), function()
        local server = memory.server { max_version = "TLSv1.2", tickets = mechanism.tickets }
        local visit = memory.connect(server)
        assert.is_nil((ending.run(visit.client)))
        local session = visit.client:session()
        assert.is_true(session:fields().resumable)
        visit.connection:shutdown()
        visit.connection:close()
        assert.is_true(memory.visit(server, { session = session }).facts.reused)
      end)
    end
  end
end)
