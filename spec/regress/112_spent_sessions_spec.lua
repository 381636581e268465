--- A connection of ours that broke killed the session, as OpenSSL drops from its cache what did not end in
-- order, and the server was blamed. After an end out of order of a connection that made a session or offered it, what
-- that session is refused is unknown. Once one was refused so, all are spent: fresh ones take their places. Tickets
-- that hold all state resume whatever broke: there nothing is spent.

local clients = require "resum.connection.client"
local faults = require "spec.support.faults"
local host = require "resum.host.uv"
local listener = require "spec.support.listener"
local resum = require "resum"
local spending = require "resum.connection.spending"
local uv = require "luv"

-- A record of a connection, as far as it matters.
local function record(outcome, ended, more)
  local made = { outcome = outcome, ending = ended, engine = "handshake", sessions = {} }
  for name, value in pairs(more or {}) do
    made[name] = value
  end
  return made
end

local function broken(more)
  local made = record("closed", nil, more)
  made.error = { stage = "handshake" }
  return made
end

local function finish(ends, one, offered, began)
  spending.finish(ends, one, offered or {}, began or spending.begin(ends))
  return one.outcome
end

describe("a session", function()
  local ends, session

  before_each(function()
    ends, session = spending.nothing_known(), {}
  end)

  -- Another one that a connection made which broke; it is not offered.
  local function other()
    local mine = {}
    finish(ends, broken({ sessions = { mine } }))
    return mine
  end

  it("is spent by a connection that offered it and broke, once a refusal shows that such sessions are dropped",
    function()
      assert.equal("refused", finish(ends, record("refused", "notify"), { session }))
      finish(ends, broken(), { session })
      assert.is_false(spending.is_spent(session))
      assert.equal("unknown", finish(ends, record("refused", "notify"), { session }))
      assert.same({ true, true }, { spending.is_spent(session), spending.is_spent(other()) })
      assert.equal("unknown", finish(ends, record("refused", "notify"), { session }))
    end)

  it("is not spent by a connection that broke where such sessions resume", function()
    finish(ends, broken(), { session })
    assert.equal("resumed", finish(ends, record("resumed", "notify"), { session }))
    assert.same({ false, false }, { spending.is_spent(session), spending.is_spent(other()) })
    assert.equal("refused", finish(ends, record("refused", "notify"), { session })) -- for another reason
  end)

  it("is spent where another one that broke so was refused, whatever resumed before, and takes its answer back",
    function()
      local other_one = {}
      finish(ends, broken(), { session })
      local resumed = record("resumed", "notify")
      assert.equal("resumed", finish(ends, resumed, { session }))
      finish(ends, broken(), { other_one })
      assert.equal("unknown", finish(ends, record("refused", "notify"), { other_one }))
      assert.same({ true, true }, { spending.is_spent(other_one), spending.is_spent(other()) })
      -- What showed that this one was kept does not count itself: sessions would count as far as they resume.
      assert.same({ false, "unknown" }, { spending.is_spent(session), resumed.outcome })
      assert.equal("refused", finish(ends, record("refused", "notify"), { session }))
    end)

  it("is tried by mechanism and by kind of break", function()
    for _, more in ipairs({ { mechanism = "psk" }, { mechanism = "ticket", error = false, ending = "broken" } }) do
      ends = spending.nothing_known()
      local mine, theirs = {}, {}
      finish(ends, broken({ mechanism = "ticket", sessions = { mine } }))
      finish(ends, record("resumed", "notify"), { mine })
      finish(ends, record("full", "notify"))
      more.error, more.sessions = more.error == nil and { stage = "handshake" } or nil, { theirs }
      finish(ends, record("full", more.ending, more))
      assert.equal("unknown", finish(ends, record("refused", "notify"), { theirs }))
    end
  end)

  it("is refused beside the connection that broke, and is dead by that", function()
    local began = spending.begin(ends)
    assert.equal("refused", finish(ends, record("refused", "notify"), { session }))
    finish(ends, broken(), { session }, began)
    assert.same({ true, true }, { spending.is_spent(session), spending.is_spent(other()) })
  end)

  it("resumes beside the connection that broke, and is not alive by that", function()
    local began = spending.begin(ends)
    finish(ends, record("resumed", "notify"), { session })
    finish(ends, broken(), { session }, began)
    assert.equal("unknown", finish(ends, record("refused", "notify"), { session }))
  end)

  it("is not alive by what resumed where several were offered", function()
    local second = {}
    finish(ends, broken({ sessions = { session } }))
    finish(ends, record("resumed", "notify"), { session, second })
    assert.equal("unknown", finish(ends, record("refused", "notify"), { session }))
  end)

  it("is spent by the connection that made it, if that ends as others do not", function()
    for _ = 1, 3 do
      finish(ends, record("full", "notify"))
    end
    finish(ends, record("full", "fin", { sessions = { session } }))
    assert.equal("unknown", finish(ends, record("refused", "notify"), { session }))
    assert.is_true(spending.is_spent(session))
  end)

  it("is not spent by an end that is the server's habit", function()
    for _, ended in ipairs({ "fin", "silent", "early", "reset" }) do
      ends = spending.nothing_known()
      finish(ends, record("full", ended))
      local mine = {}
      finish(ends, record("full", ended, { sessions = { mine } }))
      assert.is_false(spending.is_spent(mine), ended)
    end
  end)

  it("is spent after all where the habit shows later only, and is not any more where it is none again", function()
    local refused = record("refused", "notify")
    finish(ends, record("full", "fin", { sessions = { session } }))
    finish(ends, refused, { session })
    assert.same({ "refused", false }, { refused.outcome, spending.is_spent(session) })
    for _ = 1, 3 do
      finish(ends, record("full", "notify"))
    end
    assert.same({ "unknown", true }, { refused.outcome, spending.is_spent(session) })
    for _ = 1, 8 do
      finish(ends, record("full", "fin"))
    end
    assert.same({ "refused", false }, { refused.outcome, spending.is_spent(session) })
  end)

  for _, outcome in ipairs({ "refused", "resumed" }) do
    it(("takes back that it was %s beside the connection that spent it, and nothing before"):format(outcome),
      function()
        local before, beside, told = record(outcome, "notify"), record(outcome, "notify"), 0
        function beside.on_doubt()
          told = told + 1
        end
        finish(ends, before, { session })
        local began = spending.begin(ends)
        finish(ends, beside, { session })
        finish(ends, broken(), { session }, began)
        assert.same({ outcome, "unknown", 1 }, { before.outcome, beside.outcome, told })
        assert.same({ outcome, "failed" }, { beside.answer, beside.doubt })
      end)
  end

  -- The server may have dropped the session before it read the offer, whichever of the two came first here.
  for _, outcome in ipairs({ "refused", "resumed" }) do
    it(("takes back that it was %s by an offer that began before the break did, and ended behind that"):format(outcome),
      function()
        local across, offered_at, broken_at = record(outcome, "notify"), spending.begin(ends), spending.begin(ends)
        finish(ends, across, { session }, offered_at)
        finish(ends, broken(), { session }, broken_at)
        assert.same({ "unknown", "failed" }, { across.outcome, across.doubt })
      end)
  end

  it("is not spent where nobody was reached, nor by who refused it", function()
    finish(ends, record("unreachable", nil, { error = { stage = "connect" } }), { session })
    finish(ends, record("protocol_error", nil, { error = { stage = "handshake", code = "not_offered" } }), { session })
    finish(ends, record("refused", "broken"), { session })
    assert.is_false(spending.is_spent(session))
  end)
end)

describe("behind a proxy that breaks connections, a cache that drops their sessions", function()
  for _, stage in ipairs({ 2, 3 }) do
    local quick = { support = false, rate = true, quick = true, attempts = 50 }
    for scan, options in pairs({ support = {}, quick = quick }) do
      it(("is not said to lose sessions: stage %d, %s"):format(stage, scan), function()
        for seed = 1, 3 do
          local server = listener.start({ tickets = false })
          local proxy = faults.start(server.port, { stage = stage, how = "fin", share = 0.05, seed = seed })
          local entry = assert(resum.run(proxy.address, options)).addresses[1]
          proxy.close()
          server.close()
          uv.run("nowait")
          local found = entry.support or entry.balancer.quick
          for _, name in ipairs({ "session_id", "psk" }) do
            local verdict = found[name].verdict
            assert.is_true(verdict == "supported" or verdict == "healthy" or verdict == "inconclusive",
              ("%s: %s"):format(name, verdict))
          end
          assert.is_true(proxy.faults > 0)
        end
      end)
    end
  end

  it("is met by offers that know how they ended", function()
    local server = listener.start({ tickets = false, max_version = "TLSv1.2" })
    local client = clients.new_client({ address = "127.0.0.1", port = server.port }, { host = host })
    local first = client:attempt({ mechanism = "session_id" })
    local second = client:attempt({ mechanism = "session_id", session = first.sessions[1], engine = "probe" })
    server.close()
    assert.same({ "full", "resumed" }, { first.outcome, second.outcome })
    assert.is_string(first.ending)
    assert.is_string(second.ending)
    assert.is_nil(second.unclean)
  end)
end)
