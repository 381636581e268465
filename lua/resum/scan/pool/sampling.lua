-- What stands behind the address? Beside the plain figure's old sessions ("fixed") it makes what a browser makes: a
-- fresh session resumed on the next connection ("pairs"), and always the newest session ("chain"). The next connection
-- is the neighbour: the way for it is opened right behind the one that brings its session, and waits for that. So what
-- a balancer sees is in order, whatever goes on side by side. Then it looks closer where something is suspect. What it
-- all means resum.analysis.pool infers.
--
-- Connections for each mechanism, beside the plain figure's: 13 where everything resumed, else 32, and a closer look.
-- And for all together as many as may be open at once.

local balance = require "resum.analysis.pool"
local crowd = require "resum.scan.pool.crowd"
local follow_up = require "resum.scan.pool.follow_up"
local quick = require "resum.scan.quick"
local plain_figure = require "resum.scan.rate"
local obtaining = require "resum.scan.obtain_sessions"
local promises = require "resum.scan.promise"
local random = require "resum.util.random"
local side_by_side = require "resum.util.side_by_side"
local spending = require "resum.connection.spending"
local tables = require "resum.util.tables"
local vocabulary = require "resum.analysis.vocabulary"

local M = { name = "balancer", recorded = true, summary = "what stands behind the address, and what to do about it" }

M.defaults = { attempts = 100 }

-- For each hundred attempts of the plain figure, where all sessions end alike and where they don't: so many rounds of
-- so many pairs, chains and old sessions (one more or less, so that no rotation falls into step; where all end alike,
-- these come in a crowd and after it). Rounds, so that a change over time meets all of them.
local WELL = { rounds = 1, pairs = 4, chains = 1, old = 0 }
local MIXED = { rounds = 2, pairs = 5, chains = 1, old = 4 }
-- Old sessions offered after the crowd: of each mechanism, one more or less, and at a time.
local AFTER_CROWD, FEW = 2, 3
local LINKS = 3 -- of a chain, behind its first connection; the last one's way is open all the time
local LOOKS = 20 -- full handshakes where none has issued anything so far
-- Where so many resume, the others may be those that a crowd met; where fewer do, several servers are met in any case
-- (two that share nothing let half resume, or 0.8 where one is eight times the other).
local MOSTLY = 0.8
-- Neighbours dropped while they waited, of so many, after which none waits any more: a server may mind idle
-- connections.
local MINDS_IDLING = { least = 3, share = 0.5 }

-- Connections in the crowd: what else the scan makes at once.
local function crowd_of(options)
  local at_once = options.concurrency or 10
  return at_once > 1 and at_once or 0
end

--- How many connections it makes, where none fails and the server speaks the mechanisms' versions.
-- @tparam table options mechanisms, attempts, concurrency, quick
-- @treturn table least (everything resumes; with quick see resum.scan.quick) and most (some sessions are refused)
function M.connections(options)
  if options.quick then
    return quick.connections(options)
  end
  local function made(size, old)
    local rounds = math.max(1, math.floor(size.rounds * options.attempts / 100))
    return #options.mechanisms * rounds * (2 * size.pairs + size.chains * (1 + LINKS) + old)
  end
  local most = made(MIXED, MIXED.old + 1)
  local of_rate = setmetatable({ engine = options.engine or plain_figure.defaults.engine }, { __index = options })
  local before = 1 + most + plain_figure.connections(of_rate).most
  return { least = made(WELL, AFTER_CROWD - 1) + crowd_of(options),
    most = most + follow_up.most_connections(options.mechanisms, before) }
end

-- One scan at work.
local Scan = {}
Scan.__index = Scan

function Scan:attempt(mechanism, design, more)
  return self.journal:attempt(tables.merged({
    mechanism = mechanism,
    design = design,
    want_tickets = true,
    engine = "handshake", -- it goes through with what it was refused, and so shows who refused
  }, more))
end

-- The newest session that a connection left: its own, or the one that it resumed; none, where that is spent.
local function left_by(record, offered)
  local session = record.sessions[#record.sessions] or offered
  return session and not spending.is_spent(session) and session or nil
end

-- One of the neighbours: it offers what the one before it was promised, and promises what it brings itself.
function Scan:link(mechanism, design, place, source, before, mine)
  local offered
  local _, entry = self:attempt(mechanism, design, {
    place = place,
    source = source,
    late = before and function()
      offered = before:get()
      return offered
    end or nil,
    on_goodbye = function(record)
      mine:set(left_by(record, offered))
    end,
  })
  return entry
end

-- Connections that start one behind the other, each with what the one before it brought. They come from one address.
function Scan:neighbours(mechanism, design, count)
  local journal, jobs, promised, entries = self.journal, {}, {}, {}
  local places = not self.one_by_one and journal.line:places(count)
  local source = journal:next_source()
  for i = 1, count do
    promised[i] = promises.new(journal.host)
    jobs[i] = function()
      local place = places and places[i] or journal.line:places(1, i > 1)[1]
      entries[i] = promised[i]:settle(self.link, self, mechanism, design, place, source, promised[i - 1], promised[i])
    end
  end
  side_by_side.run(journal.host, jobs, self.one_by_one and 1 or count)
  if places then
    self:watch_idling(entries)
  end
end

local DROPPED = { closed = true, reset = true }

-- Servers that drop who waits: their neighbours show nothing, and are made anew, one after another.
function Scan:watch_idling(entries)
  local idle = self.idle
  for i = 2, #entries do
    idle.seen = idle.seen + 1
    idle.dropped[#idle.dropped + 1] = DROPPED[entries[i].outcome] and entries[i] or nil
  end
  if #idle.dropped >= math.max(MINDS_IDLING.least, MINDS_IDLING.share * idle.seen) then
    self.one_by_one = true
    for _, entry in ipairs(idle.dropped) do
      self.journal:leave_out(entry, "idle")
    end
    self.idle = { seen = 0, dropped = {} }
  end
end

-- The sessions that the plain figure offered.
function Scan:old_sessions(mechanism)
  local list = {}
  for _, entry in ipairs(self.journal.entries) do
    if entry.mechanism == mechanism and entry.design == "seed" and self.journal.newest[entry.order] then
      list[#list + 1] = self.journal.newest[entry.order]
    end
  end
  return list
end

-- One of the old sessions; none, where it is good no more.
function Scan:old_one(mechanism)
  local old = self.old[mechanism]
  local session = #old > 0 and not self.single_use[mechanism] and old[random.integer(#old)]
  return session and not self.journal:expired(session) and not spending.is_spent(session) and session or nil
end

-- One of them, once more.
function Scan:offer_old(mechanism)
  local session = self:old_one(mechanism)
  if session then
    self:attempt(mechanism, "fixed", { session = session })
  end
end

local function mostly_resumes(rate)
  return rate.resumed > 0 and rate.resumed >= MOSTLY * (rate.resumed + rate.refused)
end

-- Some of them, of all that mostly resume, while as many connections are open as there may be: a balancer that goes by
-- their number shows its other servers then only.
function Scan:offer_at_once(mechanisms)
  local attempts = {}
  for i = 1, #mechanisms > 0 and self.journal.line.limit or 0 do
    local mechanism = mechanisms[i % #mechanisms + 1]
    local session = mostly_resumes(self.rates[mechanism]) and self:old_one(mechanism)
    attempts[#attempts + 1] = session and { mechanism = mechanism, design = "confirm", session = session,
      want_tickets = true, engine = "handshake" } or nil
  end
  if #attempts > 1 and not self.journal.cancelled() then
    crowd.make(self.journal, random.shuffle(attempts))
  end
end

-- Do offers fail that were made beside full handshakes, by any mechanism?
local function some_fail(rates)
  for _, rate in pairs(rates) do
    if rate.failures then
      return true
    end
  end
  return false
end

-- Do all resume, or none?
local function is_uniform(rate)
  return (rate.refused == 0 and rate.errors <= rate.resumed) or (rate.resumed == 0 and rate.errors <= rate.refused)
end

function Scan:add_round(jobs, mechanism, size)
  local function add(count, method, ...)
    local arguments = table.pack(mechanism, ...)
    for _ = 1, count do
      jobs[#jobs + 1] = function()
        return not self.journal.cancelled() and method(self, table.unpack(arguments, 1, arguments.n))
      end
    end
  end
  add(size.chains, self.neighbours, "chain", 1 + LINKS) -- what takes long first
  add(size.pairs, self.neighbours, "pairs", 2)
  add(size.old > 0 and size.old - 2 + random.integer(3) or 0, self.offer_old)
end

function Scan:rounds_of(mechanism, size)
  local attempted = self.rates[mechanism].attempted
  return math.max(1, math.floor(size.rounds * (attempted > 0 and attempted or self.attempts) / 100))
end

-- Round after round, the mechanisms in turns, and all side by side.
function Scan:sample_rounds(mechanisms, size)
  local jobs, most = {}, 0
  for _, mechanism in ipairs(mechanisms) do
    most = math.max(most, self:rounds_of(mechanism, size))
  end
  for round = 1, most do
    for _, mechanism in ipairs(mechanisms) do
      if round <= self:rounds_of(mechanism, size) then
        self:add_round(jobs, mechanism, size)
      end
    end
  end
  side_by_side.run(self.journal.host, jobs, self.journal.line:jobs())
end

-- Has this been the outcome of any connection of a mechanism, after so many of all?
function Scan:has_been(outcome, mechanism, after)
  for i = after + 1, #self.journal.entries do
    local entry = self.journal.entries[i]
    if entry.mechanism == mechanism and entry.outcome == outcome then
      return true
    end
  end
  return false
end

-- Looks for something to offer, also where three servers issued nothing: the next may.
function Scan:finds_sessions(mechanism)
  if self.rates[mechanism].attempted > 0 then
    return true
  end
  local at_once = self.journal.line:jobs()
  return self:has_been("full", mechanism, 0) and #obtaining.seek(self.journal, LOOKS, 1, at_once, function()
    return (self:attempt(mechanism, "seed"))
  end) > 0
end

-- Old sessions once more, few at a time: whether it was the crowd, or time, that some were refused in it.
function Scan:offer_after_crowd(mechanisms)
  local jobs = {}
  for _, mechanism in ipairs(mechanisms) do
    for _ = 1, AFTER_CROWD - 2 + random.integer(3) do
      jobs[#jobs + 1] = function()
        return not self.journal.cancelled() and self:offer_old(mechanism)
      end
    end
  end
  side_by_side.run(self.journal.host, random.shuffle(jobs), FEW)
end

-- How many offers of a mechanism were refused, alone or in crowds.
function Scan:count_refused(mechanism, in_crowds)
  local count = 0
  for _, entry in ipairs(self.journal.entries) do
    local is_refused = entry.mechanism == mechanism and entry.outcome == "refused"
    count = count + ((is_refused and (entry.crowd ~= nil) == in_crowds) and 1 or 0)
  end
  return count
end

-- Is none refused but where many connections are open? Then crowds show more than rounds do.
function Scan:minds_crowds(mechanism)
  return self:count_refused(mechanism, true) > 0 and self:count_refused(mechanism, false) == 0
end

function Scan:sort_by_rate()
  local mostly, mixed = {}, {}
  for _, mechanism in ipairs(self.mechanisms) do
    local rate = self.rates[mechanism]
    if rate and self:finds_sessions(mechanism) then
      self.old[mechanism] = self:old_sessions(mechanism)
      table.insert((is_uniform(rate) or mostly_resumes(rate)) and mostly or mixed, mechanism)
    end
  end
  return mostly, mixed
end

function Scan:sample()
  local mostly, mixed = self:sort_by_rate()
  local before = #self.journal.entries
  self:sample_rounds(mostly, WELL)
  self:offer_at_once(mostly)
  self:offer_after_crowd(mostly)
  for _, mechanism in ipairs(mostly) do
    local rate = self.rates[mechanism]
    local other = rate.refused == 0 and "refused" or "resumed"
    local differ = not is_uniform(rate) or self:has_been(other, mechanism, before)
    mixed[#mixed + 1] = differ and not self:minds_crowds(mechanism) and mechanism or nil
  end
  self:sample_rounds(mixed, MIXED)
end

-- Those that belong to a version of TLS which the server speaks.
local function applicable_mechanisms(names, rates)
  local applicable = {}
  for _, name in ipairs(names) do
    if not rates[name] or rates[name].verdict ~= "not_applicable" then
      applicable[#applicable + 1] = name
    end
  end
  return applicable
end

-- Offers that the support scan made in vain, by mechanism: what they exclude needs no others.
local function refused_before(support)
  local refused = {}
  for mechanism, result in pairs(support or {}) do
    refused[mechanism] = result.resumed == 0 and result.refused or nil
  end
  return refused
end

--- @tparam table journal see resum.scan.pool.recorder; it holds the plain figure's entries
-- @tparam table control the control's record
-- @tparam table options mechanisms (list), sources (list), attempts, concurrency, quick (boolean: see
--   resum.scan.quick), no_probe (true: the server takes a connection without a goodbye for a fault)
-- @tparam table entry of the address: its field rate is the plain figure; its field support, if any, what the support
--   scan found
-- @treturn table|nil see resum.analysis.pool.analyse, with left_out (see resum.analysis.counting.left_out), and
--   resum.scan.quick; nil where no mechanism's version is spoken,
--   and where the scan was over before the end
function M.run(journal, control, options, entry)
  if options.quick then
    return quick.run(journal, control, options, entry)
  end
  local applicable = applicable_mechanisms(options.mechanisms, entry.rate)
  if #applicable == 0 then
    return nil
  end
  local single_use = {}
  for mechanism, rate in pairs(entry.rate) do
    single_use[mechanism] = rate.design == "fresh"
  end
  journal:set_spent_aside(single_use)
  local refused, offers_fail = refused_before(entry.support), some_fail(entry.rate)
  setmetatable({
    journal = journal,
    mechanisms = applicable,
    rates = entry.rate,
    single_use = single_use,
    attempts = options.attempts,
    old = {},
    one_by_one = false,
    idle = { seen = 0, dropped = {} },
  }, Scan):sample()
  follow_up.look({
    journal = journal,
    mechanisms = applicable,
    single_use = single_use,
    no_probe = options.no_probe,
    refused_before = refused,
    offers_fail = offers_fail,
  })
  if journal.cancelled() then -- what was not confirmed is no finding
    return nil
  end
  local found = balance.analyse(journal.entries, { mechanisms = applicable, sources = options.sources,
    offers_fail = offers_fail, refused_before = refused })
  found.left_out = journal:left_out()
  found.evidence[#found.evidence + 1] = vocabulary.left_out(found)
  return found
end

return M
