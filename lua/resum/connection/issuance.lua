-- Waits for the tickets of TLS 1.3, which come after the handshake: by themselves, or only behind the server's first
-- data, so that it has to be asked for some. What this server took so far says how long the next ones are waited for.
-- It reads through the connection that it is given, and says what it could not see to its end; it judges nothing.

local M = {}

local TICKET_WAIT = 1 -- seconds for a NewSessionTicket that comes by itself
local REQUEST_WAIT = 1 -- seconds for one that comes behind an answer, and for an answer where none came before
local MORE_WAIT = 0.1 -- seconds of silence after which no further one is expected
local LATER = 4 -- times as late as a server was so far, it may still be

--- How many tickets came.
-- @tparam table facts of a connection
-- @treturn integer also those that were not kept
function M.count(facts)
  return #facts.tickets + (facts.tickets_forgotten or 0)
end

--- What is known of a server that nothing is known of.
-- @treturn table delay (seconds that its tickets took, unasked), answer (seconds that its answers took), silent (it was
--   asked, and did not answer in all the time that there was), when_asked (its tickets came behind an answer only)
function M.nothing_known()
  return { delay = nil, answer = nil, silent = false, when_asked = false }
end

-- How long the first ticket is waited for, and whether it is asked for. Where a session was resumed, many servers issue
-- none: there it is waited for as long as this server's tickets took to come so far, where they came unasked.
local function patience(connection, known)
  if known.when_asked and not known.delay then
    return 0, true
  elseif not connection.session or not known.delay then
    return TICKET_WAIT, true
  end
  return math.min(TICKET_WAIT, math.max(MORE_WAIT, LATER * known.delay)), false
end

-- How long an answer is waited for: the whole timeout once, then as long as this server takes.
local function patience_for_answer(known, timeout)
  if known.answer then
    return math.min(timeout, math.max(REQUEST_WAIT, LATER * known.answer))
  end
  return known.silent and math.min(timeout, REQUEST_WAIT) or math.max(timeout, REQUEST_WAIT)
end

local function say(connection, words)
  connection:send(connection.machine:write(words) or "", connection.host.now() + REQUEST_WAIT)
end

-- Asks, and once more in other words where that is not answered soon. Returns whether the connection still goes on.
local function wait_for_answer(connection, answered, seconds)
  local now = connection.host.now
  local started = now()
  connection:listen()
  say(connection, connection.request)
  local alive = connection:read_until(answered, started + math.min(seconds, REQUEST_WAIT / 2))
  local again = alive and not answered() and connection.client.dialer:request_again(connection.request)
  if again then
    say(connection, again)
  end
  return alive and connection:read_until(answered, started + seconds)
end

-- Asks, and waits for the answer. Returns whether the connection still goes on.
local function ask(connection, known, more)
  local now, timeout = connection.host.now, connection.client.timeout
  local started = now()
  local function answered()
    return connection.heard or more()
  end
  local alive = wait_for_answer(connection, answered, patience_for_answer(known, timeout))
  if answered() then
    known.answer, known.silent = math.max(known.answer or 0, now() - started), false
    alive = alive and connection:read_until(more, now() + REQUEST_WAIT)
    known.when_asked = known.when_asked or more()
  elseif alive then
    known.silent = true
  end
  return alive
end

-- What kept us from seeing whether the server issues tickets; nil when it had its say.
local function unseen(connection, asked)
  local over = connection.over
  if connection.heard then
    return nil
  elseif asked then
    return connection:goes_on() and "no_answer" or "hung_up"
  end
  return over and over.code and "cut_short" or nil
end

--- Waits for tickets: for the first ones, or for all.
-- @tparam table connection of resum.connection.exchange: host, client, machine, session, request, facts(), listen(),
--   send(), read_until(), goes_on(), heard, over, speaks
-- @tparam boolean|string want "all": those that follow, too
-- @treturn string|nil where no ticket came, what kept us from seeing that the server issues none: "no_answer" (it has
--   not answered our request), "hung_up" (it ended the connection at our request), "cut_short" (the connection broke
--   before that)
-- @treturn boolean|nil true: there may have been more, as the count was cut
function M.wait(connection, want)
  local now, known = connection.host.now, connection.client.issuance
  local seen, asked = 0, false
  local function more()
    return M.count(connection:facts()) > seen
  end
  local started = now()
  local wait, may_ask = patience(connection, known)
  local alive = connection:read_until(more, started + wait)
  if more() then
    known.delay = math.max(known.delay or 0, now() - started)
  elseif alive and may_ask and connection.request and connection.speaks then
    asked = true
    alive = ask(connection, known, more)
  end
  local deadline = now() + TICKET_WAIT
  while want == "all" and alive and more() and now() < deadline do
    seen = M.count(connection:facts())
    alive = connection:read_until(more, math.min(deadline, now() + MORE_WAIT))
  end
  if M.count(connection:facts()) == 0 then
    return unseen(connection, asked)
  end
  local was_cut = connection.over and connection.over.code == "too_much"
  return nil, was_cut or (want == "all" and alive and more())
end

--- Sends a request, as clients do, where none was sent, and waits for the answer.
-- @tparam table connection see wait
-- @treturn boolean whether the server answered
function M.request(connection)
  local known = connection.client.issuance
  if connection.heard == nil and connection.request and connection.speaks and connection:goes_on() then
    local function answered()
      return connection.heard
    end
    wait_for_answer(connection, answered, known.silent and MORE_WAIT or REQUEST_WAIT)
  end
  return connection.heard == true
end

return M
