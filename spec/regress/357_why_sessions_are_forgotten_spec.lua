-- Of sessions with a lifetime of two seconds the report said that "the cache is so small that our own sessions filled
-- it": in a scan, the time that a session has waited and the sessions that were issued since grow together.

local pool = require "resum.analysis.pool"
local words = require "resum.analysis.pool_words"

-- A cache that keeps its newest sessions, or sessions of some seconds: of one server, asked once in so many seconds.
local function scan(cache, pause)
  local entries, now, issued = {}, 0, 0
  local sessions = {}
  local function add(fields)
    local order = #entries + 1
    now = now + pause(order)
    fields.order, fields.mechanism, fields.started, fields.ended = order, "session_id", 2 * order, 2 * order + 1
    fields.started_s, fields.ended_s = now, now + 0.001
    entries[order] = fields
    return order
  end
  local seed = 11
  for i = 1, 240 do
    seed = (seed * 48271) % 2147483647
    if i % 4 == 1 or #sessions == 0 then
      issued = issued + 1
      local order = add({ design = "seed", outcome = "full", issued = true, sessions = 1,
        session_id = ("%08d"):format(i * 7919 % 100000000):rep(4) })
      sessions[#sessions + 1] = { order = order, at = now, number = issued }
    else
      local one = sessions[seed % #sessions + 1]
      local kept = cache.size and issued - one.number < cache.size or cache.seconds and now - one.at < cache.seconds
      add({ design = "fixed", from = one.order, outcome = kept and "resumed" or "refused" })
    end
  end
  return pool.analyse(entries, { mechanisms = { "session_id" } })
end

local function steadily()
  return 0.02
end

-- Now and then nothing happens for a while, in which sessions age and no cache fills up.
local function with_rests(order)
  return order % 24 == 0 and 3 or 0.001
end

local function forgetting(summary)
  for _, finding in ipairs(summary.findings) do
    if finding.code == "forgets" then
      return true, finding.reason, table.concat(summary.evidence, " ")
    end
  end
  return false
end

describe("sessions that are forgotten", function()
  it("are, for whatever reason, where time and number grow together", function()
    for _, cache in ipairs({ { size = 30 }, { seconds = 2.4 } }) do
      local found, reason, said = forgetting(scan(cache, steadily))
      assert.same({ true, nil }, { found, reason })
      assert.truthy(said:find("a short lifetime, a small cache or a restart does that.", 1, true))
    end
  end)

  it("are for want of room where those that have waited long are kept", function()
    local found, reason = forgetting(scan({ size = 20 }, with_rests))
    assert.same({ true, "capacity" }, { found, reason })
  end)

  it("are told with the reason that is known", function()
    local function said(reason)
      local _, evidence = words.of({ verdict = "all_shared",
        findings = { { code = "forgets", mechanism = "session_id", reason = reason } } })
      return evidence[1]
    end
    assert.equal("Old session IDs were forgotten while the scan ran: the cache is so small that our own sessions "
      .. "filled it.", said("capacity"))
    assert.equal("Old session IDs were forgotten while the scan ran: their lifetime is short.", said("lifetime"))
  end)
end)
