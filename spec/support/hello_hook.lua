--- Servers that answer some ClientHellos themselves, before libssl sees them: hooks for spec.support.listener. It reads
-- the hello; what is wrong with it, or odd about the answer, is the spec's business.

local scripted = require "spec.support.scripted"
local wire = require "spec.support.wire"

local M = {}

local SESSION_TICKET, PRE_SHARED_KEY = 35, 41

--- The ticket that a ClientHello offers (RFC 5077, or the first identity of a PSK); nil where it offers none.
-- @tparam table hello of wire.client_hello
-- @treturn string|nil
function M.ticket_of(hello)
  local psk, ticket = hello.extensions[PRE_SHARED_KEY], hello.extensions[SESSION_TICKET]
  if psk then
    return (">s2"):unpack(psk, 3)
  end
  return ticket and ticket ~= "" and ticket or nil
end

--- A record.
-- @tparam integer kind
-- @tparam string bytes
-- @treturn string
function M.record(kind, bytes)
  return (">B I2 s2"):pack(kind, 0x0303, bytes)
end

--- A fatal alert.
-- @tparam integer code
-- @treturn string record
function M.alert(code)
  return M.record(scripted.ALERT, string.char(2, code))
end

--- A ServerHello of TLS 1.2.
-- @tparam table hello of the client
-- @tparam string session_id
-- @treturn string record
function M.server_hello(hello, session_id)
  return M.record(scripted.HANDSHAKE, scripted.message(2, (">I2 c32 s1 c2 B s2"):pack(0x0303, ("s"):rep(32), session_id,
    hello.ciphers:sub(1, 2), 0, "\xff\x01\0\1\0")))
end

--- A hook for `bytes`: answer(hello, link) gives what to send in libssl's place, after which the connection ends; or
-- "drop"; or nil: libssl answers.
-- @tparam function answer
-- @treturn function
function M.new(answer)
  return function(link, bytes)
    if link.has_said_hello or bytes:byte(1) ~= scripted.HANDSHAKE then
      return false
    end
    link.has_said_hello = true
    local said = answer(wire.client_hello(wire.records(bytes)[1].bytes), link)
    if said == "drop" then
      link.drop("fin")
    elseif said then
      link.send(said)
      link.drop("fin")
    end
    return said ~= nil
  end
end

return M
