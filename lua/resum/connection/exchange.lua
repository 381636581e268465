-- What is said on an open connection: the handshake, a request where one is wanted, the wait for what the server
-- issues, the goodbye. It always puts close_notify on the wire and drains what is unread, because many servers forget a
-- session whose connection ended otherwise. It judges nothing beyond one connection.

local issuance = require "resum.connection.issuance"
local outcomes = require "resum.connection.outcome"
local patience = require "resum.connection.patience"
local responses = require "resum.connection.response"
local spending = require "resum.connection.spending"
local transfer = require "resum.connection.transfer"

local M = {}

-- For the server's end after our close_notify: an answer takes a round trip. One that always came is waited for longer,
-- as without it a session is taken for spent: a busy machine was seen to take more than a second.
local LINGER = { least = 0.25, most = 1, round_trips = 4, answered = 3 }

-- Bytes that are looked at, and kept, of what is no TLS.
local LONGEST_GREETING = 1024

-- A connection in progress: what every phase below needs.
local Exchange = setmetatable({}, { __index = transfer })
Exchange.__index = Exchange

local function never()
  return false
end

-- Runs the handshake. Returns the bytes still to be sent when it is established, or nil after fail().
function Exchange:establish(record, deadline)
  local receive = self.receive_first
  local state, out, message, code = self.machine:step()
  while state == "want" do
    local sent, why = self:send(out, deadline)
    if not sent then
      return outcomes.fail(record, "handshake: the server took no more bytes", why)
    end
    state, message, code, out = receive(self, deadline)
    receive = self.receive
  end
  -- A server may end the connection in the same breath: it is over, but the handshake was completed.
  if transfer.GOES_ON[state] or self:facts().finished then
    self:note_end(state, message, code)
    return out
  end
  self:send(out or "", deadline) -- our alert
  local heard = self.client.dialer:redact((self.first_bytes or ""):sub(1, LONGEST_GREETING))
  local said = code == "protocol_error" and outcomes.not_tls(heard)
  if said then
    outcomes.fail(record, said, "not_tls")
    record.said = heard
  elseif state == "closed" then
    outcomes.fail(record, "handshake: the server sent close_notify in the middle", "closed")
  else
    outcomes.fail(record, message, code)
  end
end

-- The protocol's goodbye and close_notify, in one write with what is due before them; then read to the end, so that
-- nothing unread turns the close into a reset, and late tickets still arrive. The probe says no words: it may have
-- agreed on keys that anybody can find. When it has seen a resumption it closes at once: Finished and close_notify have
-- left together, and no server was found that then loses a session by a reset (HAProxy, stunnel, s_server, GnuTLS,
-- nginx; caches and tickets: 60 of 60 each). So it does when it was refused, by a server that ends no connection of the
-- kind before we do: no session has come of it, and none was taken. But to a server that is slow the connection is open
-- for longer than to us: where it limits their number, we stay.
function Exchange:finish(due, handshake_s, is_answered)
  local now = self.host.now
  local linger = math.max(LINGER.least, math.min(LINGER.most, LINGER.round_trips * handshake_s))
  local deadline = now() + (is_answered and LINGER.answered or linger)
  local goodbye, machine = self.client.dialer.goodbye, self.machine
  local last_words = goodbye and self.speaks and machine:write(goodbye) or ""
  local sent = not self.ended and self:send(due .. last_words .. machine:shutdown(), deadline)
  self.known_facts = nil -- our close_notify is one of them
  self.said_goodbye = sent
  self.on_goodbye()
  if not sent or self.leaves_at_once then
    return
  end
  self:read_until(never, deadline)
end

-- Sends the request of an attempt, with what is due before it, and takes in the answer. Gives what is due still.
function Exchange:converse(request, due, deadline)
  self.response = responses.new()
  self.response:add(self.machine:read()) -- who sent early data may have been answered before the end of the handshake
  if not self:goes_on() then
    return due -- and the connection closed
  end
  local sent = self:send(due .. (self.machine:write(request) or ""), deadline)
  if sent then
    self:read_until(function()
      return self.response:is_complete()
    end, deadline)
  end
  return ""
end

-- Is there nothing to wait for behind our goodbye? See finish.
function Exchange:may_leave(record)
  local ends = self.client.ends
  if record.engine ~= "probe" or self.want_tickets or self.stays or self.say then
    return false
  elseif record.outcome == "refused" then
    return spending.ignores_what_is_given_up(ends)
  end
  return record.outcome == "resumed" and (not self.mechanism.may_be_cached or spending.is_silent(ends))
end

--- All of it between the first byte and the last.
-- @function exchange:run
-- @tparam table record of resum.connection.attempt; what was seen goes into it
function Exchange:run(record)
  local now, client = self.host.now, self.client
  local started = now()
  local due = self:establish(record, started + patience.of(client.patience, client.timeout))
  record.timing.handshake_s = now() - started
  if due or record.error.code == "timeout" then
    patience.note(client.patience, due and record.timing.handshake_s)
  end
  if due then
    outcomes.settle(record, self)
    record.handshake_bytes = self:bytes()
    if self.say and record.error == nil and self.speaks then
      due = self:converse(self.say, due, now() + client.timeout)
    end
    local waits = self.want_tickets and self.mechanism.tickets_come_late and self:facts().version == "TLSv1.3"
    if waits or self.asks then
      self:send(due, started + client.timeout)
      due = ""
      self.request = not self.say and client.dialer:request(self:facts().alpn) or nil
      if waits then
        record.unseen, record.tickets_cut = issuance.wait(self, self.want_tickets)
      end
      record.answered = self.asks and issuance.request(self) or nil
    end
    if self.hold then
      self:send(due, started + client.timeout)
      due = ""
      self.hold(record.timing.handshake_s)
    end
    self.leaves_at_once = self:may_leave(record)
    record.version, record.asked = self:facts().version, self.speaks_first or self.request and self.heard ~= nil or nil
    self:finish(due, record.timing.handshake_s, spending.is_answered(self.client.ends, record))
    record.ending = outcomes.ending(self, record.engine)
  end
  if self.over and self.over.code == "alert" and outcomes.refuses_certificate(self:facts()) then
    outcomes.fail(record, self.over.message, "alert")
  end
end

--- May what the server says late be another connection's to read? An offer may spend its session, and messages are
-- wanted of each connection.
-- @tparam table options of the attempt
-- @tparam table record
-- @treturn boolean
function M.may_put_off(options, record)
  return record.engine == "handshake" and not options.session and not options.transcript and not record.put_off
end

--- An exchange on a stream that is open.
-- @tparam table client of resum.connection.client
-- @tparam table mechanism
-- @tparam table options see client:attempt
-- @tparam table machine see resum.connection.machine
-- @tparam table stream of a host
-- @tparam number began when the machine was made
-- @tparam table record see exchange:run
-- @treturn table exchange
function M.new(client, mechanism, options, machine, stream, began, record)
  return setmetatable({ -- with all its fields, so that the table has its size at once
    client = client,
    host = client.host,
    stream = stream,
    machine = machine,
    began = began, -- when the machine was made: tickets age from there
    mechanism = mechanism,
    session = options.session or options.sessions,
    want_tickets = options.want_tickets,
    stays = options.stays,
    asks = options.asks,
    hold = options.hold,
    may_put_off = M.may_put_off(options, record), -- and has room until it has heard from the server
    awaits = nil, -- its first byte is
    say = options.request,
    speaks_first = options.request ~= nil or options.offer ~= nil and options.offer.early_data ~= nil or nil,
    speaks = machine.write ~= nil and (record.engine ~= "probe" or options.request ~= nil), -- inside TLS
    response = nil, -- what was answered to that
    on_goodbye = never, -- called when our last word has been said; what comes then is waited for only
    first_bytes = nil,
    late_bytes = 0, -- that were read behind a deadline
    late_pieces = 0,
    ended = nil, -- the server has said all
    over = nil, -- how it ended: {message, code}
    request = nil, -- what to ask with
    heard = nil, -- false: it is listened for; true: the server has said something
    known_facts = nil,
    leaves_at_once = nil,
    said_goodbye = nil,
    answered_goodbye = nil,
  }, Exchange)
end

return M
