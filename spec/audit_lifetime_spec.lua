--- lifetime: what is promised, and what becomes of sessions as time goes by. Time is simulated; servers that let
-- sessions die in time, prolong them, or keep them for too long are functions of it.

local audit = require "spec.support.audit"
local certificate_end = require "resum.audit.lifetime.certificate_end"
local duel = require "spec.support.duel"
local files = require "resum.host.private_file"
local fixtures = require "spec.support.evidence"
local core = require "resum.core"
local kept_sessions = require "resum.audit.lifetime.kept_sessions"
local lifetime = require "resum.audit.checks.lifetime"
local memory = require "spec.support.memory"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local schedule = require "resum.audit.lifetime.schedule"
local state = require "resum.audit.keys.state"
local uv = require "luv"

local HOUR, DAY = 3600, 86400

local function promised(seconds, mechanism)
  return fixtures.of(2, function() return { lifetime_s = seconds } end, mechanism)
end

describe("what a ticket promises", function()
  it("is bad above a day, and graver above a week", function()
    for _, case in ipairs({ { 0, "not_applicable - no_tickets" }, { 300, "good - bounded" }, { DAY, "good - bounded" },
      { DAY + 1, "bad low long" }, { 7 * DAY, "bad low long" }, { 7 * DAY + 1, "bad medium long" } }) do
      assert.equal(case[2], audit.words(lifetime.decide(promised(case[1]), 0, false)))
      assert.equal(case[2], audit.words(lifetime.decide(promised(case[1], "ticket"), 0, false)))
    end
    assert.equal("bad high long", audit.words(lifetime.decide(promised(DAY + 1), 0, true)))
    assert.equal("good - bounded", audit.words(lifetime.decide(promised(DAY), 0, true)))
  end)

  it("may be longer than the server's certificate is good for", function()
    local evidence = promised(7200)
    evidence.connections[1].facts.leaf_not_after = "700101030000Z" -- three hours
    evidence.connections[2].facts.leaf_not_after = "710101000000Z"
    assert.equal("good - bounded", audit.words(lifetime.decide(evidence, HOUR, false)))
    local found = lifetime.decide(evidence, HOUR + 1, false)
    assert.equal("bad low outlives_certificate", audit.words(found))
    assert.same({ lifetime_s = 7200, longer_s = 1 }, found[1].evidence)
    assert.equal("good - bounded", audit.words(lifetime.decide(evidence, 3 * HOUR, false))) -- it has ended already
  end)

  it("is compared with times as certificates have them", function()
    for text, seconds in pairs({ ["700101000000Z"] = 0, ["000229120000Z"] = 951825600, ["491231235959Z"] = 2524607999,
      ["20500101000000Z"] = 2524608000, ["261128225245Z"] = 1795906365, ["99991231235959Z"] = 253402300799 }) do
      assert.equal(seconds, certificate_end.seconds_of(text))
    end
    for _, text in ipairs({ "", "7001010000Z", "700101000000", "700101000000+0100", "x00101000000Z",
      "1970010100000Z" }) do
      assert.is_nil(certificate_end.seconds_of(text))
    end
    assert.is_nil(certificate_end.seconds_of(nil))
  end)
end)

describe("the schedule", function()
  it("goes by what was promised", function()
    assert.same({ { 3600, 6480, 7920, 14400 }, { 5040, 10080, 15120, 20160 } }, { schedule.times(7200) })
    assert.same({ { 2, 3, 7, 8 }, { 2, 5, 8, 11 } }, { schedule.times(4) })
  end)

  it("is fixed where nothing was, or more than a day", function()
    local fixed = { 1, 60, 300, 600, 3600, 21600, 86400 }
    assert.same({ fixed, {} }, { schedule.times(0) })
    assert.same({ fixed, {} }, { schedule.times(86401) })
    assert.equal(4, #schedule.times(86400))
  end)
end)

local function told(points, chain, more)
  local one = { mechanism = "psk", promised_s = 100, points = {}, chain = {}, wanted = 4 }
  for i, at in ipairs({ 50, 90, 110, 200 }) do
    one.points[i] = { at = at, outcome = points[i] }
  end
  for i, at in ipairs({ 70, 140, 210, 280 }) do
    one.chain[i] = chain[i] and { at = at, outcome = chain[i] }
  end
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

local YES, NO = "resumed", "refused"

describe("what sessions come to", function()
  for _, case in ipairs({
    { "good - dies_in_time", { YES, YES, NO, NO }, { YES, NO } },
    { "bad low prolongable", { YES, YES, NO, NO }, { YES, YES, YES, YES } },
    { "bad low prolongable", { YES, YES, NO, NO }, { YES, YES, NO } },
    { "bad low accepted_late", { YES, YES, YES, NO }, { YES, YES, YES, YES } },
    { "info - dies_early", { YES, NO, NO, NO }, { YES, NO } },
    { "info - dies_early", { NO, NO, NO, NO }, { NO } },
    { "good - dies_in_time", { NO, YES, NO, NO }, { YES, NO } },
    { "inconclusive - not_seen_to_end", { YES, YES, "reset", NO }, { YES, NO } },
    { "inconclusive - not_seen_to_end", { YES, YES }, { YES } },
    { "bad low prolongable", { YES, YES, "timeout", NO }, { YES, YES, YES, YES } },
  }) do
    it(("is %s"):format(case[1]), function()
      local one = told(case[2], case[3])
      for i = #one.points, 1, -1 do
        if not case[2][i] then
          table.remove(one.points, i)
        end
      end
      assert.equal(case[1], audit.words({ schedule.decide(one, false) }))
      local graver = case[1]:gsub("bad low", "bad medium")
      assert.equal(graver, audit.words({ schedule.decide(one, true) }))
    end)
  end

  it("is nothing to be measured against where nothing was promised", function()
    local one = { mechanism = "ticket", promised_s = 0, points = { { at = 1, outcome = YES } }, chain = {}, wanted = 7 }
    assert.equal("info - no_promise", audit.words({ schedule.decide(one, false) }))
  end)
end)

describe("the end of a client certificate", function()
  it("is read from what the client has sent", function()
    for _, version in ipairs({ "TLSv1.2", "TLSv1.3" }) do
      local identity = pki.get("ecdsa")
      local server = memory.server({ request_certificate = true })
      local context = core.context({ certificate = identity.certificate_pem, private_key = identity.key_pem,
        min_version = version, max_version = version })
      local made = memory.connect(server, { context = context })
      local ends = certificate_end.of_client(made.client:transcript(), version)
      local said = process.run({ command = { "openssl", "x509", "-in", identity.certificate, "-noout", "-enddate",
        "-dateopt", "iso_8601" } }).stdout
      assert.equal(said:match("notAfter=(%C+)"), os.date("!%Y-%m-%d %H:%M:%SZ", ends))
    end
    assert.is_nil(certificate_end.of_client({ { from = "server", type = "certificate", bytes = "" } }, "TLSv1.2"))
    for length = 0, 40 do
      local bytes = ("\11\0\0\48\0\0\45\0\0\42\48\40\48\38"):sub(1, length)
      assert.is_nil(certificate_end.of_client({ { from = "client", type = "certificate", bytes = bytes } }, "TLSv1.2"))
    end
  end)

  it("is bad where a session outlives it, though a full handshake does not work any more", function()
    local function words(full_refused, outcome, refused)
      return audit.words({ schedule.decide_end("psk", full_refused, outcome, refused) })
    end
    assert.equal("bad high outlives_client_certificate", words(true, "resumed", false))
    assert.equal("good - ends_with_client_certificate", words(true, "resumed", true)) -- refused inside TLS
    assert.equal("good - ends_with_client_certificate", words(true, "refused", true))
    assert.equal("good - ends_with_client_certificate", words(true, "alert", true))
    assert.equal("info - end_not_checked", words(false))
    assert.equal("inconclusive - not_seen_to_end", words(nil))
    assert.equal("inconclusive - not_seen_to_end", words(true, "timeout", nil))
    assert.equal("inconclusive - not_seen_to_end", words(true, "refused", false))
  end)
end)

-- A client whose server lets `alive(session, now)` decide, and gives resumed connections `renew(session, now)`. The
-- control fails from `gone_at` on.
local function simulated(server)
  local now = 1000
  local client = { connections = 0, address = "192.0.2.1", port = 443, slept = 0 }
  client.host = {
    now = function() return now end,
    sleep = function(seconds)
      now, client.slept = now + seconds, client.slept + 1
    end,
  }
  function client.cancelled()
    return server.over_at ~= nil and now >= server.over_at
  end
  local function session_made(full_at, made_at)
    local session = { full_at = full_at, made_at = made_at }
    function session.derive()
      return session
    end
    return session
  end
  function client.attempt(_, options)
    client.connections = client.connections + 1
    local record = { outcome = "full", sessions = {}, facts = { tickets = {} } }
    if server.gone_at and now >= server.gone_at then
      record.outcome = "timeout"
    elseif options.session then
      record.outcome = server.alive(options.session, now) and "resumed" or "refused"
      local from = record.outcome == "resumed" and server.renew and options.session.full_at or now
      record.sessions[1] = options.want_tickets and session_made(from, now) or nil
    elseif options.mechanism ~= "control" then
      record.facts.tickets[1] = { ticket = "t", lifetime_s = 100 }
      record.sessions[1] = session_made(now, now)
    end
    return record
  end
  return client
end

-- As records need it: a full handshake whose ticket came.
local function run(server, mechanism)
  local client = simulated(server)
  mechanism = mechanism or "psk"
  local context = audit.context(lifetime, 0, { client = client, resuming = { mechanism },
    evidence = promised(100, mechanism), options = { lifetime = true } })
  client.attempt = (function(attempt)
    return function(_, options)
      local record = attempt(_, options)
      record.version = mechanism == "psk" and "TLSv1.3" or "TLSv1.2"
      return record
    end
  end)(client.attempt)
  local found = schedule.run(context, false)
  return audit.words(found), context, found[1].evidence
end

describe("lifetime", function()
  it("finds that sessions die in time, counted from the full handshake", function()
    local said, context, evidence = run({ renew = true, alive = function(session, now)
      return now - session.full_at <= 100
    end })
    assert.equal("good - dies_in_time", said)
    assert.same({ alive_s = 90, dead_s = 110, mechanism = "psk", promised_s = 100 }, evidence)
    assert.is_true(context:made() <= lifetime.connections(context.options))
  end)

  it("finds that sessions can be prolonged", function()
    local said, _, evidence = run({ alive = function(session, now)
      return now - session.made_at <= 100
    end })
    assert.equal("bad low prolongable", said)
    assert.same({ alive_s = 280, dead_s = 110, mechanism = "psk", promised_s = 100 }, evidence)
  end)

  it("finds that sessions are accepted after their time", function()
    assert.equal("bad low accepted_late", (run({ alive = function() return true end })))
  end)

  it("takes a change of keys for no early death of what lives on", function()
    assert.equal("info - dies_early", (run({ alive = function(session, now)
      return now < 1060 and now - session.full_at <= 100
    end })))
  end)

  it("says nothing where the server goes away, or the scan is over before", function()
    local function alive(session, now)
      return now - session.made_at <= 100
    end
    assert.equal("inconclusive - not_seen_to_end", (run({ alive = alive, gone_at = 1080 })))
    local said, context = run({ alive = alive, over_at = 1060 })
    assert.equal("inconclusive - not_seen_to_end", said)
    assert.is_true(context.host.now() < 1062)
  end)
end)

-- A server as above, but with true sessions, whose tickets say when they were made; time and the state file's clock are
-- the same.
describe("sessions that are kept", function()
  local SECRET = "70707070707070707070" -- of duel's sessions
  local folder, path, now, made

  before_each(function()
    folder, now, made = process.temporary_directory(), 1000000, 0
    path = folder .. "/state"
  end)

  after_each(function()
    process.remove(folder)
  end)

  local function run_until(over_at)
    local client = { connections = 0, address = "192.0.2.1", port = 443 }
    client.host = { now = function() return now end, sleep = function(seconds) now = now + seconds end }
    function client.cancelled()
      return over_at ~= nil and now >= over_at
    end
    function client.attempt(_, options)
      client.connections = client.connections + 1
      local record = { outcome = "full", sessions = {}, version = "TLSv1.3",
        facts = { tickets = { { ticket = "t", lifetime_s = 100 } } } }
      if options.session then
        local full_at = tonumber(options.session:fields().ticket:match("%d+"))
        record.outcome = now - full_at <= 100 and "resumed" or "refused"
      elseif options.mechanism ~= "control" then
        made = made + 1
        record.sessions[1] = duel.session(("%d %d"):format(now, made))
      end
      return record
    end
    local store = assert(state.open(path, { files = files, now = function() return now end }))
    local context = audit.context(lifetime, 0, { client = client, resuming = { "psk" }, evidence = promised(100),
      options = { lifetime = true, store = store } })
    return audit.words(schedule.run(context, false))
  end

  it("wait for the next run where one was interrupted, and are wiped in the end", function()
    process.write_file(path, state.encode({ key = "aa", layout = "x", address = "::1", port = 1, first = 1, last = 1,
      runs = 1 }) .. "\n")
    local before = process.read_file(path)
    assert.equal("inconclusive - not_seen_to_end", run_until(now + 60))
    assert.equal(5, made) -- four points and the chain
    assert.is_truthy(process.read_file(path):find(SECRET, 1, true))
    assert.equal("600", ("%o"):format(uv.fs_stat(path).mode % 512))
    assert(state.open(path, { files = files, now = function() return now end, forget_days = 90 }))
    now = now + 5
    assert.equal("good - dies_in_time", run_until(nil))
    assert.equal(6, made) -- a chain of its own, and the sessions of the first run
    local after = process.read_file(path)
    assert.is_nil(after:find(SECRET, 1, true))
    assert.equal(before, (after:gsub('{"resum_state":1 +\n', "")))
    local store = assert(state.open(path, { files = files, now = function() return now end }))
    assert.same({ 0, 0 }, { store.unreadable.count, #store.kept })
  end)

  it("leave nothing where the run came to its end", function()
    assert.equal("good - dies_in_time", run_until(nil))
    assert.is_nil(process.read_file(path):gsub('{"resum_state":1 +\n', ""):find("."))
    assert.equal("good - dies_in_time", run_until(nil))
    assert(state.open(path, { files = files, now = function() return now end, forget_days = 1 }))
    assert.equal("", process.read_file(path))
  end)

  it("are another place's business where they are", function()
    local store = assert(state.open(path, { files = files, now = function() return now end }))
    local one = kept_sessions.new(store, { address = "192.0.2.1", port = 443 })
    local other = kept_sessions.new(store, { address = "192.0.2.1", port = 443, sni = "b.example" })
    for _, kept in ipairs({ one, other }) do
      kept:keep({ mechanism = "psk", point = 2, at = 90, made = now, promised = 100, session = duel.session("ticket") })
    end
    one:note("psk", 2, "resumed")
    one:note("ticket", 1, "refused")
    store = assert(state.open(path, { files = files, now = function() return now end }))
    one.store, other.store = store, store
    assert.same({ "resumed", 90 }, { one:left("psk")[2].outcome, one:left("psk")[2].at })
    assert.equal("refused", one:left("ticket")[1].outcome)
    assert.is_nil(one:left("ticket")[2])
    assert.is_nil(other:left("psk")[2].outcome)
    assert.equal("ticket", other:left("psk")[2].session:fields().ticket)
    one:wipe()
    store = assert(state.open(path, { files = files, now = function() return now end }))
    other.store = store
    assert.same({ 1, "ticket" }, { #store.kept, other:left("psk")[2].session:fields().ticket })
  end)
end)
