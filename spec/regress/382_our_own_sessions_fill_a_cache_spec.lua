-- A server with a cache of 20 or 60 sessions was told as several that share nothing, or nothing was certain: our own
-- scan had overrun the cache. What filled it was counted by the tickets that were seen, and those which the server sent
-- on resumptions of the probe are not; or by connections, of which many leave nothing in a cache.

local pool = require "resum.analysis.pool"
local resum = require "resum"
local servers = require "spec.support.servers"

-- Draws from 1 to n, the same ones each time.
local function draws(seed)
  local state = seed
  return function(n)
    state = state * 16807 % 2147483647
    return state // 65536 % n + 1
  end
end

-- The journal of a scan of a server that keeps so many sessions: two of each full handshake, one of each resumption,
-- which the probe does not wait for (one in four connections does), none of what the probe gave up, and none where
-- tickets hold all state. All of a session ID's, too.
local function scan(room, seed)
  local draw, entries, sessions, issued = draws(seed), {}, {}, 0
  local function add(entry)
    entry.order = #entries + 1
    entry.started, entry.ended = 2 * entry.order, 2 * entry.order + 1
    entries[entry.order] = entry
    return entry
  end
  local function seed_session()
    local entry = add({ mechanism = "psk", design = "seed", outcome = "full", issued = true, sessions = 2,
      awaited = true, ticket = ("%016d"):format(draw(30000)), ticket_length = 32 })
    issued = issued + 2
    entry.place = issued
    sessions[#sessions + 1] = entry
  end
  for number = 1, 240 do
    if number <= 8 or number % 12 == 0 then
      seed_session()
    end
    local from = sessions[#sessions + 1 - draw(math.min(8, #sessions))]
    local resumes, waits = issued - from.place < room, draw(4) == 1
    add({ mechanism = "psk", design = "fixed", from = from.order, outcome = resumes and "resumed" or "refused",
      awaited = waits or nil, ticket = resumes and waits and ("%016d"):format(draw(30000)) or nil, ticket_length = 32,
      sessions = resumes and waits and 1 or nil })
    issued = issued + (resumes and 1 or 0)
    if draw(3) == 1 then -- of another mechanism, whose tickets hold all state
      add({ mechanism = "ticket", design = "seed", outcome = "full", issued = true, sessions = 1, awaited = true,
        ticket = "key name of ours", ticket_length = 192 })
    end
  end
  return entries
end

describe("a cache that our own sessions fill", function()
  for _, room in ipairs({ 20, 40, 60 }) do
    it("is told as that: " .. room, function()
      for seed = 1, 3 do
        local summary = pool.analyse(scan(room, seed), { mechanisms = { "psk" }, offers_fail = false })
        assert.same({ "all_shared", "capacity" }, { summary.mechanisms.psk.verdict, summary.mechanisms.psk.reason },
          "seed " .. seed)
      end
    end)
  end
end)

-- The same of a cache in rows, in one of which each session is put by its ID: as wolfSSL's, 11 rows of 3. Session IDs.
local function scan_rows(rows, to_a_row, seed)
  local draw, entries, sessions, row = draws(seed), {}, {}, {}
  local function add(entry)
    entry.order = #entries + 1
    entry.started, entry.ended, entry.mechanism = 2 * entry.order, 2 * entry.order + 1, "session_id"
    entries[entry.order] = entry
    return entry
  end
  for number = 1, 200 do
    if number <= 8 or number % 2 == 0 then
      local entry = add({ design = "seed", outcome = "full", issued = true, awaited = true,
        session_id = ("%08d"):format(draw(30000) * 3001):reverse() .. ("%024d"):format(number) })
      entry.row = draw(rows)
      row[entry.row] = row[entry.row] or {}
      table.insert(row[entry.row], 1, entry)
      row[entry.row][to_a_row + 1] = nil
      sessions[#sessions + 1] = entry
    end
    local from = sessions[#sessions + 1 - draw(math.min(24, #sessions))]
    local resumes = false
    for _, entry in ipairs(row[from.row]) do
      resumes = resumes or entry == from
    end
    add({ design = "fixed", from = from.order, outcome = resumes and "resumed" or "refused" })
  end
  return entries
end

describe("a cache in rows that our own sessions fill", function()
  for _, shape in ipairs({ { 11, 3 }, { 20, 1 } }) do
    it(("is told as that: %d rows of %d"):format(shape[1], shape[2]), function()
      for seed = 1, 4 do
        local summary = pool.analyse(scan_rows(shape[1], shape[2], seed),
          { mechanisms = { "session_id" }, offers_fail = false })
        assert.equal("all_shared", summary.mechanisms.session_id.verdict, "seed " .. seed)
      end
    end)
  end
end)

describe("a server with a cache of 20 sessions", function()
  teardown(servers.stop_all)

  it("is one", function()
    local server = servers.nginx { session_cache = "builtin:20", session_tickets = "off" }
    local entry = assert(resum.run(server.address, { rate = true, mechanisms = { "psk" } })).addresses[1]
    server.stop()
    assert.equal("all_shared", entry.balancer.mechanisms.psk.verdict)
  end)
end)
