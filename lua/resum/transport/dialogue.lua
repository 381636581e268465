-- A conversation in the clear over a host's stream: lines or bytes in, bytes out, with a deadline and a budget for
-- each stage, so that no server can hold us up or fill our memory. It knows no protocol.
--
-- A dialogue is written straight down: what goes wrong is raised as a failure, and caught in one place, which gives
-- it on as nil, message, code (see attempt()). Raised is nothing else.

local escape = require "resum.util.escape"

local M = {}

local MOST_BYTES = 64 * 1024 -- of one stage; the longest greetings and lists of capabilities have a tenth of it
-- Of a line, and of a tag: RFC 9112 (section 3) and RFC 2683 (section 3.2.1.5) ask for 8,000 at least. What is matched
-- against a pattern is never longer.
local LONGEST_LINE = 8 * 1024
local SHOWN = 60 -- characters of what the other side said
local READ_FOR_SHOW = 1024 -- bytes of it that are looked at

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
  self.budget = MOST_BYTES - self:unread()
end

-- Bytes that were read and not used.
function Talk:unread()
  return #self.buffer - self.at + 1
end

--- Ends the dialogue: raises a failure.
-- @function talk:fail
-- @tparam string code
-- @tparam string format of the message, behind the title; what the other side said goes through talk:quote()
function Talk:fail(code, format, ...)
  error(setmetatable({ message = self.title .. ": " .. format:format(...), code = code }, Failure), 0)
end

--- What the other side said, fit to be shown: without what it was told in confidence.
-- @function talk:quote
-- @tparam string text
-- @treturn string
function Talk:quote(text)
  return '"' .. escape(self.redact(text:sub(1, READ_FOR_SHOW)), SHOWN) .. '"'
end

--- A number that the other side wrote down: no more than a stage may have of anything.
-- @function talk:number
-- @tparam string digits
-- @tparam string what is waited for, in words
-- @treturn integer
function Talk:number(digits, what)
  local number = #digits <= #tostring(MOST_BYTES) and math.tointeger(tonumber(digits)) or math.huge
  if number > MOST_BYTES then
    self:fail("too_much", "%s has a number that is too large: %s", what, self:quote(digits))
  end
  return number
end

--- The same for what breaks the protocol.
-- @function talk:fail_with
-- @tparam string what was waited for, in words
-- @tparam string said what came instead
function Talk:fail_with(what, said)
  self:fail("protocol_error", "this is not %s: %s", what, self:quote(said))
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

-- Reads once. Returns nil at the end of the stream.
function Talk:more(what)
  local bytes, why = self.stream:read(self.deadline)
  if not bytes and why == "eof" then
    return nil
  elseif not bytes then
    give_up(self, why, what)
  end
  self.budget = self.budget - #bytes
  if self.budget < 0 then
    self:fail("too_much", "more than %d KiB came before %s was complete", MOST_BYTES // 1024, what)
  elseif self.host.now() > self.deadline then
    give_up(self, "timeout", what) -- a byte now and then keeps no conversation alive
  end
  return bytes
end

-- What is unread, and the pieces that came after it, as one: joined once, however small they are.
function Talk:join(pieces)
  if pieces[1] then
    self.buffer, self.at = self.buffer:sub(self.at) .. table.concat(pieces), 1
  end
end

-- The next so many bytes, and what stands between them and the rest is left out.
function Talk:cut(count, left_out)
  local piece = self.buffer:sub(self.at, self.at + count - 1)
  self.at = self.at + count + left_out
  return piece
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
-- @treturn string at most 8 KiB
function Talk:up_to(delimiter, what)
  local pieces, found = {}, self.buffer:find(delimiter, self.at, true)
  local length = found and found - self.at or self:unread()
  while not found and length <= LONGEST_LINE do
    local bytes = self:more(what)
    if not bytes then
      self:join(pieces)
      return self:rest(what)
    end
    pieces[#pieces + 1], found = bytes, bytes:find(delimiter, 1, true)
    length = length + (found and found - 1 or #bytes)
  end
  if length > LONGEST_LINE then
    self:fail("too_much", "more than %d KiB came before %s was complete", LONGEST_LINE // 1024, what)
  end
  self:join(pieces)
  return self:cut(length, 1)
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
  local rest = self:cut(self:unread(), 0)
  if rest == "" then
    give_up(self, "eof", what)
  end
  return rest
end

--- So many bytes.
-- @function talk:take
-- @tparam integer count
-- @tparam string what
-- @treturn string
function Talk:take(count, what)
  if count > MOST_BYTES then
    self:fail("too_much", "%s has %.0f bytes", what, count)
  end
  local missing, pieces = count - self:unread(), {}
  while missing > 0 do
    local bytes = self:more(what)
    if not bytes then
      give_up(self, "eof", what)
    end
    pieces[#pieces + 1], missing = bytes, missing - #bytes
  end
  self:join(pieces)
  return self:cut(count, 0)
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
  return self:number(code, what), self:quote(("%s %s"):format(code, lines[#lines])), lines
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
  if self:unread() > 0 then
    self:fail("injected", "%d bytes came in the clear after the go-ahead for TLS: %s", self:unread(),
      self:quote(self:rest("TLS")))
  end
end

local function as_it_is(text)
  return text
end

--- A conversation over a stream.
-- @tparam table host
-- @tparam table stream
-- @tparam[opt] function redact takes what is not to be shown out of a text
-- @treturn table talk; it begins with talk:begin()
function M.new(host, stream, redact)
  return setmetatable({ host = host, stream = stream, redact = redact or as_it_is, buffer = "", at = 1 }, Talk)
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
