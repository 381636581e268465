--- What the audit asks inside TLS, a server answers and then ends the connection; where nothing is asked, it waits for
-- our goodbye. Only requests of the scans were told apart from silence: so behind those of the audit a plain handshake
-- ended "unlike" the others, its session passed for spent, and what refused it told nothing. Whatever is said, also as
-- early data, is a connection of its own kind.

local clients = require "resum.connection.client"
local memory = require "spec.support.memory"
local script = require "spec.support.script"

local REQUEST, ANSWER = "GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"

local function client_of(options)
  local host = script.host({}, { tls_server = memory.server(options), on_data = function(connection)
    return connection:write(ANSWER)
  end })
  return clients.new_client({ address = "192.0.2.1", port = 443 }, { host = host })
end

-- The marks of attempts, in order.
local function marks(client, attempts)
  local list = {}
  for i, options in ipairs(attempts) do
    list[i] = client:attempt(options).asked or false
  end
  return list
end

describe("a connection is marked as asked", function()
  for _, version in ipairs({ "TLSv1.2", "TLSv1.3" }) do
    it("where an attempt brings a request of its own, or asks as clients do, over " .. version, function()
      local mechanism = version == "TLSv1.3" and "psk" or "ticket"
      local client = client_of({ max_version = version })
      local session = client:attempt({ mechanism = mechanism, want_tickets = true }).sessions[1]
      assert.same({ false, true, true, true, false }, marks(client, {
        { mechanism = "control" },
        { mechanism = mechanism, request = REQUEST },
        { mechanism = mechanism, session = session, request = REQUEST },
        { mechanism = mechanism, asks = true },
        { mechanism = mechanism, session = session },
      }))
    end)
  end

  it("where it says something as early data", function()
    local client = client_of({ max_early_data = 1000, min_version = "TLSv1.3", anti_replay = false })
    local session = client:attempt({ mechanism = "psk", want_tickets = true }).sessions[1]
    assert.same({ true, false }, marks(client, {
      { mechanism = "psk", session = session, engine = "probe", offer = { early_data = REQUEST } },
      { mechanism = "psk", session = session, engine = "probe", offer = {} },
    }))
  end)
end)
