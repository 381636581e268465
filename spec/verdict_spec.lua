-- The verdict logic: one case for each rule that guards a verdict. Pure tables in, tables out.

local counting = require "resum.analysis.counting"
local verdict = require "resum.analysis.verdict"
local without_session = require "resum.analysis.without_session"

-- Records as resum.connection.client makes them, as far as the verdict reads them.
local function full(facts, version)
  facts = facts or {}
  facts.tickets = facts.tickets or {}
  facts.session_id = facts.session_id or ""
  return { outcome = "full", version = version or "TLSv1.2", facts = facts }
end

local function failed(outcome, alert, code)
  local alerts = alert and { { from = "server", level = "fatal", description = alert, code = code } } or {}
  return { outcome = outcome, facts = { alerts = alerts, tickets = {} } }
end

local function offers(outcomes, renewed)
  local records = {}
  for letter in outcomes:gmatch(".") do
    local outcome = ({ R = "resumed", n = "refused", a = "alert", t = "timeout", r = "reset", c = "closed",
      p = "protocol_error", u = "unreachable", s = "no_starttls", x = "unknown" })[letter]
    records[#records + 1] = { outcome = outcome, doubt = outcome == "unknown" and "failed" or nil,
      facts = { alerts = {}, tickets = renewed and outcome == "resumed" and { {} } or {} } }
  end
  return records
end

local function fulls(count, facts)
  local list = {}
  for i = 1, count do
    list[i] = full(facts)
  end
  return list
end

local function judged(name, evidence)
  local issued = { session_id = ("i"):rep(32), tickets = { { ticket = "t", lifetime_s = 9 } } }
  evidence.seeds = evidence.seeds or fulls(1, issued)
  evidence.fixed = evidence.fixed or {}
  local v = verdict.judge(name, evidence)
  return { v.verdict, v.reason, ("%d/%d refused %d errors %d"):format(v.resumed, v.attempted, v.refused, v.errors) }
end

describe("a verdict", function()
  local cases = {
    { "is supported when every offer resumed", "RRRRR", nil, { "supported", nil, "5/5 refused 0 errors 0" } },
    { "survives one error among resumptions", "RRtRR", nil, { "supported", nil, "4/5 refused 0 errors 1" } },
    { "is not supported when no offer resumed", "nnnnn", "nnnnn",
      { "not_supported", "issued_not_accepted", "0/5 refused 5 errors 0" } },
    { "is partial when some resumed", "nnRnn", "nnnnn",
      { "partially_supported", "issued_not_always_accepted", "1/5 refused 4 errors 0" } },
    { "is partial when only fresh sessions found their server", "nnnnn", "nRnnn",
      { "partially_supported", "issued_not_always_accepted", "1/5 refused 4 errors 0" } },
    { "knows tickets that are good for one connection, and renewed", "Rnnnn", "RRRRR",
      { "supported", "single_use_tickets", "5/5 refused 0 errors 0" }, nil, true },
    { "knows tickets that are good for one connection, and the last ones", "Rnnnn", "RRRRR",
      { "partially_supported", "single_use_not_renewed", "5/5 refused 0 errors 0" } },
    { "does not take luck of fresh sessions for single use", "RnRnn", "RRRRR",
      { "partially_supported", "issued_not_always_accepted", "7/10 refused 3 errors 0" } },
    { "counts both kinds of offers where fresh ones did better", "ntnnR", "RRRtR",
      { "partially_supported", "issued_not_always_accepted", "5/10 refused 3 errors 2" } },
    { "never calls what timed out unsupported", "ttttt", nil, { "inconclusive", "timeout", "0/5 refused 0 errors 5" } },
    { "never calls what timed out supported", "Rtttt", nil, { "inconclusive", "timeout", "1/5 refused 0 errors 4" } },
    { "names the most frequent error", "rrrct", nil, { "inconclusive", "reset", "0/5 refused 0 errors 5" } },
    { "takes a repeated alert to an offered session for a refusal", "aaaaa", nil,
      { "not_supported", "alert_on_resumption", "0/5 refused 5 errors 0" }, true },
    { "takes an alert among resumptions for an error", "RRaRR", nil, { "supported", nil, "4/5 refused 0 errors 1" } },
    { "takes a single alert for an error", "a", nil, { "inconclusive", "alert", "0/1 refused 0 errors 1" } },
    { "takes many alerts among resumptions for the answer of some servers", "RaRaa", nil,
      { "partially_supported", "alert_on_resumption", "2/5 refused 3 errors 0" }, true },
    { "knows tickets for one connection also when the first was lost with it", "tnnnn", "RRRRR",
      { "supported", "single_use_tickets", "5/5 refused 0 errors 0" }, nil, true },
    { "knows tickets for one connection also among errors", "Rntnn", "RRRRR",
      { "supported", "single_use_tickets", "5/5 refused 0 errors 0" }, nil, true },
    { "knows tickets for one connection by failures that only offers meet", "Rcccc", "RRRRR",
      { "supported", "single_use_tickets", "5/5 refused 0 errors 0" }, true, true },
    { "does not take failures between resumptions for single use", "RccRc", "RRRRR",
      { "partially_supported", "fails_on_resumption", "7/10 refused 0 errors 3" }, true, true },
    { "does not take errors after a resumption for single use", "Rtttt", "RRRRR",
      { "supported", nil, "6/10 refused 0 errors 4" } },
    { "does not take what never resumed for single use", "nnnnn", "RRRRR",
      { "partially_supported", "issued_not_always_accepted", "5/10 refused 5 errors 0" } },
    { "goes by the old session where fresh ones did no better", "RRRnn", "RRRtt",
      { "partially_supported", "issued_not_always_accepted", "3/5 refused 2 errors 0" } },
    { "is there where as many attempts were answered as failed", "RtRt", nil,
      { "supported", nil, "2/4 refused 0 errors 2" } },
    { "is not there where more attempts failed than were answered", "RtRtt", nil,
      { "inconclusive", "timeout", "2/5 refused 0 errors 3" } },
    { "takes two alerts among a dozen attempts for errors", "RRRRRRRRRRaa", nil,
      { "supported", nil, "10/12 refused 0 errors 2" } },
    { "takes a fifth of alerts for the answer of one server in five", ("RRRRa"):rep(4), nil,
      { "partially_supported", "alert_on_resumption", "16/20 refused 4 errors 0" }, true },
    { "takes alerts for errors where full handshakes fail as well", "RRRRaRRRRa", nil,
      { "supported", nil, "8/10 refused 0 errors 2" } },
    { "takes a sixth of alerts among resumptions for failures, not for refusals", ("RRRRRa"):rep(5), nil,
      { "partially_supported", "fails_on_resumption", "25/30 refused 0 errors 5" }, true },
    { "takes two alerts without a resumption for a refusal", "aa", nil,
      { "not_supported", "alert_on_resumption", "0/2 refused 2 errors 0" }, true },
    { "names of two errors that are as frequent always the same", "trrt", nil,
      { "inconclusive", "reset", "0/4 refused 0 errors 4" } },
    { "does not count what a spent session was refused", "RxxR", nil, { "supported", nil, "2/2 refused 0 errors 0" } },
    { "names no alert where most offers fail in another way", "aaaa" .. ("t"):rep(17), nil,
      { "not_supported", "fails_on_resumption", "0/21 refused 4 errors 17" }, true },
    { "takes an alert for the answer of some servers also where one session resumed", "aaR", nil,
      { "partially_supported", "alert_on_resumption", "1/3 refused 2 errors 0" }, true },
    { "names no alert where others were refused without one, but that offers fail", "naann", "naann",
      { "not_supported", "fails_on_resumption", "0/5 refused 5 errors 0" }, true },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      local evidence = { fixed = offers(case[2]), pairs = case[3] and offers(case[3], case[6]), fails = case[5],
        beside = { offers = {}, full = {} } }
      assert.same(case[4], judged("ticket", evidence))
    end)
  end

  it("takes repeated alerts about the version for refusals where others go on", function()
    local older, resumed = failed("alert", "protocol_version", 70), offers("R")[1]
    assert.same({ "partially_supported", "alert_on_resumption", "1/3 refused 2 errors 0" },
      judged("psk", { fixed = { older, older, resumed } }))
    assert.same({ "partially_supported", "alert_on_resumption", "1/3 refused 2 errors 0" },
      judged("psk", { fixed = { older, resumed, older } }))
    assert.same({ "supported", nil, "1/2 refused 0 errors 1" }, judged("psk", { fixed = { older, resumed } }),
      "a bit may have flipped on the way")
    assert.same({ "supported", nil, "4/8 refused 0 errors 4" },
      judged("psk", { fixed = { older, older, resumed, resumed, resumed, resumed, table.unpack(offers("ra")) } }),
      "other bytes were mangled, too")
    assert.same({ "supported", nil, "2/4 refused 0 errors 2" },
      judged("psk", { fixed = { resumed, resumed, older, older } }))
    assert.same({ "inconclusive", "alert", "0/2 refused 0 errors 2" }, judged("psk", { fixed = { older, older },
      seeds = { older } }))
  end)

  it("names the alert that it is about", function()
    local alert = failed("alert", "internal_error", 80)
    local v = verdict.judge("ticket", { seeds = fulls(1), fixed = { alert, alert }, fails = true })
    assert.same({ "alert_on_resumption", "internal_error" }, { v.reason, v.alert })
  end)

  it("takes alerts for errors where no full handshakes of the same time show that those get none", function()
    for _, outcomes in ipairs({ "aa", "aaaaa", ("a"):rep(40) }) do
      local v = judged("ticket", { fixed = offers(outcomes) })
      assert.same({ "inconclusive", "alert" }, { v[1], v[2] })
    end
  end)

  it("is open, with a reason of its own, where only connections that offer a session fail", function()
    local errors = "0/5 refused 0 errors 5"
    assert.same({ "inconclusive", "errors_on_resumption", errors },
      judged("ticket", { fixed = offers("ctrct"), full_after = true }))
    assert.same({ "inconclusive", "closed", errors },
      judged("ticket", { fixed = offers("ccrct"), full_after = false }))
  end)

  it("has that reason from three errors on, and only where there is nothing else", function()
    assert.equal("closed", judged("ticket", { fixed = offers("cc"), full_after = true })[2])
    assert.equal("errors_on_resumption", judged("ticket", { fixed = offers("ccc"), full_after = true })[2])
    assert.equal("closed", judged("ticket", { fixed = offers("cccR"), full_after = true })[2])
  end)
end)

describe("a verdict that old sessions were offered for", function()
  local function old(fixed, pairs, more)
    return judged("ticket", { fixed = offers(fixed), pairs = pairs and offers(pairs),
      old = more.old and offers(more.old), later = more.later })
  end

  local function look(outcomes, after_s)
    return { records = offers(outcomes), after_s = after_s }
  end

  it("counts them beside all others", function()
    assert.same({ "partially_supported", "issued_not_always_accepted", "1/7 refused 6 errors 0" },
      old("nn", "nn", { old = "nRn" }))
    assert.same({ "not_supported", "issued_not_accepted", "0/4 refused 4 errors 0" }, old("nn", nil, { old = "nn" }))
  end)

  it("counts those that were offered later, too, where only they resumed", function()
    assert.same({ "partially_supported", "issued_not_always_accepted", "1/5 refused 4 errors 0" },
      old("nn", "nn", { later = { look("R", 1) } }))
    assert.same({ "partially_supported", "issued_not_always_accepted", "1/8 refused 6 errors 1" },
      old("nn", "n", { old = "n", later = { look("nt", 1), look("nR", 2) } }))
  end)

  it("is not changed by later ones where others had resumed", function()
    assert.same({ "partially_supported", "issued_not_always_accepted", "1/5 refused 4 errors 0" },
      old("nRnnn", "n", { later = { look("R", 1) } }))
    assert.same({ "not_supported", "issued_not_accepted", "0/2 refused 2 errors 0" },
      old("nn", "n", { later = { look("n", 1) } }))
  end)

  it("keeps them all as evidence", function()
    local evidence = { seeds = { full() }, fixed = offers("nn"), pairs = offers("n"), after_request = offers("n"),
      old = offers("nn"), later = { look("n", 1), look("nR", 2) } }
    local all = {}
    for _, records in ipairs({ evidence.seeds, evidence.fixed, evidence.pairs, evidence.after_request, evidence.old,
      evidence.later[1].records, evidence.later[2].records }) do
      table.move(records, 1, #records, #all + 1, all)
    end
    local v = verdict.judge("ticket", evidence)
    assert.equal(10, #v.attempts)
    for i, record in ipairs(all) do
      assert.equal(record, v.attempts[i])
    end
    assert.same({ attempted = 5, resumed = 1, refused = 4, errors = 0 }, v.designs.old)
  end)
end)

describe("without a session to offer", function()
  local empty = "0/0 refused 0 errors 0"
  local protocol_version = failed("alert", "protocol_version", 70)
  local handshake_failure = failed("alert", "handshake_failure", 40)
  local insufficient_security = failed("alert", "insufficient_security", 71)
  local decode_error = failed("alert", "decode_error", 50)
  local dropped = { outcome = "closed", version = "TLSv1.3", facts = { alerts = {}, tickets = {} } }
  local lower = { outcome = "protocol_error", version = "TLSv1.2", facts = { alerts = {}, tickets = {} } }
  local cases = {
    { "a server that issued nothing is not supported", { full(), full(), full() }, true,
      { "not_supported", "not_issued", empty } },
    { "one full handshake among errors is enough to know that nothing was issued", { failed("timeout"), full() }, true,
      { "not_supported", "not_issued", empty } },
    { "a protocol_version alert says that the version is missing where another works around it", { protocol_version },
      "around", { "not_applicable", "version_not_supported", empty } },
    { "it says nothing where none does: alerts may come at random", { protocol_version, protocol_version }, true,
      { "inconclusive", "alert", empty } },
    { "an older version in the ServerHello says it too", { lower }, false,
      { "not_applicable", "version_not_supported", empty } },
    { "a repeated refusal says it when another version works around it", { decode_error, decode_error }, "around",
      { "not_applicable", "version_not_supported", empty } },
    { "nothing in common says it when another version was chosen", { handshake_failure, handshake_failure }, "chosen",
      { "not_applicable", "version_not_supported", empty } },
    { "a repeated refusal says nothing when another version works elsewhere", { decode_error, decode_error }, true,
      { "inconclusive", "alert", empty } },
    { "nothing in common says nothing else: ciphers or groups may be meant", { handshake_failure, handshake_failure },
      "around", { "inconclusive", "alert", empty } },
    { "neither does insufficient_security", { insufficient_security, insufficient_security }, "around",
      { "inconclusive", "alert", empty } },
    { "two different alerts say nothing", { decode_error, failed("alert", "internal_error", 80) }, "around",
      { "inconclusive", "alert", empty } },
    { "two dropped connections say nothing even when another version works around them",
      { failed("closed"), failed("closed") }, "around", { "inconclusive", "closed", empty } },
    { "dropped connections say nothing when the version stood in a ServerHello", { dropped, dropped, dropped }, true,
      { "inconclusive", "closed", empty } },
    { "a repeated refusal says nothing when no other version works", { handshake_failure, handshake_failure }, false,
      { "inconclusive", "alert", empty } },
    { "one dropped connection says nothing", { failed("closed") }, true, { "inconclusive", "closed", empty } },
    { "two different failures say nothing", { failed("closed"), failed("reset") }, true,
      { "inconclusive", "closed", empty } },
    { "two timeouts say nothing", { failed("timeout"), failed("timeout") }, true,
      { "inconclusive", "timeout", empty } },
    { "two dropped connections say nothing", { failed("closed"), failed("closed") }, true,
      { "inconclusive", "closed", empty } },
    { "three dropped connections say it when another version works around them",
      { failed("closed"), failed("closed"), failed("closed") }, "around",
      { "not_applicable", "version_not_supported", empty } },
    { "three dropped connections say nothing when that was before: the server may turn away who comes so often",
      { failed("closed"), failed("closed"), failed("closed") }, true, { "inconclusive", "closed", empty } },
    { "no refusal says anything when the version works elsewhere", { protocol_version, protocol_version }, "works",
      { "inconclusive", "alert", empty } },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      assert.same(case[4], judged("psk",
        { seeds = case[2], other_version_chosen = case[3] == "chosen",
          other_version_around = case[3] == "around" or case[3] == "chosen" or case[3] == "works",
          version_works = case[3] == "works" or nil }))
    end)
  end
end)

describe("a version", function()
  local function other(name, control)
    return without_session.other_version_chosen(name, control)
  end

  it("was not chosen where the server chose another one of all", function()
    assert.is_true(other("psk", { outcome = "full", version = "TLSv1.2" }))
    assert.is_true(other("ticket", { outcome = "full", version = "TLSv1.3" }))
    assert.is_false(other("ticket", { outcome = "full", version = "TLSv1.2" }))
    assert.is_false(other("psk", { outcome = "full", version = "TLSv1.3" }))
  end)

  it("may have been, where not all were offered, or nothing came of it", function()
    assert.is_false(other("psk", { outcome = "full", version = "TLSv1.2", version_limit = "TLSv1.2" }))
    assert.is_false(other("psk", { outcome = "closed", version = "TLSv1.2" }))
  end)

  it("that the control has spoken is not missing", function()
    local dropped = { failed("closed"), failed("closed"), failed("closed") }
    local function reason(version)
      local v = verdict.of_seeds("psk", dropped, { outcome = "full", version = version }, true)
      return v.verdict .. " " .. v.reason
    end
    assert.equal("not_applicable version_not_supported", reason("TLSv1.2"))
    assert.equal("inconclusive closed", reason("TLSv1.3"))
  end)
end)

describe("tickets that were not seen", function()
  local function cut(unseen, version)
    local record = full({}, version or "TLSv1.3")
    record.unseen = unseen
    return record
  end

  local function judge(seeds, name)
    local v = verdict.judge(name or "psk", { seeds = seeds, fixed = {} })
    return { v.verdict, v.reason, v.version, v.full_handshakes, v.cut_short, v.tickets_issued }
  end

  it("are not said to be missing, and the reason is what befell most of the connections", function()
    assert.same({ "inconclusive", "cut_short", "TLSv1.3", 3, 2 },
      judge({ cut("cut_short"), cut("no_answer"), cut("cut_short") }))
    assert.same({ "inconclusive", "no_answer", "TLSv1.3", 3, 1 },
      judge({ cut("cut_short"), cut("no_answer"), cut("no_answer") }))
    assert.same({ "inconclusive", "hung_up", "TLSv1.3" }, judge({ cut("hung_up") }))
  end)

  it("are missing where one connection went on until the server had its say", function()
    assert.same({ "not_supported", "not_issued", "TLSv1.3", 2, 1, 0 }, judge({ cut("cut_short"), full({}, "TLSv1.3") }))
    assert.same({ "not_supported", "not_issued", "TLSv1.2", 2, 1 },
      judge({ cut("cut_short", "TLSv1.2"), full() }, "ticket"))
  end)

  it("have a reason of their own where the server bears no ticket extension", function()
    local seeds = { failed("closed") }
    local function reason(name, breaks)
      return verdict.judge(name, { seeds = seeds, fixed = {}, breaks = breaks }).reason
    end
    assert.equal("breaks_with_tickets", reason("ticket", true))
    assert.equal("closed", reason("ticket", false))
    assert.equal("closed", reason("psk", true))
  end)
end)

describe("what was issued", function()
  local function issued(name, facts, version)
    local v = verdict.judge(name, { seeds = { full(facts, version) }, fixed = offers("RRRRR") })
    return { v.version, v.session_id_length, v.lifetime_hint_s, v.tickets_issued, v.lifetime_s, v.ticket_length }
  end

  it("is the id's length for session ids", function()
    assert.same({ "TLSv1.1", 32 }, issued("session_id", { session_id = ("x"):rep(32) }, "TLSv1.1"))
  end)

  it("is lifetime hint and size for tickets, also when the hint is 0 (unspecified)", function()
    local facts = { tickets = { { ticket = "12345", lifetime_s = 0 } } }
    assert.same({ "TLSv1.2", nil, 0, nil, nil, 5 }, issued("ticket", facts))
  end)

  it("is number, lifetime and size for PSKs", function()
    local tickets = { { ticket = ("x"):rep(208), lifetime_s = 7200 }, { ticket = "y", lifetime_s = 7200 } }
    assert.same({ "TLSv1.3", nil, nil, 2, 7200, 208 }, issued("psk", { tickets = tickets }, "TLSv1.3"))
  end)

  it("counts tickets that were not kept, and says that there may be more", function()
    local function tickets(cut)
      local record = full({ tickets = { { ticket = "t", lifetime_s = 7200 } }, tickets_forgotten = 30 }, "TLSv1.3")
      record.tickets_cut = cut
      local v = verdict.judge("psk", { seeds = { record }, fixed = offers("R") })
      return { v.tickets_issued, v.more_tickets }
    end
    assert.same({ 31, true }, tickets(true))
    assert.same({ 31 }, tickets(false))
  end)

  it("is said of PSKs alone where it is nothing", function()
    local v = verdict.judge("ticket", { seeds = { full() }, fixed = {} })
    assert.same({ "not_issued" }, { v.reason, v.tickets_issued })
    v = verdict.judge("psk", { seeds = { failed("timeout") }, fixed = {} })
    assert.same({ "timeout" }, { v.reason, v.tickets_issued })
  end)

  it("is no ticket where an empty one says that there is none (RFC 5077, section 3.3)", function()
    local nothing = full({ tickets = { { ticket = "", lifetime_s = 0 } } })
    local v = verdict.judge("ticket", { seeds = { nothing }, fixed = {} })
    assert.same({ "not_supported", "not_issued" }, { v.verdict, v.reason, v.ticket_length, v.lifetime_hint_s })
  end)

  it("is a PSK to be thrown away at once where its lifetime is 0 (RFC 8446, section 4.6.1)", function()
    local v = verdict.judge("psk", { seeds = { full({ tickets = { { ticket = "t", lifetime_s = 0 } } }, "TLSv1.3") },
      fixed = {} })
    assert.same({ "not_supported", "lifetime_zero", 1, 0 }, { v.verdict, v.reason, v.tickets_issued, v.lifetime_s })
  end)

  it("is no ticket where none came", function()
    local v = verdict.judge("psk", { seeds = { full({}, "TLSv1.3") }, fixed = {} })
    assert.same({ "not_supported", "not_issued", 0, "TLSv1.3" }, { v.verdict, v.reason, v.tickets_issued, v.version })
  end)
end)

describe("counting", function()
  it("keeps errors apart by kind", function()
    assert.same({ attempted = 9, resumed = 2, refused = 1, errors = 6, alerts = 0,
      error_kinds = { timeout = 1, reset = 1, closed = 1, unreachable = 1, protocol_error = 1, no_starttls = 1 } },
      counting.count(offers("RRntrcups")))
  end)

  it("takes alerts for an answer only where offers fail and full handshakes do not", function()
    local counts = counting.count(offers("aaR"))
    assert.same({ 0, 2 }, { counts.refused, counts.errors })
    counts = counting.count(offers("aaR"), true)
    assert.same({ 2, 0, 2 }, { counts.refused, counts.errors, counts.alerts })
  end)

  it("adds up, kind by kind", function()
    local alert = failed("alert", "internal_error", 80)
    local some, others = counting.count({ alert, alert, offers("t")[1] }, true),
      counting.count(offers("ntttrR"))
    local sum = { attempted = 9, resumed = 1, refused = 3, errors = 5, alerts = 2,
      error_kinds = { timeout = 4, reset = 1 } }
    assert.same(sum, counting.together(some, others))
    assert.same(sum, counting.together(others, some))
  end)

  it("says what offers that fail come to", function()
    assert.same({ "not_supported", "fails_on_resumption" }, { counting.of_counts(counting.count(offers("tt")), {}) })
    assert.same({ "partially_supported", "fails_on_resumption" },
      { counting.of_counts(counting.count(offers("Rt")), {}) })
    assert.same({ "partially_supported", "alert_on_resumption" },
      { counting.of_counts(counting.count(offers("Raat"), true), {}) })
    assert.same({ "partially_supported", "fails_on_resumption" },
      { counting.of_counts(counting.count(offers("Raattt"), true), {}) })
  end)

  it("names the last alert, and only for a reason that is about one", function()
    local records = { failed("alert", "decode_error", 50), failed("alert", "internal_error", 80), offers("n")[1] }
    assert.equal("internal_error", counting.name_of_alert("alert_on_resumption", records))
    assert.equal("internal_error", counting.name_of_alert("alert", records))
    assert.equal("decode_error", counting.name_of_alert("alert", { records[1], records[3] }))
    assert.is_nil(counting.name_of_alert("issued_not_accepted", records))
  end)

  it("names what befell most of the full handshakes that failed", function()
    local seeds = { full(), full(), failed("timeout"), failed("reset"), failed("reset") }
    assert.equal("reset", counting.failure_reason(seeds))
    assert.equal("no_attempts", counting.failure_reason({ full() }))
  end)

  it("rejects an attempt that offered nothing: it would dilute the rate", function()
    assert.has_error(function()
      counting.count({ full() })
    end, "counting.count: an attempt that offered nothing has no place here: full")
  end)

  it("names what befell fresh sessions where none of them was answered", function()
    local v = verdict.judge("ticket", { seeds = { full() }, fixed = offers("nn"), pairs = offers("ttc") })
    assert.same({ "inconclusive", "timeout" }, { v.verdict, v.reason })
  end)

  it("keeps every attempt as evidence", function()
    local seeds, fixed, fresh = { full() }, offers("Rnn"), offers("RR")
    local v = verdict.judge("ticket", { seeds = seeds, fixed = fixed, pairs = fresh })
    assert.same({ seeds[1], fixed[1], fixed[2], fixed[3], fresh[1], fresh[2] }, v.attempts)
    assert.same({ fixed = { attempted = 3, resumed = 1, refused = 2, errors = 0 },
      pairs = { attempted = 2, resumed = 2, refused = 0, errors = 0 } }, v.designs)
  end)
end)

describe("a verdict whose evidence was cut off", function()
  local function cut_off(evidence)
    evidence.interrupted = true
    local result = judged("psk", evidence)
    return { result[1], result[2] }
  end

  it("says that sessions resume, and not that they don't", function()
    assert.same({ "supported" }, cut_off({ fixed = offers("RR") }))
    assert.same({ "inconclusive", "interrupted" }, cut_off({ fixed = offers("nn") }))
    assert.same({ "inconclusive", "interrupted" }, cut_off({ fixed = offers("Rnn") }))
    assert.same({ "inconclusive", "interrupted" }, cut_off({ fixed = offers("Rnn"), pairs = offers("n") }))
  end)

  it("says so where no fresh session was offered any more", function()
    assert.same({ "inconclusive", "interrupted" }, cut_off({ fixed = offers("nn"), pairs = {}, seeds = { full() } }))
  end)

  it("is none where nothing was offered, whatever was issued", function()
    assert.same({ "inconclusive", "no_attempts" }, cut_off({ fixed = {} }))
    assert.same({ "inconclusive", "no_attempts" }, cut_off({ fixed = {}, seeds = {} }))
    assert.same({ "inconclusive", "no_attempts" }, cut_off({ fixed = {}, seeds = { full(nil, "TLSv1.3") } }))
  end)

  it("keeps what errors say, and that the version is not spoken", function()
    assert.same({ "inconclusive", "timeout" }, cut_off({ fixed = offers("tt") }))
    assert.same({ "not_applicable", "version_not_supported" },
      cut_off({ fixed = {}, seeds = { failed("alert", "protocol_version", 70) }, other_version_around = true }))
  end)
end)
