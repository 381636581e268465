--- key-age and key-sharing: which names of keys are usable, how old keys are at least, and who has the same. The clock
-- is given; the state file is a real one.

local audit = require "spec.support.audit"
local clients = require "resum.connection.client"
local files = require "resum.host.private_file"
local fixtures = require "spec.support.evidence"
local host = require "resum.host.uv"
local hex = require "resum.util.hex"
local key_age = require "resum.audit.checks.key_age"
local key_names = require "resum.audit.keys.names"
local key_sharing = require "resum.audit.checks.key_sharing"
local listener = require "spec.support.listener"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local state = require "resum.audit.keys.state"

local HOUR, DAY = 3600, 86400
local NAME = "\x9a\x03\xf1\x5c\x77\xe2\x10\xb8\x4d\xc6\x21\x8e\xaa\x5f\x39\x04"

local function names_of(...)
  local names = { ... }
  local evidence = fixtures.of(#names, function(i)
    return { name = names[i] }
  end)
  local list, problem = key_names.of(evidence)
  for i, one in ipairs(list) do
    list[i] = one.key
  end
  return list, problem
end

describe("the name of a ticket key", function()
  it("is what two full handshakes show in their tickets", function()
    assert.same({ hex(NAME) }, (names_of(NAME, NAME)))
    assert.same({ {}, "no_name" }, { names_of(NAME, NAME:reverse()) })
    assert.same({ {}, "no_tickets" }, { names_of() })
    assert.same({ hex(NAME) }, (names_of(NAME, NAME, NAME:reverse())))
  end)

  it("is not what carries over from one resumption to the next", function()
    local evidence = fixtures.of(1, function() return { name = NAME } end)
    for _ = 1, 3 do
      evidence:note(fixtures.record("psk", { fixtures.ticket({ name = NAME }) }, { outcome = "resumed" }))
    end
    assert.same({ {}, "no_name" }, { key_names.of(evidence) })
  end)

  it("is no address of memory, at either half", function()
    for _, name in ipairs({ "\x20\xf4\x0d\x5c\x3a\x7f\0\0" .. NAME:sub(9),
      NAME:sub(1, 8) .. "\x20\xf4\x0d\x5c\x3a\x55\0\0" }) do
      assert.same({ {}, "address" }, { names_of(name, name) })
    end
    local other = "\x20\xf4\x0d\x5c\x3a\x57\0\0" .. NAME:sub(9)
    assert.same({ hex(other) }, (names_of(other, other)))
  end)

  it("has eight bytes of entropy, as far as one can see", function()
    for _, name in ipairs({ ("\0"):rep(16), ("1"):rep(16), "my-ticket-key-01",
      "\1\2\3\4\5\6\7\8\9\10\11\12\13\14\15\16",
      NAME:sub(1, 6) .. ("\0"):rep(10) }) do
      assert.same({ {}, "regular" }, { names_of(name, name) }, name)
    end
    for _, name in ipairs({ "8f03a1c95be2d647", NAME:sub(1, 8) .. ("\0"):rep(8) }) do
      assert.same({ hex(name) }, (names_of(name, name)))
    end
  end)

  it("is not looked for in what is as short as the name of a cache entry", function()
    local evidence = fixtures.of(3, function() return { ticket = NAME .. NAME } end)
    assert.same({ {}, "no_tickets" }, { key_names.of(evidence) })
  end)
end)

-- Names of keys that look random, as names have to.
local function key(number)
  return ("%04x112a3b4c5d6e7f8091a2b3c4d5e6"):format(number)
end

local function entry(more)
  local one = { key = key(0), layout = "name16", address = "192.0.2.1", port = 443, first = 0, last = 0, runs = 1,
    returned = 0 }
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

local function age(entries, others)
  local all = { table.unpack(entries) }
  table.move(others or {}, 1, #(others or {}), #all + 1, all)
  return key_age.decide(entries, function() return all end)
end

describe("key-age", function()
  it("is low from a day on, medium from a week, high from thirty days", function()
    for _, case in ipairs({ { 24 * HOUR, "low" }, { 7 * DAY - 1, "low" }, { 7 * DAY, "medium" },
      { 30 * DAY - 1, "medium" }, { 30 * DAY, "high" }, { 400 * DAY, "high" } }) do
      local found = age({ entry({ last = case[1], runs = 2 }) })
      assert.equal("bad " .. case[2] .. " old_key", audit.words({ found }))
      assert.equal(case[1] // HOUR, found.evidence.age_hours)
    end
    assert.equal("info - young_so_far", audit.words({ age({ entry({ last = 24 * HOUR - 1, runs = 2 }) }) }))
  end)

  it("says nothing of a key that was seen once", function()
    assert.equal("info - seen_once", audit.words({ age({ entry() }) }))
    assert.is_nil(age({ entry() }).evidence.at_most_hours)
  end)

  it("is good where a run less than a day ago saw other keys only", function()
    local found = age({ entry({ first = DAY, last = DAY, absent = DAY - HOUR }) })
    assert.same({ "good", "renewed", 1 }, { found.verdict, found.reason, found.evidence.at_most_hours })
    assert.equal("info - seen_once", audit.words({ age({ entry({ first = DAY, last = DAY, absent = 0 }) }) }))
    assert.equal("info - seen_once", audit.words({ age({ entry({ first = DAY, last = DAY, absent = DAY - HOUR }),
      entry({ key = key(1), first = DAY, last = DAY }) }) }))
  end)

  it("takes the oldest of several keys, and tells how many there are and that one came back", function()
    local found = age({ entry({ first = 100 * DAY, last = 100 * DAY, absent = 99.9 * DAY }),
      entry({ key = "old", first = 90 * DAY, last = 100 * DAY, runs = 5, returned = 2 }) },
      { entry({ key = "unrelated", last = 100 * DAY }) })
    assert.equal("medium", found.severity)
    assert.same({ age_hours = 240, keys = 2, returned = 2, runs = 5, first_seen = "1970-04-01T00:00:00Z",
      last_seen = "1970-04-11T00:00:00Z" }, found.evidence)
  end)

  it("knows a key again under the same name at another address, and nowhere else", function()
    local function seen_elsewhere(more)
      more.first, more.last = 0, 0
      return age({ entry({ sni = "a.example", first = 9 * DAY, last = 9 * DAY }) }, { entry(more) }).reason
    end
    assert.equal("old_key", seen_elsewhere({ sni = "a.example", address = "192.0.2.9" }))
    assert.equal("old_key", seen_elsewhere({ sni = "b.example" }))
    assert.equal("seen_once", seen_elsewhere({ sni = "b.example", address = "192.0.2.9" }))
    assert.equal("seen_once", seen_elsewhere({ sni = "a.example", address = "192.0.2.9", port = 8443 }))
    assert.equal("seen_once", seen_elsewhere({ sni = "a.example", layout = "other" }))
    assert.equal("seen_once", seen_elsewhere({ key = "other", sni = "a.example" }))
  end)
end)

local function groups_of(entries)
  local groups = key_sharing.new_groups()
  for _, one in ipairs(entries) do
    groups:add(one)
  end
  return groups
end

describe("key-sharing", function()
  it("joins places that have a key's name in common, directly or through others", function()
    local a, b = entry({ address = "1" }), entry({ address = "2" })
    local b2, c = entry({ address = "2", key = key(1), sni = nil }), entry({ address = "3", key = key(1) })
    local lone = entry({ address = "4", key = key(2) })
    local groups = groups_of({ a, lone, b, c, b2 })
    assert.equal(groups:of(a), groups:of(c))
    assert.are_not.equal(groups:of(a), groups:of(lone))
    assert.equal(2, #groups:of(c).edges)
    local found = key_sharing.decide(groups:of(a))
    assert.same({ addresses = 3, names = 0, ports = 1, certificates = 0, keys = 2, confirmed = 0, refuted = 0 },
      found.evidence)
    assert.equal("info - same_key_name", audit.words({ found }))
    assert.equal("info - same_key", audit.words({ key_sharing.decide(groups:of(a), { confirmed = 1, refuted = 0 }) }))
    assert.equal("info - other_key", audit.words({ key_sharing.decide(groups:of(a), { confirmed = 0, refuted = 1 }) }))
    assert.equal("info - not_shared", audit.words({ key_sharing.decide(groups:of(lone)) }))
  end)

  it("counts a place once, however often it was seen, and makes a tree of the edges", function()
    local list = {}
    for i = 1, 60 do
      list[i] = entry({ address = tostring(i % 20), key = key(i % 3), port = 443 + i % 2, certificate = "c" })
    end
    local group = groups_of(list):of(list[1])
    local evidence = key_sharing.decide(group).evidence
    assert.same({ 20, 2, 3, 1 }, { evidence.addresses, evidence.ports, evidence.keys, evidence.certificates })
    assert.equal(19, #group.edges)
  end)

  it("is not joined by a name that others may well have", function()
    for _, regular in ipairs({ ("00"):rep(16), "000102030405060708090a0b0c0d0e0f", ("41"):rep(16), "31" }) do
      local one, other = entry({ key = regular }), entry({ key = regular, address = "2" })
      assert.equal("not_shared", key_sharing.decide(groups_of({ one, other }):of(one)).reason)
    end
  end)

  it("is not shared by other names of keys, layouts or ports", function()
    local found = key_sharing.decide(groups_of({ entry(), entry({ layout = "other", address = "2" }),
      entry({ key = key(1), address = "3" }) }):of(entry()))
    assert.equal("not_shared", found.reason)
  end)
end)

describe("the age and the sharing of keys", function()
  local folder, path

  before_each(function()
    folder = process.temporary_directory()
    path = folder .. "/state"
  end)

  after_each(function()
    process.remove(folder)
    servers.stop_all()
  end)

  -- What a run at a time says of a server.
  local function ask(port, time, check, other_files)
    local store = assert(state.open(path, { files = other_files or files, now = function() return time end }))
    local found, context = audit.run(check or key_age, port, { options = { store = store }, seeds = 2 })
    return audit.words(found), found[1].evidence, context
  end

  it("find a server whose key file stays, and its neighbour with the same", function()
    local keys = servers.ticket_keys(1, 80)
    local one, other = servers.nginx({ ticket_keys = keys }), servers.nginx({ ticket_keys = keys })
    assert.equal("info - seen_once", (ask(one.port, 0)))
    assert.equal("bad low old_key", (ask(one.port, 26 * HOUR)))
    local said, evidence = ask(one.port, 31 * DAY)
    assert.same({ "bad high old_key", 31 * 24, 3 }, { said, evidence.age_hours, evidence.runs })
    assert.equal("info - not_shared", (ask(one.port, 31 * DAY, key_sharing)))
    said, evidence = ask(other.port, 31 * DAY, key_sharing)
    assert.same({ "info - same_key_name", 2, 1 }, { said, evidence.ports, evidence.keys })
  end)

  it("find that a server renews its keys", function()
    local old = listener.start({ ticket_keys = NAME .. ("k"):rep(64) })
    finally(old.close)
    assert.equal("info - seen_once", (ask(old.port, 0)))
    local new = listener.start({ ticket_keys = NAME:reverse() .. ("l"):rep(64) })
    finally(new.close)
    -- the same place, but that each server here has a port of its own
    process.write_file(path, (process.read_file(path):gsub('"port":' .. old.port, '"port":' .. new.port)))
    local said, evidence = ask(new.port, 2 * HOUR)
    assert.same({ "good - renewed", 2 }, { said, evidence.at_most_hours })
  end)

  it("offer a session at the other server, which tells equal keys from equal names", function()
    local function start(keys)
      local server = listener.start({ ticket_keys = keys })
      finally(server.close)
      return server
    end
    local one, same, other = start(NAME .. ("k"):rep(64)), start(NAME .. ("k"):rep(64)), start(NAME .. ("l"):rep(64))
    for _, case in ipairs({ { same, "info - same_key" }, { other, "info - other_key" } }) do
      local store = assert(state.open(path .. case[2], { files = files, now = function() return 5 end }))
      local function run(server, others)
        local reach = { addresses = function() return {} end, others = function() return others end }
        function reach.client(_, there)
          return clients.new({ address = there.address, port = there.port }, { host = host })
        end
        return audit.words((audit.run(key_sharing, server.port, { options = { store = store }, seeds = 2,
          reach = reach })))
      end
      assert.equal("info - not_shared", run(case[1], {}))
      assert.equal(case[2], run(one, { { address = "127.0.0.1", port = case[1].port } }))
    end
  end)

  it("make two connections at most, and write each key down once a run", function()
    local server = listener.start({ ticket_keys = NAME .. ("k"):rep(64) })
    finally(server.close)
    local store = assert(state.open(path, { files = files, now = function() return 5 end }))
    local evidence = fixtures.of(1)
    local more = { options = { store = store }, evidence = evidence }
    local _, context = audit.run(key_age, server.port, more)
    assert.equal(2, context:made())
    _, context = audit.run(key_sharing, server.port, more)
    assert.equal(0, context:made())
    assert.equal(1, select(2, process.read_file(path):gsub("\n", "\n")))
  end)

  it("say that the state file could not be written", function()
    local server = listener.start({ ticket_keys = NAME .. ("k"):rep(64) })
    finally(server.close)
    local full = setmetatable({ append = function()
      return nil, "No space left on device"
    end }, { __index = files })
    assert.equal("inconclusive - state_failed", (ask(server.port, 5, nil, full)))
  end)
end)
