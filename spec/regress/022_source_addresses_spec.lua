--- --source was obeyed by the rate's connections only, and not looked at: the support scan came from another address,
-- and one that can't be used was told as "the server could not be reached any more", with exit code 0.

local balancer = require "spec.support.balancer"
local process = require "spec.support.process"
local resum = require "resum"
local servers = require "spec.support.servers"

local UNUSABLE = "192.0.2.1" -- of no interface (RFC 5737)

local function scan(target, more)
  local options = { mechanisms = { "ticket" }, attempts = 2, retries = 0, balancer = false }
  for name, value in pairs(more) do
    options[name] = value
  end
  return assert(resum.run(target, options))
end

describe("a local address to connect from", function()
  after_each(servers.stop_all)

  local function nginx()
    return servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" })
  end

  it("is that of every connection, in the support scan as well", function()
    local server = nginx()
    local behind = assert(balancer.listen({ backends = servers.addresses({ server }) }))
    local seen = {}
    local host = setmetatable({
      connect = function(address, port, options)
        seen[options.source or "none"] = true
        return resum.host.default().connect(address, port, options)
      end,
    }, { __index = resum.host.default() })
    assert.equal("completed", scan(behind.address, { sources = { "127.0.0.5" }, host = host }).status)
    assert.same({ ["127.0.0.5"] = true }, seen)
    behind.close()
  end)

  it("that can't be used is told as that, the first or another", function()
    local server = nginx()
    for _, case in ipairs {
      { { sources = { UNUSABLE }, rate = true }, "connect: source address " .. UNUSABLE },
      { { source = UNUSABLE, support = true }, "connect: source address " .. UNUSABLE },
      { { sources = { "127.0.0.5", UNUSABLE }, rate = true }, "from 192.0.2.1: connect: source address " .. UNUSABLE },
    } do
      local result = scan(server.address, case[1])
      assert.equal("unreachable", result.status)
      assert.equal(case[2], result.error.message:sub(1, #case[2]))
    end
  end)

  it("serves targets of its own family", function()
    local server = nginx()
    local spread = scan(server.address, { sources = { "::1", "127.0.0.5" }, rate = true })
    assert.same({ "completed", 2, 0 },
      { spread.status, spread.addresses[1].rate.ticket.resumed, spread.addresses[1].rate.ticket.errors })
    local none = scan(server.address, { source = "::1" })
    assert.same({ "unreachable", "connect: no source address has its family" }, { none.status, none.error.message })
  end)

  it("is an address, and nothing else", function()
    for _, option in ipairs { { source = "localhost" }, { sources = { "127.0.0.1", "localhost" } } } do
      assert.same({ nil, "source: 'localhost' is not an IP address", "usage" }, { resum.scan("127.0.0.1:1", option) })
    end
    local run = process.run { command = { "lua" .. _VERSION:match("%d%.%d"), process.ROOT .. "/lua/bin/resum",
      "--source", "300.1.1.1", "127.0.0.1:1" } }
    assert.same({ 2, "resum: --source: '300.1.1.1' is not an IP address\n" }, { run.code, run.stderr })
  end)
end)
