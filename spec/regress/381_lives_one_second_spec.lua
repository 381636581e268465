-- nginx with ssl_session_timeout 1s and a cache was told as "ticket keys changed", or as caches that are not shared:
-- what was issued in one second of its clock is refused from the next one on, all of it at once, as after a restart.
-- What has outlived the lifetime that its server stated says nothing; and ages are counted as servers count them.

local pool = require "resum.analysis.pool"
local resum = require "resum"
local servers = require "spec.support.servers"

local PHASE = 0.37 -- when the server's seconds begin, by our clock

-- Draws from 1 to n, the same ones each time.
local function draws(seed)
  local state = seed
  return function(n)
    state = state * 16807 % 2147483647
    return state // 65536 % n + 1
  end
end

local function second(at)
  return math.floor(at + PHASE)
end

-- The journal of a scan: a session every tenth connection, which is offered for a while. Of a pool: mechanism, lifetime
-- (seconds, by the server's clock), stated (the same, in tickets), groups, lost_at (seconds: a restart).
local function scan(options)
  local draw, entries, sessions, at = draws(options.seed or 7), {}, {}, 0
  local function add(entry)
    local order = #entries + 1
    at = at + 0.025
    entry.order, entry.mechanism, entry.started, entry.ended = order, options.mechanism, 2 * order, 2 * order + 1
    entry.started_s, entry.ended_s, entry.server, entry.awaited = at, at + 0.004, draw(options.groups or 1), true
    entries[order] = entry
    return entry
  end
  local function seed()
    local entry = add({ design = "seed", outcome = "full", issued = true, sessions = 1 })
    local name = ("%032d"):format(entry.order * 7919 % 1000003):reverse()
    if options.mechanism == "session_id" then
      entry.session_id = name
    else
      entry.ticket, entry.ticket_length, entry.lifetime_s = name:sub(1, 16), 32, options.stated
    end
    sessions[#sessions + 1] = entry
  end
  for _ = 1, 8 do
    seed()
  end
  for number = 1, options.offers or 150 do
    local from = sessions[#sessions + 1 - draw(8)]
    local entry = add({ design = "fixed", from = from.order })
    local age = second(entry.started_s) - second(from.ended_s)
    local is_lost = options.lost_at and from.ended_s < options.lost_at and entry.started_s >= options.lost_at
    local resumes = entry.server == from.server and age < options.lifetime and not is_lost
    entry.outcome = resumes and "resumed" or "refused"
    if number % 10 == 0 then
      seed()
    end
  end
  return entries
end

local function judge(options)
  local result = pool.analyse(scan(options), { mechanisms = { options.mechanism }, offers_fail = false })
  local found = result.mechanisms[options.mechanism]
  return found.verdict, found.reason, found.lived_s
end

describe("sessions that live as long as one or two seconds of a server's clock", function()
  for _, lifetime in ipairs({ 1, 2 }) do
    for _, mechanism in ipairs({ "session_id", "psk" }) do
      it(("are told as that: %s, %d s"):format(mechanism, lifetime), function()
        assert.same({ "all_shared", "lifetime", lifetime }, { judge({ mechanism = mechanism, lifetime = lifetime }) })
      end)
    end
  end

  it("are told as that where the server states it", function()
    for seed = 1, 3 do
      local verdict, reason = judge({ mechanism = "psk", lifetime = 1, stated = 1, seed = seed })
      assert.same({ "all_shared", "lifetime" }, { verdict, reason }, "seed " .. seed)
    end
  end)

  it("are told sooner where the server states it, and later where it states a longer time", function()
    assert.equal("all_shared", (judge({ mechanism = "psk", lifetime = 1, stated = 1, seed = 1, offers = 60 })))
    assert.equal("all_shared", (judge({ mechanism = "psk", lifetime = 1, seed = 4, offers = 70 })))
    assert.equal("inconclusive", (judge({ mechanism = "psk", lifetime = 1, stated = 300, seed = 4, offers = 70 })))
  end)

  it("of groups that share nothing are not told as shared", function()
    for seed = 1, 2 do
      for _, stated in ipairs({ false, 1 }) do
        local verdict = judge({ mechanism = "psk", lifetime = 1, stated = stated or nil, groups = 2, seed = seed })
        assert.is_true(verdict ~= "all_shared" and verdict ~= "rotated", verdict)
      end
    end
  end)
end)

describe("sessions that outlived what their server stated", function()
  it("say nothing", function()
    local old = { mechanism = "psk", lifetime = 100, stated = 1, lost_at = 2 }
    assert.are_not.equal("rotated", (judge(old)))
    old.stated = 100
    assert.equal("rotated", (judge(old)))
  end)

  it("may resume all the same", function()
    assert.equal("all_shared", (judge({ mechanism = "psk", lifetime = 100, stated = 1 })))
  end)
end)

describe("a server of one second", function()
  teardown(servers.stop_all)

  it("shares its sessions with itself", function()
    local server = servers.nginx { session_cache = "shared:SSL:1m", session_tickets = "off",
      directives = "ssl_session_timeout 1s;" }
    local entry = assert(resum.run(server.address, { rate = true, mechanisms = { "session_id" } })).addresses[1]
    server.stop()
    local verdict = entry.balancer.mechanisms.session_id.verdict
    assert.is_true(verdict == "all_shared" or verdict == "inconclusive", verdict)
  end)
end)
