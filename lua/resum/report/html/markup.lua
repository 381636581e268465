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

local SENTENCES = { p = true, li = true }

-- In a sentence no option is broken behind its dashes.
local function options_whole(markup)
  return ((" " .. markup):gsub("([%s(;])(%-%-%l[%w_]*)", '%1<span class="option">%2</span>'):sub(2))
end

--- An element with text.
-- @tparam string name
-- @tparam string|nil class
-- @param text escaped
-- @treturn string
function M.text(name, class, text)
  local content = M.escape(text)
  return M.element(name, class and { class = class }, SENTENCES[name] and options_whole(content) or content)
end

--- A list of sentences.
-- @tparam {string,...} sentences escaped
-- @tparam[opt] string class
-- @tparam[opt="ul"] string name
-- @treturn string "" where there are none
function M.list(sentences, class, name)
  local items = {}
  for i, sentence in ipairs(sentences) do
    items[i] = M.text("li", nil, sentence)
  end
  return #items > 0 and M.element(name or "ul", class and { class = class }, table.concat(items)) or ""
end

--- A section with a heading; "" where it would be empty.
-- @tparam string heading
-- @tparam string content markup
-- @tparam[opt] string note a sentence below the heading
-- @tparam[opt] string class
-- @treturn string
function M.section(heading, content, note, class)
  return content == "" and "" or M.element("section", { class = class or "part" },
    M.text("h3", nil, heading) .. (note and M.text("p", "soft note", note) or "") .. content)
end

-- What can't be read without its heading says it itself where there is no room for a table; in a log, the style does.
local function row_of(head, cells, class)
  local parts = {}
  for i, cell in ipairs(cells) do
    parts[i] = M.element("td", cell ~= "" and class ~= "log" and { ["data-label"] = head[i] } or nil, cell)
  end
  return "<tr>" .. table.concat(parts) .. "</tr>"
end

--- A table, whose rows become lines where the page is narrow.
-- @tparam {string,...} head texts
-- @tparam {{string,...},...} rows markup of cells
-- @tparam[opt] string class
-- @treturn string
function M.table(head, rows, class)
  local heads, body = {}, {}
  for i, text in ipairs(head) do
    heads[i] = M.element("th", { scope = "col" }, M.escape(text))
  end
  for i, row in ipairs(rows) do
    body[i] = row_of(head, row, class)
  end
  return ("<table%s><thead><tr>%s</tr></thead><tbody>\n%s</tbody></table>"):format(
    class and ' class="' .. class .. '"' or "", table.concat(heads), table.concat(body, "\n"))
end

return M
