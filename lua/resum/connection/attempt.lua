-- One attempt: whose turn it is, the way in, one connection on it from connect to close, and all that was seen of it
-- written down, also when it failed. It sees sockets only through a host, and judges nothing beyond one attempt.

local exchanges = require "resum.connection.exchange"
local machines = require "resum.connection.machine"
local mechanisms = require "resum.connection.mechanism"
local outcomes = require "resum.connection.outcome"
local session_age = require "resum.connection.session_age"
local spending = require "resum.connection.spending"
local transfer = require "resum.connection.transfer"

local M = {}

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

-- Is a connection no more than a wait for the server's end, once we have said goodbye? Not to a server that stays until
-- we leave.
local function ends_at_goodbye(client, options)
  return not options.stays and not spending.is_silent(client.ends)
end

-- The way is open: the rest of it. `leave` gives the place at the address to the next one.
local function run_on(stream, machine, began, client, mechanism, options, record, leave)
  local connection = exchanges.new(client, mechanism, options, machine, stream, began, record)
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
    outcomes.fail(record, problem, code)
  end
  return machine, options
end

-- None, when the scan ended while there was no room.
local function make_unless_over(client, mechanism, options, record)
  if client.cancelled() then
    outcomes.fail(record, "interrupted", "interrupted")
    return nil
  end
  return (make_machine(client, mechanism, options, record))
end

local function make_late_machine(client, mechanism, options, record)
  if options.late then
    options = setmetatable({ session = options.late() }, { __index = options })
  end
  if not exchanges.may_put_off(options, record) then
    return make_machine(client, mechanism, options, record)
  end
  transfer.take_room(client.load, client.host)
  local fine, machine = pcall(make_unless_over, client, mechanism, options, record)
  if not fine or not machine then
    transfer.give_room(client.load)
  end
  if not fine then
    error(machine, 0)
  end
  return machine, options
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
    outcomes.fail(record, "interrupted", "interrupted")
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
    outcomes.fail(record, message, code, stage)
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
  local record = { -- with all its fields, as an exchange
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
    answer = nil,
    doubt = nil,
    lost = nil, -- its session was, while nobody saw it
  }
  local tries = 0
  repeat
    record.outcome, record.error = nil, nil
    local began = spending.begin(client.ends)
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
