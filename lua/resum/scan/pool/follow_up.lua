-- A closer look at what stands behind an address, where the samples left something suspect: sessions that never resumed
-- are offered again; session IDs and PSKs so that the server shows which ticket key it has. None of it depends on which
-- connection is the next. It infers nothing itself: resum.analysis.pool does.
--
-- Connections: at most 120 for each mechanism to offer what never resumed; 108 for session IDs that show their ticket
-- keys, at most 144 for those of a member without tickets, 24 for PSKs of each key.

local balance = require "resum.analysis.pool"
local labels = require "resum.analysis.pool.labels"
local obtaining = require "resum.scan.obtain_sessions"
local random = require "resum.util.random"

local M = {}

local CONFIRM_MOST = 120 -- offers of sessions that never resumed
local CONFIRM_ROUND = 20 -- of them, before it is asked again whether that is enough
local CONFIRM_AT_ONCE = 8 -- of one session: some may be in vain when it has resumed
local MARKED = { sessions = 12, offers = 9 } -- session IDs offered to see the name of a ticket key
local TICKETLESS = { tries = 72, sessions = 2, offers = 72, refused = 3 } -- and those of a member without tickets
local IDENTITIES = 24 -- connections that offer one PSK of each key

-- Connections of the whole scan of an address, the control and the plain figure with it: beyond, no closer look is
-- taken.
local MOST_CONNECTIONS = 690

--- How many connections it makes at most, where none fails.
-- @tparam {string,...} mechanisms
-- @tparam integer before how many the scan of the address has made until then
-- @treturn integer
function M.most_connections(mechanisms, before)
  local most = 0
  for _, mechanism in ipairs(mechanisms) do
    local ticketless = mechanism == "session_id" and TICKETLESS.tries + TICKETLESS.offers or 0
    most = most + math.max(CONFIRM_MOST, ticketless)
      + (mechanism == "session_id" and MARKED.sessions * MARKED.offers or 0)
      + (mechanism == "psk" and IDENTITIES or 0)
  end
  return math.min(most, math.max(0, MOST_CONNECTIONS - before))
end

local Closer = {}
Closer.__index = Closer

-- Is it over, or has it been enough? What is kept for another question is not there.
function Closer:is_over(kept)
  return self.journal.cancelled() or self.journal:connections() + (kept or 0) >= MOST_CONNECTIONS
end

-- Offers a session until it resumes, at most so often. Returns how often it did.
function Closer:offer_until_resumed(mechanism, session, most)
  local made, resumed = 0, false
  self.journal.host.parallel(function()
    if made == most or resumed or self:is_over(self.for_marks) then
      return nil
    end
    made = made + 1
    return function()
      local record = self.journal:attempt({
        mechanism = mechanism, design = "confirm", session = session, want_tickets = true, engine = "handshake",
      })
      resumed = resumed or record.outcome == "resumed"
    end
  end, CONFIRM_AT_ONCE)
  return made
end

-- Sessions that never resumed are offered until they do, or are certain to be dead.
function Closer:confirm(mechanism)
  local left = CONFIRM_MOST
  local function suspect()
    return left > 0 and not self:is_over(self.for_marks)
      and balance.suspect(balance.sort(self.journal.entries), mechanism) or nil
  end
  for one in suspect do
    local session, most = self.journal.newest[one.from], math.min(one.missing, CONFIRM_ROUND, left)
    left = session and left - self:offer_until_resumed(mechanism, session, most) or 0
  end
end

-- Each of these sessions so often, in random order: in turns, a balancer that rotates would fall into step.
local function shuffled_plan(sessions, times)
  local plan = {}
  for i = 1, #sessions * times do
    plan[i] = sessions[(i - 1) % #sessions + 1]
  end
  return random.shuffle(plan)
end

-- Session IDs, obtained or offered so that the server shows the name of its ticket key as well: an empty session_ticket
-- extension asks for a ticket (RFC 5077, section 3.2).
function Closer:attempt_marked(session)
  return self.journal:attempt({
    mechanism = "session_id", design = "marked", session = session, ticket_extension = true, want_tickets = true,
    engine = "handshake",
  })
end

-- Those that are known to resume.
function Closer:mark(views)
  local sessions = {}
  for _, order in ipairs(balance.alive(views, "session_id")) do
    if #sessions < MARKED.sessions then
      sessions[#sessions + 1] = self.journal.newest[order]
    end
  end
  self:offer_marked(shuffled_plan(sessions, MARKED.offers), math.huge)
end

-- Until so many were refused by a server without tickets.
function Closer:offer_marked(plan, enough)
  local made, refused = 0, 0
  self.journal.host.parallel(function()
    made = made + 1
    local session = plan[made]
    if not session or refused >= enough or self:is_over() then
      return nil
    end
    return function()
      local _, entry = self:attempt_marked(session)
      refused = refused + (labels.is_ticketless(entry) and 1 or 0)
    end
  end, self.journal.line:jobs())
end

-- Those of a member without tickets: who issues a session ID although a ticket was asked for has none to give.
function Closer:mark_ticketless()
  local at_once = self.journal.line:jobs()
  local sessions = obtaining.seek(self.journal, TICKETLESS.tries, TICKETLESS.sessions, at_once, function()
    return (self:attempt_marked())
  end)
  self:offer_marked(shuffled_plan(sessions, TICKETLESS.offers // math.max(1, #sessions)), TICKETLESS.refused)
end

-- One PSK of each ticket key, all at once: the server says which it took. (Some look at the first only.)
function Closer:identify(views)
  local sessions = {}
  for _, order in ipairs(balance.one_of_each_key(views)) do
    sessions[#sessions + 1] = self.journal.newest[order]
  end
  local jobs = {}
  for i = 1, #sessions >= 2 and IDENTITIES or 0 do
    jobs[i] = function()
      return not self:is_over() and self.journal:attempt({
        mechanism = "psk", design = "identities", sessions = sessions, engine = "probe", want_tickets = false,
      })
    end
  end
  self.journal.host.parallel(jobs, self.journal.line:jobs())
end

-- What does not build on each other goes side by side.
function Closer:look()
  local views = balance.sort(self.journal.entries)
  local wants, jobs = balance.wants(views), {}
  self.for_marks = wants.marked and MARKED.sessions * MARKED.offers or 0
  if wants.identities and not self.single_use.psk and not self.no_probe then
    jobs[1] = function()
      self:identify(views)
    end
  end
  for _, mechanism in ipairs(self.mechanisms) do
    if wants.confirm[mechanism] and not (mechanism == "session_id" and wants.ticketless) then
      jobs[#jobs + 1] = function()
        self:confirm(mechanism)
      end
    end
  end
  jobs[#jobs + 1] = wants.ticketless and function()
    self:mark_ticketless()
  end or nil
  jobs[#jobs + 1] = wants.marked and function()
    self:mark(views)
  end or nil
  self.journal.host.parallel(jobs, #jobs > 0 and #jobs or nil)
end

--- @tparam table options journal (see resum.scan.pool.recorder), mechanisms (list), single_use (mechanism
--   -> true where tickets are good for one connection), no_probe
function M.look(options)
  setmetatable({
    journal = options.journal,
    mechanisms = options.mechanisms,
    single_use = options.single_use,
    no_probe = options.no_probe,
    for_marks = 0, -- connections
  }, Closer):look()
end

return M
