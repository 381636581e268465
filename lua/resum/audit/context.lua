-- What an active check works with: connections to the target, each recorded and counted against what the check has
-- declared, sessions to offer, and the control. It stops a check whose budget is spent or whose scan is over; it judges
-- nothing.

local answers = require "resum.audit.answer"
local conclusion = require "resum.analysis.conclusion"
local obtaining = require "resum.scan.obtain_sessions"
local tables = require "resum.util.tables"
local turns_of = require "resum.audit.turns"

local M = {}

-- Raised to end a check, and caught by resum.audit.run.
local Stop = {}

--- The reason why a check was stopped; nil for any other error.
-- @param raised what was raised
-- @treturn string|nil "budget", "interrupted" or "server_went_away"
-- @treturn table|nil evidence
function M.stopped(raised)
  if getmetatable(raised) == Stop then
    return raised.reason, raised.evidence
  end
end

local function stop(reason)
  error(setmetatable({ reason = reason }, Stop), 0)
end

local Context = {}
Context.__index = Context

-- One more connection, if it may be.
local function spend(context)
  if context.client.cancelled() then
    stop("interrupted")
  elseif context:made() >= context.budget then
    stop("budget")
  end
end

--- How many connections were made so far.
-- @function context:made
-- @treturn integer
function Context:made()
  local count = self.client.connections - self.begun_at
  for _, client in ipairs(self.clients) do
    count = count + client.connections
  end
  return count
end

--- A client of another name, or one without the certificate; its connections count as well.
-- @function context:new_client
-- @tparam[opt] table other see resum.audit.reach
-- @tparam[opt] table how see resum.audit.reach
-- @treturn table client, for attempt
function Context:new_client(other, how)
  local client = self.reach:client(other, how)
  self.clients[#self.clients + 1] = client
  self.turns:watch(client)
  return client
end

--- The strict turns that servers of this address take, where sessions of a mechanism resume at some of them only.
-- @function context:turns_of
-- @tparam string mechanism
-- @treturn table|nil see resum.audit.turns; nil where none are known
function Context:turns_of(mechanism)
  if self.turns and self.turns.period then
    local _, share = self:resumes(mechanism)
    return share and share < 1 and self.turns or nil
  end
end

-- Lets others have their turns until it is that of the server that made a session. What their handshakes bring is kept.
local function await_turn(context, mechanism, session)
  local turns = context:turns_of(mechanism)
  while turns and (turns:wait(session) or 0) > 0 do
    context:attempt({ mechanism = mechanism, want_tickets = true })
  end
end

-- Whose turn an offer waits for: the session's that is offered, or that it was made of; none where nothing is offered,
-- or any server will do.
local function origin_of(context, options)
  if options.origin ~= nil or not (options.session or options.sessions) then
    return options.origin
  end
  local session = options.session
  return session and context.turns.made_at[session] and session or context.origin
end

--- One connection. Where servers take strict turns, a session waits for that of the one that made it; and what is
-- offered in the place of a session, for that of this one.
-- @function context:attempt
-- @tparam table options see resum.connection.client; and origin: the session that was altered to what is offered
--   (false: any server will do)
-- @tparam[opt] table client another one than the target's
-- @treturn table record
function Context:attempt(options, client)
  local caller = client or self.client
  local origin = origin_of(self, options)
  if origin and self.turns.has[caller] then
    await_turn(self, options.mechanism, origin)
  end
  spend(self)
  local all = tables.merged({ design = "audit" }, options)
  all.origin = nil
  if options.session then
    self.evidence.taken[options.session] = true
  end
  local record = caller:attempt(all)
  self.turns:note(caller, #(self.evidence.connections or {}), record.sessions)
  if record.outcome == "interrupted" then
    stop("interrupted")
  elseif record.answer == "resumed" then
    record.outcome = "resumed" -- no share is counted here, and whatever had become of the session, it did resume
  end
  return record
end

-- Outcomes of connections that came to nothing: they answer no question.
local LOST = { closed = true, reset = true, timeout = true, unreachable = true }

--- One connection, and again as often as other handshakes where it was lost: for questions to which an end of the
-- connection is no answer. (Where it is one, ask with attempt.)
-- @function context:ask
-- @tparam function|table make options as of attempt, or a function that gives them
-- @tparam[opt] table client another one than the target's
-- @treturn table record of the last
function Context:ask(make, client)
  local record
  for _ = 0, self.options.retries do
    record = self:attempt(type(make) == "function" and make() or make, client)
    if not LOST[record.outcome] then
      return record
    end
  end
  return record
end

--- The same, for questions that a server may answer by ending the connection: an end counts where it comes again and
-- again.
-- @function context:hear_out
-- @tparam table options as of attempt
-- @treturn table record of the last
-- @treturn boolean is an end the server's answer?
function Context:hear_out(options)
  local ends, lost = 0, 0
  while true do
    local record = self:attempt(options)
    if not LOST[record.outcome] then
      return record, false
    elseif answers.is_end(record) then
      ends = ends + 1
    else
      lost = lost + 1
    end
    if ends == answers.ENDS or lost > self.options.retries then
      return record, ends == answers.ENDS
    end
  end
end

--- One connection on which machines take turns.
-- @function context:converse
-- @tparam function talk see resum.connection.client
-- @treturn table record
function Context:converse(talk)
  if self.origin then
    await_turn(self, "psk", self.origin)
  end
  spend(self)
  return self.client:converse(talk)
end

--- Does something for which a session stands, altered or not: its connections that offer something wait for the turn
-- of the server that made it.
-- @function context:on_behalf_of
-- @tparam session session
-- @tparam function action
-- @return what that returns
function Context:on_behalf_of(session, action)
  local before = self.origin
  self.origin = session
  local given = table.pack(pcall(action))
  self.origin = before
  if not given[1] then
    error(given[2], 0)
  end
  return table.unpack(given, 2, given.n)
end

--- Keeps what was found already, should the check be ended before it is done.
-- @function context:keep
-- @tparam table|nil found a finding
function Context:keep(found)
  self.kept[#self.kept + 1] = found
end

--- Ends the check where the server does not answer any more: after each kind of message that it may not bear.
-- @function context:stay_sure
-- @tparam string after what was sent last, for evidence
function Context:stay_sure(after)
  local is_there = self:control()
  if not is_there then
    error(setmetatable({ reason = "server_went_away", evidence = { after = after } }, Stop), 0)
  end
end

--- A session, new: of a full handshake made for it.
-- @function context:session
-- @tparam string mechanism
-- @tparam[opt=true] boolean|string want "all": all tickets of the handshake are waited for
-- @treturn session|nil the newest
-- @treturn {record,...} the full handshakes made for it
-- @treturn {session,...} all that came with it
function Context:session(mechanism, want)
  local sessions, records = obtaining.obtain(self, mechanism, self.options.retries, want)
  return sessions and sessions[#sessions], records, sessions or {}
end

--- A session that other connections have brought, that was not offered, the newest first.
-- @function context:unoffered
-- @tparam string mechanism
-- @tparam[opt] function fits (session, ticket): is it one that will do?
-- @treturn session|nil
function Context:unoffered(mechanism, fits)
  local tickets, taken = self.evidence:tickets_of(mechanism), self.evidence.taken
  local turns, list = self:turns_of(mechanism), {}
  for i = #tickets, 1, -1 do
    local session = tickets[i].session
    if session and not taken[session] and not self.client:expired(session)
      and not self.evidence:is_of_old_key(mechanism, tickets[i].connection)
      and (not fits or fits(session, tickets[i])) and (not turns or turns:wait(session)) then
      list[#list + 1] = session
      if not turns then
        break
      end
    end
  end
  local chosen = list[turns and turns:soonest(list) or 1]
  if chosen then
    taken[chosen] = true
  end
  return chosen
end

--- A session that was not offered before: of those that other connections have brought, else a new one.
-- @function context:spare_session
-- @tparam string mechanism
-- @treturn session|nil
function Context:spare_session(mechanism)
  return self:unoffered(mechanism) or (self:session(mechanism))
end

-- One that a group of servers has made, and that was not offered.
local function spare_of(context, mechanism, letter)
  return context:unoffered(mechanism, function(_, ticket)
    return context.evidence:group_of({ ticket.connection }) == letter
  end)
end

--- A session that was not offered before and that a group of servers has made.
-- @function context:session_of
-- @tparam string mechanism "ticket" or "psk"
-- @tparam string letter see evidence:members
-- @tparam integer most full handshakes that are made for it
-- @treturn session|nil
function Context:session_of(mechanism, letter, most)
  local session = spare_of(self, mechanism, letter)
  for _ = 1, session and 0 or most do
    self:session(mechanism)
    session = spare_of(self, mechanism, letter)
    if session then
      return session
    end
  end
  return session
end

--- A session of a full handshake that offers something else than usual.
-- @function context:session_offering
-- @tparam string mechanism
-- @tparam table more see client:offer_more
-- @treturn session|nil
-- @treturn {record,...} the full handshakes made for it
function Context:session_offering(mechanism, more)
  local client = self.client
  local before = client.more
  client:offer_more(tables.merged(before, more))
  local fine, session, records = pcall(self.session, self, mechanism)
  client:offer_more(before)
  if not fine then
    error(session, 0)
  end
  return session, records
end

--- Does a plain full handshake work at this moment? One that failed is tried again.
-- @function context:control
-- @treturn boolean
-- @treturn table record of the last
function Context:control()
  local record
  for tries = 0, self.options.retries do
    record = self:attempt({ mechanism = "control", take_sessions = false, after = record, tries = tries })
    if record.outcome == "full" then
      return true, record
    end
  end
  return false, record
end

--- Do sessions of a mechanism resume here, as far as the scans have seen?
-- @function context:resumes
-- @tparam string mechanism
-- @treturn boolean
-- @treturn number|nil share of the offers that were answered
-- @treturn integer|nil how many were
function Context:resumes(mechanism)
  local judged = conclusion.judged(self.entry, mechanism)
  local answered = judged and judged.resumed + judged.refused or 0
  if answered == 0 then
    return false
  end
  return judged.resumed > 0, judged.resumed / answered, answered
end

--- The mechanisms that resume here, in the order of reports.
-- @function context:resuming
-- @treturn {string,...}
function Context:resuming()
  local list = {}
  for _, mechanism in ipairs(self.options.mechanisms) do
    list[#list + 1] = self:resumes(mechanism) and mechanism or nil
  end
  return list
end

--- @tparam table given client, reach (see resum.audit.reach), options (of resum.run, as read), target (described),
--   entry (of the address, with what the scans found), evidence
-- @tparam integer budget connections that may be made
-- @treturn table context, with these as its fields, and host and cancelled of the client
function M.new(given, budget)
  local evidence = given.evidence or {}
  evidence.turns = evidence.turns or turns_of.new(given.client)
  return setmetatable({
    turns = evidence.turns,
    client = given.client,
    clients = {}, -- other ones, that were made
    reach = given.reach,
    host = given.client.host,
    cancelled = given.client.cancelled,
    options = given.options,
    target = given.target,
    entry = given.entry,
    evidence = evidence,
    begun_at = given.client.connections,
    kept = {}, -- findings so far, see keep
    budget = budget,
  }, Context)
end

return M
