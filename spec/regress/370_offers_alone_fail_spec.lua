-- Where every connection failed that offered a session, and no other, the report went on: "About 85 % of the
-- connections failed, as they would if one server were down", and "switch resumption on", as the cause that it had just
-- named did not count as one.

local advice = require "resum.analysis.advice"
local findings = require "resum.analysis.pool.findings"

local ALL_FAIL = { failed = 39, resumed = 0, refused = 0 }
local NONE_FAILS = { failed = 0, answered = 8, cut_short = 0 }

-- Findings by code where these offers and full handshakes were made, by mechanism.
local function found(tallies, fails)
  local all, results = {}, {}
  for name, tally in pairs(tallies) do
    all[name] = { offers_tally = tally[1], full_tally = tally[2], sequence = {}, label = {} }
    results[name] = { verdict = "fails_on_resumption", fails = fails[name] and { share = 1 } }
  end
  local codes = {}
  for _, finding in ipairs(findings.of({ results = results, all = all, verdict = "fails_on_resumption" })) do
    codes[finding.code] = finding.share or true
  end
  return codes
end

describe("connections that fail because they offer a session", function()
  it("are no server that is down", function()
    assert.is_nil(found({ session_id = { ALL_FAIL, NONE_FAILS } }, { session_id = true }).connections_failed)
  end)

  it("are none where offers of another mechanism do not fail either", function()
    assert.is_nil(found({ session_id = { ALL_FAIL, NONE_FAILS }, psk = { { failed = 1, resumed = 30, refused = 0 },
      NONE_FAILS } }, { session_id = true }).connections_failed)
  end)

  it("do not hide that full handshakes fail as well", function()
    assert.equal(0.25, found({ session_id = { ALL_FAIL, { failed = 2, answered = 6, cut_short = 0 } } },
      { session_id = true }).connections_failed)
  end)

  it("are counted with the others while it is not certain that only they fail", function()
    assert.equal(0.25, found({ psk = { { failed = 10, resumed = 30, refused = 0 }, NONE_FAILS },
      session_id = { { failed = 6, resumed = 2, refused = 0 }, NONE_FAILS } }, {}).connections_failed)
  end)
end)

describe("what to do where a mechanism fails and another is off", function()
  local function texts(entry)
    local list = {}
    for i, step in ipairs(advice.of(entry)) do
      list[i] = step.text
    end
    return table.concat(list, "\n")
  end

  for reason, verdict in pairs({ fails_on_resumption = "fails_on_resumption", late_cache = "late_cache" }) do
    it("is to mend the cause: " .. reason, function()
      local rate = { session_id = { verdict = "not_supported", reason = reason },
        ticket = { verdict = "not_supported", reason = "not_issued" } }
      local text = texts({ status = "completed", rate = rate, balancer = { verdict = verdict, findings = {} } })
      assert.is_true(#text > 0)
      assert.is_nil(text:find("Switch resumption on", 1, true))
    end)
  end

  it("is to switch resumption on where no cause is known", function()
    local rate = { session_id = { verdict = "not_supported", reason = "issued_not_accepted" },
      ticket = { verdict = "not_supported", reason = "not_issued" } }
    assert.matches("Switch resumption on",
      texts({ status = "completed", rate = rate, balancer = { verdict = "no_resumption", findings = {} } }))
  end)
end)
