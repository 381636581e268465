-- Text from elsewhere, made safe to show: what a server sent must not steer a terminal or break JSON.
-- Pure.

local function escape(byte)
  return ("\\x%02x"):format(byte:byte())
end

--- Escapes everything but printable ASCII, and shortens.
-- @tparam string text any bytes
-- @tparam[opt] integer most characters to keep; "..." stands for the rest
-- @treturn string
return function(text, most)
  if most and #text > most then
    text = text:sub(1, most + 1) -- one more, so that it shows
  end
  local safe = text
  if not text:find("^[\32-\126]*$") then -- hardly ever; asked for every string of a result, and fast in this form
    safe = text:gsub("[^\32-\126]", escape)
  end
  if most and #safe > most then
    return safe:sub(1, most - 3) .. "..."
  end
  return safe
end
