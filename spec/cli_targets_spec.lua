-- Lists of targets and shares of them, read from streams that are only tables here.

local shard = require "resum.cli.shard"
local targets = require "resum.cli.targets"

-- A stream that gives these pieces, one at a time.
local function stream_of(pieces, problem)
  local number = 0
  return {
    read = function()
      number = number + 1
      return pieces[number], not pieces[number] and (problem or "eof") or nil
    end,
  }
end

local function all(source)
  local list = {}
  for text in function() return source:next() end do
    list[#list + 1] = text
  end
  return list
end

local function from_list(text, options)
  options = options or {}
  options.arguments = options.arguments or {}
  options.stream = stream_of({ text })
  local source = targets.new(options)
  return all(source), source
end

describe("a list of targets", function()
  for sentence, case in pairs({
    ["has one target a line"] = { "a.example\nb.example:8443\n[::1]:443\n", { "a.example", "b.example:8443",
      "[::1]:443" } },
    ["may lack the last line end"] = { "a.example\nb.example", { "a.example", "b.example" } },
    ["may have blank lines and blanks around"] = { "\n  a.example\t\n\n\n b.example \n", { "a.example", "b.example" } },
    ["may have comments"] = { "# all of them\na.example # the first\n  # none\nb.example\t# the second\n",
      { "a.example", "b.example" } },
    ["may come from another system"] = { "\239\187\191a.example\r\nb.example\r\n", { "a.example", "b.example" } },
    ["may be a ranking"] = { "1,a.example\n2,b.example\n10000000,c.example:993\n",
      { "a.example", "b.example", "c.example:993" } },
    ["may be a ranking with a heading, quotes and more columns"] = {
      'rank,domain\r\n"1", "a.example"\r\n2,b.example,x,9\n', { "a.example", "b.example" } },
    ["may be empty"] = { "", {} },
    ["may hold nothing but comments"] = { "#\n# x", {} },
    ["leaves what is no target as it is"] = { "a b c\nx,y\n", { "a b c", "x,y" } },
    ["keeps URLs with a fragment"] = { "https://a.example/#top\n", { "https://a.example/#top" } },
  }) do
    it(sentence, function()
      assert.same(case[2], (from_list(case[1])))
    end)
  end

  it("is read in whatever pieces it comes", function()
    local text = "1,a.example\r\n# comment\nb.example\n\nc.example"
    for size = 1, #text do
      local pieces = {}
      for at = 1, #text, size do
        pieces[#pieces + 1] = text:sub(at, at + size - 1)
      end
      local source = targets.new({ arguments = {}, stream = stream_of(pieces) })
      assert.same({ "a.example", "b.example", "c.example" }, all(source))
    end
  end)

  it("is not read before it is needed, nor further than needed", function()
    local reads = 0
    local source = targets.new({ arguments = { "first.example" }, stream = {
      read = function()
        reads = reads + 1
        return ("%d.example\n"):format(reads)
      end,
    } })
    assert.same({ "first.example", 0 }, { source:next(), reads })
    assert.same({ "1.example", 1 }, { source:next(), reads })
    assert.same({ "2.example", 2 }, { source:next(), reads })
  end)

  it("takes bounded memory, also where a line does not end", function()
    local pieces, piece, most = 0, ("x"):rep(16384), 0
    local source = targets.new({ arguments = {}, stream = {
      read = function()
        pieces = pieces + 1
        if pieces % 500 == 0 then
          collectgarbage()
          most = math.max(most, collectgarbage("count"))
        end
        if pieces > 2000 then
          return nil, "eof"
        end
        return piece
      end,
    } })
    collectgarbage()
    local before = collectgarbage("count")
    local told = {}
    function source.on_problem(number)
      told[#told + 1] = number
    end
    assert.is_nil(source:next())
    assert.same({ 1 }, told)
    assert.is_true(most - before < 4096)
  end)

  it("says what kept it from being read", function()
    local source = targets.new({ arguments = { "a.example" }, stream = stream_of({ "b.example\n" }, "Is a directory") })
    assert.same({ "a.example", "b.example" }, all(source))
    assert.equal("Is a directory", source.problem)
    assert.is_nil(source:next())
  end)

  it("may hold ranges of addresses, each of which becomes a target", function()
    assert.same({ "192.0.2.4:8443", "192.0.2.5:8443", "192.0.2.6:8443", "192.0.2.7:8443", "a.example", "2001:db8::",
      "2001:db8::1" }, (from_list("192.0.2.6/30:8443\n1,a.example\n2001:db8::/127\n")))
    assert.same({ "192.0.2.0", "192.0.2.1", "x" }, (from_list("x", { arguments = { "192.0.2.0/31" } })))
  end)

  it("takes the addresses of a range for shares and for what is done", function()
    local seen = {}
    for _, index in ipairs({ "1/2", "2/2" }) do
      local options = { shard = shard.parse(index), done = { ["192.0.2.9"] = true } }
      for _, text in ipairs((from_list("192.0.2.0/24", options))) do
        assert.is_nil(seen[text])
        seen[text] = true
        seen[#seen + 1] = text
      end
    end
    assert.equal(255, #seen)
    assert.is_nil(seen["192.0.2.9"])
  end)

  it("tells a range that is too large, with its line, and goes on", function()
    local stream = stream_of({ "# x\n192.0.2.0/29\nb.example\n" })
    local source = targets.new({ arguments = {}, stream = stream, max_targets = 7 })
    assert.same({ "192.0.2.0/29", false, 2, "a range of 2^3 addresses is too large (--max_targets allows 7)" },
      { source:next() })
    assert.same({ "b.example", false, 3 }, { source:next() })
  end)

  it("holds no range: a large one takes no more memory than a small one", function()
    local source = targets.new({ arguments = { "10.0.0.0/13" } })
    collectgarbage()
    local before, count = collectgarbage("count"), 0
    while source:next() do
      count = count + 1
      if count % 100000 == 0 then
        collectgarbage()
        assert.is_true(collectgarbage("count") - before < 256)
      end
    end
    assert.equal(1 << 19, count)
  end)

  it("names no address of a range once the run is over", function()
    local source = targets.new({ arguments = { "192.0.2.0/24", "a.example", "192.0.2.0/1", "b.example" } })
    assert.equal("192.0.2.0", source:next())
    assert.same({ "a.example", "b.example" }, { source:next_argument(), source:next_argument() })
    assert.is_nil(source:next_argument())
  end)

  it("knows how many targets a command line names", function()
    assert.same({ 2, false }, { targets.count({ "a.example", "192.0.2.0/1" }) })
    assert.same({ 257, true }, { targets.count({ "a.example", "192.0.2.0/24:443" }) })
  end)

  it("comes after the targets of the command line", function()
    assert.same({ "a.example", "b.example", "c.example" }, (from_list("c.example", { arguments = { " a.example\n",
      "b.example" } })))
  end)

  it("leaves out what is done", function()
    local list, source = from_list("1,a.example\nb.example\nc.example", {
      arguments = { "d.example", "e.example" },
      done = { ["a.example"] = true, ["c.example"] = true, ["e.example"] = true },
    })
    assert.same({ "d.example", "b.example" }, list)
    assert.equal(3, source.skipped)
  end)

  it("knows what is done by the name that it has in the results, too", function()
    local done = { ["b\\xc3\\xbccher.example:443"] = true, ["köln.example"] = true }
    assert.same({ "zürich.example" }, (from_list("bücher.example:443\nköln.example\nzürich.example", { done = done })))
  end)
end)

describe("a share of the targets", function()
  it("is found with CRC-32, as published", function()
    assert.equal(0xCBF43926, shard.crc32("123456789")) -- the check value in catalogues of CRCs
    assert.equal(0, shard.crc32(""))
    assert.equal(0x414FA339, shard.crc32("The quick brown fox jumps over the lazy dog"))
  end)

  it("is CRC-32 modulo the number of shares, as any program can tell", function()
    -- Python: zlib.crc32(b"www.example.com:443") % 7, and % 1000
    for text, remainders in pairs({
      ["www.example.com:443"] = { 3, 239 },
      ["a.example"] = { 1, 412 },
      ["b.example:8443"] = { 4, 81 },
      ["[2001:db8::1]:443"] = { 5, 370 },
    }) do
      for i, shares in ipairs({ 7, 1000 }) do
        for index = 0, shares - 1 do
          assert.equal(index == remainders[i], shard.holds(shard.parse(index .. "/" .. shares), text), text)
        end
      end
    end
  end)

  it("has every target in one share exactly, whichever way engines count", function()
    local text = {}
    for number = 1, 1000 do
      text[number] = ("www%d.example:443"):format(number)
    end
    for _, first in ipairs({ 0, 1 }) do
      local seen, sizes = {}, {}
      for index = first, first + 6 do
        local share = from_list(table.concat(text, "\n"), { shard = shard.parse(index .. "/7") })
        sizes[#sizes + 1] = #share
        for _, target in ipairs(share) do
          assert.is_nil(seen[target])
          seen[target] = true
        end
      end
      for _, target in ipairs(text) do
        assert.is_true(seen[target])
      end
      table.sort(sizes)
      assert.is_true(sizes[1] > 100 and sizes[7] < 190, sizes[1] .. " to " .. sizes[7]) -- 143 each on average
    end
  end)

  it("has targets of the command line, too", function()
    local both = {}
    for _, index in ipairs({ "1/2", "2/2" }) do
      for _, text in ipairs(all(targets.new({ arguments = { "a", "b", "c", "d" }, shard = shard.parse(index) }))) do
        both[#both + 1] = text
      end
    end
    table.sort(both)
    assert.same({ "a", "b", "c", "d" }, both)
  end)

  for _, text in ipairs({ "", "1", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "0.5/2", "1/1000001",
    "99999999999999999999/2" }) do
    it("is refused when it is none: " .. text, function()
      local share, message = shard.parse(text)
      assert.is_nil(share)
      assert.matches("^%-%-shard takes i/n", message)
    end)
  end
end)
