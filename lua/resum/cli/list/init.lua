-- Lists of targets, in whatever format they come: it looks at the first bytes and has the right reader take the rest. A
-- reader holds one line, object or element at a time.

local json = require "resum.cli.list.json"
local plain = require "resum.cli.list.plain"
local xml = require "resum.cli.list.xml"

local M = {}

local BYTE_ORDER_MARK = "\239\187\191"
local LOOK_AT = 4096 -- bytes, in which something other than blanks is to come

-- The reader for what begins so; nil: more has to be seen.
local function reader_for(head)
  local first, second = head:match("^%s*(%S)(.?)")
  if not first then
    return #head > LOOK_AT and plain or nil
  elseif first == "<" then
    return xml
  elseif first == "{" then
    return json
  elseif first == "[" and second == "" then
    return nil
  end
  return first == "[" and second:find("[%s{%]]") and json or plain -- "[2001:db8::1]:443" is a target
end

--- A reader of a list.
-- @tparam table stream what its read() returns: the next bytes; or nil, and "eof" or what went wrong
-- @tparam table options see resum.cli.list.plain
-- @treturn function which returns some targets (a list, maybe empty) and the number of their line; after the last ones
--   nil, and what kept the list from being read to its end, if something did
function M.reader(stream, options)
  local head, over = "", nil
  local function read()
    if head ~= "" then
      local bytes = head
      head = ""
      return bytes
    elseif over then
      return nil, over
    end
    return stream:read()
  end
  local next_targets
  local function open()
    local kind = nil
    while not kind and not over do
      local bytes, why = stream:read()
      head, over = head .. (bytes or ""), not bytes and why or nil
      kind = reader_for(head:gsub("^" .. BYTE_ORDER_MARK, ""))
    end
    head = head:gsub("^" .. BYTE_ORDER_MARK, "")
    return (kind or plain).reader(read, options)
  end
  return function()
    if not next_targets then
      local problem
      next_targets, problem = open()
      if not next_targets then
        return nil, problem
      end
    end
    return next_targets()
  end
end

return M
