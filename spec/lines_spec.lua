-- Lines of what comes in pieces: each whole, none too long, whatever the pieces are.

local lines = require "resum.cli.lines"

local MOST = lines.LONGEST_NAME

local function source(text, size)
  local at = 1
  return function()
    local piece = text:sub(at, at + size - 1)
    at = at + size
    if piece == "" then
      return nil, "eof"
    end
    return piece
  end
end

local function all(next_line)
  local found = {}
  local line, number, begin = next_line()
  while line ~= nil do
    found[#found + 1] = { line and #line < 100 and line or line and #line, number, begin }
    line, number, begin = next_line()
  end
  return found, number
end

describe("a reader of lines", function()
  it("gives each line with its end, number and place", function()
    local text = "one\n\ntwo\r\nthree"
    for size = 1, #text do
      assert.same({ { "one\n", 1, 0 }, { "\n", 2, 4 }, { "two\r\n", 3, 5 }, { "three", 4, 10 } },
        (all(lines.reader(source(text, size)))))
    end
    assert.same({}, (all(lines.reader(source("", 1)))))
    assert.same({ { "a\n", 1, 0 } }, (all(lines.reader(source("a\n", 9)))))
  end)

  it("tells a line that is too long once, and goes on behind it", function()
    local long = ("x"):rep(MOST + 1)
    for _, size in ipairs({ 100, 4096, 16384, MOST, MOST + 1, MOST + 2, 3 * MOST }) do
      assert.same({ { "a\n", 1, 0 }, { false, 2, 2 }, { "b\n", 3, MOST + 4 }, { false, 4, MOST + 6 } },
        (all(lines.reader(source("a\n" .. long .. "\nb\n" .. long .. long, size)))))
      assert.same({ { MOST, 1, 0 } }, (all(lines.reader(source(long:sub(2), size)))))
      assert.same({ { MOST + 1, 1, 0 }, { "b", 2, MOST + 1 } },
        (all(lines.reader(source(long:sub(2) .. "\nb", size)))))
    end
  end)

  it("tells it while there is no end of it, and keeps nothing of it", function()
    local pieces, zeros = 0, ("\0"):rep(16384)
    local next_line = lines.reader(function()
      pieces = pieces + 1
      return pieces <= 5000 and zeros or nil, "eof"
    end)
    assert.is_false((next_line()))
    assert.is_true(pieces <= MOST / 16384 + 1)
    collectgarbage()
    local before = collectgarbage("count")
    assert.is_nil((next_line()))
    assert.equal(5001, pieces)
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 256)
  end)

  it("takes longer lines for results, where there may be some", function()
    local result = "{" .. ("x"):rep(3 * MOST) .. "}\n"
    local text = result .. ("x"):rep(2 * MOST) .. "\n" .. result
    assert.same({ { #result, 1, 0 }, { false, 2, #result }, { #result, 3, #result + 2 * MOST + 1 } },
      (all(lines.reader(source(text, 16384), true))))
    assert.same({ false, false, false }, (function(found)
      return { found[1][1], found[2][1], found[3][1] }
    end)(all(lines.reader(source(text, 16384)))))
  end)

  it("says what went wrong, behind what came before", function()
    local pieces = { "a\n", "b" }
    local found, problem = all(lines.reader(function()
      return table.remove(pieces, 1), "Input/output error"
    end))
    assert.same({ { { "a\n", 1, 0 }, { "b", 2, 2 } }, "Input/output error" }, { found, problem })
  end)
end)
