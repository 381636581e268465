-- One ClientHello of any shape, sent to a server, and what it answers as far as that is in clear: what `resum.hello`
-- gives. It proves nothing and finishes no handshake; it knows no verdict.

local clients = require "resum.connection.client"
local core = require "resum.core"
local new_failure = require "resum.util.failure"

local M = {}

local MOST_BYTES = 256 * 1024 -- of an answer: a chain of certificates is some kilobytes

local Answer = {}
Answer.__index = Answer

--- What answers have in common; whoever shows them to people gives it a __tostring.
M.Answer = Answer

-- Has the server had its say? In TLS 1.3 the rest is encrypted; before, ServerHelloDone is the end of its turn.
local function is_whole(messages)
  for _, message in ipairs(messages) do
    local version = message.version or message.legacy_version
    if message.type == "alert" or message.type == "server_hello_done" or message.type == "hello_retry_request"
      or message.type == "server_hello" and version == "TLSv1.3" then
      return true
    end
  end
  return false
end

local function read_answer(stream, deadline)
  local bytes, messages = "", {}
  local more, why
  repeat
    more, why = stream:read(deadline)
    bytes = bytes .. (more or "")
    messages = core.parse(bytes) or messages
  until not more or is_whole(messages) or #bytes > MOST_BYTES
  return bytes, messages, why
end

local OUTCOMES = { timeout = "timeout", reset = "reset", eof = "closed" }

local function outcome_of(messages, why)
  local last = messages[#messages]
  if last and last.type == "alert" then
    return "alert"
  end
  return last and "answered" or OUTCOMES[why] or "protocol_error"
end

-- Says it at one address.
local function say(client, hello, answer)
  local host = client.host
  local stream, message, code, stage = client.dialer:open()
  if not stream then
    answer.outcome, answer.error = "unreachable", new_failure(message, code, stage)
    return answer
  end
  local deadline = host.now() + client.timeout
  stream:write(hello, deadline)
  local bytes, messages, why = read_answer(stream, deadline)
  stream:close()
  answer.bytes, answer.messages, answer.outcome = bytes, messages, outcome_of(messages, why)
  if not messages[1] then
    answer.error = new_failure(bytes == "" and "hello: no answer" or "hello: what came is no TLS",
      why or "protocol_error", "handshake")
  end
  return answer
end

--- Says a ClientHello; of several addresses to the first one that can be reached.
-- @tparam table route see resum.transport.endpoint
-- @tparam table parsed_target see resum.target.parse
-- @tparam table options of resum.connection.client.new
-- @tparam function hello_for endpoint -> bytes of a record
-- @treturn table answer: target, address, sent (bytes), outcome ("answered", "alert", "timeout", "reset", "closed",
--   "protocol_error", "unreachable"), messages (see resum.core.parse), bytes (all that came), error (nil where there is
--   an answer)
function M.say(route, parsed_target, options, hello_for)
  local described = route:describe(parsed_target)
  local answer = setmetatable({ target = described, messages = {}, bytes = "" }, Answer)
  local addresses, message, code = route:addresses(parsed_target, options.host)
  if not addresses then
    answer.outcome, answer.error = "unreachable", new_failure(message, code, "connect")
    return answer
  end
  for _, address in ipairs(addresses) do
    local endpoint = route:endpoint(described, address)
    answer.address, answer.sent, answer.error = address, hello_for(endpoint), nil
    say(clients.new(endpoint, options), answer.sent, answer)
    if answer.outcome ~= "unreachable" then
      break
    end
  end
  return answer
end

return M
