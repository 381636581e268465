-- One handshake at a time, to look at: what `resum.open` gives. The connection is made and ended in order at once, so
-- that the session stays good, and a server that serves one client at a time is free for the next.

local clients = require "resum.connection.client"
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

local function attempt_without_session(client, asked)
  return attempt(client, { mechanism = asked.mechanism })
end

-- As scans do, see resum.connection.smaller_hello: a server that does not bear a ClientHello of today gets one without
-- the hybrid share. Up to TLS 1.2 there is none; and the probe offers none by itself.
local BEFORE_TLS13 = { session_id = true, ticket = true }

local function attempt_with_what_it_bears(client, asked)
  local record = attempt(client, asked)
  if BEFORE_TLS13[asked.mechanism] or asked.engine == "probe" or not smaller_hello.may_help(client, record) then
    return record
  end
  record.tries = 1
  local found = smaller_hello.run(client, record, function()
    return attempt_without_session(client, asked)
  end)
  if found.smaller_hello and asked.session then
    local bytes = found.smaller_hello
    found = attempt(client, asked)
    found.smaller_hello = bytes
  elseif asked.session then
    return record -- what was asked for is what failed
  end
  return found
end

-- The first address that answers.
local function attempt_in_turn(addresses, make_client, asked)
  local record
  for _, address in ipairs(addresses) do
    record = attempt_with_what_it_bears(make_client(address), asked)
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
-- @treturn table the attempt's record, with target and session(); its transcript is read; smaller_hello where the
--   server does not bear the usual ClientHello
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
  end, asked)
  return handshake_of(record, described)
end

return M
