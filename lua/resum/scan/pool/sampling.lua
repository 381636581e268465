-- What stands behind the address? Beside the plain figure's old sessions ("fixed") it makes what a browser makes: a
-- fresh session resumed on the next connection ("pairs"), and always the newest session ("chain"). Where some sessions
-- are refused it matters which connection is the next: there it goes one by one, and in blocks, so that a change over
-- time meets all of them. Then it looks closer where something is suspect. What it all means resum.analysis.pool
-- infers.
--
-- Connections for each mechanism, beside the plain figure's: 36 where everything resumed, else 90, and a closer look.

local balance = require "resum.analysis.pool"
local follow_up = require "resum.scan.pool.follow_up"
local quick = require "resum.scan.quick"
local obtaining = require "resum.scan.obtain_sessions"
local random = require "resum.util.random"

local M = { name = "balancer", recorded = true, summary = "what stands behind the address, and what to do about it" }

M.defaults = { attempts = 100 }

local BLOCK = 5 -- pairs, and links of a chain
local OLD_IN_BLOCK = 2 -- old sessions offered once more; in turns one more or less, so that no rotation falls into step
local BLOCKS_WHERE_WELL = 40 -- one block for so many attempts of the plain figure
local BLOCKS_WHERE_NOT = 20
local LOOKS = 20 -- full handshakes where none has issued anything so far

--- How many connections it makes, where none fails and the server speaks the mechanisms' versions.
-- @tparam table options mechanisms, attempts, quick
-- @treturn table least (everything resumes; with quick see resum.scan.quick) and most (some sessions are refused)
function M.connections(options)
  if options.quick then
    return quick.connections(options)
  end
  local both = 2 * BLOCK + 1 + BLOCK -- the pairs and the chain of a block
  local count = #options.mechanisms
  return {
    least = count * math.max(1, options.attempts // BLOCKS_WHERE_WELL) * (both + OLD_IN_BLOCK),
    most = count * math.max(1, options.attempts // BLOCKS_WHERE_NOT) * (both + OLD_IN_BLOCK + 1)
      + follow_up.most_connections(options.mechanisms),
  }
end

-- One scan at work.
local Scan = {}
Scan.__index = Scan

function Scan:attempt(mechanism, design, session, source)
  return self.journal:attempt({
    mechanism = mechanism,
    design = design,
    session = session,
    source = source,
    want_tickets = true,
    engine = "handshake", -- it goes through with what it was refused, and so shows who refused
  })
end

-- Fresh sessions, each offered on the next connection. While that is at work the one after it is already started, to
-- obtain the next session: what counts is the order in which a balancer sees them.
function Scan:pairs(mechanism, count)
  local session, source
  local function obtain()
    local record, entry = self:attempt(mechanism, "pairs")
    session, source = record.sessions[#record.sessions], entry.source
  end
  for i = 1, count + 1 do
    local jobs, offered, from = {}, session, source
    session = nil
    jobs[1] = offered and function()
      self:attempt(mechanism, "pairs", offered, from)
    end
    jobs[#jobs + 1] = i <= count and not self.journal.cancelled() and obtain or nil
    self.journal.host.parallel(jobs, self.concurrency)
  end
end

function Scan:chain(mechanism, links)
  local record, first = self:attempt(mechanism, "chain")
  local session = record.sessions[#record.sessions]
  for _ = 1, session and links or 0 do
    if self.journal.cancelled() then
      return
    end
    record = self:attempt(mechanism, "chain", session, first.source)
    session = record.sessions[#record.sessions] or session
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

-- So many of the old sessions, once more.
function Scan:offer_old(mechanism, count)
  local old, jobs = self.old[mechanism], {}
  for i = 1, (#old == 0 or self.single_use[mechanism]) and 0 or count do
    jobs[i] = function()
      local session = old[random.integer(#old)]
      return not self.journal:expired(session) and self:attempt(mechanism, "fixed", session)
    end
  end
  self.journal.host.parallel(jobs, self.concurrency)
end

-- Do all resume, or none?
local function is_uniform(rate)
  return (rate.refused == 0 and rate.errors <= rate.resumed) or (rate.resumed == 0 and rate.errors <= rate.refused)
end

function Scan:blocks_of(mechanism)
  local rate = self.rates[mechanism]
  local each = (rate.refused == 0 and is_uniform(rate)) and BLOCKS_WHERE_WELL or BLOCKS_WHERE_NOT
  return math.max(1, math.floor((rate.attempted > 0 and rate.attempted or self.attempts) / each))
end

-- Then the next connection does as well as any other: so all is made side by side, what takes long first.
function Scan:sample_side_by_side(mechanisms)
  local jobs = {}
  local function add(count, method, mechanism, links)
    for _ = 1, count do
      jobs[#jobs + 1] = function()
        return not self.journal.cancelled() and method(self, mechanism, links)
      end
    end
  end
  for _, mechanism in ipairs(mechanisms) do
    add(self:blocks_of(mechanism), self.chain, mechanism, BLOCK)
  end
  for _, mechanism in ipairs(mechanisms) do
    add(self:blocks_of(mechanism) * BLOCK, self.pairs, mechanism, 1)
    add(self:blocks_of(mechanism) * OLD_IN_BLOCK, self.offer_old, mechanism, 1)
  end
  self.journal.host.parallel(jobs, self.concurrency)
end

-- Block after block, the mechanisms in turns.
function Scan:sample_in_turns(mechanisms)
  local most = 0
  for _, mechanism in ipairs(mechanisms) do
    most = math.max(most, self:blocks_of(mechanism))
  end
  for round = 1, most do
    for _, mechanism in ipairs(mechanisms) do
      if round <= self:blocks_of(mechanism) and not self.journal.cancelled() then
        self:pairs(mechanism, BLOCK)
        self:chain(mechanism, BLOCK)
        self:offer_old(mechanism, OLD_IN_BLOCK - 2 + random.integer(3))
      end
    end
  end
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
  return self:has_been("full", mechanism, 0) and #obtaining.seek(self.journal, LOOKS, 1, self.concurrency, function()
    return (self:attempt(mechanism, "seed"))
  end) > 0
end

function Scan:sample()
  local uniform, mixed = {}, {}
  for _, mechanism in ipairs(self.mechanisms) do
    if self.rates[mechanism] and self:finds_sessions(mechanism) then
      self.old[mechanism] = self:old_sessions(mechanism)
      table.insert(is_uniform(self.rates[mechanism]) and uniform or mixed, mechanism)
    end
  end
  local before = #self.journal.entries
  self:sample_side_by_side(uniform)
  for _, mechanism in ipairs(uniform) do
    local other = self.rates[mechanism].refused == 0 and "refused" or "resumed"
    mixed[#mixed + 1] = self:has_been(other, mechanism, before) and mechanism or nil
  end
  self:sample_in_turns(mixed)
end

-- Offers of tickets that are good for one connection say nothing of sharing.
local function set_spent_aside(entries, single_use)
  for _, entry in ipairs(entries) do
    if entry.design == "fixed" and single_use[entry.mechanism] then
      entry.design = "spent"
    end
  end
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

-- As many at once as the plain figure came down to.
local function concurrency_of(rates, most)
  for _, rate in pairs(rates) do
    most = math.min(most, rate.concurrency)
  end
  return most
end

--- @tparam table journal see resum.scan.pool.recorder; it holds the plain figure's entries
-- @tparam table control the control's record
-- @tparam table options mechanisms (list), sources (list), attempts, concurrency, quick (boolean: see
--   resum.scan.quick), no_probe (true: the server takes a connection without a goodbye for a fault)
-- @tparam table entry of the address: its field rate is the plain figure
-- @treturn table|nil see resum.analysis.pool.analyse, and resum.scan.quick; nil where no mechanism's version is spoken,
--   and where the scan was over before the end
function M.run(journal, control, options, entry)
  if options.quick then
    return quick.run(journal, control, options)
  end
  local applicable = applicable_mechanisms(options.mechanisms, entry.rate)
  if #applicable == 0 then
    return nil
  end
  local single_use = {}
  for mechanism, rate in pairs(entry.rate) do
    single_use[mechanism] = rate.design == "fresh"
  end
  set_spent_aside(journal.entries, single_use)
  local concurrency = concurrency_of(entry.rate, options.concurrency)
  setmetatable({
    journal = journal,
    mechanisms = applicable,
    rates = entry.rate,
    single_use = single_use,
    attempts = options.attempts,
    concurrency = concurrency,
    old = {},
  }, Scan):sample()
  follow_up.look({
    journal = journal,
    mechanisms = applicable,
    single_use = single_use,
    concurrency = concurrency,
    no_probe = options.no_probe,
  })
  if journal.cancelled() then -- what was not confirmed is no finding
    return nil
  end
  return balance.analyse(journal.entries, { mechanisms = applicable, sources = options.sources })
end

return M
