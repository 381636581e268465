-- Asks one question of the servers behind an address, each time with a session of its own: does what must not be come
-- about, how often, and at which group of servers? It makes no offer itself, and must not know what is asked.

local M = {}

local TIMES = 2 -- what is bad has to be seen so often
-- Where servers take strict turns, one connection that nobody counted, another client's, say, shifts the turns of all
-- sessions that are at hand: so often is each server asked, with sessions made anew, before no is no.
local TIMES_IN_TURNS = 2
local TRIES_IN_TURNS = 2 -- sessions that are made for each server, so that there is one of each
-- Where turns are taken by chance, n offers miss a server with the share p with (1 - p)^n. Each group that the scans
-- have told apart is offered sessions of its own until that is 5 in 100 (11 offers at one in four). Shares are counted
-- on few handshakes: what they come to in the end need not be better than 10 in 100. More than four groups, and those
-- that would take more offers, are too many for one question.
local MISSED = 0.05
local MOST_MISSED = 0.1
-- An address that gives two answers to one question may be several servers that share their keys: one of four of them.
local MOST_MIXED = 12
local MOST_EACH, MOST_MEMBERS = 20, 4
-- All groups of a question together: four of one in four take 44 offers, and as many handshakes as bring a session of
-- each (8, if none is at hand), a few times. A session is offered so often before another one is made: its server may
-- have forgotten it, or spent it, and nobody would tell.
local MOST_OFFERS, MOST_MADE, OFFERS_OF_ONE = 64, 40, 6
-- Handshakes by which servers show themselves that were seen once: where one was, another may have been missed.
local MOST_LOOKS = 12
-- Of servers that are met more seldom nothing is said.
local SELDOM = 0.1
-- Where nobody can tell whose a session is, it has to be made by a member and to meet it, too: p times p. So many
-- offers miss one in four with 5 in 100.
local MOST_ANY = 48
local CONTROLS = 2 -- offers of a session as it is, where servers take strict turns: the first may be lost

--- Connections that a question takes at most: offers, and handshakes that make sessions for them. (Where servers take
-- strict turns, those of the others in between: fewer offers do then.)
M.CONNECTIONS = MOST_OFFERS + MOST_MADE
--- The same where nobody can tell whose a session is.
M.CONNECTIONS_ANY = 2 * MOST_ANY

--- The strict turns of the servers, where they are known.
-- @tparam table context see resum.audit.context
-- @tparam string mechanism
-- @treturn table|nil see resum.audit.turns
function M.turns_of(context, mechanism)
  return context.turns and context:turns_of(mechanism) or nil
end

-- The share of the offers that meet a server which knows the session, as far as a few offers can tell: one of five and
-- none of five may be the same thing (Laplace's rule).
local function expected_share(context, mechanism)
  local resumes, share, answered = context:resumes(mechanism)
  if not resumes or not share or share == 1 then
    return 1
  end
  return answered and (share * answered + 1) / (answered + 2) or share
end

-- The shares of the groups that a mechanism shows, by letter, and the smallest. Counts of a few handshakes are no
-- shares yet (Laplace's rule).
local function shares_of(members)
  local total, shares, least = #members, {}, 1
  for _, member in ipairs(members) do
    total = total + member.count
  end
  for _, member in ipairs(members) do
    shares[member.letter] = #members > 1 and (member.count + 1) / total or 1
    least = math.min(least, shares[member.letter])
  end
  return shares, least
end

-- The same where a mechanism shows no groups: servers that another one tells apart are as many here, unless they share
-- this one's sessions.
local function least_share(context, mechanism)
  local share = expected_share(context, mechanism)
  for _, other in ipairs(share < 1 and { "ticket", "psk" } or { mechanism }) do
    local _, least = shares_of(context.evidence:members(other))
    share = math.min(share, least)
  end
  return share
end

--- Is it known that offers of a mechanism never meet the server that made the session?
-- @tparam table context see resum.audit.context
-- @tparam string mechanism
-- @treturn boolean
function M.is_unmet(context, mechanism)
  return context.turns ~= nil and context.turns.unmet == true and expected_share(context, mechanism) < 1
end

--- May whoever refuses a session be another server than the one that made it?
-- @tparam table context see resum.audit.context
-- @tparam string mechanism
-- @treturn boolean
function M.is_divided(context, mechanism)
  return expected_share(context, mechanism) < 1 and not M.turns_of(context, mechanism)
end

--- Where servers take strict turns: does a session resume that is offered as it is, when its server has its turn?
-- @tparam table context see resum.audit.context
-- @tparam string mechanism
-- @treturn boolean
function M.control(context, mechanism)
  for _ = 1, CONTROLS do
    local session = context:spare_session(mechanism)
    if session and context:attempt({ mechanism = mechanism, session = session, take_sessions = false }).outcome
      == "resumed" then
      return true
    end
  end
  return false
end

--- How often something has to be tried so that every group of servers is met: once where there is one server, as far as
-- anybody can tell.
-- @tparam table context see resum.audit.context
-- @tparam string mechanism
-- @treturn integer
function M.rounds(context, mechanism)
  local turns = M.turns_of(context, mechanism)
  if turns then
    return turns.period
  end
  local _, least = shares_of(context.evidence:members(mechanism))
  return M.rounds_of(math.min(least, expected_share(context, mechanism)))
end

--- The same for one group.
-- @tparam number share of the connections that it answers
-- @treturn integer
function M.rounds_of(share)
  return share < 1 and math.min(MOST_EACH, math.ceil(math.log(MISSED) / math.log(1 - share))) or 1
end

-- Offers that have to be made where nobody can tell whose a session is.
local function pairs_of(share)
  return math.min(MOST_ANY, math.ceil(math.log(MISSED) / math.log(1 - share ^ 2)))
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
  if session and self.turns then
    self.places[self.turns:place(session) or session] = true
    answer, code = self.context:on_behalf_of(session, function()
      return self.question(session)
    end)
  elseif session then
    answer, code = self.question(session)
  end
  local name = answer and "yes" or answer == false and "no" or "open"
  self[name] = self[name] + 1
  if answer == false and code then
    self.code, self.codes[code] = code, true
  end
  if answer and order then
    self.orders[#self.orders + 1] = order
  end
  return answer
end

-- Gets a session, or where servers take strict turns one of each: those that are left over from earlier questions may
-- all be of one.
function Poll:fill()
  local queue, turns, has = self.queue, self.turns, {}
  local wanted = turns and turns.period or 1
  for _ = 1, turns and TRIES_IN_TURNS * wanted or 1 do
    local session = self.obtain()
    if session then
      self.context.evidence.taken[session] = true -- it may be unlike others: no control
      local place = turns and turns:place(session) or session
      queue[#queue + 1] = not has[place] and session or nil
      has[place] = true
    end
    if #queue == wanted then
      return
    end
  end
end

-- A session to ask with. Where servers take strict turns, one of each of them is there, and they are offered one after
-- another: none has to wait.
function Poll:next()
  if #self.queue == 0 then
    self:fill()
  end
  return table.remove(self.queue, self.turns and self.turns:soonest(self.queue) or 1)
end

-- One server, or several that nothing tells apart.
function Poll:ask_server()
  local least = M.rounds(self.context, self.mechanism)
  if self.turns then
    least = TIMES_IN_TURNS * least
  elseif least > 1 then
    least = pairs_of(least_share(self.context, self.mechanism))
  end
  for i = 1, math.max(MOST_MIXED, least) do
    self:ask(self:next())
    if self.yes == 0 and i >= least or self.yes == TIMES and self.no == 0 then
      return
    end
  end
end

-- All groups at once, where nobody can tell whose a session is.
function Poll:ask_any()
  local most = self.turns and MOST_ANY or pairs_of(least_share(self.context, self.mechanism))
  for i = 1, MOST_ANY do
    self:ask(self:next())
    if self.yes == TIMES or self.turns and self.yes == 0 and i == TIMES_IN_TURNS * self.turns.period
      or self.yes == 0 and i == most then
      return
    end
  end
end

-- A group by itself, where servers take strict turns.
function Poll:ask_in_turn(letter)
  local yes, no = self.yes + TIMES, self.no + TIMES_IN_TURNS
  self.asked_of[letter] = 0
  for _ = 1, TIMES + TIMES_IN_TURNS - 1 do
    local session = self:session_of(letter)
    if not session then
      self.open = self.open + 1
      return
    end
    self:ask(session)
    self.asked_of[letter] = self.asked_of[letter] + 1
    if self.yes == yes or self.no == no then
      return
    end
  end
end

-- The chance that a group was not met by so many offers of its sessions.
function Poll:missed(letter, offers)
  local shares = shares_of(self.context.evidence:members(self.mechanism))
  return (1 - (shares[letter] or 0)) ^ offers
end

-- One more session that is made for the question. Those of other groups are kept for their turn.
function Poll:make()
  local session, evidence, letter = self.obtain(), self.context.evidence, nil
  if session then
    evidence.taken[session] = true -- it may be unlike others: no control
    letter = evidence:group_of({ order_of(evidence, session) })
  end
  if letter then
    self.kept[letter] = self.kept[letter] or {}
    table.insert(self.kept[letter], session)
  end
  return session, letter
end

-- A session that a group has made.
function Poll:session_of(letter)
  local context, before = self.context, self.context:made()
  if not self.is_special then
    local session = context:session_of(self.mechanism, letter, math.min(MOST_EACH, MOST_MADE - self.made))
    self.made = self.made + context:made() - before
    return session
  end
  local kept = self.kept[letter] or {}
  while not kept[1] and self.made < MOST_MADE do
    self:make()
    self.made, before = self.made + context:made() - before, context:made()
    kept = self.kept[letter] or {}
  end
  return table.remove(kept)
end

-- Offers a session of a group until it can't be used any more. Is the group asked often enough?
function Poll:offer(session, letter, wanted)
  for _ = 1, OFFERS_OF_ONE do
    local answer = self:ask(session)
    local told = answer == nil and 0 or 1
    self.offers, self.asked_of[letter] = self.offers + 1, self.asked_of[letter] + told
    self.since[letter] = answer and 0 or (self.since[letter] or 0) + told
    self.met[letter] = self.met[letter] or answer
    if self.yes == wanted or self.offers >= MOST_OFFERS or self.since[letter] >= MOST_EACH
      or self:missed(letter, self.since[letter]) <= MISSED then
      return true
    elseif answer ~= false then
      return false -- it is used, or lost
    end
  end
  return false
end

-- A group by itself, with sessions that it made, until it was met; and again where it said yes.
function Poll:ask_member(letter)
  local wanted, is_enough = self.yes + TIMES, false
  self.asked_of[letter] = self.asked_of[letter] or 0
  while not is_enough do
    local session = self:session_of(letter)
    if not session then
      self.open = self.open + 1
      return
    end
    is_enough = self:offer(session, letter, wanted)
  end
end

-- Full handshakes until each group was seen twice.
function Poll:look_around()
  for _ = 1, MOST_LOOKS do
    local is_seen_once = false
    for _, member in ipairs(self.context.evidence:members(self.mechanism)) do
      is_seen_once = is_seen_once or member.count < 2
    end
    if not is_seen_once then
      return
    end
    self.context:session(self.mechanism)
    self.made = self.made + 1
  end
end

-- The largest group that was not asked, or not often enough, as its share is known now.
function Poll:next_member()
  local best, count = nil, 0
  for _, member in ipairs(self.context.evidence:members(self.mechanism)) do
    local asked = self.asked_of[member.letter]
    local is_open = not asked or not self.turns and not self.met[member.letter]
      and self:missed(member.letter, asked) > MISSED
    best = is_open and (not best or member.share > best.share) and member or best
    count = count + (asked and 1 or 0)
  end
  return best and (self.asked_of[best.letter] or count < MOST_MEMBERS) and best or nil
end

-- Each group, and again where it turns out to be met more seldom than it seemed.
function Poll:ask_members()
  if not self.turns then
    self:look_around()
  end
  for _ = 1, 2 * MOST_MEMBERS do
    local member = self:next_member()
    if not member or self.offers >= MOST_OFFERS then
      return
    end
    self[self.turns and "ask_in_turn" or "ask_member"](self, member.letter)
  end
end

-- With sessions of which no others will do.
function Poll:ask_special()
  if not self.turns then
    local session, letter = self:make()
    if letter then
      return self:ask_members()
    end
    self.queue[1] = session
  end
  self:ask_any()
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

-- Where servers take strict turns: was each of them asked?
function Poll:has_asked_each()
  local count = 0
  for _ in pairs(self.places) do
    count = count + 1
  end
  return count >= self.turns.period or next(self.asked_of) ~= nil
end

-- Whoever answers no may be another server than the one that made the session. That is not so where sessions that are
-- offered as they are resume, at the same distance; nor where enough offers were made to meet servers that take turns
-- at random. (Their shares are known better now than they were before.)
function Poll:has_met()
  local share = expected_share(self.context, self.mechanism)
  if self.is_elsewhere or share == 1 then
    return true
  elseif self.turns then
    return self:has_asked_each() and M.control(self.context, self.mechanism)
  end
  local members = self.context.evidence:members(self.mechanism)
  if next(self.asked_of) == nil then
    return (1 - least_share(self.context, self.mechanism) ^ 2) ^ (self.yes + self.no) <= MOST_MISSED
  end
  for _, member in ipairs(members) do
    local asked = self.asked_of[member.letter]
    if (asked or member.share >= SELDOM) and self:missed(member.letter, asked or 0) > MOST_MISSED then
      return false
    end
  end
  return true
end

-- What the answers come to, as M.ask gives it.
function Poll:outcome(members)
  local where = { asked = self.yes + self.no, seen = self.yes, code = self.code, codes = self.codes }
  if self.yes >= TIMES then
    if #members > 1 then
      where.group, where.share = group_of(self, members)
    end
    if where.share and where.share > 0.999 then
      where.share = nil -- all of them
    elseif not where.share and self.no > 0 then
      where.share = self.yes / where.asked
    end
    return true, where
  elseif self.yes > 0 or self.no == 0 then
    where.why = self.yes > 0 and "mixed_answers" or "connection_failed"
    return nil, where
  elseif not self:has_met() then
    where.why = "not_met"
    return nil, where
  end
  return false, where
end

-- A new session; where servers take strict turns, one that is left over from others' turns.
local function obtain_usual(context, mechanism)
  return M.turns_of(context, mechanism) and context:spare_session(mechanism) or (context:session(mechanism))
end

--- Asks.
-- @tparam table context see resum.audit.context
-- @tparam string mechanism of the sessions
-- @tparam function question (session): offers it, altered or in another way; returns true where what must not be came
--   about, false (and a word for what was answered) where it did not, nil where that can't be told
-- @tparam[opt] function obtain a session for it, where one group of servers is there; by default a new one
-- @tparam[opt] boolean is_special no other sessions will do
-- @tparam[opt] boolean is_elsewhere they are offered at other servers than those that made them
-- @treturn boolean|nil true: it came about, with two sessions at least; nil: it can't be told
-- @treturn table group and share (of the servers at which it came about; nil: all of them), asked, seen (how often it
--   came about), code (the word for the last that did not), codes (the words of all: word -> true), why it can't be
--   told: "mixed_answers" (it came about once, and not again), "connection_failed", "not_met" (the servers that made
--   the sessions may not have been met)
function M.ask(context, mechanism, question, obtain, is_special, is_elsewhere)
  local members = context.evidence:members(mechanism)
  local poll = setmetatable({ context = context, mechanism = mechanism, question = question, yes = 0, no = 0, open = 0,
    orders = {}, queue = {}, places = {}, codes = {}, asked_of = {}, is_elsewhere = is_elsewhere,
    is_special = is_special, met = {}, kept = {}, since = {}, offers = 0, made = 0,
    turns = M.turns_of(context, mechanism), obtain = obtain or function()
      return obtain_usual(context, mechanism)
    end }, Poll)
  if not is_elsewhere and M.is_unmet(context, mechanism) then
    return nil, { asked = 0, seen = 0, codes = {}, why = "not_met" }
  elseif #members > 1 and mechanism == "session_id" then -- nobody can tell whose an ID is
    poll:ask_any()
  elseif #members > 1 and is_special then
    poll:ask_special()
  elseif #members > 1 then
    poll:ask_members()
  else
    poll:ask_server()
  end
  return poll:outcome(members)
end

return M
