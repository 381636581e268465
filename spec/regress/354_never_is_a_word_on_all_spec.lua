-- Reports said "never" and "every" beside figures that said otherwise: "nothing is ever resumed" where session IDs did
-- at two of three servers and no ticket is issued; "issues a ticket but never accepts one" where keys had changed and
-- newer ones resumed; "every session resumes" where all but the newest were forgotten; "one of the servers" of most.

local concluded = require "spec.support.concluded"
local conclusion = require "resum.analysis.conclusion"
local cost = require "resum.analysis.cost"
local words = require "resum.analysis.pool_words"

local result = concluded.result

local function member(share, reason)
  return result("bad_member", { groups = 2, reason = reason or "issues_nothing",
    member = { share = share, how = "issues_nothing" } })
end

local function conclude(results)
  local summary = concluded.of(results)
  return summary.verdict, (words.of(summary))
end

describe("nothing is ever resumed", function()
  it("is said where nothing is", function()
    assert.equal("no_resumption", (conclude({ psk = result("no_resumption"), session_id = result("no_resumption") })))
  end)

  it("is not where session IDs resume beside a member that has none, and tickets never", function()
    assert.same({ "bad_member", "One of the servers behind this address does not resume." },
      { conclude({ session_id = member(0.3), ticket = result("no_resumption") }) })
    assert.equal("bad_member", (conclude({ session_id = member(0.3), ticket = result("no_resumption"),
      psk = result("no_resumption") })))
  end)

  it("is not where session IDs are led back, and tickets never resume", function()
    assert.equal("sticky_session_id", (conclude({ session_id = result("sticky_session_id"),
      ticket = result("no_resumption") })))
  end)

  it("leaves it at tickets that all share, where some servers have no session IDs", function()
    assert.equal("all_shared", (conclude({ session_id = result("bad_member", { groups = 1, reason = "issues_nothing",
      member = { share = 0.3, how = "issues_nothing" } }), ticket = result("all_shared"),
      psk = result("no_resumption", { reason = "not_issued" }) })))
  end)
end)

describe("one of the servers", function()
  it("is not said of most connections", function()
    local _, headline = conclude({ ticket = member(0.72), psk = result("all_shared") })
    assert.equal("Most connections to this address meet a server that does not resume by ticket.", headline)
    _, headline = conclude({ ticket = member(0.5), psk = result("all_shared") })
    assert.equal("One of the servers behind this address does not resume by ticket.", headline)
  end)
end)

describe("every session resumes", function()
  local SOME, ALL = { fixed = { resumed = 1, refused = 99 } }, { fixed = { resumed = 100, refused = 0 } }

  it("is not said of a mechanism by which offers were refused", function()
    local _, headline = conclude({ psk = result("all_shared", { designs = ALL }),
      session_id = result("all_shared", { designs = SOME, forgot_at = 9 }) })
    assert.equal("Every session resumes by TLS 1.3 ticket: all servers share them, or each client always meets the "
      .. "same server.", headline)
    _, headline = conclude({ psk = result("all_shared", { designs = SOME, forgot_at = 9 }) })
    assert.equal("Sessions resume while they are young, and are forgotten soon.", headline)
  end)
end)

describe("a ticket that is never accepted", function()
  local function entry_of(more)
    local entry = { status = "completed", rate = { psk = { verdict = "not_supported", reason = "issued_not_accepted",
      attempted = 100, resumed = 0, refused = 100, errors = 0 } } }
    for name, value in pairs(more or {}) do
      entry[name] = value
    end
    return entry
  end

  local ELSEWHERE = {
    ["in the support scan"] = { support = { psk = { verdict = "supported", resumed = 5, refused = 0, errors = 0 } } },
    ["as the newest"] = { balancer = { verdict = "rotated", findings = {},
      mechanisms = { psk = { designs = { chain = { resumed = 6, refused = 0 } } } } } },
    ["as a browser's"] = { browser = { resumed = 11, attempted = 12 } },
  }

  it("is one of which none resumed anywhere", function()
    local entry = entry_of({ support = { psk = { verdict = "not_supported", resumed = 0, refused = 238, errors = 0 } },
      browser = { resumed = 0, attempted = 12 } })
    assert.equal("not_supported", conclusion.judged(entry, "psk").verdict)
    assert.truthy(cost.sentences(entry)[1]:find("every returning client pays", 1, true))
  end)

  for where, more in pairs(ELSEWHERE) do
    it("is not said of one that resumed " .. where, function()
      local judged = conclusion.judged(entry_of(more), "psk")
      assert.same({ "partially_supported", "issued_not_always_accepted", 100 },
        { judged.verdict, judged.reason, judged.refused })
      assert.truthy(cost.sentences(entry_of(more))[1]:find("whoever returns with an older session pays", 1, true))
    end)
  end

  it("keeps to its mechanism", function()
    local entry = entry_of({ browser = { resumed = 11, attempted = 12 } })
    entry.rate = { ticket = entry.rate.psk }
    assert.equal("not_supported", conclusion.judged(entry, "ticket").verdict)
  end)
end)
