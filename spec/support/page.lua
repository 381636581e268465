--- Reads the tables of docs/: which rows, under which heading, at which places. It must not know what they are about.

local process = require "spec.support.process"

local M = {}

-- "| `a` | b | c |" -> { "`a`", "b", "c" }
local function cells_of(line)
  local cells = {}
  for cell in line:gmatch("|([^|]*)%f[|]") do
    cells[#cells + 1] = cell:match("^%s*(.-)%s*$")
  end
  return cells
end

--- The text of a page.
-- @tparam string name "json.md"
-- @treturn string
function M.text(name)
  return process.read_file(process.ROOT .. "/docs/" .. name)
end

--- The rows of all tables, in order.
-- @tparam string text Markdown
-- @treturn {table,...} heading (the last one before it), at (list of places, from a comment "at: a, b" before the
--   table; or nil), code (what the first cell has between back-quotes), cells
function M.rows(text)
  local rows, heading, at = {}, nil, nil
  for line in text:gmatch("[^\n]+") do
    local places = line:match("^<!%-%- at: (.-) %-%->$")
    heading = line:match("^#+ (.+)$") or heading
    if places then
      at = {}
      for place in places:gmatch("[^, ]+") do
        at[#at + 1] = place
      end
    elseif line:find("^#") then
      at = nil
    elseif line:find("^| `") then
      local cells = cells_of(line)
      rows[#rows + 1] = { heading = heading, at = at, code = cells[1]:match("^`(.-)`"), cells = cells }
    end
  end
  return rows
end

--- What tables list under each heading.
-- @tparam string text Markdown
-- @treturn table heading -> code -> row
function M.by_heading(text)
  local found = {}
  for _, row in ipairs(M.rows(text)) do
    found[row.heading] = found[row.heading] or {}
    found[row.heading][row.code] = row
  end
  return found
end

--- What only one of two sets has.
-- @tparam table in_code set: name -> anything
-- @tparam table on_page set
-- @treturn {string,...} in words, sorted; empty where both have the same names
function M.differences(in_code, on_page)
  local list = {}
  for name in pairs(in_code) do
    list[#list + 1] = not on_page[name] and "not on the page: " .. name or nil
  end
  for name in pairs(on_page) do
    list[#list + 1] = not in_code[name] and "not in the code: " .. name or nil
  end
  table.sort(list)
  return list
end

return M
