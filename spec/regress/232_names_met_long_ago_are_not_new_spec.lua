--- Behind forty servers that share nothing a key is met a second time some forty handshakes later. By then its first
-- time was forgotten, and when chance had it met some times in a row it was told as new: one watch of a hundred told of
-- a server that had not come. The sibling: where there are many names, chance has as many tries.

local names = require "resum.analysis.watch.names"
local random = require "resum.util.random"

describe("names that full handshakes show #unsanitized", function()
  it("are none of them new where forty take turns by chance", function()
    for seed = 1, 30 do
      random.seed(seed == 1 and 126 * 77777 or seed == 2 and 111 * 77777 or seed)
      local list = names.new()
      for i = 1, 450 do
        local change = list:see("member " .. random.integer(40), i * 60)
        assert.is_nil(change and ("%s in run %d at %d"):format(change.kind, seed, i))
      end
    end
  end)

  -- A key of one server, and random bytes in the place of others'. Then another key comes beside it.
  local function another_one(random_ones, restart)
    local list = names.new()
    for i = 1, 400 do
      list:see((i - 1) % (random_ones + 1) == 0 and "a" or "random " .. i, i * 60)
    end
    list = restart and names.new(list:save()) or list
    for i = 401, 800 do
      local turn = i % (random_ones + 2)
      local change = list:see(turn == 0 and "a" or turn == 1 and "b" or "random " .. i, i * 60)
      if change then
        return change.kind, i - 400
      end
    end
  end

  it("are new where what was met once is known far enough back", function()
    local kind, after = another_one(0)
    assert.equal("came", kind)
    assert.is_true(after < 20, after)
    assert.same({ kind, after }, { another_one(0, true) })
    kind = another_one(1)
    assert.equal("came", kind)
  end)

  it("of a state that an older watch has written, are known from then on", function()
    local list = names.new()
    for i = 1, 100 do
      list:see("a", i * 60)
    end
    local saved = list:save()
    saved.candidates, saved.forgot = nil, nil
    list = names.new(saved)
    for i = 101, 110 do
      assert.is_nil(list:see(i % 2 == 0 and "a" or "b", i * 60))
    end
  end)
end)
