--- Who has the same ticket key: every place of a run offers a session of its own to the one before it. Real connections
-- in one process; the state file is a real one, and what stands in it is what is asked.

local audit = require "spec.support.audit"
local clients = require "resum.connection.client"
local files = require "resum.host.private_file"
local host = require "resum.host.uv"
local key_sharing = require "resum.audit.checks.key_sharing"
local listener = require "spec.support.listener"
local process = require "spec.support.process"
local shared_key = require "resum.audit.keys.shared"
local state = require "resum.audit.keys.state"

local NAME = "\x9a\x03\xf1\x5c\x77\xe2\x10\xb8\x4d\xc6\x21\x8e\xaa\x5f\x39\x04"
local OTHER_NAME, ZEROS = NAME:reverse(), ("\0"):rep(16)
local SECRET, OTHER_SECRET = ("k"):rep(64), ("l"):rep(64)

describe("a shared key", function()
  local path, store

  before_each(function()
    path = process.temporary_directory() .. "/state"
    store = assert(state.open(path, { files = files, now = function() return 5 end }))
  end)

  local function start(keys, more)
    local options = { ticket_keys = keys }
    for name, value in pairs(more or {}) do
      options[name] = value
    end
    local server = listener.start(options, more and more.hooks)
    finally(server.close)
    return server
  end

  -- Ways to all servers of a spec, and no other address of any name.
  local reach = { addresses = function() return {} end, others = function() return {} end }
  function reach.client(_, there)
    return clients.new({ address = there.address, port = there.port, server_name = there.host }, { host = host,
      timeout = 2 })
  end

  -- What the check says of one place of the run, and how many connections it made there and elsewhere.
  local function ask(server, more)
    more = more or {}
    local found, context = audit.run(key_sharing, server.port, { options = { store = store, retries = 0 }, seeds = 2,
      reach = reach, server_name = more.sni, entry = more.entry, seed_mechanism = more.mechanism,
      resuming = more.resuming })
    return audit.words(found), context:made(), found[1].evidence
  end

  local function edges()
    local list = {}
    for line in process.read_file(path):gmatch("[^\n]+") do
      list[#list + 1] = state.decode_edge(line)
    end
    return list
  end

  local function sketch()
    local list = edges()
    for i, edge in ipairs(list) do
      list[i] = ("%s %d-%d"):format(edge.outcome, edge.from.port, edge.to.port)
    end
    return table.concat(list, ", ")
  end

  it("is confirmed by one offer for each place, of which each is asked about once", function()
    local list, made = {}, {}
    for i = 1, 4 do
      list[i] = start(NAME .. SECRET)
      made[i] = select(2, ask(list[i], { sni = i .. ".example" }))
    end
    assert.same({ 0, 1, 1, 1 }, made)
    assert.equal(("confirmed %d-%d, confirmed %d-%d, confirmed %d-%d"):format(list[2].port, list[1].port, list[3].port,
      list[2].port, list[4].port, list[3].port), sketch())
    local edge = edges()[1]
    assert.same({ address = "127.0.0.1", port = list[2].port, sni = "2.example" }, edge.from)
    assert.same({ "1.example", "1.example", 5 }, { edge.to.sni, edge.offered_as, edge.at })
  end)

  it("is told with the certificates of both ends", function()
    local entry = { address = "127.0.0.1", support = {}, control = { facts = { leaf_sha256 = ("\xab"):rep(32) } } }
    ask(start(NAME .. SECRET), { entry = entry })
    ask(start(NAME .. SECRET), { entry = entry })
    assert.same({ ("ab"):rep(32), ("ab"):rep(32) }, { edges()[1].from.certificate, edges()[1].to.certificate })
  end)

  it("is shared by names of one address", function()
    local server = start(NAME .. SECRET)
    ask(server, { sni = "a.example" })
    local said, made = ask(server, { sni = "b.example" })
    assert.same({ "info - same_key", 1 }, { said, made })
    assert.same({ "b.example", "a.example" }, { edges()[1].from.sni, edges()[1].to.sni })
    ask(server, { sni = "b.example" })
    assert.equal(1, #edges()) -- a target that is named twice
  end)

  it("is not told by an equal name: whoever refuses two sessions is another class, and the next finds his", function()
    local one, other = start(NAME .. SECRET), start(NAME .. OTHER_SECRET)
    local third, fourth = start(NAME .. OTHER_SECRET), start(NAME .. SECRET)
    ask(one)
    local said, made = ask(other)
    assert.same({ "info - other_key", 2 }, { said, made })
    assert.equal("info - same_key", (ask(third)))
    assert.equal("info - same_key", (ask(fourth)))
    assert.equal(("refused %d-%d, refused %d-%d, confirmed %d-%d, confirmed %d-%d"):format(other.port, one.port,
      third.port, one.port, third.port, other.port, fourth.port, one.port), sketch())
  end)

  it("is asked for where a name is so regular that many may have it, and joins nobody before", function()
    local one, same, other = start(ZEROS .. SECRET), start(ZEROS .. SECRET), start(ZEROS .. OTHER_SECRET)
    assert.equal("not_applicable - regular", (ask(one)))
    local said, _, evidence = ask(same)
    assert.same({ "info - same_key", 1 }, { said, evidence.confirmed })
    assert.equal("not_applicable - regular", (ask(other)))
    assert.equal(("confirmed %d-%d, refused %d-%d"):format(same.port, one.port, other.port, same.port), sketch())
  end)

  it("is nothing that other names have", function()
    ask(start(NAME .. SECRET))
    local said, made = ask(start(OTHER_NAME .. SECRET))
    assert.same({ "info - not_shared", 0 }, { said, made })
    assert.same({}, edges())
  end)

  it("stays open where the other end is gone, or is a pool of which some refuse", function()
    local gone = start(NAME .. SECRET)
    ask(gone)
    gone.close()
    assert.equal("info - same_key_name", (ask(start(NAME .. SECRET))))
    assert.same({}, edges())
    local entry = { address = "127.0.0.1", support = { psk = { resumed = 3, refused = 2, attempted = 5 } } }
    local pool = start(OTHER_NAME .. SECRET)
    audit.run(key_sharing, pool.port, { options = { store = store, retries = 0 }, seeds = 2, reach = reach,
      resuming = {}, entry = entry })
    ask(start(OTHER_NAME .. OTHER_SECRET))
    assert.same({}, edges())
    ask(start(NAME:reverse():sub(2) .. "\x01" .. SECRET))
    audit.run(key_sharing, start(NAME:reverse():sub(2) .. "\x01" .. OTHER_SECRET).port, { options = { store = store,
      retries = 0 }, seeds = 2, reach = reach, resuming = {}, entry = entry })
    assert.same({}, edges())
  end)

  it("finds another of the same where the last one is gone", function()
    local first, second = start(NAME .. SECRET), start(NAME .. SECRET)
    ask(first)
    ask(second)
    second.close()
    local third = start(NAME .. SECRET)
    assert.equal("info - same_key", (ask(third)))
    assert.equal(("confirmed %d-%d"):format(third.port, first.port), sketch():match("[^,]+$"):sub(2))
  end)

  it("is asked for by a mechanism that both speak, and not at all where there is none", function()
    local old = start(NAME .. SECRET, { max_version = "TLSv1.2" })
    ask(old, { mechanism = "ticket", resuming = { "ticket" } })
    assert.equal("info - same_key", (ask(start(NAME .. SECRET), { mechanism = "ticket" })))
    local new = start(OTHER_NAME .. SECRET, { min_version = "TLSv1.3" })
    ask(new, { resuming = { "psk" } })
    local older = start(OTHER_NAME .. SECRET, { max_version = "TLSv1.2" })
    assert.equal("info - same_key_name", (ask(older, { mechanism = "ticket", resuming = { "ticket" } })))
    assert.equal(1, #edges())
  end)

  it("takes no more offers than that, of however many classes", function()
    for i = 1, 8 do
      local _, made = ask(start(NAME .. (string.char(96 + i)):rep(64)))
      assert.is_true(made <= 2 * shared_key.OFFERS, made)
    end
    assert.is_true(shared_key.connections({ retries = 2 }) >= 2 * shared_key.OFFERS)
    assert.equal(0 + 1 + 2 + 5 * 3, #edges()) -- three classes are asked
  end)
end)
