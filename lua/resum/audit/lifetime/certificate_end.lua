-- When a certificate ends: as a time that stands in it, and of the certificate that a client has shown. Pure.

local M = {}

local MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
local SEQUENCE, CONTEXT, UTC_TIME, GENERALIZED_TIME = 0x30, 0xa0, 0x17, 0x18 -- tags of DER
local HEADER = 4 -- bytes of a handshake message

-- Days from 1970-01-01 to a date of the Gregorian calendar (E. Cohen and others; March is the first month here).
local function days_of(year, month, day)
  year = month <= 2 and year - 1 or year
  local era, since_march = year // 400, (month + 9) % 12
  local of_era = year - era * 400
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + (153 * since_march + 2) // 5 + day - 1 - 719468
end

--- A time as certificates have it (RFC 5280, section 4.1.2.5).
-- @tparam string|nil text UTCTime (YYMMDDHHMMSSZ) or GeneralizedTime (YYYYMMDDHHMMSSZ)
-- @treturn integer|nil seconds since 1970; nil where it is none
function M.seconds_of(text)
  local year, rest = (text or ""):match("^(%d%d%d?%d?)(%d%d%d%d%d%d%d%d%d%d)Z$")
  if not year or #year == 3 then
    return nil
  end
  local number = tonumber(year)
  number = #year == 2 and number + (number >= 50 and 1900 or 2000) or number
  local month, day, hour, minute, second = rest:match("(%d%d)(%d%d)(%d%d)(%d%d)(%d%d)")
  return days_of(number, tonumber(month), tonumber(day)) * DAY + hour * HOUR + minute * MINUTE + second | 0
end

-- An element of DER: tag, content, and where the next one begins. It raises where there is none.
local function element(bytes, at)
  local tag, length, start = bytes:byte(at), bytes:byte(at + 1), at + 2
  if length >= 0x80 then
    local size = length - 0x80
    length, start = (">I" .. size):unpack(bytes, start), start + size
  end
  local content = bytes:sub(start, start + length - 1)
  assert(#content == length)
  return tag, content, start + length
end

-- Certificate, TBSCertificate; version, serialNumber, signature, issuer, validity (RFC 5280, section 4.1).
local function not_after(der)
  local tag, certificate = element(der, 1)
  assert(tag == SEQUENCE)
  local _, contents = element(certificate, 1)
  local at = 1
  if contents:byte(1) == CONTEXT then
    at = select(3, element(contents, at))
  end
  for _ = 1, 3 do
    at = select(3, element(contents, at))
  end
  local validity = select(2, element(contents, at))
  local kind, text = element(validity, select(3, element(validity, 1)))
  return (kind == UTC_TIME or kind == GENERALIZED_TIME) and text or nil
end

-- The first certificate of a Certificate message.
local function leaf_of(message, version)
  local at = HEADER + 1
  if version == "TLSv1.3" then
    at = select(2, (">s1"):unpack(message, at))
  end
  local list = (">s3"):unpack(message, at)
  return (">s3"):unpack(list)
end

--- When the certificate ends that the client has shown.
-- @tparam table|nil transcript list of {from, type, bytes}
-- @tparam string version
-- @treturn integer|nil seconds since 1970; nil where it has shown none that can be read
function M.of_client(transcript, version)
  for _, message in ipairs(transcript or {}) do
    if message.from == "client" and message.type == "certificate" then
      local read, text = pcall(function()
        return not_after((leaf_of(message.bytes, version)))
      end)
      return read and M.seconds_of(text) or nil
    end
  end
end

return M
