--- Hexadecimal digits and bytes, both ways.

local M = {}

--- Bytes of digits; white space between them means nothing.
function M.bytes(digits)
  return (digits:gsub("%s", ""):gsub("%x%x", function(pair)
    return string.char(tonumber(pair, 16))
  end))
end

--- Digits of bytes: what a failed comparison can be read in.
function M.digits(bytes)
  return (bytes:gsub(".", function(byte)
    return ("%02x"):format(byte:byte())
  end))
end

return M
