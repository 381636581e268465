-- Where a server broke handshakes off, as for want of a client certificate, the report said that a server seemed to be
-- down and gave a share that offers had thinned, as the probe leaves when it is refused. It also suspected a limit on
-- connections where each had got a ServerHello; and of 97 failures in 100 it said that "one server" might be down.

local advice = require "resum.analysis.advice"
local conclusion = require "resum.analysis.conclusion"
local evidence = require "resum.analysis.pool.evidence"
local findings = require "resum.analysis.pool.findings"
local sighting = require "resum.analysis.pool.sighting"

local function tallies(offers, full)
  return { psk = { sequence = {}, label = {}, offers_tally = offers, full_tally = full } }
end

local function sentence(finding)
  finding.code = "connections_failed"
  return findings.sentence(finding)
end

local function found(offers, full)
  for _, finding in ipairs(findings.of({ results = {}, all = tallies(offers, full), verdict = "nothing_shared" })) do
    if finding.code == "connections_failed" then
      return finding
    end
  end
end

describe("connections that fail", function()
  it("are counted by full handshakes where these certainly fail more often", function()
    local finding = found({ resumed = 100, refused = 190, failed = 10, begun = 10 },
      { answered = 66, failed = 33, begun = 33, cut_short = 0 })
    assert.same({ share = 33 / 99, full = true, begun = true, code = "connections_failed" }, finding)
    assert.equal("About 33 % of the full handshakes failed, most of them after a server had begun to answer.",
      sentence(finding))
  end)

  it("are counted together else, and where too few full handshakes were made to tell", function()
    assert.equal(0.25, found({ resumed = 60, refused = 0, failed = 20, begun = 0 },
      { answered = 60, failed = 20, begun = 0, cut_short = 0 }).share)
    assert.is_nil(found({ resumed = 290, refused = 0, failed = 0, begun = 0 },
      { answered = 4, failed = 2, begun = 0, cut_short = 0 }))
    assert.is_nil(found({ resumed = 290, refused = 0, failed = 10, begun = 0 },
      { answered = 92, failed = 8, begun = 0, cut_short = 0 }))
  end)

  it("are those of a server that is down where none began to answer, and it may be one of several", function()
    assert.equal("About 33 % of the connections failed, as they would if one server were down.",
      sentence({ share = 0.33 }))
    assert.equal("About 97 % of the connections failed.", sentence({ share = 0.97 }))
    assert.equal("About 50 % of the connections failed, as they would if one server were down.",
      sentence({ share = 0.5 }))
    assert.is_nil(found({ resumed = 60, refused = 0, failed = 20, begun = 10 },
      { answered = 60, failed = 20, begun = 10, cut_short = 0 }).begun)
    assert.is_true(found({ resumed = 60, refused = 0, failed = 20, begun = 11 },
      { answered = 60, failed = 20, begun = 10, cut_short = 0 }).begun)
  end)

  it("are not those of a version that nobody speaks", function()
    local function found_of(all)
      for _, finding in ipairs(findings.of({ results = {}, all = all, verdict = "nothing_shared" })) do
        if finding.code == "connections_failed" then
          return finding.share
        end
      end
    end
    local spoken = { resumed = 90, refused = 110, failed = 0 }
    local all = tallies({ resumed = 0, refused = 0, failed = 0 }, { answered = 0, failed = 26, cut_short = 0 })
    assert.equal(1, found_of(all)) -- nobody answers at all
    all.session_id = tallies(spoken, { answered = 60, failed = 0, cut_short = 0 }).psk
    assert.is_nil(found_of(all))
  end)

  it("are told as they failed in the first sentence, too", function()
    local steps = advice.of({ status = "completed", balancer = { verdict = "all_shared",
      findings = { { code = "connections_failed", share = 0.3, begun = true } } } })
    assert.equal("About 30 % of the connections failed, most of them after a server had begun to answer.", steps[1].why)
  end)

  it("got a ServerHello where facts show its cipher suite", function()
    local function entry(outcome, facts)
      local one = { order = 1, mechanism = "psk", design = "seed", started = 1, ended = 2 }
      sighting.read(one, { outcome = outcome, facts = facts, mechanism = "psk" })
      return one
    end
    local all = evidence.read({ entry("alert", { cipher = "TLS_AES_128_GCM_SHA256", alerts = {} }),
      entry("closed", {}), entry("reset") })
    assert.same({ answered = 0, failed = 3, begun = 1, cut_short = 0 }, all.psk.full_tally)
  end)
end)

describe("a limit on connections", function()
  local function entry_of(share, support, begun)
    local rate = { verdict = "supported", attempted = 100, errors = 30, error_kinds = { closed = 30 }, resumed = 70,
      refused = 0, concurrency = 10 }
    return { status = "completed", rate = { psk = rate }, support = support,
      balancer = { verdict = "all_shared",
        findings = { { code = "connections_failed", share = share, begun = begun } } } }
  end

  local function says(entry, what)
    return table.concat(conclusion.of_mechanisms(entry), " "):find(what, 1, true) ~= nil
  end

  local function judged(errors)
    return { verdict = "supported", attempted = 5, resumed = 5, refused = 0, errors = errors, error_kinds = {} }
  end

  local LIMIT = "the server may limit their number"

  it("is suspected where connections are turned away before they begin", function()
    assert.is_true(says(entry_of(0.3, { psk = judged(0) }), LIMIT))
    assert.is_false(says(entry_of(0.3, { psk = judged(0) }, true), LIMIT))
  end)

  it("is not where few connections at once fail as well, by whatever mechanism", function()
    assert.is_false(says(entry_of(0.3, { psk = judged(0), ticket = judged(2) }), LIMIT))
  end)

  it("is one of connections in a time where nearly all fail from some moment on", function()
    local TIME = "the server may limit how often a client connects. Try --delay"
    assert.is_true(says(entry_of(0.97, { psk = judged(0) }), TIME))
    assert.is_false(says(entry_of(0.97, { psk = judged(0) }), LIMIT))
    assert.is_false(says(entry_of(0.5, { psk = judged(0) }), TIME))
    assert.is_false(says(entry_of(0.97), TIME))
    assert.is_false(says(entry_of(0.97, { psk = judged(1) }), TIME))
  end)
end)
