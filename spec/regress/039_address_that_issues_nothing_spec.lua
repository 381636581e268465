--- An address of a name that issues no session was left out when the addresses were compared, and one that does not
-- speak TLS 1.3 with it: the rest was "shared", although a client that lands there has no use for its session. And
-- where rotations at home fell into step, so that no session met its own server, nothing was said to resume at all.

local resum = require "resum"
local servers = require "spec.support.servers"
local matrices = require "resum.analysis.pool.matrix"

local function nginx(options)
  options.session_cache = options.session_cache or "shared:SSL:1m"
  options.session_tickets = options.session_tickets or "on"
  return servers.nginx(options)
end

-- One name for two addresses, the first of which resumes.
local function compare(second)
  local first = nginx({ host = "127.0.0.1" })
  second.host, second.port = "127.0.0.2", first.port
  nginx(second)
  local host = setmetatable({}, { __index = resum.host.default() })
  function host.resolve()
    return { "127.0.0.1", "127.0.0.2" }
  end
  local result = assert(resum.rate("a.example:" .. first.port, { attempts = 40, host = host }))
  assert.equal("completed", result.status)
  return result.across
end

describe("an address of a name", function()
  after_each(servers.stop_all)

  it("is compared though it issues nothing", function()
    local across = compare({ session_cache = "off", session_tickets = "off" })
    for _, mechanism in ipairs({ "session_id", "ticket", "psk" }) do
      assert.equal("not_shared", across[mechanism].verdict, mechanism)
      assert.same({ resumed = 0, answered = 3, errors = 0 }, across[mechanism].matrix["127.0.0.1"]["127.0.0.2"])
    end
    assert.same({ { "127.0.0.1", "127.0.0.2" }, nil }, { across.ticket.addresses, across.ticket.matrix["127.0.0.2"] })
  end)

  it("is compared though it does not speak TLS 1.3", function()
    local psk = compare({ protocols = "TLSv1.2" }).psk
    assert.equal("not_shared", psk.verdict)
    assert.same({ resumed = 0, answered = 3, errors = 0 }, psk.matrix["127.0.0.1"]["127.0.0.2"])
  end)

  it("resumes at home where that is known, though none of a few offers met its own server", function()
    local none = { resumed = 0, answered = 3, errors = 0 }
    local matrix = { a = { a = none, b = none }, b = { a = none, b = none } }
    assert.equal("not_shared", matrices.across({ "a", "b" }, matrix, { "a", "b" }, true))
    assert.equal("no_resumption", matrices.across({ "a", "b" }, matrix, { "a", "b" }, false))
  end)
end)
