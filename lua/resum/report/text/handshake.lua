-- One handshake for people: what came of it in a few lines, and its messages with their fields. Pure: tables in,
-- strings out. What came from a server is escaped.

local decode = require "resum.connection.decode"
local hex = require "resum.util.hex"
local escape = require "resum.util.escape"
local layout = require "resum.report.text.layout"
local target = require "resum.target"

local M = {}

local append = layout.append

local WIDTH = 110 -- columns
local NAME_WIDTH = 24

local ARROWS = { client = ">", server = "<" }

local function bytes_words(bytes)
  if bytes == "" then
    return "none"
  end
  return ("%d bytes, %s%s"):format(#bytes, hex(bytes:sub(1, 32)), #bytes > 32 and "..." or "")
end

-- "name  value, value", wrapped between values.
local function field_lines(name, values)
  local indent = (" "):rep(4 + NAME_WIDTH + 1)
  local lines, line = {}, ("    %-" .. NAME_WIDTH .. "s "):format(name)
  for i, value in ipairs(values) do
    local piece = escape(tostring(value)) .. (i < #values and ", " or "")
    if #line + #piece > WIDTH and #line > #indent then
      lines[#lines + 1] = line:gsub("%s+$", "")
      line = indent
    end
    line = line .. piece
  end
  lines[#lines + 1] = line:gsub("%s+$", "")
  return lines
end

-- What resum.core.parse tells, in the order of the wire; each as bytes, as it is, or in the manner of the field.
local FIELDS = {
  { "malformed" }, { "legacy_version" }, { "version" }, { "random", hex }, { "session_id", bytes_words }, { "cipher" },
  { "lifetime_s", "%d s" }, { "age_add" }, { "nonce", bytes_words }, { "ticket", bytes_words },
  { "max_early_data", "%d bytes" }, { "level" }, { "description" }, { "code" },
}

local function shown(value, how)
  if type(how) == "function" then
    return how(value)
  end
  return how and how:format(value) or tostring(value)
end

local function message_lines(message, version)
  local lines = { ("%s %-26s %d bytes"):format(ARROWS[message.from], message.type, #message.bytes) }
  for _, field in ipairs(FIELDS) do
    local name, value = field[1], message[field[1]]
    if value ~= nil and not (name == "ticket" and message.extensions) then -- an extension that comes below
      append(lines, field_lines(name, { shown(value, field[2]) }))
    end
  end
  if message.ciphers then
    append(lines, field_lines("ciphers", message.ciphers))
  end
  for _, extension in ipairs(message.extensions or {}) do
    append(lines, field_lines("+ " .. extension.type, decode.extension(extension, message.from)))
  end
  for _, field in ipairs(decode.message(message, version) or {}) do
    append(lines, field_lines(field[1], type(field[2]) == "table" and field[2] or { field[2] }))
  end
  return lines
end

--- The messages of a handshake, one after another: > what the client said, < what the server said; an extension of a
-- message begins with +.
-- @tparam {table,...} messages of resum.open: what resum.core.parse tells of each, with from ("client" or "server");
--   and version, the connection's (nil: none was agreed), forgotten (how many more there were)
-- @treturn string lines, the last one not ended
function M.transcript(messages)
  local lines = {}
  for _, message in ipairs(messages) do
    append(lines, message_lines(message, messages.version))
  end
  if messages.forgotten then
    lines[#lines + 1] = ("... and %d more, which were not kept"):format(messages.forgotten)
  end
  return table.concat(lines, "\n")
end

local OUTCOMES = {
  full = "full handshake",
  resumed = "resumed",
  refused = "full handshake: the session was not accepted",
}

local function issued_words(handshake)
  local facts = handshake.facts
  local first = facts.tickets[1]
  if first then
    local count = #facts.tickets + (facts.tickets_forgotten or 0)
    return ("%s%d ticket%s of %d bytes, lifetime %d s"):format(handshake.tickets_cut and "at least " or "", count,
      count == 1 and "" or "s", #first.ticket, first.lifetime_s)
  elseif handshake.outcome ~= "resumed" and facts.version ~= "TLSv1.3" and #(facts.session_id or "") > 0 then
    return ("a session ID of %d bytes"):format(#facts.session_id)
  end
  return "nothing"
end

local MORE = { ciphers = "every cipher suite", alpn = "h2 and http/1.1 (ALPN)" }

-- What was offered in the place of the usual; nil where that would do.
local function offered_words(handshake)
  local words = {}
  local function add(wanted, ...)
    if wanted then
      words[#words + 1] = table.concat({ ... })
    end
  end
  add(handshake.smaller_hello, "no hybrid key share")
  add(handshake.version_limit, "TLS ", (handshake.version_limit or ""):sub(5), " at most")
  add(handshake.without_tickets, "no ticket extension")
  add(handshake.offered_more, MORE[handshake.offered_more])
  return words[1] and table.concat(words, ", ")
end

local function made_lines(handshake)
  local facts = handshake.facts
  local version, group = facts.version:gsub("^TLSv", "TLS "), facts.group
  local offered = offered_words(handshake)
  local lines = {
    ("  %s, %s, %s%s"):format(OUTCOMES[handshake.outcome], version, facts.cipher, group and ", " .. group or ""),
    ("  issued: %s"):format(issued_words(handshake)),
    ("  %d messages, %.0f ms"):format(#handshake.transcript + (handshake.transcript.forgotten or 0),
      1000 * handshake.timing.handshake_s),
  }
  lines[4] = offered and ("  offered: %s; the usual ClientHello fails"):format(offered) or nil
  return lines
end

--- What came of one handshake.
-- @tparam table handshake of resum.open
-- @treturn string lines, the last one not ended
function M.summary(handshake)
  local label = target.label(handshake.target)
  if handshake.address and handshake.address ~= handshake.target.host then
    label = ("%s (%s)"):format(label, handshake.address)
  end
  local lines = { escape(label) }
  if OUTCOMES[handshake.outcome] then
    append(lines, made_lines(handshake))
  else
    lines[2] = "  error: " .. escape(tostring(handshake.error), 200)
  end
  return table.concat(lines, "\n")
end

local ANSWERS = { answered = "answered", alert = "answered with an alert" }

--- What a server said to a ClientHello.
-- @tparam table answer of resum.hello
-- @treturn string lines, the last one not ended
function M.answer(answer)
  local lines = { escape(target.label(answer.target)) }
  lines[2] = answer.error and "  error: " .. escape(tostring(answer.error), 200)
    or ("  %s: %d bytes, to a ClientHello of %d bytes"):format(ANSWERS[answer.outcome] or answer.outcome, #answer.bytes,
      #answer.sent)
  for _, message in ipairs(answer.messages) do
    append(lines, message_lines(setmetatable({ from = "server" }, { __index = message }), answer.version))
  end
  return table.concat(lines, "\n")
end

return M
