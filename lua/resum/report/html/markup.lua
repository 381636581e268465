-- HTML and SVG as text: elements, attributes, and everything that came from elsewhere escaped. Pure.

local escape = require "resum.util.escape"

local M = {}

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

--- Text as it may stand between tags and in attributes.
-- @param value string or number; what is no printable ASCII is shown as \xHH
-- @treturn string
function M.escape(value)
  return (escape(tostring(value)):gsub("[&<>\"']", ENTITIES))
end

--- An element.
-- @tparam string name
-- @tparam table|nil attributes name -> value; values are escaped
-- @tparam[opt] string content markup, not escaped; without it the element is empty ("<x/>")
-- @treturn string
function M.element(name, attributes, content)
  local parts, names = { "<", name }, {}
  for attribute in pairs(attributes or {}) do
    names[#names + 1] = attribute
  end
  table.sort(names) -- the same input gives the same page
  for _, attribute in ipairs(names) do
    parts[#parts + 1] = (' %s="%s"'):format(attribute, M.escape(attributes[attribute]))
  end
  if not content then
    return table.concat(parts) .. "/>"
  end
  return table.concat(parts) .. ">" .. content .. "</" .. name .. ">"
end

--- An element with text.
-- @tparam string name
-- @tparam string|nil class
-- @param text escaped
-- @treturn string
function M.text(name, class, text)
  return M.element(name, class and { class = class }, M.escape(text))
end

--- A table that may be wider than the page, inside a frame that scrolls.
-- @tparam {string,...} head texts
-- @tparam {{string,...},...} rows markup of cells
-- @treturn string
function M.table(head, rows)
  local lines = {}
  for i, text in ipairs(head) do
    lines[i] = M.element("th", { scope = "col" }, M.escape(text))
  end
  local body = {}
  for i, row in ipairs(rows) do
    local cells = {}
    for j, cell in ipairs(row) do
      cells[j] = "<td>" .. cell .. "</td>"
    end
    body[i] = "<tr>" .. table.concat(cells) .. "</tr>"
  end
  return ('<div class="scroll" tabindex="0"><table><thead><tr>%s</tr></thead><tbody>\n%s</tbody></table></div>'):format(
    table.concat(lines), table.concat(body, "\n"))
end

return M
