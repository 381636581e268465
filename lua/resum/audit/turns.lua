-- Servers with keys of their own that take strict turns: whoever offers a session on the next connection never meets
-- the one that made it, and hears from a stranger what it wanted to know of that one. So it is found out after how many
-- connections a server has its turn again; and every connection to the address is counted, so that a session can wait
-- for it. It makes no connection but by the context that it is given.

local M = {}

--- The longest turns that are looked for.
M.MOST_PERIOD = 8
-- Each session that resumes where turns of a length say so is what chance does for every second one, where two servers
-- or more take turns at random. So many in a row as bring 7 lengths to less than one wrong guess in 1,000 pools: 13.
local BY_CHANCE, SURE = 0.5, 1e-3
-- First looks: of eight sessions made in a row the first, third, fifth and seventh, offered one after another, have
-- come 8, 7, 6 and 5 connections before: each length from 2 to 8 divides one of these numbers. (They only make it
-- shorter: each length that is left has to be confirmed.)
local FIRST_LOOKS = { 1, 3, 5, 7 }
-- Offers with one or two connections in between, until one resumes: where servers take turns at random, and one in four
-- knows the session, so many miss it with 3 in 1,000. (On the very next one, a balancer that takes the less busy of two
-- seldom gives the server that it has just had, which it may not know to be free.)
local MOST_NEXT = 20

--- The connections that finding it out takes at most.
M.CONNECTIONS = 2 * (MOST_NEXT + 2) + M.MOST_PERIOD + #FIRST_LOOKS
  + 3 * math.ceil(math.log((M.MOST_PERIOD - 1) / SURE, 2))

local Turns = {}
Turns.__index = Turns

--- How many connections were made to the address so far.
-- @function turns:position
-- @treturn integer
function Turns:position()
  local count = 0
  for _, client in ipairs(self.clients) do
    count = count + client.connections
  end
  return count
end

--- Counts the connections of another client, where they come to the same address.
-- @function turns:watch
-- @tparam table client
function Turns:watch(client)
  local own = self.clients[1]
  if client.address == own.address and client.port == own.port then
    self.clients[#self.clients + 1] = client
    self.has[client] = true
  end
end

--- Notes that the last connection has brought sessions.
-- @function turns:note
-- @tparam table client that made it
-- @tparam integer order of that connection, see resum.audit.evidence
-- @tparam {session,...} sessions
function Turns:note(client, order, sessions)
  if self.has[client] then
    self.at[order] = self:position()
    for _, session in ipairs(sessions or {}) do
      self.made_at[session] = self:position()
    end
  end
end

--- How many connections have to come before the turn of the server that made a session.
-- @function turns:wait
-- @tparam session|nil session
-- @treturn integer|nil 0: it has the next one; nil where no strict turns are known, or not when the session came
function Turns:wait(session)
  local at = session and self.made_at[session]
  return at and self.period and (at - self:position() - 1) % self.period
end

--- Whose turn it was when a session came.
-- @function turns:place
-- @tparam session session
-- @treturn integer|nil 0 to the period - 1; nil where that is not known
function Turns:place(session)
  local at = self.made_at[session]
  return at and at % self.period
end

--- Of sessions, the one whose server has its turn soonest.
-- @function turns:soonest
-- @tparam {session,...} sessions
-- @treturn integer place in the list; 1 where that is not known of any
function Turns:soonest(sessions)
  local best, least = 1, math.huge
  for i, session in ipairs(sessions) do
    local wait = self:wait(session) or math.huge
    if wait < least then
      best, least = i, wait
    end
  end
  return best
end

local Search = {}
Search.__index = Search

-- Makes a session; nil where none came.
function Search:make()
  local session = self.context:session(self.mechanism)
  if session and self.turns.made_at[session] then
    self.stock[#self.stock + 1] = session
  end
  return session
end

-- Offers a session as it is. What does not agree with turns of a length rules that length out.
function Search:offer(session)
  local lag = self.turns:position() + 1 - self.turns.made_at[session]
  local outcome = self.context:attempt({ mechanism = self.mechanism, session = session, take_sessions = false }).outcome
  if outcome ~= "resumed" and outcome ~= "refused" then
    return nil
  end
  local resumed, kept, has_turn = outcome == "resumed", {}, false
  for _, period in ipairs(self.periods) do
    local is_due = lag % period == 0
    has_turn = has_turn or is_due
    kept[#kept + 1] = resumed == is_due and period or nil
  end
  self.periods = kept
  self.doubt = resumed and has_turn and self.doubt * BY_CHANCE or self.doubt
  return resumed
end

-- A session that is offered on the very next connection. Where it resumes, no others have their turns in between.
function Search:offer_next()
  local before = #self.stock
  self:make()
  return #self.stock > before and self:offer(table.remove(self.stock))
end

-- The same with the session before it.
function Search:offer_soon()
  local before = #self.stock
  self:make()
  return #self.stock > before and before > 0 and self:offer(table.remove(self.stock, before))
end

function Search:look_first()
  for _ = 1, M.MOST_PERIOD do
    self:make()
  end
  local row = self.stock
  self.stock = {}
  for i, session in ipairs(row) do
    local is_first_look = false
    for _, number in ipairs(FIRST_LOOKS) do
      is_first_look = is_first_look or number == i
    end
    if is_first_look then
      self:offer(session)
    else
      self.stock[#self.stock + 1] = session
    end
  end
end

-- Offers one more session to the server whose turn it should be, if the shortest of the lengths that are left is right.
function Search:confirm()
  local period = self.periods[1]
  for i, session in ipairs(self.stock) do
    if (self.turns:position() + 1 - self.turns.made_at[session]) % period == 0 then
      return self:offer(table.remove(self.stock, i))
    end
  end
  self:make()
end

function Search:run()
  if self:offer_next() then
    return true
  end
  self:look_first()
  while #self.periods > 0 and self.doubt > SURE do
    self:confirm()
  end
  if #self.periods > 0 then
    self.turns.period = self.periods[1]
    return true
  end
  self.stock = {}
  for _ = 0, MOST_NEXT do
    if self:offer_soon() then
      return true
    end
  end
  return false
end

-- A mechanism whose sessions some servers take, and others don't.
local function divided(context)
  for _, mechanism in ipairs({ "ticket", "psk", "session_id" }) do
    local resumes, share = context:resumes(mechanism)
    if resumes and share < 1 then
      return mechanism
    end
  end
end

--- Finds out whether servers take strict turns. What it comes to stands in context.turns: period (nil where there are
-- none), and unmet (true: no session met the server that had made it, at whatever distance).
-- @tparam table context see resum.audit.context
function M.find(context)
  local mechanism = divided(context)
  if not mechanism then
    return
  end
  local turns, periods = context.turns, {}
  for period = 2, M.MOST_PERIOD do
    periods[#periods + 1] = period
  end
  turns.unmet = true -- unless it is done, and says otherwise
  turns.unmet = not setmetatable({ context = context, turns = turns, mechanism = mechanism, periods = periods,
    stock = {}, doubt = #periods }, Search):run()
end

--- @tparam table client of the address
-- @treturn table turns: nothing is known of them; at (order of a connection -> its position)
function M.new(client)
  return setmetatable({ clients = { client }, has = { [client] = true }, at = {},
    made_at = setmetatable({}, { __mode = "k" }) }, Turns)
end

return M
