-- The parts of the analysis, one rule each, on entries written down by hand. (How often the whole is right is the
-- simulation's business.)

local balance = require "resum.analysis.pool"
local change = require "resum.analysis.pool.change"
local groups = require "resum.analysis.pool.groups"
local labels = require "resum.analysis.pool.labels"
local routing = require "resum.analysis.pool.routing"
local sources = require "resum.analysis.pool.sources"

local function key(letter)
  return letter:rep(16)
end

-- Entries in order. Each is {design, from, outcome, label}: a label of one letter stands for a ticket key's name.
local function entries_of(mechanism, list)
  local entries = {}
  for i, one in ipairs(list) do
    entries[i] = {
      order = i, mechanism = mechanism, design = one[1], from = one[2], outcome = one[3],
      started = 2 * i - 1, ended = 2 * i,
      issued = one[3] ~= "resumed" and one[4] ~= nil or nil, ticket = one[4] and key(one[4]), ticket_length = 176,
    }
  end
  return entries
end

-- Tickets of servers that answer in the order of a text: "ABC" again and again, each connection a fresh session that is
-- offered on the next.
local function pairs_over(order, count)
  local list = {}
  for i = 1, count do
    local at = order:sub((i - 1) % #order + 1, (i - 1) % #order + 1)
    local before = list[i - 1]
    if i % 2 == 1 then
      list[i] = { "pairs", nil, "full", at }
    else
      list[i] = { "pairs", i - 1, before[4] == at and "resumed" or "refused", at }
    end
  end
  return list
end

local function analyse(entries, sources_asked)
  return balance.analyse(entries, { mechanisms = { "session_id", "ticket", "psk" }, sources = sources_asked })
end

describe("labels", function()
  local function entry_with(ticket, order)
    return { order = order, ticket = ticket:sub(1, 16), ticket_length = #ticket }
  end

  local function ticket(name, i)
    return name .. ("%04d"):format(i) .. ("."):rep(100)
  end

  it("name a ticket key by the bytes that repeat at a ticket's start", function()
    local entries = {}
    for i = 1, 8 do
      entries[i] = entry_with(ticket(key(i % 2 == 0 and "a" or "b"), i), i)
    end
    local label, names = labels.assign(entries)
    assert.equal("key:" .. key("b"), label[1])
    assert.equal("key:" .. key("a"), label[2])
    assert.is_true(names[1])
  end)

  it("take shorter names where only four bytes repeat", function()
    local entries = {}
    for i = 1, 8 do
      entries[i] = entry_with(ticket("name" .. ("%012d"):format(i * 7919 % 1000), i), i)
    end
    assert.equal("key:name", (labels.assign(entries))[1])
  end)

  it("see no name in bytes that never repeat", function()
    local entries = {}
    for i = 1, 8 do
      entries[i] = entry_with(("%016d"):format(i * 104729 % 1e9):reverse() .. ("."):rep(100), i)
    end
    local label, names = labels.assign(entries)
    assert.equal("unnamed", label[1])
    assert.is_nil(names[1])
  end)

  it("see no name where two tickets of one connection begin differently", function()
    local entries = { entry_with(ticket(key("a"), 1), 1), entry_with(ticket(key("a"), 2), 2) }
    entries[2].unlike = true
    assert.equal("unnamed", (labels.assign(entries))[1])
  end)

  it("call a short ticket the name of a cache entry, and nothing issued none", function()
    local label = labels.assign({ entry_with(("x"):rep(32), 1), { order = 2, issued = false }, { order = 3 } })
    assert.same({ "stateful", "none" }, label)
  end)

  it("read what a connection showed", function()
    local entry = {}
    labels.read(entry, { mechanism = "ticket", outcome = "refused", facts = {
      tickets = { { ticket = ("k"):rep(16) .. ("t"):rep(160), lifetime_s = 300 } }, session_id = "ignored",
      leaf_sha256 = "hash", leaf_serial = "\1", extensions = { 43, 51 },
    } })
    assert.same({ outcome = "refused", ticket = ("k"):rep(16), ticket_length = 176, lifetime_s = 300, issued = true,
      leaf = "hash", serial = "\1", extensions = "43 51" }, entry)
  end)

  it("take no ticket for no evidence where the probe left as soon as it was refused", function()
    local facts = { tickets = {}, session_id = "" }
    local probed, gone_through = {}, {}
    labels.read(probed, { mechanism = "ticket", outcome = "refused", engine = "probe", facts = facts })
    labels.read(gone_through, { mechanism = "ticket", outcome = "refused", engine = "handshake", facts = facts })
    assert.same({ nil, false }, { probed.issued, gone_through.issued })
  end)

  it("take a TLS 1.3 ticket that was not waited for as no evidence", function()
    local facts = { tickets = {}, session_id = "" }
    local hasty, patient = {}, { awaited = true }
    labels.read(hasty, { mechanism = "psk", outcome = "refused", facts = facts })
    labels.read(patient, { mechanism = "psk", outcome = "refused", facts = facts })
    assert.same({ nil, false }, { hasty.issued, patient.issued })
  end)
end)

describe("groups", function()
  it("are counted with their shares, the largest first", function()
    local counted = groups.count({ "a", "b", "a", "c", "a", "b", "a", "b" })
    local list = {}
    for i, group in ipairs(counted.list) do
      list[i] = { group.label, group.connections }
    end
    assert.same({ { "a", 4 }, { "b", 3 }, { "c", 1 } }, list)
    assert.equal(1 - 1 / 8, counted.coverage)
    assert.is_true(counted.interval[1] == 3 and counted.interval[2] >= 4)
  end)

  it("have an effective number: 1 / sum of squared shares", function()
    local sequence = {}
    for i = 1, 84 do
      sequence[i] = i % 7 < 5 and "a" or i % 7 == 5 and "b" or "c"
    end
    local counted = groups.count(sequence)
    assert.is_true(math.abs(counted.effective - 49 / 27) < 0.05, "effective " .. counted.effective)
    assert.is_true(counted.effective_interval[1] < 49 / 27 and 49 / 27 < counted.effective_interval[2])
  end)

  it("join keys that accept each other's tickets", function()
    local entries = entries_of("ticket", {
      { "pairs", nil, "full", "a" }, { "pairs", 1, "resumed", "b" }, { "pairs", nil, "full", "b" },
      { "pairs", 3, "resumed", "a" }, { "pairs", nil, "full", "c" }, { "pairs", 5, "refused", "a" },
    })
    local label, names = {}, {}
    for i, entry in ipairs(entries) do
      label[i], names[i] = "key:" .. entry.ticket, true
    end
    local group = groups.of_entries(entries, label, names)
    assert.equal(group[1], group[2])
    assert.are_not.equal(group[1], group[5])
  end)
end)

describe("a rotation", function()
  it("has a period, also where some connections showed nothing", function()
    local met = {}
    for i = 1, 60 do
      met[i] = i % 10 ~= 0 and ("ABC"):sub(i % 3 + 1, i % 3 + 1) or nil
    end
    assert.equal(3, (routing.period(met)))
  end)

  it("with weights has the period of all weights", function()
    local met = {}
    for i = 1, 70 do
      met[i] = ("AABACAA"):sub((i - 1) % 7 + 1, (i - 1) % 7 + 1)
    end
    assert.equal(7, (routing.period(met)))
  end)

  it("is not seen in what is drawn by lot", function()
    local met, state = {}, 7
    for i = 1, 60 do
      state = state * 16807 % 2147483647
      met[i] = ("ABC"):sub(state // 65536 % 3 + 1, state // 65536 % 3 + 1)
    end
    assert.is_nil((routing.period(met)))
  end)
end)

describe("a change", function()
  local function view_of(list)
    local entries = entries_of("ticket", list)
    local offers = {}
    for _, entry in ipairs(entries) do
      entry.refused = entry.outcome == "refused"
      offers[#offers + 1] = entry.from and entry or nil
    end
    return { entries = entries, offers = offers }
  end

  local function sequence_of(marks)
    local list = { { "seed", nil, "full", "a" } }
    for mark in marks:gmatch(".") do
      list[#list + 1] = { "fixed", 1, mark == "#" and "resumed" or "refused" }
    end
    return list
  end

  it("explains refusals that all come after it", function()
    local explained, at = change.explains(view_of(sequence_of("##########......")))
    assert.is_true(explained)
    assert.equal(12, at)
  end)

  it("explains none when the same session resumes later", function()
    assert.is_false((change.explains(view_of(sequence_of("##########...#..")))))
  end)

  it("is not seen in a single refusal", function()
    assert.is_false((change.explains(view_of(sequence_of("###########.")))))
  end)

  it("tells a new group from one that went", function()
    local sequence = {}
    for i = 1, 60 do
      sequence[i] = { order = i, value = i > 40 and i % 2 == 0 and "new" or i < 30 and i % 2 == 0 and "old" or "stays" }
    end
    local changes = change.of_labels(sequence, function(entry)
      return entry.value
    end)
    table.sort(changes, function(a, b)
      return a.label < b.label
    end)
    assert.same({ { label = "new", what = "came", at = 42 }, { label = "old", what = "went", at = 28 } }, changes)
  end)
end)

describe("sources", function()
  local function offers(cells)
    local list = {}
    for names, marks in pairs(cells) do
      for mark in marks:gmatch(".") do
        local outcome = mark == "#" and "resumed" or "refused"
        list[#list + 1] = { from = names:sub(1, 1), at = names:sub(2, 2), outcome = outcome }
      end
    end
    return sources.matrix_of_places(list)
  end

  it("decide where each pair resumes always or never", function()
    assert.is_true(sources.decides(offers({ aa = "####", bb = "####", ab = "....", ba = "...." })))
  end)

  it("do not decide where a pair resumes at times, or where all do", function()
    assert.is_false(sources.decides(offers({ aa = "#.##", bb = "####", ab = "....", ba = "...." })))
    assert.is_false(sources.decides(offers({ aa = "####", bb = "####", ab = "####", ba = "####" })))
  end)

  it("of addresses are shared, not shared, or partly", function()
    local names = { "a", "b" }
    for verdict, cells in pairs({
      shared = { aa = "##", bb = "##", ab = "##", ba = "##" },
      not_shared = { aa = "##", bb = "##", ab = "..", ba = ".." },
      partly = { aa = "##", bb = "##", ab = "##", ba = ".." },
      no_resumption = { aa = "..", bb = "..", ab = "..", ba = ".." },
      inconclusive = { aa = "##", bb = "##", ab = "##" },
    }) do
      assert.equal(verdict, sources.across(names, offers(cells)))
    end
  end)
end)

describe("the analysis", function()
  it("of a rotation over three keys says what it is, and what to do", function()
    local summary = analyse(entries_of("ticket", pairs_over("ABC", 90)))
    assert.same({ "nothing_shared", 0, 3 }, { summary.verdict, summary.designs.pairs.resumed, #summary.labels })
    local list = pairs_over("ABC", 90)
    for i = 1, 30 do -- old sessions, at random distances
      list[#list + 1] = { "fixed", 1 + i % 7, (90 + i) % 3 == (1 + i % 7) % 3 and "resumed" or "refused" }
    end
    summary = analyse(entries_of("ticket", list))
    assert.same({ "nothing_shared", "ticket", "round_robin", 3, 3 },
      { summary.verdict, summary.decided_by, summary.routing, summary.groups, summary.routing_evidence.period })
    assert.same({ 3, 3 }, summary.groups_interval)
    assert.is_truthy(summary.advice:find("ssl_session_ticket_key", 1, true))
    assert.same({ 0, 45, { "A", "B", "C" } }, { summary.designs.pairs.resumed, summary.designs.pairs.attempted,
      { summary.attempts[1].label, summary.attempts[2].label, summary.attempts[3].label } })
  end)

  it("calls it no resumption where a server refuses its own sessions, and nothing resumes", function()
    local list = pairs_over("ABC", 90)
    list[91] = { "fixed", 1, "refused", "A" }
    local summary = analyse(entries_of("ticket", list))
    assert.same({ "no_resumption", "issued_not_accepted" }, { summary.verdict, summary.reason })
  end)

  it("finds the member without tickets that refuses its own session IDs", function()
    local list = { { "seed", nil, "full" } }
    for i = 2, 41 do
      list[i] = { "fixed", 1, i % 4 == 0 and "refused" or "resumed" }
    end
    list[42] = { "marked", nil, "full" } -- asked for a ticket, and got an ID only
    list[43], list[44] = { "marked", 42, "refused", "a" }, { "marked", 42, "refused" }
    list[45], list[46] = { "marked", 42, "refused" }, { "marked", 1, "resumed", "a" }
    local entries = entries_of("session_id", list)
    for _, entry in ipairs(entries) do
      local issued = entry.outcome ~= "resumed" and not entry.ticket
      entry.issued, entry.session_id = issued or nil, issued and ("%032d"):format(entry.order) or nil
    end
    local ids = analyse(entries).mechanisms.session_id
    assert.same({ "bad_member", "never_accepts", "ticketless", 3 },
      { ids.verdict, ids.member.how, ids.member.label, ids.member.connections })
    entries[44].outcome, entries[44].session_id = "resumed", nil
    assert.equal("nothing_shared", analyse(entries).mechanisms.session_id.verdict)
  end)

  it("says that few client addresses can't tell stickiness from sharing", function()
    local function codes(summary)
      local list = {}
      for i, finding in ipairs(summary.findings) do
        list[i] = finding.code
      end
      return list
    end
    local entries = entries_of("ticket", pairs_over("A", 90))
    local summary = analyse(entries)
    assert.same({ "all_shared", { "stickiness_unknown" } }, { summary.verdict, codes(summary) })
    local two, six = { "192.0.2.1", "192.0.2.2" }, {}
    for i = 1, 6 do
      six[i] = "192.0.2." .. i
    end
    summary = analyse(entries, two)
    assert.same({ "stickiness_unknown" }, codes(summary))
    assert.is_truthy(summary.evidence[#summary.evidence]:find("2 addresses.* in 50 %% of the cases"))
    assert.same({}, codes(analyse(entries, six)))
  end)

  it("makes no mixture of servers out of one refusal among resumptions", function()
    local list = pairs_over("A", 90)
    list[40][3] = "refused"
    local summary = analyse(entries_of("ticket", list))
    assert.same({ "inconclusive", 44, 1 },
      { summary.verdict, summary.designs.pairs.resumed, summary.designs.pairs.refused })
  end)

  it("finds few attempts too few, and errors no refusals", function()
    assert.same({ "inconclusive", "too_few_attempts" }, (function(summary)
      return { summary.verdict, summary.reason }
    end)(analyse(entries_of("ticket", pairs_over("A", 20)))))
    local list = pairs_over("A", 90)
    for i = 2, 90, 2 do
      list[i][3] = "timeout"
      list[i][4] = nil
    end
    local summary = analyse(entries_of("ticket", list))
    assert.same({ "inconclusive", "errors" }, { summary.verdict, summary.reason })
    assert.is_truthy(table.concat(summary.evidence, " "):find("About 50 % of the connections failed", 1, true))
  end)

  it("has words for every verdict and every finding", function()
    local advice = require "resum.analysis.pool.advice"
    for _, verdict in ipairs({ "all_shared", "keys_shared_caches_not", "caches_shared_keys_not", "nothing_shared",
      "sticky_source", "sticky_session_id", "bad_member", "mixed_groups", "no_resumption", "rotated",
      "inconclusive" }) do
      local headline, evidence, what_to_do = advice.of({ verdict = verdict, routing = "unknown", findings = {
        { code = "stickiness_unknown", sources = 1 }, { code = "mixed_configuration", property = "leaf" },
        { code = "no_resumption", mechanism = "psk" },
        { code = "inconclusive", mechanism = "ticket", reason = "errors" },
        { code = "forgets", mechanism = "session_id" }, { code = "others_share_nothing", mechanism = "ticket" },
        { code = "group_came" }, { code = "group_went" },
        { code = "keys_renewed" }, { code = "connections_failed", share = 0.25 }, { code = "parted_by_certificate" },
        { code = "may_have_run_out" },
      } })
      assert.is_true(#headline > 10 and #what_to_do > 10, verdict)
      assert.equal(12, #evidence)
    end
  end)
end)
