-- Remote Desktop ([MS-RDPBCGR], sections 2.2.1.1 and 2.2.1.2): an X.224 connection request with a negotiation request
-- in a TPKT (RFC 1006, section 6). TLS carries both of the protocols that are asked for.

local M = {}

local PROTOCOL_SSL, PROTOCOL_HYBRID = 1, 2
local CONNECTION_CONFIRM = 0xd0 -- X.224, section 13.4
local RESPONSE, FAILURE = 2, 3

-- RDP_NEG_FAILURE, section 2.2.1.2.2
local FAILURES = {
  [2] = "it supports standard RDP security only",
  [3] = "it has no certificate",
  [4] = "inconsistent flags",
  [5] = "it requires CredSSP",
  [6] = "it requires TLS with user authentication",
}

local REQUEST = (">BBI2 BBI2I2B <BBI2I4"):pack(3, 0, 19, 14, 0xe0, 0, 0, 0, 1, 0, 8, PROTOCOL_SSL | PROTOCOL_HYBRID)

-- The TPKT's content.
local function read_tpkt(talk, what)
  local head = talk:take(4, what)
  local version, _, length = (">BBI2"):unpack(head)
  if version ~= 3 or length < 4 + 7 then
    talk:fail_with(what, head)
  end
  return talk:take(length - 4, what)
end

local function dialogue(talk)
  talk:send(REQUEST)
  local what = "the answer to the connection request"
  local content = read_tpkt(talk, what)
  if content:byte(2) & 0xf0 ~= CONNECTION_CONFIRM then
    talk:fail_with(what, content)
  elseif #content < 7 + 8 then
    talk:fail("no_starttls", "TLS not offered: the server knows no negotiation")
  end
  local kind, _, _, value = ("<BBI2I4"):unpack(content, 8)
  if kind == FAILURE then
    talk:fail("no_starttls", "TLS refused: %s (failure %d)", FAILURES[value] or "unknown", value)
  elseif kind ~= RESPONSE then
    talk:fail_with(what, content)
  elseif value == 0 then
    talk:fail("no_starttls", "TLS not offered: the server chose standard RDP security")
  end
end

M.rdp = {
  ports = { 3389 },
  dialogue = dialogue,
}

return M
