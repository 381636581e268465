--- How sessions are drawn and offered, for the rate, the quick test and the pool scan: what makes a figure true of the
-- servers behind an address, and not of the order in which they were met. No connection is made: a pool that is
-- simulated, or a client that answers as the spec says.

local obtaining = require "resum.scan.obtain_sessions"
local pool = require "spec.support.pool"
local quick = require "resum.scan.quick"
local random = require "resum.util.random"
local rate = require "resum.scan.rate"
local recorder = require "resum.scan.pool.recorder"
local simulation = require "spec.support.simulation"

local RUNS = 20

local function options(more)
  local all = { mechanisms = { "ticket" }, attempts = 100, concurrency = 1, retries = 2, engine = "probe" }
  for name, value in pairs(more or {}) do
    all[name] = value
  end
  return all
end

local function measure(client, more)
  local given = options(more)
  local journal = recorder.new(client, given.concurrency)
  client.journal = journal
  return rate.run(journal, { version = "TLSv1.3", outcome = "full" }, given, {})[given.mechanisms[1]]
end

-- A client whose jobs run one after another. Full handshakes give a session each, {issued = its number}; answer(client,
-- session, options) is the outcome of an offer. It keeps how often each was offered, and all options of attempts.
local function answering(answer, fields)
  local client = { asked = {}, connections = 0, handshakes = 0, offers = 0, slept = 0, limit = nil }
  client.host = {
    now = function() return 0 end,
    sleep = function(seconds) client.slept = client.slept + seconds end,
    parallel = function(jobs, limit)
      local before, number = client.limit, 0
      client.limit = limit
      local function next_job()
        number = number + 1
        return jobs[number]
      end
      for job in type(jobs) == "function" and jobs or next_job do
        job()
      end
      client.limit = before
      return {}
    end,
  }
  function client.cancelled() return false end
  function client.moved() return nil end
  function client.expired() return false end
  function client.sessions_of(number)
    return { { issued = number, offered = 0, resumed = 0 } }
  end
  function client.attempt(self, given)
    self.asked[#self.asked + 1], self.connections = given, self.connections + 1
    local record = { mechanism = given.mechanism, design = given.design, engine = given.engine or "handshake",
      version = "TLSv1.2", sessions = {}, timing = {}, facts = { tickets = {}, alerts = {}, session_id = "" } }
    local session = given.session
    local turned_away = not session and self.turns_away and self:turns_away()
    if turned_away then
      record.outcome, record.facts = turned_away, nil
    elseif session then
      self.offers, session.offered = self.offers + 1, session.offered + 1
      record.outcome = answer(self, session, given)
      session.resumed = session.resumed + (record.outcome == "resumed" and 1 or 0)
    else
      self.handshakes = self.handshakes + 1
      record.outcome, record.sessions = "full", self.sessions_of(self.handshakes)
      record.facts.tickets[1] = #record.sessions > 0 and { ticket = "ticket", lifetime_s = 300 } or nil
    end
    return record
  end
  for name, value in pairs(fields or {}) do
    client[name] = value
  end
  return client
end

local function resumes()
  return "resumed"
end

describe("the rate of two servers that share nothing, met in turns by one connection after another", function()
  local function rotation(seed, more)
    random.seed(seed)
    local servers = simulation.servers(2)
    for _, server in ipairs(servers) do
      for name, value in pairs(more or {}) do
        server[name] = value
      end
    end
    return pool.client(pool.new({ servers = servers, policy = "roundrobin", seed = seed }))
  end

  it("is about a half, and neither all nor nothing", function()
    for seed = 1, RUNS do
      local found = measure(rotation(seed))
      assert.same({ "fixed", 100, "partially_supported" }, { found.design, found.attempted, found.verdict })
      assert.is_true(found.rate > 0.25 and found.rate < 0.75, ("%.2f, seed %d"):format(found.rate, seed))
    end
  end)

  it("is so, too, where each ticket is good for one connection", function()
    for seed = 1, RUNS do
      local client = rotation(seed, { tickets = false, single_use = true })
      local found = measure(client, { mechanisms = { "psk" } })
      assert.equal("fresh", found.design)
      assert.is_true(found.rate > 0.25 and found.rate < 0.75, ("%.2f, seed %d"):format(found.rate, seed))
    end
  end)
end)

describe("single use", function()
  it("is found out of few fresh ones where many servers share nothing", function()
    local made = 0
    local client = answering(function(_, session, given)
      made = made + (given.design == "fresh" and 1 or 0)
      return given.design == "fixed" and session.offered == 1 and session.issued % 9 < 5 and "resumed" or "refused"
    end)
    local found = measure(client)
    assert.equal("fixed", found.design)
    assert.is_true(made >= 40 and made < 60, made .. " offers")
  end)
end)

describe("the rate", function()
  it("offers each of eight sessions equally often", function()
    local offered = {}
    for _, entry in ipairs(measure(answering(resumes)).sequence) do
      offered[entry.seed] = (offered[entry.seed] or 0) + 1
    end
    assert.equal(8, #offered)
    for _, times in ipairs(offered) do
      assert.is_true(times == 12 or times == 13, times)
    end
  end)

  it("offers the newest ticket of each handshake", function()
    local client = answering(resumes, {
      sessions_of = function()
        return { { offered = 0, resumed = 0 }, { newest = true, offered = 0, resumed = 0 } }
      end,
    })
    measure(client)
    for _, given in ipairs(client.asked) do
      assert.is_true(not given.session or given.session.newest)
    end
  end)

  it("is a share of what was answered: errors are told apart", function()
    local client = answering(function(self)
      return self.offers % 4 == 0 and "reset" or self.offers % 4 == 1 and "refused" or "resumed"
    end)
    local found = measure(client)
    assert.same({ 50, 25, 25 }, { found.resumed, found.refused, found.errors })
    assert.equal(50 / 75, found.rate)
  end)

  it("of sessions that resumed twice is theirs: they are not good for one connection only", function()
    local client = answering(function(_, session)
      return session.resumed < 2 and "resumed" or "refused"
    end)
    local found = measure(client)
    assert.equal("fixed", found.design)
    assert.is_true(found.resumed > found.seeds and found.resumed <= 2 * found.seeds, found.resumed)
  end)

  it("is not that of fresh sessions which did better by chance", function()
    local client = answering(function(self, session, given)
      if given.design == "fresh" then
        return self.offers % 5 < 2 and "resumed" or "refused"
      end
      return session.resumed < 1 and "resumed" or "refused"
    end)
    local found = measure(client, { attempts = 10 })
    assert.equal("fixed", found.design)
    assert.is_true(found.resumed > 1 and found.resumed < 10, found.resumed)
  end)

  it("comes from one engine, also where libssl took over in the middle", function()
    local moved
    local client = answering(function(self)
      moved = self.offers >= 50 and "the probe resumed 0 of 8, libssl 8 of 8" or nil
      return moved and "resumed" or "refused"
    end, { moved = function() return moved end })
    local found = measure(client)
    assert.same({ 100, 100, moved }, { found.attempted, found.resumed, found.engine_moved })
  end)

  it("is measured with a third of the connections where the server drops most of so many at once", function()
    local function answer(self)
      return self.offers > 5 and self.journal.line.limit > 4 and "reset" or nil
    end
    local client = answering(function(self) return answer(self) or "resumed" end, { turns_away = answer })
    local found = measure(client, { concurrency = 10 })
    assert.same({ 100, 0, 3, 10 }, { found.resumed, found.errors, found.concurrency, found.too_many_at_once })
    assert.is_true(client.slept > 0)
  end)

  it("is measured as before where offers alone are dropped, however many come", function()
    local client = answering(function(self) return self.offers % 2 == 0 and "reset" or "resumed" end)
    local found = measure(client, { concurrency = 10 })
    assert.same({ 50, 50, 10 }, { found.resumed, found.errors, found.concurrency })
    assert.is_nil(found.too_many_at_once)
  end)

  it("is measured as before where one at a time is dropped as well", function()
    local function answer(self)
      return self.connections % 3 == 0 and "reset" or nil
    end
    local client = answering(function(self) return answer(self) or "resumed" end, { turns_away = answer })
    local found = measure(client, { concurrency = 10 })
    assert.same({ 100, 10, 10 }, { found.resumed + found.errors, found.concurrency, client.journal.line.limit })
    assert.is_nil(found.too_many_at_once)
  end)

  it("is given up where nothing is answered", function()
    local found = measure(answering(function() return "timeout" end))
    assert.same({ "inconclusive", "timeout" }, { found.verdict, found.reason })
    assert.is_true(found.attempted >= 10 and found.attempted <= 40, found.attempted)
  end)

  it("offers no session that has outlived its server's promise, but a new one", function()
    local client
    client = answering(resumes, { expired = function(_, session) return session.offered >= 5 end })
    local found = measure(client)
    assert.equal(100, found.resumed)
    for _, given in ipairs(client.asked) do
      assert.is_true(not given.session or given.session.offered <= 5)
    end
  end)
end)

describe("obtaining a session", function()
  it("asks three times where none was issued: behind a balancer the next server may issue", function()
    local client = answering(resumes, { sessions_of = function(number)
      return number == 3 and { { offered = 0, resumed = 0 } } or {}
    end })
    assert.equal(1, #(obtaining.obtain(client, "ticket", 0) or {}))
    local never = answering(resumes, { sessions_of = function() return {} end })
    assert.is_nil((obtaining.obtain(never, "ticket", 0)))
    assert.equal(3, never.handshakes)
  end)
end)

describe("several local addresses", function()
  local A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"

  local function sources_of(client)
    local list, counts = {}, {}
    for _, given in ipairs(client.asked) do
      if given.session then
        counts[given.source] = (counts[given.source] or 0) + 1
      else
        list[#list + 1] = given.source
      end
    end
    return list, counts
  end

  it("obtain sessions in turn, and offer them at random", function()
    random.seed(20260611)
    local client = answering(resumes)
    local journal = recorder.new(client, 1, { A, B, C })
    local session
    for _ = 1, 6 do
      session = journal:attempt({ mechanism = "ticket", want_tickets = true }).sessions[1]
    end
    for _ = 1, 60 do
      journal:attempt({ mechanism = "ticket", session = session })
    end
    local turns, offers = sources_of(client)
    assert.same({ A, B, C, A, B, C }, turns)
    for _, source in ipairs({ A, B, C }) do
      assert.is_true((offers[source] or 0) >= 5, source)
    end
  end)
end)

describe("the quick test", function()
  local function test(client)
    return quick.run(client, { version = "TLSv1.2", outcome = "full" }, options({ attempts = 1000 }))
  end

  it("is certain at 1 % error: it calls nothing healthy before 46 resumptions, nor broken at one refusal", function()
    local healthy = test(answering(resumes))
    assert.same({ "healthy", 46 }, { healthy.verdict, healthy.quick.ticket.resumed })
    local once = test(answering(function(self) return self.offers == 1 and "refused" or "resumed" end))
    assert.same({ "healthy", 1 }, { once.verdict, once.quick.ticket.refused })
    local twice = test(answering(function(self) return self.offers % 2 == 1 and "refused" or "resumed" end))
    assert.same({ "broken", 2 }, { twice.verdict, twice.quick.ticket.refused })
  end)

  it("offers the sessions of all its handshakes", function()
    random.seed(20260611)
    local client, met, kinds = answering(resumes), {}, 0
    test(client)
    for _, given in ipairs(client.asked) do
      local session = given.session
      if session and not met[session.issued] then
        met[session.issued], kinds = true, kinds + 1
      end
    end
    assert.equal(4, kinds)
  end)

  it("does not say that nothing resumes before a share of a twelfth would have shown", function()
    local client = answering(function(self) return self.offers == 30 and "resumed" or "refused" end)
    assert.equal("broken", test(client).verdict)
    assert.equal("no_resumption", test(answering(function() return "refused" end)).verdict)
  end)
end)

describe("the journal", function()
  it("counts connections that are made beside it in the order of all: a balancer counts them, too", function()
    local client = answering(resumes)
    local attempt = client.attempt
    function client.attempt(self, given)
      self.connections = self.connections + 2 -- by which an engine is checked
      return attempt(self, given)
    end
    local journal, orders = recorder.new(client, 1), {}
    for i = 1, 3 do
      local record, entry = journal:attempt({ mechanism = "ticket", design = "seed" })
      orders[i] = entry.order
      local _, offered = journal:attempt({ mechanism = "ticket", design = "fixed", session = record.sessions[1] })
      assert.equal(entry.order, offered.from)
    end
    assert.same({ 1, 7, 13 }, orders)
    assert.equal(6, #journal.entries)
  end)
end)
