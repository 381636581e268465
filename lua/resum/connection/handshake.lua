-- One handshake at a time, to look at: what `resum.open` gives. The connection is made and ended in order at once, so
-- that the session stays good, and a server that serves one client at a time is free for the next.

local clients = require "resum.connection.client"
local connectivity = require "resum.connection.connectivity"
local core = require "resum.core"
local new_failure = require "resum.util.failure"
local smaller_hello = require "resum.connection.smaller_hello"

local M = {}

--- What handshakes have in common; whoever shows them to people gives it a __tostring.
local Handshake = {}
Handshake.__index = Handshake
M.Handshake = Handshake

--- The newest session that the server issued; offer it with resum.open(target, {session = …}).
-- @function handshake:session
-- @treturn session|nil
function Handshake:session()
  return self.sessions[#self.sessions]
end

--- The same of their transcripts: lists of messages, with the version that was agreed.
local Transcript = {}
M.Transcript = Transcript

local ALERT_RECORD = "\21\3\3\0\2" -- the header that a transcript does not have

-- What the message says; parse() tells a bare handshake message and a record.
local function parsed(message, version)
  if message.type == "alert" then
    return core.parse(ALERT_RECORD .. message.bytes)[1]
  elseif message.type == "change_cipher_spec" or message.bytes == "" then
    return message
  end
  return core.parse(message.bytes, version)[1]
end

local function read_transcript(messages, version)
  local known = version and version:match("^TLSv1") and version
  local list = setmetatable({}, Transcript)
  for i, message in ipairs(messages) do
    list[i] = parsed(message, known)
    list[i].from = message.from
  end
  list.version = version
  return list
end

local function handshake_of(record, described)
  record.target = described
  record.outcome = record.answer or record.outcome -- also of a spent session, as nothing is counted
  record.transcript = read_transcript(record.transcript or {}, record.version)
  record.transcript.forgotten = record.facts and record.facts.messages_forgotten
  return setmetatable(record, Handshake)
end

local function attempt(client, asked)
  return client:attempt({
    mechanism = asked.mechanism or "any",
    session = asked.session,
    sessions = asked.sessions,
    engine = asked.engine,
    compare = false,
    want_tickets = true,
    transcript = true,
  })
end

-- Without a hybrid share, where the usual ClientHello is too large. Up to TLS 1.2 there is none.
local BEFORE_TLS13 = { session_id = true, ticket = true }

local function with_smaller_hello(client, record, asked, make)
  if BEFORE_TLS13[asked.mechanism] or not smaller_hello.may_help(client, record) then
    return record
  end
  record.tries = 1
  return smaller_hello.run(client, record, make)
end

-- How a record says that the usual ClientHello would not do.
local ADAPTED = { "smaller_hello", "version_limit", "offered_more", "without_tickets" }

local function is_adapted(record)
  for _, field in ipairs(ADAPTED) do
    if record[field] then
      return true
    end
  end
  return false
end

-- The usual ClientHello once more, without a session, as often as scans try: it may be the session that the server does
-- not bear, or chance.
local function again_without_session(client, record, retries, make)
  local tries = record.tries or 1
  for _ = 1, connectivity.may_adapt(record) and retries or 0 do
    record = make(client)
    tries = tries + 1
    record.tries = tries
    if not connectivity.may_adapt(record) then
      break
    end
  end
  return record
end

-- As scans do, see resum.connection.smaller_hello and connectivity: a server that does not bear the usual ClientHello
-- is offered less, or more; what helps is found without a session. (Where the probe is to say exactly what it is told
-- to, nothing else is tried.)
local function attempt_with_what_it_bears(client, asked, retries)
  local record = attempt(client, asked)
  if asked.engine == "probe" or record.outcome == "resumed" then
    return record
  end
  local function make()
    return attempt(client, { mechanism = asked.mechanism })
  end
  local found = with_smaller_hello(client, record, asked, make)
  if not found.smaller_hello then
    found = connectivity.adapt(client, again_without_session(client, found, retries, make), make)
  end
  if not asked.session or not is_adapted(found) then
    return asked.session and record or found -- what was asked for is what failed
  end
  local again = attempt(client, asked)
  for _, field in ipairs(ADAPTED) do
    again[field] = found[field]
  end
  return again
end

-- The first address that answers.
local function attempt_in_turn(addresses, make_client, asked, retries)
  local record
  for _, address in ipairs(addresses) do
    record = attempt_with_what_it_bears(make_client(address), asked, retries)
    if record.outcome ~= "unreachable" and record.outcome ~= "timeout" then
      break
    end
  end
  return record
end

--- Makes one handshake.
-- @tparam table route see resum.transport.endpoint
-- @tparam table parsed_target see resum.target.parse
-- @tparam table options of resum.connection.client.new
-- @tparam table asked session or sessions (to offer), mechanism ("any"), engine ("handshake"): see client:attempt
-- @treturn table the attempt's record, with target and session(); its transcript is read; smaller_hello, version_limit,
--   offered_more and without_tickets where the server does not bear the usual ClientHello (see
--   resum.connection.connectivity)
function M.open(route, parsed_target, options, asked)
  local described = route:describe(parsed_target)
  local addresses, message, code = route:addresses(parsed_target, options.host)
  if not addresses then
    return handshake_of({
      outcome = "unreachable",
      error = new_failure(message, code, "connect"),
      sessions = {},
      timing = {},
    }, described)
  end
  local record = attempt_in_turn(addresses, function(address)
    return clients.new(route:endpoint(described, address), options)
  end, asked, options.retries)
  return handshake_of(record, described)
end

return M
