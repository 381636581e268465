-- Hexadecimal digits as bytes: what resum.util.hex undoes. Pure.

--- @tparam string digits two for each byte
-- @treturn string bytes
return function(digits)
  return (digits:gsub("%x%x", function(two)
    return string.char(tonumber(two, 16))
  end))
end
