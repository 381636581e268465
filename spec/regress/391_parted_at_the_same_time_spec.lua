-- One nginx with four workers and a cache in each: the kernel gives a stretch of connections to one worker, then to
-- another, so that outcomes come in runs, and 8 of 12 scans said that nothing known explains them. Whom connections
-- meet may well hang on the moment; keys that change would look the same. Sessions that are offered while all are open
-- tell these two apart: see resum.analysis.pool.misfit.

local analysis = require "resum.analysis.pool"
local pool = require "spec.support.pool"

local SERVERS, STRETCH, CROWD = 4, 12, 10
local SEEDS = { 1, 2, 4 }

-- A journal that is written by hand.
local function new_journal(seed)
  return { entries = {}, random = pool.generator(seed), home = {}, crowds = 0, met = 1 }
end

local function note(journal, mechanism, design, server, from, is_good, crowd)
  local order = #journal.entries + 1
  journal.home[order] = from and is_good and journal.home[from] or server
  journal.entries[order] = {
    order = order, mechanism = mechanism, design = design, from = from, crowd = crowd, at_once = crowd and CROWD or 2,
    outcome = not from and "full" or is_good and "resumed" or "refused",
    session_id = (not from or not is_good) and ("%08x"):format(journal.random(2 ^ 31)):rep(4) or nil,
    issued = true, awaited = true, started = 2 * order, ended = 2 * order + 1, started_s = order / 500,
    ended_s = (order + 1) / 500, offered_before = 0,
  }
  return order
end

-- Sessions of one server, offered while connections go to one server after the other, in stretches; and each time
-- `good` says whether a server takes a session of another.
local function offer_in_stretches(journal, mechanism, good)
  local sessions = {}
  for i = 1, 8 do
    sessions[i] = note(journal, mechanism, "seed", i > 4 and 2 or 1)
  end
  for i = 1, 140 do
    if i % STRETCH == 1 then
      journal.met = journal.random(SERVERS)
    end
    local from = sessions[journal.random(#sessions)]
    note(journal, mechanism, "fixed", journal.met, from, good(journal, from, journal.met))
  end
end

-- A crowd of full handshakes, and its sessions offered in three others.
local function gather(journal, mechanism, good)
  local sessions = {}
  journal.crowds = journal.crowds + 1
  for i = 1, CROWD do
    sessions[i] = note(journal, mechanism, "look", journal.random(SERVERS), nil, nil, journal.crowds)
  end
  for _ = 1, 3 do
    journal.crowds = journal.crowds + 1
    for i = CROWD, 2, -1 do
      local j = journal.random(i)
      sessions[i], sessions[j] = sessions[j], sessions[i]
    end
    for i = 1, CROWD do
      local server = journal.random(SERVERS)
      note(journal, mechanism, "confirm", server, sessions[i], good(journal, sessions[i], server), journal.crowds)
    end
  end
end

local function at_home(journal, from, server)
  return journal.home[from] == server
end

-- All servers take the sessions of one key for a quarter of a second, and then those of another.
local function by_moment(journal, from)
  return journal.home[from] % 2 == #journal.entries // 125 % 2
end

local function judge(seed, good, crowds)
  local journal = new_journal(seed)
  for _, mechanism in ipairs({ "session_id", "ticket" }) do
    offer_in_stretches(journal, mechanism, mechanism == "ticket" and function() return true end or good)
  end
  for _ = 1, crowds do
    gather(journal, "session_id", good)
  end
  return analysis.analyse(journal.entries, { mechanisms = { "session_id", "ticket" } }).mechanisms.session_id
end

describe("sessions that are refused in runs", function()
  it("are told as groups where crowds part them", function()
    for _, seed in ipairs(SEEDS) do
      local result = judge(seed, at_home, 2)
      assert.same({ "nothing_shared", true }, { result.verdict, result.fit.fits })
    end
  end)

  it("are unexplained where there was no crowd", function()
    for _, seed in ipairs(SEEDS) do
      local result = judge(seed, at_home, 0)
      assert.is_not.equal("nothing_shared", result.verdict)
    end
  end)

  it("are unexplained where those of a crowd fare alike, or all the other way round", function()
    for _, seed in ipairs(SEEDS) do
      local result = judge(seed, by_moment, 2)
      assert.is_not.equal("nothing_shared", result.verdict)
    end
  end)
end)
