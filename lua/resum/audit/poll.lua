-- Asks one question of the servers behind an address, each time with a session of its own: does what must not be come
-- about, how often, and at which group of servers? It makes no offer itself, and must not know what is asked.

local M = {}

local TIMES = 2 -- what is bad has to be seen so often
-- A member with the share p is met with 95 in 100 where 3/p offers are made: nine of one in three. So many are made for
-- each group that the scans have told apart; and of an address that gives two answers to one question, as it may be
-- several servers that share their keys.
local ROUNDS, MOST_EACH, MOST_MEMBERS = 3, 9, 3

--- Connections that a question takes at most: a session and an offer each time.
M.CONNECTIONS = 2 * MOST_EACH * MOST_MEMBERS
--- The same where all groups are asked at once.
M.CONNECTIONS_ANY = 2 * MOST_EACH

--- How often something has to be tried so that every group of servers is met: once where there is one server, as far as
-- anybody can tell.
-- @tparam table context see resum.audit.context
-- @tparam string mechanism
-- @treturn integer
function M.rounds(context, mechanism)
  local resumes, resumed_share = context:resumes(mechanism)
  local least = resumes and resumed_share or 1
  for _, member in ipairs(context.evidence:members(mechanism)) do
    least = math.min(least, member.share)
  end
  return M.rounds_of(least)
end

--- The same for one group.
-- @tparam number share of the connections that it answers
-- @treturn integer
function M.rounds_of(share)
  return share < 1 and math.min(MOST_EACH, math.ceil(ROUNDS / share)) or 1
end

-- The most that rounds() can be, and the most groups that are asked by themselves.
M.MOST_ROUNDS, M.MOST_MEMBERS = MOST_EACH, MOST_MEMBERS

-- The connection that brought a session, as far as the evidence has it.
local function order_of(evidence, session)
  for i = #evidence.tickets, 1, -1 do
    if evidence.tickets[i].session == session then
      return evidence.tickets[i].connection
    end
  end
end

local Poll = {}
Poll.__index = Poll

function Poll:ask(session)
  local order = session and order_of(self.context.evidence, session)
  local answer, code
  if session then
    answer, code = self.question(session)
  end
  local name = answer and "yes" or answer == false and "no" or "open"
  self[name] = self[name] + 1
  self.code = answer == false and code or self.code
  if answer and order then
    self.orders[#self.orders + 1] = order
  end
  return answer
end

-- One server, or several that nothing tells apart.
function Poll:ask_server()
  if not self:ask(self.obtain()) then
    return
  end
  for _ = 2, MOST_EACH do
    self:ask(self.obtain())
    if self.yes == TIMES and self.no == 0 then
      return
    end
  end
end

-- All groups at once, with sessions that are made for the question.
function Poll:ask_any()
  for _ = 1, MOST_EACH do
    self:ask(self.obtain())
    if self.yes == TIMES then
      return
    end
  end
end

-- A group by itself, with sessions that it made.
function Poll:ask_member(member)
  local before, most = self.yes, M.rounds_of(member.share)
  for _ = 1, most do
    local session = self.context:session_of(self.mechanism, member.letter, most)
    if not session then
      self.open = self.open + 1
      return
    end
    self:ask(session)
    if self.yes == before + TIMES then
      return
    end
  end
end

-- Which group said yes: its letter, where it is one of several, and its share of full handshakes.
local function group_of(poll, members)
  local evidence, met, count, share = poll.context.evidence, {}, 0, 0
  for _, order in ipairs(poll.orders) do
    local letter = evidence:group_of({ order })
    for _, member in ipairs(members) do
      if letter == member.letter and not met[letter] then
        met[letter], count, share = true, count + 1, share + member.share
      end
    end
  end
  if count > 0 then
    return count == 1 and next(met) or nil, share
  end
end

--- Asks.
-- @tparam table context see resum.audit.context
-- @tparam string mechanism of the sessions
-- @tparam function question (session): offers it, altered or in another way; returns true where what must not be came
--   about, false (and a word for what was answered) where it did not, nil where that can't be told
-- @tparam[opt] function obtain a session for it, where one group of servers is there; by default a new one
-- @tparam[opt] boolean is_special no other sessions will do
-- @treturn boolean|nil true: it came about, with two sessions at least; nil: it can't be told
-- @treturn table group and share (of the servers at which it came about; nil: all of them), asked, seen (how often it
--   came about), code (the word for the last that did not)
function M.ask(context, mechanism, question, obtain, is_special)
  local poll = setmetatable({ context = context, mechanism = mechanism, question = question, yes = 0, no = 0, open = 0,
    orders = {}, obtain = obtain or function() return (context:session(mechanism)) end }, Poll)
  local members = context.evidence:members(mechanism)
  if #members > 1 and (is_special or mechanism == "session_id") then -- nobody can tell whose an ID is
    poll:ask_any()
  elseif #members > 1 then
    for i = 1, math.min(#members, MOST_MEMBERS) do
      poll:ask_member(members[i])
    end
  else
    poll:ask_server()
  end
  local where = { asked = poll.yes + poll.no, seen = poll.yes, code = poll.code }
  if poll.yes >= TIMES then
    if #members > 1 then
      where.group, where.share = group_of(poll, members)
    end
    if not where.share and poll.no > 0 then
      where.share = poll.yes / where.asked
    end
    return true, where
  elseif poll.yes > 0 or poll.no == 0 then
    return nil, where
  end
  return false, where
end

return M
