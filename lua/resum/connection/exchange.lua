-- One connection: dial, handshake, wait for what the server issues, end in order, and write down all of
-- it, also when it failed. It always puts close_notify on the wire and drains what is unread, because
-- many servers forget a session whose connection ended otherwise. It judges nothing beyond one
-- connection, and sees sockets only through a host.

local issuance = require "resum.connection.issuance"
local machines = require "resum.connection.machine"
local mechanisms = require "resum.connection.mechanism"
local new_failure = require "resum.util.failure"
local responses = require "resum.connection.response"
local session_age = require "resum.connection.session_age"
local spending = require "resum.connection.spending"
local words = require "resum.transport.words"

local M = {}

local LINGER = { least = 0.25, most = 1, round_trips = 4 } -- for the server's end after our close_notify

-- Bytes that are looked at, and kept, of what is no TLS.
local LONGEST_GREETING = 1024

-- dialer:open's and stream:read's codes, as outcomes
local OUTCOME_OF_CODE = {
  timeout = "timeout",
  refused = "unreachable",
  unreachable = "unreachable",
  proxy = "unreachable",
  busy = "unreachable",
  turned_away = "unreachable",
  no_tunnel = "unreachable",
  no_starttls = "no_starttls",
  reset = "reset",
  eof = "closed",
  closed = "closed",
  alert = "alert",
  interrupted = "interrupted",
}

local function fail(record, message, code, stage)
  record.outcome = OUTCOME_OF_CODE[code] or "protocol_error"
  record.error = new_failure(message, code, stage or "handshake")
end

-- A connection in progress: what every phase below needs.
local Connection = {}
Connection.__index = Connection

function Connection:send(bytes, deadline)
  if bytes == "" then
    return true
  end
  return self.stream:write(bytes, deadline)
end

-- What a stream has in hand at a deadline is read all the same, as a busy machine may come late to it; no stream has
-- more (libuv reads 64 KiB ahead, and as much again at a time, and what comes while we are late lies in few pieces).
-- Who goes on and on has no more time than others.
local IN_HAND = { bytes = 128 * 1024, pieces = 256 }

function Connection:is_flooded(bytes, deadline)
  if not bytes or self.host.now() <= deadline then
    self.late_bytes, self.late_pieces = 0, 0
    return false
  end
  self.late_bytes, self.late_pieces = self.late_bytes + #bytes, self.late_pieces + 1
  return self.late_bytes > IN_HAND.bytes or self.late_pieces > IN_HAND.pieces
end

-- One read, fed to the machine; what it answers is sent. Returns its state, or nil, message, code.
function Connection:receive(deadline)
  local bytes, why = self.stream:read(deadline)
  if self:is_flooded(bytes, deadline) then
    bytes, why = nil, "timeout"
  end
  if not bytes and why ~= "eof" then
    return nil, "connection: " .. (why == "timeout" and "no answer in time" or "reset by the server"), why
  end
  self.first_bytes = self.first_bytes or bytes
  self.answered_goodbye = self.answered_goodbye or bytes and self.said_goodbye
  self.ended = not bytes
  self.known_facts = bytes == nil and self.known_facts or nil
  local state, out, message, code
  if bytes then
    state, out, message, code = self.machine:step(bytes, self.host.now() - self.began)
  else
    state, out, message, code = self.machine:eof()
  end
  if self.response then
    self.response:add(self.machine:read())
  elseif self.heard == false then
    self:hear(self.machine:read())
  end
  return state, message, code, out
end

-- What the server says in its application protocol; the name that it gives itself there is kept.
function Connection:hear(said)
  self.heard = said ~= ""
  self.client.software = self.client.software or words.software(said)
end

-- What stood on the wire so far.
function Connection:facts()
  self.known_facts = self.known_facts or self.machine:facts()
  return self.known_facts
end

-- What a server that does not speak TLS said instead, as far as it is worth showing.
local function not_tls(first_bytes)
  local content, major = first_bytes:byte(1, 2)
  if not content or (content >= 20 and content <= 23 and (major or 3) == 3) then
    return nil
  end
  local line = first_bytes:match("^[\32-\126]*"):sub(1, 60)
  if #line < 4 then
    return "not a TLS server: its first bytes are not a TLS record"
  end
  return ('not a TLS server: it said "%s"'):format(line)
end

local GOES_ON = { established = true, refused = true }

-- The connection is over, and how. A wait that was in vain is no end.
function Connection:note_end(state, message, code)
  if not GOES_ON[state] and code ~= "timeout" and not self.over then
    self.over = { message = message, code = code, notified = state == "closed", after_goodbye = self.said_goodbye }
  end
end

-- libssl holds 44 KB for a handshake that has begun, and of thousands of targets many may never answer. So where more
-- than these wait for the first byte, who has sent none for a while is waited for without libssl, and what comes then
-- is another connection's to read. A second: by then TCP has sent a lost segment again (RFC 6298, section 2.1). The
-- more wait, the shorter, so that libssl has not much more than 22 MB in all; but longer than most round trips.
local CROWD, PATIENCE = 500, { most = 1, least = 0.25 }

local function patience(load)
  return math.max(PATIENCE.least, PATIENCE.most * CROWD / load.awaited)
end

-- As receive(), for a first byte that does not come soon.
function Connection:receive_late(deadline, message)
  self:facts() -- what there is to know stays known
  self.machine:close()
  local _, why = self.stream:read(deadline)
  return nil, message, why == "timeout" and why or "put_off"
end

-- Nothing is awaited any more: also after an error.
function Connection:note_first()
  if self.awaits then
    self.client.load.awaited, self.awaits = self.client.load.awaited - 1, false
  end
end

-- As receive(), for the first byte.
function Connection:receive_first(deadline)
  local load = self.client.load
  load.awaited, self.awaits = load.awaited + 1, true
  local puts_off = load.awaited > CROWD and self.may_put_off
  local soon = puts_off and self.host.now() + patience(load) or deadline
  local state, message, code, out = self:receive(math.min(soon, deadline))
  self:note_first()
  if code == "timeout" and soon < deadline then
    return self:receive_late(deadline, message)
  end
  return state, message, code, out
end

-- Runs the handshake. Returns the bytes still to be sent when it is established, or nil after fail().
function Connection:establish(record, deadline)
  local receive = self.receive_first
  local state, out, message, code = self.machine:step()
  while state == "want" do
    local sent, why = self:send(out, deadline)
    if not sent then
      return fail(record, "handshake: the server took no more bytes", why)
    end
    state, message, code, out = receive(self, deadline)
    receive = self.receive
  end
  -- A server may end the connection in the same breath: it is over, but the handshake was completed.
  if GOES_ON[state] or self:facts().finished then
    self:note_end(state, message, code)
    return out
  end
  self:send(out or "", deadline) -- our alert
  local heard = self.client.dialer:redact((self.first_bytes or ""):sub(1, LONGEST_GREETING))
  local said = code == "protocol_error" and not_tls(heard)
  if said then
    fail(record, said, "not_tls")
    record.said = heard
  elseif state == "closed" then
    fail(record, "handshake: the server sent close_notify in the middle", "closed")
  else
    fail(record, message, code)
  end
end

-- How many bytes went both ways so far.
function Connection:bytes()
  local facts = self:facts()
  return facts.bytes_in and facts.bytes_in + facts.bytes_out
end

-- Reads until enough(), the deadline or the end. Returns false when the connection can't go on.
function Connection:read_until(enough, deadline)
  while not enough() do
    if self.ended then
      return false
    end
    local state, message, code, out = self:receive(deadline)
    if not GOES_ON[state] then
      self:note_end(state, message, code)
      return code == "timeout"
    end
    self:send(out, deadline)
  end
  return true
end

local function never()
  return false
end

-- From now on, what the server says in its application protocol is heard.
function Connection:listen()
  self.machine:read() -- what came before is no answer
  self.heard = false
end

-- Can anything still come?
function Connection:goes_on()
  return not self.ended and not self.over
end

-- The protocol's goodbye and close_notify, in one write with what is due before them; then read to the end, so that
-- nothing unread turns the close into a reset, and late tickets still arrive. The probe says no words: it may have
-- agreed on keys that anybody can find. When it has seen a resumption it closes at once: Finished and close_notify have
-- left together, and no server was found that then loses a session by a reset (HAProxy, stunnel, s_server, GnuTLS,
-- nginx; caches and tickets: 60 of 60 each). But to a server that is slow the connection is open for longer than to us:
-- where it limits their number, we stay.
function Connection:finish(due, handshake_s)
  local now = self.host.now
  local linger = math.max(LINGER.least, math.min(LINGER.most, LINGER.round_trips * handshake_s))
  local deadline = now() + linger
  local goodbye, machine = self.client.dialer.goodbye, self.machine
  local last_words = goodbye and self.speaks and machine:write(goodbye) or ""
  local sent = not self.ended and self:send(due .. last_words .. machine:shutdown(), deadline)
  self.said_goodbye = sent
  self.on_goodbye()
  if not sent or self.leaves_at_once then
    return
  end
  self:read_until(never, deadline)
end

-- How it ended, see resum.connection.spending. The probe reads no alert behind its own goodbye: that something came is
-- what there is to know.
function Connection:kind_of_end(engine)
  local over = self.over
  if over and over.notified and engine == "probe" then
    return not over.after_goodbye and "early" or self.answered_goodbye and "notify" or "fin"
  elseif over and over.notified then
    return "notify"
  elseif not over then
    return self.leaves_at_once and "left" or self.said_goodbye and "silent" or "broken"
  elseif over.code == "closed" then
    return over.after_goodbye and "fin" or "early"
  end
  return over.code == "reset" and over.after_goodbye and "reset" or "broken"
end

-- The outcome of a completed handshake.
function Connection:settle(record)
  local facts = self:facts()
  if not self.session then
    record.outcome = "full"
  elseif self.mechanism.offered(facts) then
    record.outcome = facts.reused and "resumed" or "refused"
  else
    fail(record, "the session could not be offered: it has expired or is of another version", "not_offered")
  end
end

-- Alerts that can be about our certificate, or about its absence (RFC 8446, section 6.2): handshake_failure,
-- bad_certificate, unsupported_certificate, certificate_revoked, certificate_expired, certificate_unknown, unknown_ca,
-- access_denied, certificate_required.
local ABOUT_CERTIFICATES = { [40] = true, [42] = true, [43] = true, [44] = true, [45] = true, [46] = true, [48] = true,
  [49] = true, [116] = true }

-- A handshake that was completed stays completed, whatever comes then: an alert ends the connection. But in TLS 1.3 we
-- are through before the server has looked at our certificate, or at its absence: who asked for one, and has not gone
-- on to tickets, may refuse it there (RFC 8446, section 4.4.2.4).
local function refuses_certificate(facts)
  local last = facts.alerts[#facts.alerts]
  return facts.version == "TLSv1.3" and facts.certificate_request and not facts.reused and #facts.tickets == 0
    and last ~= nil and last.from == "server" and ABOUT_CERTIFICATES[last.code]
end

-- Sends the request of an attempt, with what is due before it, and takes in the answer.
function Connection:converse(request, due, deadline)
  self.response = responses.new()
  self.response:add(self.machine:read()) -- who sent early data may have been answered before the end of the handshake
  local sent = self:send(due .. (self.machine:write(request) or ""), deadline)
  if sent then
    self:read_until(function()
      return self.response:is_complete()
    end, deadline)
  end
end

-- All of it between the first byte and the last.
function Connection:run(record)
  local now, client = self.host.now, self.client
  local started = now()
  local due = self:establish(record, started + client.timeout)
  record.timing.handshake_s = now() - started
  if due then
    self:settle(record)
    record.handshake_bytes = self:bytes()
    local goes_on = record.error == nil and self:goes_on()
    if self.say and goes_on and self.speaks then
      self:converse(self.say, due, now() + client.timeout)
      due = ""
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
    self.leaves_at_once = record.engine == "probe" and record.outcome == "resumed" and not self.want_tickets
      and not self.stays and not self.say
      and (not self.mechanism.may_be_cached or self.client.ends.all.silent ~= nil)
    self:finish(due, record.timing.handshake_s)
    record.ending, record.asked = self:kind_of_end(record.engine), self.request and self.heard ~= nil or nil
  end
  if self.over and self.over.code == "alert" and refuses_certificate(self:facts()) then
    fail(record, self.over.message, "alert")
  end
end

-- Sessions are large, and of those that an offer brings most are never looked at.
local function takes_sessions(engine, options)
  if options.take_sessions ~= nil then
    return options.take_sessions
  end
  return engine == "handshake" or options.want_tickets
end

-- A server without tickets gives a session ID in their place: that is no session of this mechanism.
local function write_down(record, connection, options, now)
  local facts = connection:facts()
  record.facts, record.version, record.cipher = facts, facts.version, facts.cipher
  record.reused = facts.reused
  record.response = connection.response and connection.response:fields()
  record.ended = connection.over
  if takes_sessions(record.engine, options) and (facts.reused or connection.mechanism.issued(facts)) then
    -- Those that are known already stay the same: somebody may be offering them.
    local all, known = connection.machine:sessions(), #record.sessions
    table.move(all, known + 1, #all, known + 1, record.sessions)
    session_age.note({ table.unpack(record.sessions, known + 1) }, now)
  end
end

-- An offer may spend its session, and messages are wanted of each connection.
local function may_put_off(options, record)
  return record.engine == "handshake" and not options.session and not options.transcript and not record.put_off
end

local function new_connection(client, mechanism, options, machine, stream, began, record)
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
    may_put_off = may_put_off(options, record),
    awaits = nil, -- its first byte is
    say = options.request,
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
  }, Connection)
end

-- Is a connection no more than a wait for the server's end, once we have said goodbye? Not to a server that stays until
-- we leave.
local function ends_at_goodbye(client, options)
  return not options.stays and client.ends.all.silent == nil
end

-- The way is open: the rest of it. `leave` gives the place at the address to the next one.
local function run_on(stream, machine, began, client, mechanism, options, record, leave)
  local connection = new_connection(client, mechanism, options, machine, stream, began, record)
  function connection.on_goodbye()
    if leave and ends_at_goodbye(client, options) then
      leave()
    end
    if options.on_goodbye then
      write_down(record, connection, options, client.host.now())
      options.on_goodbye(record)
    end
  end
  local fine, problem = pcall(connection.run, connection, record)
  stream:close() -- also after an error in here
  connection:note_first()
  if not fine then
    error(problem, 0)
  end
  write_down(record, connection, options, client.host.now())
  record.transcript = options.transcript and machine:transcript() or nil
end

-- Where the session to offer is known later than the way is to be opened, the machine is made later, too; and where
-- there is none: thousands of targets may never let us in.
local function is_made_late(options, record)
  return options.late ~= nil or record.engine == "handshake" and not options.session
end

local function make_machine(client, mechanism, options, record)
  local machine, problem, code = machines[record.engine](client, mechanism, options)
  if not machine then
    fail(record, problem, code)
  end
  return machine, options
end

local function make_late_machine(client, mechanism, options, record)
  if options.late then
    options = setmetatable({ session = options.late() }, { __index = options })
  end
  return make_machine(client, mechanism, options, record)
end

-- From dialling to close; everything goes into the record.
local function connect_and_run(client, mechanism, options, record, leave)
  local host, machine = client.host, nil
  local started = host.now()
  if not is_made_late(options, record) then
    machine = make_machine(client, mechanism, options, record)
    if not machine then
      return options
    end
  end
  local stream, message, code, stage = client.dialer:open(options.source)
  record.timing.connect_s = host.now() - started
  if stream and client.cancelled() then -- while the way was opened: no handshake begins any more
    stream:close()
    fail(record, "interrupted", "interrupted")
  elseif stream then
    if not machine then
      started = host.now()
      machine, options = make_late_machine(client, mechanism, options, record)
    end
    if machine then
      run_on(stream, machine, started, client, mechanism, options, record, leave)
    else
      stream:close()
    end
  else
    fail(record, message, code, stage)
  end
  if machine then
    machine:close()
  end
  return options or {}
end

-- One connection, when it may be made. Returns the sessions that it offered.
local function connect_in_turn(client, mechanism, options, record)
  local release, leave = client.admit(client.address)
  local load = client.load
  client.connections = client.connections + 1
  load.under_way = load.under_way + 1
  record.at_once = load.under_way
  local started = client.host.now()
  local fine, made = pcall(connect_and_run, client, mechanism, options, record, leave)
  record.timing.total_s = client.host.now() - started
  load.under_way = load.under_way - 1
  release() -- also after an error in here: others wait for the place
  if not fine then
    error(made, 0)
  end
  return made.sessions or { made.session }
end

--- One connection on one engine; several, where the door is shut for a moment.
-- @tparam table client of resum.connection.client
-- @tparam table options see client:attempt
-- @tparam string engine "handshake" or "probe"
-- @treturn table record, see client:attempt
function M.connect(client, options, engine)
  local mechanism = mechanisms[options.mechanism]
  local record = { -- as a connection: all fields
    mechanism = mechanism.name,
    design = options.design,
    engine = engine,
    address = client.address,
    reused = false,
    sessions = {},
    timing = { connect_s = nil, handshake_s = nil, total_s = nil },
    outcome = nil,
    error = nil,
    facts = nil,
    version = nil,
    cipher = nil,
    shut = nil,
    unseen = nil,
    tickets_cut = nil,
    answered = nil,
    response = nil,
    ended = nil,
    said = nil,
    handshake_bytes = nil,
    at_once = nil,
    ending = nil,
    asked = nil,
    unclean = nil,
    put_off = nil, -- the server was late, and its first answer was not read
  }
  local tries = 0
  repeat
    record.outcome, record.error = nil, nil
    local began = spending.begin()
    local offered = connect_in_turn(client, mechanism, options, record)
    if record.error and record.error.code == "put_off" then
      record.put_off, record.outcome, record.error = true, nil, nil
      offered = connect_in_turn(client, mechanism, options, record)
    end
    spending.finish(client.ends, record, offered, began)
    tries = tries + 1
  until not client.dialer:may_differ(record.error, tries) and not client.dialer:opens_later(record.error, tries)
  record.shut = client.dialer:is_shut(record.error) or nil
  if record.outcome ~= "interrupted" then -- else there was no connection
    client.on_event({ kind = "attempt", record = record })
  end
  return record
end

return M
