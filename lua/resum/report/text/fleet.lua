-- The fleet's map for people: the largest groups that share a ticket key, what is not confirmed, what has changed. As
-- many lines as can be read, however large the fleet is. Pure.

local escape = require "resum.util.escape"
local layout = require "resum.report.text.layout"
local tables = require "resum.util.tables"
local vocabulary = require "resum.analysis.vocabulary"
local words = require "resum.analysis.fleet_words"

local M = {}

local append, wrap, count = layout.append, layout.wrap, vocabulary.count

local GROUPS, EXAMPLES, REFUSALS, CHANGES, KEYS = 20, 3, 5, 10, 3 -- that are shown

local function place(from)
  return escape(words.place(from), 120)
end

local function and_more(lines, more, indent)
  if more > 0 then
    lines[#lines + 1] = ("%sand %d more"):format(indent, more)
  end
end

local function group_lines(map, group, lines, width)
  append(lines, wrap(("%d. %s"):format(group.number, words.group(group)), width, "  ", "     "))
  local members = map:members(group.number)
  local examples = {}
  for i = 1, math.min(EXAMPLES, group.places) do
    examples[i] = place(members())
  end
  local rest = group.places > #examples and ", ..." or ""
  append(lines, wrap(("key %s: %s%s"):format(group.opens.key, table.concat(examples, ", "), rest), width, "     "))
end

local function refusal_lines(map, lines, width)
  local list, more = tables.first_of(map:refusals(), REFUSALS)
  if #list > 0 then
    append(lines, wrap("Of one key name, and refuse each other's sessions: their keys differ, or they keep sessions to "
      .. "one certificate or name", width, "  ", "    "))
  end
  for _, edge in ipairs(list) do
    append(lines, wrap(("%s and %s"):format(place(edge.from_place), place(edge.to_place)), width, "    ", "      "))
  end
  and_more(lines, more, "    ")
end

local function keys_in_words(keys)
  local shown = table.move(keys, 1, math.min(KEYS, #keys), 1, {})
  return table.concat(shown, ", ") .. (#keys > #shown and (", and %d more"):format(#keys - #shown) or "")
end

local function owner_words(owner)
  local parts = {}
  for _, one in ipairs({ { "keys_new", "new key" }, { "keys_gone", "gone key" } }) do
    local keys = owner[one[1]]
    parts[#parts + 1] = #keys > 0 and ("%s%s %s"):format(one[2], #keys > 1 and "s" or "", keys_in_words(keys)) or nil
  end
  for _, one in ipairs({ { "places_new", "new" }, { "places_gone", "not seen any more" } }) do
    local places = owner[one[1]]
    parts[#parts + 1] = #places > 0 and ("%s %s"):format(count(#places, "place"), one[2]) or nil
  end
  return ("%s: %s"):format(escape(owner.owner, 80), table.concat(parts, "; "))
end

local function change_lines(changes, lines, width)
  lines[#lines + 1] = "What has changed:"
  local before = #lines
  for _, one in ipairs({ { changes:groups(), words.change }, { changes:owners(), owner_words } }) do
    local list, more = tables.first_of(one[1], CHANGES)
    for _, item in ipairs(list) do
      append(lines, wrap(one[2](item), width, "  ", "    "))
    end
    and_more(lines, more, "  ")
  end
  if #lines == before then
    lines[#lines + 1] = "  nothing"
  end
end

--- The map's lines.
-- @tparam table map see resum.fleet
-- @tparam[opt=80] integer width columns
-- @treturn string lines, the last one ended
function M.text(map, width)
  width = math.max(layout.NARROWEST, width or layout.WIDTH)
  local totals, lines = map:totals(), {}
  append(lines, wrap(("Ticket keys of %s: %s in use, %s, %s"):format(words.size(totals), count(totals.keys, "key"),
    totals.groups == 1 and "1 group shares one" or ("%d groups share one"):format(totals.groups),
    totals.alone == 1 and "1 place shares with nobody" or ("%d places share with nobody"):format(totals.alone)), width,
    "", "  "))
  local groups, more = map:groups(), totals.groups - GROUPS
  for _ = 1, math.min(GROUPS, totals.groups) do
    group_lines(map, groups(), lines, width)
  end
  and_more(lines, more, "  ")
  append(lines, wrap(("Edges that a session has confirmed: %d; not confirmed: %d"):format(totals.confirmed,
    totals.unconfirmed), width, "  ", "    "))
  refusal_lines(map, lines, width)
  local changes = map:changes()
  if changes then
    change_lines(changes, lines, width)
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
