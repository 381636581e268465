--- lifetime: what is promised, and what becomes of sessions as time goes by. Time is simulated; servers that let
-- sessions die in time, prolong them, or keep them for too long are functions of it.

local audit = require "spec.support.audit"
local certificate_end = require "resum.audit.certificate_end"
local fixtures = require "spec.support.evidence"
local core = require "resum.core"
local lifetime = require "resum.audit.lifetime"
local memory = require "spec.support.memory"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local schedule = require "resum.audit.lifetime_schedule"

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
