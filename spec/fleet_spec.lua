--- The fleet's map: state files in, groups out. The files are written here, line by line; what is known of each fleet
-- is known because it was made so.

local cjson = require "cjson"
local dot = require "resum.report.dot"
local files = require "resum.host.private_file"
local fleet = require "resum.fleet"
local html = require "resum.report.html"
local json = require "resum.report.json"
local owner = require "resum.fleet.owner"
local process = require "spec.support.process"
local state = require "resum.audit.keys.state"
local tables = require "resum.util.tables"
local text = require("resum.report.text.fleet").text
local words = require "resum.analysis.fleet_words"

-- Names of keys that look random, and one that does not.
local function key(number)
  return ("%04x112a3b4c5d6e7f8091a2b3c4d5e6"):format(number)
end
local ZEROS = ("00"):rep(16)

local function place(number, more)
  local one = { address = "192.0.2." .. number, port = 443, sni = number .. ".example", certificate = ("c%d"):format(
    number):rep(2) }
  for name, value in pairs(more or {}) do
    one[name] = value or nil
  end
  return one
end

-- A place was seen with a key.
local function seen(where, which, more)
  return state.encode(tables.merged({ key = which, layout = "name16", first = 1000, last = 2000, runs = 1 }, where,
    more))
end

local function edge(outcome, from, to, which, at)
  return state.encode_edge({ outcome = outcome, key = which, layout = "name16", at = at or 2000, from = from, to = to,
    offered_as = to.sni })
end

local function write(...)
  local path = process.temporary_directory() .. "/state"
  process.write_file(path, table.concat({ ... }, "\n") .. "\n")
  return path
end

local open_maps = {}

local function map_of(paths, older)
  local map = assert(fleet.map(files, type(paths) == "table" and paths or { paths }, older and { older }))
  open_maps[#open_maps + 1] = map
  return map
end

-- "2: 1.example 2.example | 3: …", the groups by what their places are called.
local function sketch(map)
  local groups = {}
  for group in map:groups() do
    local names = {}
    for member in map:members(group.number) do
      names[#names + 1] = member.sni or member.address
    end
    table.sort(names)
    groups[#groups + 1] = ("%s (%d+%d)"):format(table.concat(names, " "), group.confirmed, group.unconfirmed)
  end
  return table.concat(groups, " | ")
end

local A, B, C, D = place(1), place(2), place(3), place(4)

describe("the fleet's map", function()
  after_each(function()
    for _, map in ipairs(open_maps) do
      map:close()
    end
    open_maps = {}
  end)

  it("joins who resumed each other's sessions, and says what one key opens", function()
    local map = map_of(write(seen(A, key(1)), seen(B, key(1)), seen(C, key(1)), seen(D, key(2)),
      edge("confirmed", B, A, key(1)), edge("confirmed", C, B, key(1)), edge("confirmed", C, A, key(1))))
    assert.equal("1.example 2.example 3.example (2+0)", sketch(map))
    local group = tables.all_of(map:groups())[1]
    assert.same({ key = key(1), places = 3, names = 3, addresses = 3 }, group.opens)
    assert.equal("one stolen key opens these 3 names at 3 addresses", words.group(group))
    assert.same({ places = 4, names = 4, addresses = 4, keys = 2, groups = 1, alone = 1, confirmed = 2,
      unconfirmed = 0, refusals = 0 }, map:totals())
    local first = map:edges(1)()
    assert.same({ "confirmed", key(1), "1970-01-01T00:33:20Z" }, { first.outcome, first.key, first.at })
    assert.same({ first.from_place, first.to_place, first.offered_as }, { B, A, "1.example" })
  end)

  it("says of an equal name that it is not confirmed, and no more", function()
    local map = map_of(write(seen(A, key(1)), seen(B, key(1)), seen(C, key(1)), edge("confirmed", B, A, key(1))))
    assert.equal("1.example 2.example 3.example (1+1)", sketch(map))
    local group = tables.all_of(map:groups())[1]
    assert.same({ 2, "the tickets of 3 names at 3 addresses carry the same key name; one key opens 2 names at 2 "
      .. "addresses, the rest is not confirmed" }, { group.opens.places, words.group(group) })
    local outcomes = {}
    for one in map:edges(1) do
      outcomes[one.outcome] = one
    end
    assert.same({ nil, nil }, { outcomes.same_name.at, outcomes.same_name.offered_as })
    map = map_of(write(seen(A, key(1)), seen(B, key(1))))
    assert.equal("the tickets of 2 names at 2 addresses carry the same key name; not confirmed",
      words.group(tables.all_of(map:groups())[1]))
    assert.is_nil(text(map):find("opens", 1, true))
    assert.is_nil(html.fleet({ version = "x", started_at = "y" }, map):find("stolen key opens", 1, true))
  end)

  it("parts who refuses the other's sessions, and joins each with his own", function()
    local map = map_of(write(seen(A, key(1)), seen(B, key(1)), seen(C, key(1)), seen(D, key(1)),
      edge("confirmed", B, A, key(1)), edge("refused", C, B, key(1)), edge("confirmed", D, C, key(1))))
    assert.equal("1.example 2.example (1+0) | 3.example 4.example (1+0)", sketch(map))
    local refusal = map:refusals()()
    assert.same({ "refused", C, B }, { refusal.outcome, refusal.from_place, refusal.to_place })
    assert.is_truthy(text(map):find("refuse each other's sessions: their keys differ, or they\n", 1, true))
  end)

  it("believes a session that resumed more than one that was refused", function()
    local map = map_of(write(seen(A, key(1)), seen(B, key(1)), edge("confirmed", B, A, key(1), 1500),
      edge("refused", B, A, key(1), 2000)))
    assert.same({ "1.example 2.example (1+0)", 0 }, { sketch(map), map:totals().refusals })
  end)

  it("joins nobody by a name that many may have, but by a session", function()
    local lines = { seen(A, ZEROS), seen(B, ZEROS), seen(C, ZEROS), seen(D, "000102030405060708090a0b0c0d0e0f"),
      seen(place(5), "000102030405060708090a0b0c0d0e0f") }
    assert.equal("", sketch(map_of(write(table.unpack(lines)))))
    lines[#lines + 1] = edge("confirmed", B, A, ZEROS)
    assert.equal("1.example 2.example (1+0)", sketch(map_of(write(table.unpack(lines)))))
  end)

  it("knows places apart by port and name, and joins five of one address", function()
    local lines, before = {}, nil
    for i = 1, 5 do
      local one = place(1, { port = i == 1 and 8443 or 443, sni = i > 2 and i .. ".example" or i == 1 and "1.example"
        or false })
      lines[#lines + 1] = seen(one, key(1))
      lines[#lines + 1] = before and edge("confirmed", one, before, key(1)) or nil
      before = one
    end
    local group = tables.all_of(map_of(write(table.unpack(lines))):groups())[1]
    assert.same({ 5, 4, 1, 2, 4 }, { group.places, group.names, group.addresses, group.ports, group.confirmed })
    assert.equal("one stolen key opens these 5 places at 1 address", words.group(group))
  end)

  it("is of the keys that are in use: those of the last run that saw the place", function()
    local map = map_of(write(seen(A, key(1)), seen(B, key(1)), edge("confirmed", B, A, key(1)),
      seen(A, key(2), { first = 3000, last = 3000 }), seen(B, key(3), { first = 3000, last = 3000 })))
    assert.same({ "", 2 }, { sketch(map), map:totals().keys })
  end)

  it("does not say that one key opens what several do", function()
    local map = map_of(write(seen(A, key(1)), seen(B, key(1)), seen(B, key(2)), seen(C, key(2)),
      edge("confirmed", B, A, key(1)), edge("confirmed", C, B, key(2))))
    assert.equal("1.example 2.example 3.example (2+0)", sketch(map))
    local group = tables.all_of(map:groups())[1]
    assert.same({ 2, 2, "3 names at 3 addresses share 2 keys; one of them opens 2 names at 2 addresses" },
      { group.keys, group.opens.places, words.group(group) })
  end)

  it("takes edges of places and keys that it knows, and no others", function()
    local map = map_of(write(seen(A, key(1)), seen(B, key(2)), edge("confirmed", A, B, key(1)),
      edge("confirmed", A, place(9), key(1)), edge("refused", A, B, key(2))))
    assert.same({ "", 0 }, { sketch(map), map:totals().refusals })
  end)

  it("is the same of one file and of its shards, in any order, and of all that is written as one", function()
    local lines, shards = {}, { {}, {}, {} }
    for i = 1, 60 do
      local one = place(i)
      lines[#lines + 1] = seen(one, key(i % 7))
      lines[#lines + 1] = i > 7 and edge("confirmed", one, place(i - 7), key(i % 7)) or nil
    end
    for i, line in ipairs(lines) do
      table.insert(shards[i % 3 + 1], line)
    end
    local whole = map_of(write(table.unpack(lines)))
    local parts = map_of({ write(table.unpack(shards[3])), write(table.unpack(shards[1])),
      write(table.unpack(shards[2])), write(table.unpack(shards[2])) })
    assert.equal(sketch(whole), sketch(parts))
    assert.same({ 7, 53, 0 }, { whole:totals().groups, whole:totals().confirmed, whole:totals().unconfirmed })
    local again = map_of(write(table.unpack(tables.all_of(parts:state_lines()))))
    assert.equal(sketch(whole), sketch(again))
    assert.same({ tables.all_of(again:state_lines()), {} }, { tables.all_of(parts:state_lines()), again.unreadable })
  end)

  it("makes one line of a key's, as the audit reads them", function()
    local map = map_of({ write(seen(A, key(1), { first = 1000, last = 1000 }), seen(A, key(2), { last = 1500 })),
      write(seen(A, key(1), { first = 1000, last = 1000 }), seen(A, key(1), { first = 3000, last = 3000 })) })
    local entry = state.decode(tables.all_of(map:state_lines())[1])
    assert.same({ key(1), 1000, 3000, 2, 1 }, { entry.key, entry.first, entry.last, entry.runs, entry.returned })
  end)

  it("passes over what is torn and what holds sessions, and counts it", function()
    local map = map_of(write(seen(A, key(1)), seen(B, key(1)):sub(1, -9), state.KEPT .. '1,"mechanism":"psk"}',
      state.WIPED .. "     "))
    assert.same({ 1, 1, 2, 1 }, { map:totals().places, map.unreadable[1].count, map.unreadable[1].first, map.sessions })
  end)

  it("takes what a hostile server is called for what it is: bytes", function()
    local bad = place(1, { sni = "x'; DROP TABLE new_place; --<b>\"&" })
    local map = map_of(write(seen(bad, key(1)), seen(B, key(1)), edge("confirmed", bad, B, key(1))))
    assert.equal(2, map:totals().places)
    assert.is_nil(html.fleet({ version = "x", started_at = "y" }, map):find("<b>\"", 1, true))
    local drawn = {}
    dot.write(map, words.group, function(piece) drawn[#drawn + 1] = piece end)
    assert.is_truthy(table.concat(drawn):find('<b>\\"&', 1, true))
  end)

  it("leaves alone what is no state file, and says which", function()
    local map, message = fleet.map(files, { write("hello") })
    assert.is_nil(map)
    assert.is_truthy(message:find("no state file of resum", 1, true), message)
    assert.equal("/no/such: there is no such file, or nothing in it", (select(2, fleet.map(files, { "/no/such" }))))
  end)
end)

describe("what has changed in a fleet", function()
  after_each(function()
    for _, map in ipairs(open_maps) do
      map:close()
    end
    open_maps = {}
  end)

  local function changes(old, new)
    return map_of(write(table.unpack(new)), write(table.unpack(old))):changes()
  end

  local function pair(one, other, which)
    return seen(one, which), seen(other, which), edge("confirmed", one, other, which)
  end

  local function kinds(old, new)
    local list = {}
    for _, change in ipairs(tables.all_of(changes(old, new):groups())) do
      local sizes = {}
      for i, other in ipairs(change.others) do
        sizes[i] = other.places
      end
      list[#list + 1] = ("%s %d %s"):format(change.kind, change.places, table.concat(sizes, ","))
    end
    table.sort(list)
    return table.concat(list, "; ")
  end

  it("is nothing between a fleet and itself", function()
    local lines = { pair(A, B, key(1)) }
    assert.same({ "", {} }, { kinds(lines, lines), tables.all_of(changes(lines, lines):owners()) })
  end)

  it("is told of each owner", function()
    local c2 = place(3, { sni = "c.a.co.uk" })
    local found = tables.all_of(changes({ seen(A, key(1)), seen(B, key(1)),
      seen(place(3, { sni = "b.a.co.uk" }), key(5)) },
      { seen(A, key(2)), seen(B, key(1)), seen(c2, key(5)), seen(place(7, { sni = false }), key(1)) }):owners())
    assert.same({
      { owner = "1.example", keys_new = { key(2) }, keys_gone = { key(1) }, places_new = {}, places_gone = {} },
      { owner = "192.0.2.7", keys_new = { key(1) }, keys_gone = {}, places_new = { { address = "192.0.2.7",
        port = 443 } }, places_gone = {} },
      { owner = "a.co.uk", keys_new = {}, keys_gone = {}, places_new = { { address = "192.0.2.3", port = 443,
        sni = "c.a.co.uk" } }, places_gone = { { address = "192.0.2.3", port = 443, sni = "b.a.co.uk" } } },
    }, found)
  end)

  it("is which groups grew, shrank, were joined, split or are new", function()
    local two, three = { pair(A, B, key(1)) }, { pair(A, B, key(1)) }
    table.move({ pair(C, A, key(1)) }, 1, 3, 4, three)
    assert.equal("grown 3 2,1", kinds({ seen(C, key(4)), table.unpack(two) }, three))
    assert.equal("grown 3 2", kinds(two, three))
    assert.equal("shrunk 3 2", kinds(three, two))
    local apart, together = { pair(A, B, key(1)) }, { pair(A, B, key(3)) }
    table.move({ pair(C, D, key(2)) }, 1, 3, 4, apart)
    table.move({ pair(C, D, key(3)) }, 1, 3, 4, together)
    together[7] = edge("confirmed", A, C, key(3))
    assert.equal("joined 4 2,2", kinds(apart, together))
    assert.equal("split 4 2,2", kinds(together, apart))
    assert.equal("new 2 ", kinds({ seen(C, key(9)) }, two))
  end)

  it("has owners that are guessed from names", function()
    for name, wanted in pairs({ ["www.a.example"] = "a.example", ["a.example"] = "a.example", example = "example",
      ["x.y.a.co.uk"] = "a.co.uk", ["a.co.uk"] = "a.co.uk", ["WWW.A.Example"] = "a.example",
      ["192.0.2.1"] = "192.0.2.1", ["2001:db8::1"] = "2001:db8::1", ["www.co.example"] = "co.example" }) do
      assert.equal(wanted, owner.of(name))
    end
  end)
end)

describe("the fleet's map on paper", function()
  -- A fleet of so many places with a key each for so many of them.
  local function large(count, keys)
    local lines, before = {}, {}
    for i = 0, count - 1 do
      local one = { address = ("10.0.%d.%d"):format(i // 250, i % 250), port = 443, sni = ("h%d.example"):format(i) }
      lines[#lines + 1] = seen(one, key(i % keys))
      lines[#lines + 1] = before[i % keys] and edge("confirmed", one, before[i % keys], key(i % keys)) or nil
      before[i % keys] = one
    end
    return write(table.unpack(lines))
  end

  local function page_of(path)
    local map = map_of(path)
    local page = html.fleet({ version = "x", started_at = "y" }, map)
    map:close()
    open_maps = {}
    return page
  end

  it("draws each place of 10, 100 and 1,000, and runs no script", function()
    for _, case in ipairs({ { 10, 2 }, { 100, 8 }, { 1000, 20 } }) do
      local page = page_of(large(case[1], case[2]))
      assert.equal(case[1] + 1, select(2, page:gsub('<circle class="place"', ""))) -- and one in the legend
      assert.equal(case[2], select(2, page:gsub('<figure class="pack">', "")))
      assert.is_nil(page:find("<script", 1, true))
      assert.is_nil(page:find("not confirmed</span>", 1, true))
    end
  end)

  it("stays readable where a group has more places than dots, and where there are more groups than circles", function()
    local page = page_of(large(1000, 1))
    assert.is_truthy(page:find("a dot for 3", 1, true))
    assert.equal(334 + 1, select(2, page:gsub('<circle class="place"', "")))
    page = page_of(large(400, 200))
    assert.equal(120, select(2, page:gsub('<figure class="pack">', "")))
    assert.is_truthy(page:find("80 smaller groups are not shown", 1, true))
  end)

  it("is JSON that has every place and edge", function()
    local map, pieces = map_of(large(50, 5)), {}
    json.fleet({ version = "x", started_at = "y", elapsed_s = 1 }, map, function(piece) pieces[#pieces + 1] = piece end)
    map:close()
    open_maps = {}
    local document = cjson.decode(table.concat(pieces))
    assert.same({ 5, 50, 45, {} }, { #document.fleet.groups, document.fleet.places, document.fleet.confirmed,
      document.targets })
    for _, group in ipairs(document.fleet.groups) do
      local ids = {}
      for _, member in ipairs(group.members) do
        ids[member.id] = member
      end
      assert.same({ 10, 9 }, { #group.members, #group.edges })
      for _, one in ipairs(group.edges) do
        assert.same({ ids[one.from.id].sni, ids[one.to.id].sni }, { one.from.sni, one.to.sni })
        assert.equal(one.to.sni, one.offered_as)
      end
    end
  end)

  it("is for Graphviz: what is not confirmed is dashed, what was refused dotted", function()
    local map, pieces = map_of(write(seen(A, key(1)), seen(B, key(1)), seen(C, key(1)), seen(D, key(1)),
      edge("confirmed", B, A, key(1)), edge("refused", D, A, key(1)))), {}
    dot.write(map, words.group, function(piece) pieces[#pieces + 1] = piece end)
    map:close()
    open_maps = {}
    local drawn = table.concat(pieces)
    assert.same({ 1, 1, 1 }, { select(2, drawn:gsub("style=solid", "")), select(2, drawn:gsub("style=dashed", "")),
      select(2, drawn:gsub("style=dotted, color=red", "")) })
    assert.is_truthy(drawn:find('label="1.example 192.0.2.1:443"', 1, true))
  end)
end)
