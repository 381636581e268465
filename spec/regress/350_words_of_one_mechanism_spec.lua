-- A sentence about an address said of a server what only one mechanism shows: "does not resume" of one that resumes by
-- TLS 1.3 tickets, "issues no session" of one without tickets. And that a single server looks the same was said beside
-- session IDs that several servers had just been told by.

local concluded = require "spec.support.concluded"
local findings = require "resum.analysis.pool.findings"
local words = require "resum.analysis.pool_words"

local result = concluded.result

local function member(how, groups)
  return result("bad_member", { groups = groups, member = { share = 0.33, how = how } })
end

local function conclude(results, all)
  local summary = concluded.of(results, all)
  local headline, evidence = words.of(summary)
  return summary, headline, table.concat(evidence, " ")
end

describe("a member that fails by some mechanisms only", function()
  it("is said to by these, and to lack what they use", function()
    local _, headline = conclude({ psk = result("all_shared"), ticket = member("other_version"),
      session_id = member("other_version") })
    local evidence
    assert.equal("A server behind this address does not resume by session ID, and a server, perhaps the same one, not "
      .. "by ticket.", headline)
    _, headline, evidence = conclude({ psk = result("all_shared"),
      ticket = member("issues_nothing"), session_id = result("nothing_shared", { groups = 3 }) })
    assert.equal("One of the servers behind this address does not resume by ticket.", headline)
    assert.truthy(evidence:find("About 33 % of the connections meet a server that issues no ticket.", 1, true))
    _, headline, evidence = conclude({ psk = member("never_accepts"), ticket = result("all_shared") })
    assert.equal("One of the servers behind this address does not resume by TLS 1.3 ticket.", headline)
    assert.truthy(evidence:find("a server that issues TLS 1.3 tickets and never accepts them.", 1, true))
  end)

  it("is said not to resume at all where it fails by each that anything resumes by", function()
    local _, headline, evidence = conclude({ psk = member("issues_nothing"), ticket = member("issues_nothing"),
      session_id = result("no_resumption") })
    assert.equal("One of the servers behind this address does not resume.", headline)
    assert.truthy(evidence:find("a server that issues no session.", 1, true))
  end)

  it("is told with what it does, where another mechanism decides", function()
    for how, does in pairs({ issues_nothing = "meet a server without session IDs.",
      never_accepts = "meet a server that issues session IDs and never accepts them.",
      other_version = "that ask for session IDs meet a server that does not speak TLS 1.2." }) do
      local summary, _, evidence = conclude({ psk = result("all_shared"), session_id = member(how, 1) })
      assert.equal("all_shared", summary.verdict)
      assert.truthy(evidence:find("About 33 % of the connections " .. does, 1, true))
    end
  end)
end)

describe("a balancer that may lead each client to one server", function()
  local function is_doubted(results, all)
    local summary, headline = conclude(results, all)
    for _, finding in ipairs(summary.findings) do
      if finding.code == "stickiness_unknown" then
        return true, headline, summary
      end
    end
    return false, headline, summary
  end

  it("is thought of where one server was seen, and all resumes", function()
    assert.is_true(is_doubted({ psk = result("all_shared"), session_id = result("no_resumption") }))
  end)

  it("is not where session IDs tell several servers", function()
    local doubted, headline, summary = is_doubted({ psk = result("all_shared"),
      session_id = member("issues_nothing", 2) })
    assert.same({ false, "keys_shared_caches_not" }, { doubted, summary.verdict })
    assert.equal("The servers, or the processes of one, share their ticket keys, but not their session caches.",
      headline)
    doubted, headline = is_doubted({ psk = result("all_shared"), session_id = member("issues_nothing", 1) })
    assert.same({ false, "Every session resumes by TLS 1.3 ticket: the servers share them." }, { doubted, headline })
  end)

  it("is not where servers are configured differently", function()
    local all = concluded.evidence()
    for i = 1, 4 do
      all.sequence[i] = { order = i, outcome = "full", lifetime_s = i % 2 == 0 and 300 or 7200 }
    end
    local doubted, headline = is_doubted({ psk = result("all_shared") }, all)
    assert.same({ false, "Every session resumes: the servers share them." }, { doubted, headline })
    all.sequence[4] = nil -- what is seen once tells nothing
    assert.is_true(is_doubted({ psk = result("all_shared") }, all))
  end)

  it("keeps its code", function()
    assert.is_truthy(findings.by_code.stickiness_unknown)
  end)
end)
