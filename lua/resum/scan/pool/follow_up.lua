-- A closer look at what stands behind an address: carries out what the analysis asks next, the plans of all mechanisms
-- side by side, until it asks nothing more. It infers nothing itself: resum.analysis.pool does.
--
-- Connections: at most 140 for each mechanism to tell explanations apart; 108 for session IDs that show their ticket
-- keys, 24 for PSKs of each key.

local analysis = require "resum.analysis.pool"
local crowd = require "resum.scan.pool.crowd"
local random = require "resum.util.random"
local side_by_side = require "resum.util.side_by_side"
local spending = require "resum.connection.spending"
local tables = require "resum.util.tables"

local M = {}

local MOST_ROUNDS = 24 -- a plan that brings nothing new would be made for ever
-- Connections of the whole scan of an address, the control and the plain figure with it: beyond, no closer look is
-- taken.
local MOST_CONNECTIONS = 690
-- The same where nothing has resumed at all: to say "no" takes 218 offers of each of three mechanisms (see
-- resum.analysis.pool.explanations.no_resumption), some 60 handshakes for their sessions, and 11 offers as a browser
-- makes them, which say nothing of a pool; to stop before is no answer.
local MOST_FOR_A_NO = 740

--- How many connections it makes at most, where none fails.
-- @tparam {string,...} mechanisms
-- @tparam integer before how many the scan of the address has made until then
-- @treturn integer
function M.most_connections(mechanisms, before)
  return math.min(analysis.most_asked(mechanisms), math.max(0, MOST_FOR_A_NO - before))
end

local Look = {}
Look.__index = Look

-- Full handshakes that were made beside offers, as some failed, and as many offers: they take nothing from this look.
local function count_beside(entries)
  local count = 0
  for _, entry in ipairs(entries) do
    count = count + (entry.design == "beside" and 2 or 0)
  end
  return count
end

local function has_resumed(entries)
  for _, entry in ipairs(entries) do
    if entry.outcome == "resumed" then
      return true
    end
  end
  return false
end

-- Is it over, or has it been enough? Those under way may be counted already, or not yet.
function Look:is_over()
  return self.journal.cancelled() or self.journal:connections() + self.under_way >= self.most + self.beside
end

-- An offer of a session that was spent since it was chosen, or has outlived what its server promised, would show
-- nothing.
function Look:is_in_vain(session)
  return spending.is_spent(session) or self.journal:expired(session)
end

function Look:offer(plan, design, session, more)
  if not self:is_in_vain(session) then
    return self:attempt(plan, design, session, more)
  end
end

function Look:attempt(plan, design, session, more)
  plan.made = plan.made + 1
  return self.journal:attempt(tables.merged({ mechanism = plan.mechanism, design = design, session = session,
    want_tickets = true, engine = "handshake" }, more))
end

local function nobody()
  return false
end

-- Runs an attempt for each item of a list, at most so many at once; `skip` says which are not worth it any more.
function Look:each(list, at_once, attempt, skip)
  local made = 0
  skip = skip or nobody
  side_by_side.run(self.journal.host, function()
    repeat
      made = made + 1
    until list[made] == nil or not skip(list[made])
    local item = list[made]
    if item == nil or self:is_over() then
      return nil
    end
    self.under_way = self.under_way + 1
    return function()
      attempt(item)
      self.under_way = self.under_way - 1
    end
  end, math.min(at_once, self.journal.line:jobs()))
end

function Look:pause(plan)
  if plan.pause_s then
    self.journal.host.sleep(plan.pause_s)
  end
end

-- Each of these so often, in random order: in turns, a balancer that rotates would fall into step.
local function shuffled(items, times)
  local list = {}
  for i = 1, #items * times do
    list[i] = items[(i - 1) % #items + 1]
  end
  return random.shuffle(list)
end

-- The newest sessions of these connections, without those that are spent by now.
function Look:sessions_of(orders)
  local list = {}
  for _, order in ipairs(orders) do
    local session = self.journal.newest[order]
    list[#list + 1] = session and not spending.is_spent(session) and session or nil
  end
  return list
end

local CARRY_OUT = {}

function CARRY_OUT.again(self, plan)
  local sessions, resumed, any = self:sessions_of(plan.from), {}, false
  -- Those that stand in line when a session has resumed are in vain.
  local at_once = plan.until_resumed and self.journal.line.limit or math.huge
  self:pause(plan)
  self:each(shuffled(sessions, plan.times), at_once, function(session)
    local record = self:offer(plan, "confirm", session)
    if record and record.outcome == "resumed" then
      resumed[session], any = true, true
    end
  end, function(session)
    return plan.until_resumed == "each" and resumed[session] or plan.until_resumed == "any" and any
  end)
end

function CARRY_OUT.look(self, plan)
  self:each(shuffled({ true }, plan.times), math.huge, function()
    self:attempt(plan, "look")
  end)
end

function CARRY_OUT.fresh(self, plan)
  local sessions = {}
  self:each(shuffled({ true }, plan.sessions), math.huge, function()
    local record = self:attempt(plan, "look")
    sessions[#sessions + 1] = record.sessions[#record.sessions]
  end)
  self:pause(plan)
  self:each(shuffled({ true }, plan.others or 0), math.huge, function()
    self:attempt(plan, "look")
  end)
  self:each(shuffled(sessions, plan.times), math.huge, function(session)
    self:offer(plan, "confirm", session)
  end)
end

-- As clients do it: with a request, on a full handshake and then on an offer of its session.
function CARRY_OUT.served(self, plan)
  self:each(shuffled({ true }, plan.times), math.huge, function()
    local record = self:attempt(plan, "served", nil, { asks = true })
    local session = record.sessions[#record.sessions]
    if session then
      self:offer(plan, "served", session, { asks = true })
    end
  end)
end

-- As many connections as the plan wants, or there may be, open at the same time.
function Look:crowd(plan, design, sessions, count)
  local attempts = {}
  for i = 1, math.min(count, self.journal.line.limit) do
    attempts[i] = { mechanism = plan.mechanism, design = design, session = sessions and sessions[i],
      want_tickets = true, engine = "handshake" }
  end
  if #attempts < 2 or self:is_over() then
    return {}
  end
  plan.made = plan.made + #attempts
  self.under_way = self.under_way + #attempts
  local records = crowd.make(self.journal, attempts)
  self.under_way = self.under_way - #attempts
  return records
end

function CARRY_OUT.crowd(self, plan)
  local sessions = {}
  for _, record in ipairs(self:crowd(plan, "look", nil, plan.sessions)) do
    local session = record.sessions[#record.sessions]
    sessions[#sessions + 1] = session and not spending.is_spent(session) and session or nil
  end
  for _ = 1, plan.times do
    self:crowd(plan, "confirm", random.shuffle(sessions), #sessions)
  end
end

-- Session IDs, offered so that the server shows the name of its ticket key as well: an empty session_ticket extension
-- asks for a ticket (RFC 5077, section 3.2).
function CARRY_OUT.marked(self, plan)
  self:each(shuffled(self:sessions_of(plan.from), plan.times), math.huge, function(session)
    self:offer(plan, "marked", session, { ticket_extension = true })
  end)
end

-- One PSK of each ticket key, all at once: the server says which it took. (Some look at the first only.)
function CARRY_OUT.identities(self, plan)
  local sessions = self:sessions_of(plan.from)
  self:each(shuffled({ true }, #sessions > 1 and plan.times or 0), math.huge, function()
    self:attempt(plan, "identities", nil, { sessions = sessions, engine = "probe", want_tickets = false })
  end)
end

-- All of them side by side: what one waits for holds up no other.
function Look:carry_out(plans)
  local jobs = {}
  for i, plan in ipairs(plans) do
    plan.made = 0
    jobs[i] = function()
      CARRY_OUT[plan.kind](self, plan)
    end
  end
  side_by_side.run(self.journal.host, jobs)
end

function Look:run()
  local asked = { identities = self.single_use.psk or self.no_probe, single_use = self.single_use,
    refused_before = self.refused_before, offers_fail = self.offers_fail }
  for _ = 1, MOST_ROUNDS do
    self.most = has_resumed(self.journal.entries) and MOST_CONNECTIONS or MOST_FOR_A_NO
    local plans = self:is_over() and {} or analysis.next_questions(self.journal.entries, self.mechanisms, asked)
    if #plans == 0 then
      return
    end
    self:carry_out(plans)
    for _, plan in ipairs(plans) do
      asked[plan.kind] = true -- some are asked once
      asked[plan.mechanism] = (asked[plan.mechanism] or 0) + (plan.kind ~= "marked" and math.max(1, plan.made) or 0)
    end
  end
end

--- @tparam table options journal (see resum.scan.pool.recorder), mechanisms (list), single_use (mechanism
--   -> true where tickets are good for one connection), no_probe, refused_before and offers_fail (see
--   resum.analysis.pool.analyse)
function M.look(options)
  setmetatable({
    journal = options.journal,
    mechanisms = options.mechanisms,
    single_use = options.single_use,
    no_probe = options.no_probe,
    refused_before = options.refused_before,
    offers_fail = options.offers_fail,
    under_way = 0,
    beside = count_beside(options.journal.entries),
  }, Look):run()
end

return M
