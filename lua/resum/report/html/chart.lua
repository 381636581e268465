-- Figures of the details: a share with its interval, a sequence of connections, who accepts whose sessions. Pure.

local markup = require "resum.report.html.markup"
local svg = require "resum.report.html.svg"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local element, escape = markup.element, markup.escape

local function percent(share)
  return svg.number(100 * share) .. "%"
end

--- A share as a bar, with its interval as a whisker.
-- @tparam number share
-- @tparam {number,number}|nil interval
-- @treturn string
function M.meter(share, interval)
  local whisker = interval and element("b", { style = ("left:%s;width:%s"):format(percent(interval[1]),
    percent(interval[2] - interval[1])) }, "") or ""
  return element("span", { class = "meter", role = "img", ["aria-label"] = vocabulary.percent(share) .. " %" },
    element("i", { style = "width:" .. percent(share) }, "") .. whisker)
end

local function cell(one)
  return ('<i class="%s %s">%s</i>'):format(one.state, svg.colour_of(one.letter),
    one.state == "error" and "x" or one.letter or "")
end

local ORDER = { "resumed", "refused", "full", "error" }

-- What a picture would say: how many of each.
local function counts_of(cells)
  local counts, words = {}, {}
  for _, one in ipairs(cells) do
    counts[one.state] = (counts[one.state] or 0) + 1
  end
  for _, state in ipairs(ORDER) do
    words[#words + 1] = counts[state] and ("%d %s"):format(counts[state], vocabulary.cells[state]) or nil
  end
  return table.concat(words, ", ")
end

--- A sequence of squares: filled where it resumed, hollow where it was refused, dotted where nothing was offered,
-- dashed with an x where it failed.
-- @tparam string title
-- @tparam {table,...} cells {state ("resumed", "refused", "full", "error"), letter (or nil)}
-- @treturn string
function M.strip(title, cells)
  local parts = {}
  for i, one in ipairs(cells) do
    parts[i] = cell(one)
  end
  return element("div", { class = "strip", role = "img", ["aria-label"] = ("%s: %s"):format(title, counts_of(cells)) },
    table.concat(parts))
end

--- One square, for a legend.
-- @tparam string state see strip
-- @tparam string|nil letter
-- @treturn string
function M.sample(state, letter)
  return element("span", { class = "strip sample", ["aria-hidden"] = "true" }, cell({ state = state, letter = letter }))
end

local function matrix_cell(entry)
  if not entry or entry.answered == 0 then
    return '<td class="no">-</td>'
  end
  local class = entry.resumed == entry.answered and "all" or entry.resumed > 0 and "some" or "none"
  return element("td", { class = class }, ("%d/%d"):format(entry.resumed, entry.answered))
end

--- Who accepts whose sessions: rows where they come from, columns where they were offered.
-- @tparam string caption
-- @tparam {string,...} names of servers or places
-- @tparam table matrix from -> at -> {resumed, answered}
-- @tparam[opt] {string,...} short what stands for the names in the table
-- @treturn string
function M.matrix(caption, names, matrix, short)
  local heads, rows = {}, {}
  for i, name in ipairs(short or names) do
    heads[i] = element("th", { scope = "col" }, escape(name))
  end
  for i, from in ipairs(names) do
    local cells = {}
    for j, at in ipairs(names) do
      cells[j] = matrix_cell(matrix[from] and matrix[from][at])
    end
    rows[i] = "<tr>" .. element("th", { scope = "row" }, escape((short or names)[i])) .. table.concat(cells) .. "</tr>"
  end
  return ('<div class="scroll" tabindex="0"><table class="matrix"><caption>%s</caption><thead><tr><td></td>%s</tr>'
    .. "</thead><tbody>%s</tbody></table></div>"):format(escape(caption), table.concat(heads), table.concat(rows))
end

return M
