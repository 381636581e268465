--- A pool where nothing resumes was told in five sentences that said the same, "There are 3 groups of servers (3 or
-- more)", "a member where servers issue sessions", and as a thing to do "Clients with tickets are well served."

local advice = require "resum.analysis.advice"
local words = require "resum.analysis.pool_words"

local function summary_of(fields)
  fields.findings = fields.findings or {}
  return fields
end

local function none(mechanism, reason)
  return { code = "no_resumption", mechanism = mechanism, reason = reason }
end

describe("what is said of a pool where nothing resumes", function()
  it("has one sentence for each mechanism, which says whether sessions are issued", function()
    local headline, evidence = words.of(summary_of { verdict = "no_resumption", reason = "issued_not_accepted",
      decided_by = "psk", findings = { none("psk", "issued_not_accepted"), none("ticket", "not_issued"),
        none("session_id", "not_issued") } })
    assert.equal("Nothing is ever resumed.", headline)
    assert.same({ "TLS 1.3 tickets are issued, but never accepted.", "No ticket is issued up to TLS 1.2.",
      "No session ID is issued." }, evidence)
  end)

  it("begins with a capital, whatever the mechanism is called", function()
    local _, evidence = words.of(summary_of { verdict = "no_resumption", reason = "issued_not_accepted",
      decided_by = "ticket", findings = { none("ticket", "issued_not_accepted"),
        none("session_id", "issued_not_accepted") } })
    assert.same({ "Tickets are issued, but never accepted.", "Session IDs are issued, but never accepted." }, evidence)
  end)
end)

describe("what is said of a server whose tickets are worth nothing, while another mechanism resumes,", function()
  local WORTHLESS, SHARED = { verdict = "no_resumption", reason = "issued_not_accepted" }, { verdict = "all_shared" }
  for name, case in pairs({
    ["session IDs"] = { { session_id = SHARED, ticket = WORTHLESS, psk = WORTHLESS },
      "Tickets and TLS 1.3 tickets are issued and never accepted; only session IDs resume." },
    ["two of three"] = { { session_id = SHARED, ticket = SHARED, psk = WORTHLESS },
      "TLS 1.3 tickets are issued and never accepted; only session IDs and tickets resume." },
    ["one, the other is off"] = { { session_id = { verdict = "no_resumption", reason = "not_issued" },
      ticket = WORTHLESS, psk = SHARED }, "Tickets are issued and never accepted; only TLS 1.3 tickets resume." },
  }) do
    it("is not that nothing resumes, nor to switch it on: " .. name, function()
      local summary = summary_of { verdict = "no_resumption", mechanisms = case[1], findings = {
        none("psk", "issued_not_accepted"), none("session_id", "not_issued") } }
      local headline, evidence = words.of(summary)
      assert.same({ case[2], { "No session ID is issued." } }, { headline, evidence })
      assert.same({}, advice.of({ balancer = summary }))
    end)
  end
end)

describe("the number of groups", function()
  for said, fields in pairs({
    ["3"] = { 3, { 3, 3 } }, ["at least 3"] = { 3, { 3 } }, ["about 3 (2 to 5)"] = { 3, { 2, 5 } },
    ["about 3 (2 or more)"] = { 3, { 2 } },
  }) do
    it("is said as sure as it is: " .. said, function()
      local _, evidence = words.of(summary_of { verdict = "nothing_shared", groups = fields[1],
        groups_interval = fields[2] })
      assert.equal(("There are %s servers, or groups of servers, with sessions of their own."):format(said),
        evidence[1])
    end)
  end
end)

describe("a server that is unlike the others", function()
  for how, does in pairs({ issues_nothing = "issues no session",
    never_accepts = "issues sessions and never accepts them" }) do
    it("is told by what it does: " .. how, function()
      local _, evidence = words.of(summary_of { verdict = "bad_member", decided_by = "ticket",
        member = { how = how, share = 0.3 } })
      assert.same({ ("About 30 %% of the connections meet a server that %s."):format(does) }, evidence)
    end)
  end
end)

describe("what to do", function()
  it("is something to do, in the first words of each step", function()
    local count = 0
    for _, verdict in ipairs { "nothing_shared", "bad_member", "sticky_source", "sticky_session_id", "mixed_groups",
      "one_way", "no_resumption", "rotated", "inconclusive", "caches_shared_keys_not" } do
      for _, step in ipairs(advice.of({ balancer = { verdict = verdict, findings = {} } })) do
        count = count + 1
        local verb = step.text:match("^([%a']+)")
        assert.is_truthy(({ Give = 1, For = 1, Compare = 1, Switch = 1, ["Don't"] = 1, Find = 1, Finish = 1, Scan = 1 })
          [verb], step.text)
      end
    end
    assert.is_true(count >= 12)
  end)
end)
