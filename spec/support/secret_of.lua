-- The secret that a session holds, which resum itself never shows: so that a spec can look for it where it must not be.

--- The master secret, or in TLS 1.3 the PSK.
-- @tparam session session
-- @treturn string bytes
return function(session)
  -- SSL_SESSION_ASN1: SEQUENCE { version, protocol, cipher, session id, master secret, … }
  local der = session:der()
  local position = der:byte(2) < 0x80 and 3 or 3 + (der:byte(2) & 0x7f)
  local content
  for _ = 1, 5 do
    content, position = (">s1"):unpack(der, position + 1)
  end
  assert(#content >= 32)
  return content
end
