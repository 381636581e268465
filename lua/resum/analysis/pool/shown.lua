-- What a report shows beside verdicts: letters for labels, the labels with their shares, every attempt. Pure.

local statistics = require "resum.util.statistics"

local M = {}

local KINDS = { key = "ticket_key", id = "session_id_prefix" }
local MARKS = { none = "-", stateful = "s", unnamed = "?", other_version = "x", ticketless = "-" }

--- A letter for each name, in the order in which they were met; "*" when there are more than 26.
-- @tparam {table,...} entries
-- @tparam table all mechanism -> evidence
-- @treturn table label -> one character
function M.letters(entries, all)
  local letters, count = {}, 0
  for _, entry in ipairs(entries) do
    local label = all[entry.mechanism].shown[entry.order]
    if label and not letters[label] then
      count = count + (MARKS[label.kind] and 0 or 1)
      letters[label] = MARKS[label.kind] or (count <= 26 and string.char(64 + count)) or "*"
    end
  end
  return letters
end

--- What the connections of a mechanism showed of their servers.
-- @tparam table evidence
-- @tparam function group_of label -> the label that stands for its group
-- @tparam table letters see letters
-- @treturn {table,...} list of {name (a letter), kind ("ticket_key", "session_id_prefix", "stateful", "unnamed",
--   "other_version", "none"), value (bytes, where it has a name), group (the letter of the group), connections, share,
--   interval}, the most frequent first
function M.labels(evidence, group_of, letters)
  local counts, all, list = {}, 0, {}
  for _, entry in ipairs(evidence.sequence) do
    local label = evidence.label[entry.order]
    if label then
      counts[label], all = (counts[label] or 0) + 1, all + 1
    end
  end
  for label, n in pairs(counts) do
    local lo, hi = statistics.wilson(n, all)
    list[#list + 1] = { name = letters[label], kind = KINDS[label.kind] or label.kind, value = label.value,
      group = letters[group_of(label)], connections = n, share = n / all, interval = { lo, hi } }
  end
  table.sort(list, function(a, b)
    return a.connections > b.connections or (a.connections == b.connections and a.name < b.name)
  end)
  return list
end

--- Every connection, as it is shown.
-- @tparam {table,...} entries
-- @tparam table all mechanism -> evidence
-- @tparam table group_of mechanism -> function(label) -> the label that stands for its group
-- @tparam table letters see letters
-- @treturn {table,...} list of {order, mechanism, design, from, source, outcome, label (the letter of what it showed),
--   group (of what it met, where that is known)}
function M.attempts(entries, all, group_of, letters)
  local list, carried = {}, {}
  for _, entry in ipairs(entries) do
    local label = all[entry.mechanism].shown[entry.order]
    carried[entry.order] = label or (entry.outcome == "resumed" and carried[entry.from]) or nil
    local known, of = carried[entry.order], group_of[entry.mechanism]
    list[#list + 1] = entry.outcome and { -- else it was not made, or is made anew
      order = entry.order, mechanism = entry.mechanism, design = entry.design, from = entry.from,
      source = entry.source, outcome = entry.outcome, label = letters[label or false],
      group = letters[known and of and of(known) or known or false],
    } or nil
  end
  return list
end

return M
