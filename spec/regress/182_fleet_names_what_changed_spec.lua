--- "8 places are new", ten times, said of no group which one it was; and of several keys "new key" was said.

local words = require "resum.analysis.fleet_words"

describe("a group that has changed", function()
  local function change(kind, ...)
    return words.change({ kind = kind, number = 7, places = 9, others = { ... } })
  end

  it("is named by its number of now, where it has one", function()
    local four, one = { number = 3, places = 4 }, { number = 12, places = 1 }
    for said, given in pairs({
      ["group 7 is new: 9 places"] = { "new" },
      ["group 7 has grown: 9 places were 4"] = { "grown", four },
      ["group 7 was apart before: 9 places were 4, 4, 1"] = { "joined", four, four, one },
      ["9 places of one group are 4 (group 3) now"] = { "shrunk", four },
      ["9 places of one group are 1 now"] = { "shrunk", one },
      ["9 places of one group are apart now: 4 (group 3), 1"] = { "split", four, one },
    }) do
      assert.equal(said, change(table.unpack(given)))
    end
  end)

  it("into very many is not listed to the end", function()
    local others = {}
    for i = 1, 50 do
      others[i] = { number = i, places = 2 }
    end
    assert.is_truthy(change("split", table.unpack(others)):find("2 (group 5), ...", 1, true))
  end)
end)
