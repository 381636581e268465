-- A server that takes few connections at once from one client dropped most of a rate's attempts, which said "too many
-- errors"; and where it dropped a few of ten, or turned them away in words of its own (ngircd), that a member of a pool
-- were down. A server that answers nothing where a session is offered was asked a hundred times, five seconds each.

local core = require "resum.core"
local listener = require "spec.support.listener"
local memory = require "spec.support.memory"
local overview = require "resum.analysis.overview"
local resum = require "resum"
local script = require "spec.support.script"

local MANNERS = {
  fin = function(link) link.drop("fin") end,
  rst = function(link) link.drop("rst") end,
  words = function(link)
    link.send("ERROR :Too many connections from your address\r\n")
    link.drop("fin")
  end,
  alert = function(link)
    link.send("\21\3\3\0\2\2\80") -- internal_error
    link.drop("fin")
  end,
}

-- Lets in who has said something while fewer than so many others are inside; to the others it shows its manners. (When
-- a connection is accepted, the end of one that came before it may not have been seen yet.) It is so slow that many are
-- turned away in the meantime.
local function takes_at_once(limit, turn_away)
  local inside = {}
  return {
    bytes = function(link, bytes)
      if link.waited then
        return false
      end
      link.waited = true
      local count = 0
      for other in pairs(inside) do
        count = count + (other.ended and 0 or 1)
      end
      if count >= limit then
        turn_away(link)
        return true
      end
      inside[link] = true
      link.later(150, function()
        link.take(bytes)
      end)
      return true
    end,
  }
end

describe("a server that takes few connections at once", function()
  local cases = { { 4, "fin", 3 }, { 8, "rst", 3 }, { 5, "words", 3 }, { 3, "alert", 3 }, { 1, "words", 1 } }
  for _, case in ipairs(cases) do
    local limit, how, measured_with = table.unpack(case)
    it(("is measured with fewer, and the report says so: %d, %s"):format(limit, how), function()
      local server = listener.start({ min_version = "TLSv1.3" }, takes_at_once(limit, MANNERS[how]))
      local result = assert(resum.run(server.address,
        { mechanisms = { "psk" }, rate = true, balancer = true, attempts = 40 }))
      server.close()
      local entry = result.addresses[1]
      local rate = entry.rate.psk
      assert.same({ "supported", measured_with, 10 }, { rate.verdict, rate.concurrency, rate.too_many_at_once })
      assert.is_true(rate.resumed >= 38, "resumed " .. rate.resumed)
      assert.is_nil(overview.headline(entry):find("fail", 1, true))
    end)
  end
end)

-- A host whose server reads nothing any more where a session is offered. Its time is not ours.
local function host_of_deaf_server()
  return script.host({}, { tls_server = memory.server({ min_version = "TLSv1.3" }),
    names = { ["a.example"] = { "192.0.2.1" } }, gate = function(stream, bytes)
      local first = core.parse(bytes)
      stream.is_deaf = stream.is_deaf or first and first[1] and (first[1].psk_identities or 0) > 0
      return stream.is_deaf
    end })
end

describe("a server that does not answer where a session is offered", function()
  it("is given up soon, and full handshakes are said to work", function()
    local result = assert(resum.run("a.example", { host = host_of_deaf_server(), mechanisms = { "psk" },
      support = true, rate = true }))
    local found = result.addresses[1]
    assert.same({ "not_supported", "fails_on_resumption" }, { found.support.psk.verdict, found.support.psk.reason })
    assert.same({ timeout = found.rate.psk.attempted }, found.rate.psk.error_kinds)
    assert.is_true(found.rate.psk.attempted < 40, found.rate.psk.attempted .. " attempts")
  end)
end)
