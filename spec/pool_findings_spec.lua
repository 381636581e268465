--- What else is said of a pool: each finding declares its code, its fields and its sentence in one place, and says
-- nothing that it does not declare.

local findings = require "resum.analysis.pool.findings"
local page = require "spec.support.page"

-- What connections show of their server, one after another.
local function evidence(shown, property)
  local sequence, label, labels = {}, {}, {}
  for order, value in ipairs(shown) do
    labels[value] = labels[value] or { value = value }
    sequence[order] = { order = order, outcome = "full", [property] = value }
    label[order] = labels[value]
  end
  return { sequence = sequence, entries = sequence, label = label,
    offers_tally = { failed = 0, resumed = 0, refused = 0 },
    full_tally = { failed = 0, answered = #sequence, cut_short = 0 } }
end

-- What findings are found in: what mechanisms come to, what was seen, and the verdict on the whole.
local function context(results, seen, more)
  local made = { results = results or {}, all = {}, verdict = "nothing_shared" }
  for name in pairs(made.results) do
    made.all[name] = evidence({}, "leaf")
  end
  made.all.psk = seen or made.all.psk
  for name, value in pairs(more or {}) do
    made[name] = value
  end
  return made
end

local FAILING = evidence({ "a" }, "leaf")
FAILING.full_tally.failed = 1

local CUT = evidence({}, "leaf")
CUT.full_tally = { failed = 0, answered = 20, cut_short = 10 }

-- Key B follows A after 20 connections, with which A has gone.
local keys = {}
for order = 1, 40 do
  keys[order] = order <= 20 and "A" or "B"
end
local CHANGED = evidence(keys, "name")

-- Each ticket names a key of its own.
local function with_new_keys(count)
  local made = evidence({}, "leaf")
  made.entries = {}
  for i = 1, count do
    made.entries[i] = { ticket = ("key %012d"):format(i), ticket_length = 160 }
  end
  return made
end

-- All resume but those that were offered in a crowd, of which one in ten does.
local CROWDED = evidence({}, "leaf")
CROWDED.offers = {}
for i = 1, 40 do
  CROWDED.offers[i] = { resumed = i > 18, entry = { order = i, crowd = i <= 20 and 1 or nil } }
end

-- What brings each finding about, and the finding.
local CASES = {
  mixed_configuration = { context(nil, evidence({ "a", "a", "b", "b" }, "leaf")), { property = "leaf" } },
  no_resumption = { context({ ticket = { verdict = "no_resumption", reason = "not_issued" } }),
    { mechanism = "ticket", reason = "not_issued" } },
  new_key_each_time = { context({ psk = { verdict = "no_resumption" } }, with_new_keys(60)),
    { mechanism = "psk", tickets = 60 } },
  forgets = { context({ psk = { forgot_at = 7, reason = "lifetime", lived_s = 2 } }),
    { mechanism = "psk", at = 7, reason = "lifetime", lived_s = 2 } },
  late_cache = { context({ session_id = { late_by = 0.3 } }), { mechanism = "session_id", delay_s = 0.3 } },
  inconclusive = { context({ psk = { verdict = "inconclusive", reason = "errors" } }),
    { mechanism = "psk", reason = "errors" } },
  unexplained = { context({ psk = { verdict = "unexplained", reason = "second" } }),
    { mechanism = "psk", reason = "second" } },
  others_share_nothing = { context({ psk = { member = { share = 0.3 }, named = true, groups = 2 } }),
    { mechanism = "psk" } },
  some_issue_none = { context({ psk = { member = { share = 0.3, how = "never_accepts" }, groups = 1 } }),
    { mechanism = "psk", share = 0.3, how = "never_accepts" } },
  fails_on_resumption = { context({ psk = { fails = { share = 0.2, p = 0.001 } } }),
    { mechanism = "psk", share = 0.2 } },
  connections_failed = { context(nil, FAILING), { share = 0.5 } },
  cut_short = { context({ psk = {} }, CUT), { mechanism = "psk", share = 0.5 } },
  keys_renewed = { context({ psk = { renewed_at = 30, refused_on_the_way = true } }),
    { mechanism = "psk", at = 30, refused = true } },
  group_came = { context({ psk = {} }, CHANGED), { mechanism = "psk", at = 21 } },
  group_went = { context({ psk = {} }, CHANGED), { mechanism = "psk", at = 20 } },
  crowds_are_refused = { context({ psk = {} }, CROWDED), { mechanism = "psk", share = 0.9 } },
  stickiness_unknown = { context(nil, nil, { verdict = "all_shared", sources = { "127.0.0.1", "127.0.0.2" } }),
    { sources = 2 } },
}

local function with_code(list, code)
  local found
  for _, finding in ipairs(list) do
    found = found or finding.code == code and finding or nil
  end
  return found
end

describe("the findings of a pool", function()
  it("are all tried here, and no others", function()
    assert.same({}, page.differences(findings.by_code, CASES))
  end)

  for code, case in pairs(CASES) do
    it("say " .. code .. " with the fields that it declares, and in words that need no other", function()
      local declared, expected = { code = true }, { code = code }
      for _, name in ipairs(findings.by_code[code].fields) do
        declared[name] = true
      end
      for name, value in pairs(case[2]) do
        expected[name] = value
      end
      for _, found in ipairs(findings.by_code[code].find(case[1])) do
        for name in pairs(found) do
          assert.is_true(declared[name], name)
        end
      end
      assert.same(expected, with_code(findings.of(case[1]), code))
      local sentence = findings.sentence(setmetatable({}, { __index = function(_, name)
        assert.is_true(declared[name], name)
        return expected[name]
      end }))
      assert.matches("^%u.*%.$", sentence)
      assert.is_nil(sentence:find("_", 1, true) or sentence:find("nil", 1, true), sentence)
    end)
  end

  local function codes(...)
    local list = {}
    for i, finding in ipairs(findings.of(context(...))) do
      list[i] = finding.code
    end
    return table.concat(list, " ")
  end

  it("tell of connections that fail from 12 in 100, where one of eight servers would lose as many", function()
    local function failing(failed, answered)
      local seen = evidence({}, "leaf")
      seen.full_tally = { failed = failed, answered = answered }
      return codes(nil, seen)
    end
    assert.same({ "", "connections_failed", "connections_failed" },
      { failing(11, 89), failing(12, 88), failing(1, 7) })
    assert.equal("", failing(0, 0))
  end)

  it("tell that a balancer may go by the client's address unless six addresses met the same", function()
    local function from(count)
      local sources = {}
      for i = 1, count do
        sources[i] = "127.0.0." .. i
      end
      return codes(nil, nil, { verdict = "all_shared", sources = sources })
    end
    assert.same({ "stickiness_unknown", "stickiness_unknown", "" }, { from(0), from(5), from(6) })
  end)

  it("take servers for configured differently only where two ways were each seen twice", function()
    local function of(...)
      return codes(nil, evidence({ ... }, "cipher"))
    end
    assert.same({ "", "", "mixed_configuration" }, { of("a", "a", "b"), of("a", "a", "a"), of("a", "a", "b", "b") })
  end)

  it("have each field once, the code first", function()
    local fields = {}
    for _, name in ipairs(findings.fields) do
      assert.is_nil(fields[name], name)
      fields[name] = true
    end
    assert.equal("code", findings.fields[1])
  end)
end)
