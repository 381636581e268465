--- Of three servers behind an address one put addresses of its memory before its tickets: as not every ticket had them
-- at one offset, the tickets passed for clean; and as one server's had no key names, the others' were not looked at, so
-- that nobody could tell the three apart.

local content = require "resum.audit.checks.ticket_content"
local evidences = require "spec.support.evidence"
local sighting = require "resum.analysis.pool.sighting"

local NAMES = { ("\xa1"):rep(16), ("\xb2"):rep(16) }

local function addresses(number)
  return ("<I8 I8"):pack(0x7f3a5c0df420 + 64 * number, 0x7f3a5ac88af0)
end

-- So many connections of two tickets each, in turns, of servers that name their tickets' keys by a function of the
-- connection's number.
local function pool(connections, ...)
  local servers = { ... }
  return evidences.of(connections, function(connection)
    return { name = servers[connection % #servers + 1](connection) }
  end)
end

local function named(name)
  return function()
    return name
  end
end

local function found(evidence)
  local one = content.run(evidence)[1]
  return { one.verdict, one.reason, one.evidence.shown, one.share and ("%.2f"):format(one.share) }
end

describe("addresses in the tickets of one of three servers", function()
  it("are found with the share of that server, and the others keep their names", function()
    local evidence = pool(12, named(NAMES[1]), named(NAMES[2]), named(addresses(0)))
    assert.same({ "bad", "addresses", 8, "0.33" }, found(evidence))
    local labels, kinds = sighting.labels(evidence.connections), {}
    for _, label in pairs(labels) do
      kinds[label.text] = (kinds[label.text] or 0) + 1
    end
    assert.same({ ["key:" .. NAMES[1]] = 4, ["key:" .. NAMES[2]] = 4, unnamed = 4 }, kinds)
  end)

  it("are found where they are others in each ticket", function()
    assert.same({ "bad", "addresses", 8, "0.33" }, found(pool(12, named(NAMES[1]), named(NAMES[2]), addresses)))
  end)

  it("are none in one or two tickets, nor in a name that has one word like an address", function()
    assert.equal("good", found(pool(2, named(NAMES[1]), named(addresses(0))))[1])
    local one_word = ("<I8"):pack(0x7f3a5c0df420) .. ("\xc3"):rep(8)
    assert.same({ "good", "nothing_readable" }, found(pool(12, named(NAMES[1]), named(NAMES[2]), named(one_word))))
    assert.same({ "good", "nothing_readable" }, found(pool(300, function()
      return evidences.fresh(16)
    end)))
  end)
end)
