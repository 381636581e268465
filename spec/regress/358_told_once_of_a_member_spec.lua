-- A member without session IDs was told twice where session IDs decide; and where nothing known explains which session
-- IDs are refused, as of a server that forgets those whose connections break, they were said to lie in several caches.
-- Of three servers the one without session IDs was said to have a fifth of the connections.

local concluded = require "spec.support.concluded"
local pool = require "resum.analysis.pool"
local words = require "resum.analysis.pool_words"

local result = concluded.result

local function conclude(ids)
  local results = { session_id = ids, psk = result("all_shared") }
  local summary = concluded.of(results)
  local _, evidence = words.of(summary)
  return summary.verdict, evidence
end

local function count(list, pattern)
  local times = 0
  for _, sentence in ipairs(list) do
    times = times + (sentence:find(pattern) and 1 or 0)
  end
  return times
end

describe("a member without session IDs", function()
  it("is told once, whichever mechanism decides", function()
    for groups = 1, 2 do
      local _, evidence = conclude(result("bad_member", { groups = groups, reason = "issues_nothing",
        member = { share = 0.3, how = "issues_nothing" } }))
      assert.equal(1, count(evidence, "of the connections meet a server"))
    end
  end)
end)

-- Three servers in turns, of which the third has no session IDs; the probe offers those of the others, and leaves when
-- it is refused.
local function without_ids_at_one()
  local entries, homes, seed = {}, {}, 7
  local function add(fields)
    local order = #entries + 1
    fields.order, fields.started, fields.ended = order, 2 * order, 2 * order + 1
    fields.mechanism = fields.mechanism or "session_id"
    fields.session_id = fields.issued and ("%08d"):format(order * 7919 % 100000000):rep(4) or nil
    entries[order] = fields
    return order
  end
  local psk = add({ mechanism = "psk", design = "seed", outcome = "full" })
  for _ = 1, 41 do -- what resumes in another way
    add({ mechanism = "psk", design = "fixed", outcome = "resumed", from = psk })
  end
  for _ = 1, 60 do
    local has = (#entries + 1) % 3 > 0
    local order = add({ design = "seed", outcome = "full", issued = has, sessions = has and 1 or nil })
    homes[#homes + 1] = has and order or nil
  end
  for _ = 1, 120 do
    seed = (seed * 48271) % 2147483647
    local from, order = homes[seed % #homes + 1], #entries + 1
    local resumed = (order - from) % 3 == 0
    add({ design = "fixed", from = from, outcome = resumed and "resumed" or "refused",
      issued = not resumed and order % 3 > 0 or nil })
  end
  return entries
end

describe("the share of a member without session IDs", function()
  it("is that of full handshakes, as offers show it seldom", function()
    local summary = pool.analyse(without_ids_at_one(), { mechanisms = { "psk", "session_id" } })
    local found = summary.mechanisms.session_id.member
    assert.same({ "issues_nothing", 1 / 3 }, { found.how, found.share })
    assert.is_true(found.interval[1] < 1 / 3 and found.interval[2] > 1 / 3)
  end)
end)

describe("session IDs beside tickets that all share", function()
  it("are in several caches where all that would say otherwise is refuted", function()
    assert.equal("keys_shared_caches_not", (conclude(result("inconclusive", { not_shared = true }))))
    assert.equal("all_shared", (conclude(result("inconclusive", { not_shared = false }))))
  end)

  it("are not said to be where nothing known explains which are refused", function()
    local verdict, evidence = conclude(result("unexplained", { not_shared = true, groups = 2 }))
    assert.equal("all_shared", verdict)
    assert.equal(1, count(evidence, "Nothing known explains which session IDs are refused."))
  end)
end)
