-- Which sessions are spent: many servers drop a session when a connection that made it or offered it did not end in
-- order, and refuse it from then on. That is no word on resumption. So what such a session is refused, while that
-- connection was under way or later, is unknown; and a fresh one has to take its place. It makes no connection.
--
-- What an end in order is, the server shows: some say close_notify, some only close, some do not even that, and not
-- after everything that is said to them. An end is out of order when more of the connections of its kind had a better
-- one; the first of a kind is held against all.

local M = {}

-- Ends, the best first: "notify" (close_notify came), "fin" (the stream ended after our goodbye), "left" (we did not
-- wait for it), "silent" (nothing came in the time that there was), "early" (the stream ended before our goodbye),
-- "reset" (after it), "broken" (the handshake failed, or the connection broke before our goodbye).
local RANK = { notify = 1, fin = 2, left = 2, silent = 3, early = 4, reset = 5, broken = 6 }

local states = setmetatable({}, { __mode = "k" }) -- session -> {spent, refused, made}; whichever client offers it
local ticks = 0

local function tick()
  ticks = ticks + 1
  return ticks
end

local function state_of(session)
  local state = states[session]
  if not state then
    -- refused: record -> when it ended; made: connections of its client until then
    state = { spent = false, refused = {}, made = nil }
    states[session] = state
  end
  return state
end

--- Nothing is known of how a server ends connections.
-- @treturn table connections (how many there were), all (end -> how many), kinds (the same of each kind of connection),
--   first (the first connections, with what they made and offered)
function M.nothing_known()
  return { connections = 0, all = {}, kinds = {}, first = {} }
end

-- Connections that a server may well end alike.
local function kind_of(record)
  return ("%s %s %s"):format(record.engine, record.outcome, record.asked and "asked" or "")
end

local function has_better(counts, ended)
  local rank, count = RANK[ended], counts[ended] or 0
  for better, often in pairs(counts) do
    if RANK[better] < rank and often > count then
      return true
    end
  end
  return false
end

local FIRST = 16 -- connections whose end may turn out later to have been out of order

-- As far as is known now. An end that is hardly anybody's habit has to be seen twice.
local function is_out_of_order(ends, kind, ended)
  local counts = ends.kinds[kind]
  return ended == "broken" or has_better(counts and counts.total > 1 and counts.of or ends.all, ended)
    or RANK[ended] >= RANK.early and ends.all[ended] == 1
end

-- Notes an end; returns whether it is out of order.
local function note_end(ends, record)
  local kind, ended = kind_of(record), record.ending
  local counts = ends.kinds[kind] or { total = 0, of = {} }
  ends.kinds[kind], counts.total = counts, counts.total + 1
  counts.of[ended], ends.all[ended] = (counts.of[ended] or 0) + 1, (ends.all[ended] or 0) + 1
  return is_out_of_order(ends, kind, ended)
end

local function forget(record)
  record.outcome = "unknown"
  if record.on_doubt then
    record.on_doubt()
  end
end

local function spend(session, since)
  local state = state_of(session)
  state.spent, state.spent_at = true, tick()
  for record, ended in pairs(state.refused) do
    if ended >= since then
      forget(record)
      state.refused[record] = nil
    end
  end
end

-- A refusal counts unless a session was spent that was offered.
local function note_refusal(record, offered, now)
  for _, session in ipairs(offered) do
    if state_of(session).spent then
      return forget(record)
    end
  end
  for _, session in ipairs(offered) do
    state_of(session).refused[record] = now
  end
end

--- A connection begins.
-- @treturn integer when, for finish()
M.begin = tick

-- A probe that is refused breaks the handshake off: what it offered was not taken, and nothing was made.
local function was_given_up(record)
  return record.engine == "probe" and record.outcome == "refused"
end

local function spend_all(sessions, since)
  for _, session in ipairs(sessions) do
    spend(session, since)
  end
end

-- What seemed to be in order, as little was known, may not have been.
local function look_back(ends)
  for i = #ends.first, 1, -1 do
    local one = ends.first[i]
    local record = one.record
    if is_out_of_order(ends, one.kind, record.ending) then
      table.remove(ends.first, i)
      record.unclean = true
      spend_all(record.sessions, one.began)
      spend_all(one.offered, one.began)
    end
  end
end

--- A connection has ended: what that does to its sessions, and to what is known of them.
-- @tparam table ends how connections with this server ended so far; changed
-- @tparam table record of the connection: outcome, error, sessions, ending (its end), asked (a request was sent); an
--   outcome "refused" may become "unknown", now or later (then record.on_doubt() is called, where there is one);
--   unclean is set
-- @tparam {session,...} offered
-- @tparam integer began from begin()
function M.finish(ends, record, offered, began)
  ends.connections = ends.connections + 1
  for _, session in ipairs(record.sessions) do
    local state = state_of(session)
    state.made = state.made or ends.connections
  end
  local failed = record.error ~= nil
  if record.outcome == "interrupted" or failed and record.error.stage ~= "handshake" then
    return
  end
  local was_refused = record.outcome == "refused"
  if not was_given_up(record) then
    record.unclean = (failed or note_end(ends, record)) or nil
  end
  if record.outcome == "resumed" then
    for _, session in ipairs(offered) do
      local state = state_of(session) -- whatever had happened to it when this began, the server has it
      state.spent = state.spent and began < state.spent_at
    end
  elseif was_refused then
    note_refusal(record, offered, tick())
  end
  -- What was refused was not taken.
  local one = { record = record, offered = was_refused and {} or offered, began = began,
    kind = kind_of(record) }
  if record.unclean then
    spend_all(record.sessions, began)
    spend_all(one.offered, began)
  elseif record.ending and #ends.first < FIRST then
    ends.first[#ends.first + 1] = one
  end
  look_back(ends)
end

--- How many connections were made since a session was? A cache may be small: OpenSSL's s_server keeps 128 sessions, and
-- two or three come with a connection of TLS 1.3.
-- @tparam session session
-- @tparam table|nil ends of the server's connections
-- @treturn integer 0 where that is not known
function M.connections_since(session, ends)
  local state = states[session]
  return ends and state and state.made and ends.connections - state.made or 0
end

--- Has a session been spent?
-- @tparam session session
-- @treturn boolean
function M.is_spent(session)
  local state = states[session]
  return state ~= nil and state.spent
end

return M
