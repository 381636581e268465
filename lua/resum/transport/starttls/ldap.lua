-- LDAP (RFC 4511, section 4.14): an extended operation, in BER. Only what its answer needs is decoded.

local M = {}

local OID = "1.3.6.1.4.1.1466.20037"
local BUSY = { [51] = true, [52] = true } -- busy, unavailable (RFC 4511, appendix A.2)
local MOST_LENGTH_BYTES = 4

local function element(tag, content)
  return string.char(tag, #content) .. content
end

-- An LDAPMessage (RFC 4511, section 4.1.1) of at most 127 bytes.
local function message(id, operation)
  return element(0x30, element(0x02, string.char(id)) .. operation)
end

local START_TLS = message(1, element(0x77, element(0x80, OID)))

-- A search for the root entry that asks for no attribute ("1.1"; RFC 4511, sections 4.5.1 and 4.5.1.8).
local NO_OPERATION = message(2, element(0x63, element(0x04, "") .. "\10\1\0" .. "\10\1\0" .. "\2\1\0" .. "\2\1\0"
  .. "\1\1\0" .. element(0x87, "objectClass") .. element(0x30, element(0x04, "1.1"))))

local UNBIND = message(3, element(0x42, ""))

-- The length that stands at `at`: length, position behind it; nil when there is none that makes sense.
local function length_at(bytes, at)
  local first = bytes:byte(at)
  if not first or first < 0x80 then
    return first, at + 1
  end
  local count = first - 0x80
  if count < 1 or count > MOST_LENGTH_BYTES or #bytes < at + count then
    return nil
  end
  return (">I" .. count):unpack(bytes, at + 1), at + 1 + count
end

-- The element at `at`: tag, content, position behind it; nil when it is not whole.
local function element_at(bytes, at)
  local tag = bytes:byte(at)
  local length, start = length_at(bytes, at + 1)
  if not tag or not length or #bytes < start + length - 1 then
    return nil
  end
  return tag, bytes:sub(start, start + length - 1), start + length
end

-- One LDAPMessage from the stream: its content.
local function read_message(talk, what)
  local head = talk:take(2, what)
  local long = math.max(0, head:byte(2) - 0x80)
  if head:byte(1) ~= 0x30 or long > MOST_LENGTH_BYTES then
    talk:fail_with(what, head)
  end
  local length = length_at(head .. talk:take(long, what), 2)
  if not length then
    talk:fail_with(what, head)
  end
  return talk:take(length, what)
end

-- ExtendedResponse (RFC 4511, section 4.12) -> result code, diagnostic message; nil when it is none.
local function result_of(content)
  local _, _, at = element_at(content, 1)
  local tag, response = element_at(content, at or #content + 1)
  if tag ~= 0x78 then
    return nil
  end
  local code_tag, code, after_code = element_at(response, 1)
  if code_tag ~= 0x0a or #code ~= 1 then
    return nil
  end
  local _, _, after_name = element_at(response, after_code)
  local _, diagnosis = element_at(response, after_name or #response + 1)
  return code:byte(), diagnosis or ""
end

local function dialogue(talk)
  talk:send(START_TLS)
  local what = "the answer to StartTLS"
  local content = read_message(talk, what)
  local code, diagnosis = result_of(content)
  if not code then
    talk:fail_with(what, content)
  elseif code ~= 0 then
    talk:fail(BUSY[code] and "busy" or "no_starttls", "StartTLS refused: result %d, %s", code, talk:quote(diagnosis))
  end
end

M.ldap = {
  ports = { 389, 3268 },
  tls_ports = { 636, 3269 },
  dialogue = dialogue,
  request = NO_OPERATION,
  goodbye = UNBIND,
}

return M
