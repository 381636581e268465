-- A conversation in the clear over a host's stream: lines or bytes in, bytes out, with a deadline and a budget for
-- each stage, so that no server can hold us up or fill our memory. It knows no protocol.
--
-- A dialogue is written straight down: what goes wrong is raised as a failure, and caught in one place, which gives
-- it on as nil, message, code (see attempt()). Raised is nothing else.

local escape = require "resum.util.escape"

local M = {}

local MOST_BYTES = 64 * 1024 -- of one stage; the longest greetings and lists of capabilities have a tenth of it
local SHOWN = 60 -- characters of what the other side said

local Failure = {}

local Talk = {}
Talk.__index = Talk

--- Does one of the lines match? Letters of both cases are the same.
-- @tparam {string,...} lines
-- @tparam string pattern in capitals
-- @treturn boolean
function M.any(lines, pattern)
  for _, line in ipairs(lines) do
    if line:upper():find(pattern) then
      return true
    end
  end
  return false
end

--- Starts a stage, with an own deadline and budget. What was read and not used stays.
-- @function talk:begin
-- @tparam string title the first words of every failure: "starttls smtp"
-- @tparam number seconds for all of the stage
function Talk:begin(title, seconds)
  self.title = title
  self.deadline = self.host.now() + seconds
  self.budget = MOST_BYTES - #self.buffer
end

--- Ends the dialogue: raises a failure.
-- @function talk:fail
-- @tparam string code
-- @tparam string format of the message, behind the title; what the other side said goes through quote()
function Talk:fail(code, format, ...)
  error(setmetatable({ message = self.title .. ": " .. format:format(...), code = code }, Failure), 0)
end

--- What the other side said, fit to be shown.
-- @tparam string text
-- @treturn string
function M.quote(text)
  return '"' .. escape(text, SHOWN) .. '"'
end

--- The same for what breaks the protocol.
-- @function talk:fail_with
-- @tparam string what was waited for, in words
-- @tparam string said what came instead
function Talk:fail_with(what, said)
  self:fail("protocol_error", "this is not %s: %s", what, M.quote(said))
end

-- Why nothing comes; `what` was waited for.
local WHY = {
  timeout = "%s did not come in time",
  reset = "the connection was reset before %s",
  eof = "the connection was closed before %s",
}

local function give_up(self, why, what)
  self:fail(why == "eof" and "closed" or why, WHY[why], what)
end

-- Reads once. Returns false at the end of the stream.
function Talk:more(what)
  local bytes, why = self.stream:read(self.deadline)
  if not bytes and why == "eof" then
    return false
  elseif not bytes then
    give_up(self, why, what)
  end
  self.budget = self.budget - #bytes
  if self.budget < 0 then
    self:fail("too_much", "more than %d KiB came before %s was complete", MOST_BYTES // 1024, what)
  elseif self.host.now() > self.deadline then
    give_up(self, "timeout", what) -- a byte now and then keeps no conversation alive
  end
  self.buffer = self.buffer .. bytes
  return true
end

--- Sends bytes.
-- @function talk:send
-- @tparam string bytes
function Talk:send(bytes)
  local sent, why = self.stream:write(bytes, self.deadline)
  if not sent then
    self:fail(why == "eof" and "closed" or why, "the connection takes no more bytes")
  end
end

--- Everything up to a delimiter, which is left out. At the end of the stream what is there stands for it.
-- @function talk:up_to
-- @tparam string delimiter one character
-- @tparam string what is waited for, in words, for the failure: "the greeting"
-- @treturn string
function Talk:up_to(delimiter, what)
  local searched = 1
  while true do
    local at = self.buffer:find(delimiter, searched, true)
    if at then
      local piece = self.buffer:sub(1, at - 1)
      self.buffer = self.buffer:sub(at + 1)
      return piece
    end
    searched = #self.buffer + 1
    if not self:more(what) then
      return self:rest(what)
    end
  end
end

--- A line, without its end.
-- @function talk:line
-- @tparam string what
-- @treturn string
function Talk:line(what)
  return (self:up_to("\n", what):gsub("\r$", ""))
end

-- What there is at the end of the stream.
function Talk:rest(what)
  local rest = self.buffer
  if rest == "" then
    give_up(self, "eof", what)
  end
  self.buffer = ""
  return rest
end

--- So many bytes.
-- @function talk:take
-- @tparam integer count
-- @tparam string what
-- @treturn string
function Talk:take(count, what)
  if count > MOST_BYTES then
    self:fail("too_much", "%s has %d bytes", what, count)
  end
  while #self.buffer < count do
    if not self:more(what) then
      give_up(self, "eof", what)
    end
  end
  local bytes = self.buffer:sub(1, count)
  self.buffer = self.buffer:sub(count + 1)
  return bytes
end

--- A reply with a three-digit code, of one or more lines: "250-…", "250 …" (RFC 5321, section 4.2.1; RFC 959, section
-- 4.2, where lines between the first and the last one may be anything).
-- @function talk:reply
-- @tparam string what
-- @treturn integer code
-- @treturn string its last line, fit to be shown
-- @treturn {string,...} its lines without their codes
function Talk:reply(what)
  local first = self:line(what)
  local code, sign, text = first:match("^(%d%d%d)([ -]?)(.*)$")
  if not code then
    self:fail_with(what, first)
  end
  local lines = { text }
  while sign == "-" do
    local line = self:line(what)
    local same, more, rest = line:match("^(%d%d%d)([ -]?)(.*)$")
    local continues = same ~= code or more == "-"
    lines[#lines + 1] = same == code and rest or line
    sign = continues and "-" or " "
  end
  return math.floor(tonumber(code)), M.quote(("%s %s"):format(code, lines[#lines])), lines
end

--- The lines of a block that ends with a line of one full stop (RFC 1939, section 3; RFC 3977, section 3.1.1).
-- @function talk:block
-- @tparam string what
-- @treturn {string,...}
function Talk:block(what)
  local lines = {}
  local line = self:line(what)
  while line ~= "." do
    lines[#lines + 1] = line
    line = self:line(what)
  end
  return lines
end

--- Ends the talking: now TLS begins. Whatever lies here already came in the clear, after the go-ahead and before our
-- ClientHello, so it is not from the TLS server: it must not be taken for what was said inside TLS
-- (CVE-2021-23222 is one such mistake).
-- @function talk:finish
function Talk:finish()
  if self.buffer ~= "" then
    self:fail("injected", "%d bytes came in the clear after the go-ahead for TLS: %s", #self.buffer,
      M.quote(self.buffer))
  end
end

--- A conversation over a stream.
-- @tparam table host
-- @tparam table stream
-- @treturn table talk; it begins with talk:begin()
function M.new(host, stream)
  return setmetatable({ host = host, stream = stream, buffer = "" }, Talk)
end

--- Runs dialogue(...). What it raised as a failure is returned; what else is raised goes on.
-- @tparam function dialogue
-- @param ... its arguments
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: "timeout", "reset", "closed", "too_much", "injected", "protocol_error", and what the
--   dialogues say
function M.attempt(dialogue, ...)
  local done, problem = pcall(dialogue, ...)
  if done then
    return true
  elseif getmetatable(problem) ~= Failure then
    error(problem, 0)
  end
  return nil, problem.message, problem.code
end

return M
