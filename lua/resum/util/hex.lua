-- Bytes as hexadecimal digits. Pure.

local DIGITS = {}
for byte = 0, 255 do
  DIGITS[string.char(byte)] = ("%02x"):format(byte)
end

--- @tparam string bytes
-- @treturn string two digits for each
return function(bytes)
  return (bytes:gsub(".", DIGITS))
end
