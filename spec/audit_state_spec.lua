--- The state file: lines, their merging, many writers, torn lines, files of others. The clock is given.

local files = require "resum.host.private_file"
local process = require "spec.support.process"
local state = require "resum.audit.keys.state"
local uv = require "luv"

local DAY = 86400
local KEY = ("0123456789abcdef"):rep(2)

local function seen(more)
  local one = { key = KEY, layout = "openssl", address = "192.0.2.1", port = 443, sni = "a.example" }
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

local function at(path, time, forget_days)
  return state.open(path, { files = files, forget_days = forget_days, now = function()
    return time
  end })
end

local function entries(store)
  local list = {}
  for entry in store:all() do
    list[#list + 1] = entry
  end
  return list
end

local function mode_of(path)
  return ("%o"):format(uv.fs_stat(path).mode % 512)
end

describe("the state file", function()
  local folder, path

  before_each(function()
    folder = process.temporary_directory()
    path = folder .. "/state"
  end)

  after_each(function()
    process.remove(folder)
  end)

  it("keeps the first and the last time that each key was seen at each address", function()
    assert(assert(at(path, 1000)):note({ seen(), seen({ address = "192.0.2.2" }) }))
    local now = assert(assert(at(path, 1000 + DAY)):note({ seen({ certificate = "ff" }) }))
    assert.same({ { key = KEY, layout = "openssl", address = "192.0.2.1", port = 443, sni = "a.example", first = 1000,
      last = 1000 + DAY, runs = 2, returned = 0, certificate = "ff" } }, now)
    local store = assert(at(path, 5000 + DAY))
    assert.equal(2, #entries(store))
    assert.same(now[1], entries(store)[1])
    assert.equal(1000, entries(store)[2].last)
    assert.equal(3, select(2, process.read_file(path):gsub("\n", "\n")))
  end)

  it("knows keys apart by name, layout, address, port and server name", function()
    local store = assert(at(path, 7))
    assert(store:note({ seen(), seen({ key = KEY .. "00" }), seen({ layout = "other" }), seen({ address = "::1" }),
      seen({ port = 8443 }), seen({ sni = "b.example" }), { key = KEY, layout = "openssl", address = "192.0.2.1",
        port = 443 } }))
    assert.equal(7, #entries(assert(at(path, 8))))
  end)

  it("counts two times within one second as one run, as a line may stand there twice", function()
    assert(assert(at(path, 7)):note({ seen() }))
    assert(assert(at(path, 7)):note({ seen() }))
    assert.equal(1, entries(assert(at(path, 8)))[1].runs)
  end)

  it("tells how often a key was away and came back", function()
    local other = seen({ key = ("ab"):rep(16) })
    for time, which in ipairs({ { seen() }, { other }, { other, seen() }, { seen() }, { other }, { other, seen() } }) do
      assert(assert(at(path, 100 * time)):note(which))
    end
    local list = entries(assert(at(path, 1000, 30)))
    assert.same({ 2, 1 }, { list[1].returned, list[2].returned })
    list = entries(assert(at(path, 1000)))
    assert.same({ 2, 1, 4, 4 }, { list[1].returned, list[2].returned, list[1].runs, list[2].runs })
  end)

  it("tells when a key was not there yet", function()
    local other = seen({ key = ("ab"):rep(16) })
    assert(assert(at(path, 100)):note({ seen() }))
    assert(assert(at(path, 200)):note({ seen(), other, seen({ port = 8443 }) }))
    assert(assert(at(path, 300)):note({ other }))
    for _, forget_days in ipairs({ false, 30, false }) do
      local list = entries(assert(at(path, 400, forget_days or nil)))
      assert.same({ 3, nil, 100, nil }, { #list, list[1].absent, list[2].absent, list[3].absent })
    end
  end)

  it("is for its owner only, also where it was not", function()
    assert(assert(at(path, 7)):note({ seen() }))
    assert.equal("600", mode_of(path))
    uv.fs_chmod(path, 420)
    assert(assert(at(path, 8)):note({ seen() }))
    assert.equal("600", mode_of(path))
    assert(at(path, 9, 1))
    assert.equal("600", mode_of(path))
    assert.same({ "state" }, process.list(folder))
  end)

  it("loses nothing but a line that was torn", function()
    assert(assert(at(path, 7)):note({ seen() }))
    local line = process.read_file(path)
    process.write_file(path, line .. line:sub(1, #line // 2))
    local store = assert(at(path, 8))
    assert.equal(1, #entries(store))
    assert(store:note({ seen({ address = "192.0.2.2" }) }))
    store = assert(at(path, 9))
    assert.equal(2, #entries(store))
    assert.equal(1, store.unreadable.count)
    for length = 0, #line - 1 do
      process.write_file(path, line:sub(1, length))
      assert(assert(at(path, 9)):note({ seen() }))
      local found = entries(assert(at(path, 9)))
      local is_whole = length == #line - 1 -- but for its end
      assert.same({ 1, is_whole and 7 or 9 }, { #found, found[1].first }, length)
    end
  end)

  it("leaves a file alone that is not its own", function()
    for _, text in ipairs({ "hello\n", '{"target": {"text": "a"}}\n', "\n\n\0\1\2", '{"resum_state":2,"key":"00"}\n',
      '{"resum_stat', ("x"):rep(100000) }) do
      local is_prefix = text == '{"resum_stat'
      process.write_file(path, text)
      uv.fs_chmod(path, 420)
      local store, message = at(path, 7)
      assert.equal(is_prefix, store ~= nil)
      local _, with_forget = at(path, 7, 1)
      assert.equal(is_prefix, with_forget == nil)
      assert.is_true(is_prefix or message:find("left as it is", 1, true) ~= nil, message)
      assert.is_true(is_prefix or not message:find("\n"), message)
      assert.is_true(is_prefix or process.read_file(path) == text)
      assert.is_true(is_prefix or mode_of(path) == "644")
    end
    assert.is_truthy(select(2, at(folder, 7)):find("no plain file", 1, true))
    assert.is_truthy(select(2, at(folder .. "/no/such", 7)):find("No such file", 1, true))
    assert.is_truthy(select(2, at(path .. "/x", 7)):find("Not a directory", 1, true))
  end)

  it("takes no line that it would not write", function()
    for _, change in ipairs({ { '"first":7', '"first":-7' }, { '"last":7', '"last":6' }, { '"runs":1', '"runs":0' },
      { '"port":443', '"port":"443"' }, { '"first":7', '"first":1e300' }, { '"first":7', '"first":7.5' },
      { '"a.example"', '"a\\u0000"' }, { '"a.example"', '"' .. ("a"):rep(256) .. '"' }, { '"openssl"', "[]" },
      { KEY, KEY .. ("0"):rep(100) }, { "$", ("x"):rep(5000) }, { '"key":"%x+",', "" } }) do
      assert(assert(at(path, 7)):note({ seen() }))
      local line = process.read_file(path)
      local changed = line:gsub("\n", "", 1):gsub(change[1], (change[2]:gsub("%%", "%%%%"))) .. "\n"
      assert.are_not.equal(line, changed)
      process.write_file(path, changed .. line)
      local store = assert(at(path, 7))
      assert.same({ 1, 1 }, { #entries(store), store.unreadable.count }, change[1] .. change[2])
      uv.fs_unlink(path)
    end
  end)

  it("keeps a bounded number of entries in memory, says so, and then forgets nothing", function()
    local most = state.MOST_ENTRIES
    assert.equal(100000, most)
    state.MOST_ENTRIES = 3
    finally(function()
      state.MOST_ENTRIES = most
    end)
    for i = 1, 5 do
      assert(assert(at(path, i * DAY)):note({ seen({ port = i }) }))
    end
    local store = assert(at(path, 6 * DAY))
    assert.same({ 3, 2 }, { #entries(store), store.left_out })
    local before = process.read_file(path)
    assert.is_truthy(select(2, at(path, 6 * DAY, 30)):find("forget more", 1, true))
    assert.equal(before, process.read_file(path))
    assert.same({ "state" }, process.list(folder))
    store = assert(at(path, 6 * DAY, 2))
    assert.same({ 2, 0 }, { #entries(store), store.left_out })
  end)

  it("forgets what no run has seen for so many days, and keeps the first time of what stays", function()
    assert(assert(at(path, 1 * DAY)):note({ seen(), seen({ port = 2 }) }))
    assert(assert(at(path, 20 * DAY)):note({ seen() }))
    local list = entries(assert(at(path, 31 * DAY, 30)))
    assert.same({ 2, 1 * DAY }, { #list, list[2].first })
    list = entries(assert(at(path, 31 * DAY + 1, 30)))
    assert.same({ 1, 1 * DAY, 20 * DAY, 2 }, { #list, list[1].first, list[1].last, list[1].runs })
    assert.equal(1, select(2, process.read_file(path):gsub("\n", "\n")))
    assert.equal(1, #entries(assert(at(path, 31 * DAY))))
    assert.equal(0, #entries(assert(at(path .. "2", 31 * DAY, 30))))
  end)

  local function edge(more)
    local one = { outcome = "confirmed", key = KEY, layout = "name16", from = { address = "192.0.2.1", port = 443,
      sni = "a.example", certificate = "ff" }, to = { address = "192.0.2.2", port = 8443 }, offered_as = "b.example" }
    for name, value in pairs(more or {}) do
      one[name] = value
    end
    return one
  end

  local function edges_in_file()
    local list = {}
    for line in process.read_file(path):gmatch("[^\n]+") do
      list[#list + 1] = state.decode_edge(line)
    end
    return list
  end

  it("tells of places that were offered sessions of others, beside what was seen of keys", function()
    local store = assert(at(path, 7))
    assert(store:note({ seen() }))
    assert(store:note_edge(edge()))
    local second = edge({ outcome = "refused" })
    second.offered_as = nil
    assert(store:note_edge(second))
    local first = edge({ at = 7 })
    second.at = 7
    assert.same({ first, second }, edges_in_file())
    store = assert(at(path, 8))
    assert.same({ 1, 0, 0 }, { #entries(store), store.unreadable.count, #store.kept })
  end)

  it("takes no edge that it would not write", function()
    for _, change in ipairs({ { '"confirmed"', '"maybe"' }, { '"at":7', '"at":-7' }, { '"port":443', '"port":0' },
      { '"a.example"', '"a\\u0000"' }, { '"192.0.2.2"', "[]" }, { '"to":{.-},', "" }, { '"from":{.-}', '"from":7' },
      { KEY, KEY .. ("0"):rep(100) }, { '"b.example"', "{}" }, { '"name16"', "16" } }) do
      assert(assert(at(path, 7)):note_edge(edge()))
      process.write_file(path, (process.read_file(path):gsub(change[1], (change[2]:gsub("%%", "%%%%")), 1)))
      assert.same({ {}, 1 }, { edges_in_file(), assert(at(path, 7)).unreadable.count }, change[1])
      assert.has_error(function() return at(path, 7):note_edge(edge({ to = { address = "1" } })) end)
      uv.fs_unlink(path)
    end
  end)

  it("forgets edges as it does keys", function()
    assert(assert(at(path, 1 * DAY)):note_edge(edge()))
    assert(assert(at(path, 9 * DAY)):note_edge(edge({ outcome = "refused" })))
    assert(assert(at(path, 9 * DAY)):note({ seen() }))
    assert.equal(2, #edges_in_file())
    local store = assert(at(path, 12 * DAY, 5))
    assert.same({ 1, 1 }, { #entries(store), #edges_in_file() })
    assert.equal("refused", edges_in_file()[1].outcome)
  end)

  it("forgets nothing where a newer resum has written, or while another program rewrites the file", function()
    assert(assert(at(path, 7)):note({ seen() }))
    process.write_file(path, process.read_file(path) .. '{"resum_state":2,"key":"00"}\n')
    local before = process.read_file(path)
    assert.is_truthy(select(2, at(path, 90 * DAY, 30)):find("newer resum", 1, true))
    assert.equal(before, process.read_file(path))
    local lock = assert(files.hold(path))
    assert.is_truthy(select(2, at(path, 90 * DAY, 30)):find("another program", 1, true))
    files.release(lock)
    process.write_file(path .. ".lock", "") -- of one that was killed, and so is nobody's
    assert.is_truthy(select(2, at(path, 90 * DAY, 30)):find("newer resum", 1, true))
    assert.same({ "state" }, process.list(folder))
  end)

  it("writes again where another program has replaced the file in between", function()
    assert(assert(at(path, 7)):note({ seen() }))
    local write, text = uv.fs_write, process.read_file(path)
    finally(function()
      uv.fs_write = write
    end)
    function uv.fs_write(...)
      local count = write(...)
      uv.fs_write = write
      process.write_file(path .. ".other", text)
      uv.fs_rename(path .. ".other", path)
      return count
    end
    assert(files.append(path, "the line\n"))
    assert.equal(text .. "the line\n", process.read_file(path))
  end)

  it("keeps what another program appends while it rewrites", function()
    assert(assert(at(path, 7)):note({ seen() }))
    local appended = false
    local line = process.read_file(path):gsub('443', "444", 1)
    local slow = setmetatable({ replace = function(name, longest, take, next_line)
      return files.replace(name, longest, take, function()
        appended = appended or files.append(path, line)
        return next_line()
      end)
    end }, { __index = files })
    assert(state.open(path, { files = slow, forget_days = 1, now = function() return 8 end }))
    assert.is_true(appended)
    assert.equal(2, #entries(assert(at(path, 9))))
  end)

  it("loses no line of many writers, while another one rewrites it all the time", function()
    local writer = [[
      local files, state = require "resum.host.private_file", require "resum.audit.keys.state"
      local number, count, forgets = tonumber(arg[2]), tonumber(arg[3]), arg[4] == "forgets"
      for i = 1, count do
        local store, message = state.open(arg[1], { files = files, now = function() return 1000000 + i end,
          forget_days = forgets and 9 or nil })
        local fine = store
        if store and not forgets then
          fine, message = store:note({ { key = ("%032x"):format(number), layout = "x", address = "::1", port = i } })
        end
        if not fine then io.stderr:write(message, "\n") os.exit(1) end
      end]]
    local writers = {}
    for number = 1, 4 do
      writers[number] = process.start { command = { "lua5.4", "-e", writer, "-", path, tostring(number), "60",
        number == 4 and "forgets" or "" } }
    end
    for _, one in ipairs(writers) do
      local code = one.wait(120)
      assert.same({ 0, "" }, { code, one.stderr() })
    end
    local found = {}
    for _, entry in ipairs(entries(assert(at(path, 1000100)))) do
      found[entry.key .. entry.port] = entry.runs
    end
    for number = 1, 3 do
      for i = 1, 60 do
        assert.equal(1, found[("%032x%d"):format(number, i)], number .. " " .. i)
      end
    end
  end)
end)
