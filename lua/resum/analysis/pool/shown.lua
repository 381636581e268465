-- What a report shows beside verdicts: letters for labels, the labels with their shares, every attempt. Pure.

local describe = require("resum.analysis.pool.labels").describe
local statistics = require "resum.util.statistics"

local M = {}

local KINDS = { key = "ticket_key", id = "session_id_prefix" }
local MARKS = { none = "-", stateful = "s", unnamed = "?", other_version = "x" }

local function named(label)
  return label ~= nil and MARKS[label] == nil
end

--- A letter for each name, in the order in which they were met; "*" when there are more than 26.
-- @tparam {table,...} entries
-- @tparam table views mechanism -> view
-- @treturn table label -> one character
function M.letters(entries, views)
  local letters, count = {}, 0
  local _, any = next(views)
  for _, entry in ipairs(any and entries or {}) do
    local label = any.label[entry.order]
    if label and not letters[label] then
      count = count + (named(label) and 1 or 0)
      letters[label] = MARKS[label] or (count <= 26 and string.char(64 + count)) or "*"
    end
  end
  return letters
end

--- What the connections of a mechanism showed of their servers.
-- @tparam table view
-- @tparam table letters see letters
-- @treturn {table,...} list of {name (a letter), kind ("ticket_key", "session_id_prefix", "stateful", "unnamed",
--   "other_version", "none"), value (bytes, where it has a name), certificate (its SHA-256, where servers with that key
--   part by it), group (the letter of the group), connections, share, interval}, the most frequent first
function M.labels(view, letters)
  local counts, group, all = {}, {}, 0
  for _, entry in ipairs(view.sequence) do
    local label = view.label[entry.order]
    if label then
      counts[label] = (counts[label] or 0) + 1
      group[label] = view.group[entry.order]
      all = all + 1
    end
  end
  local list = {}
  for label, n in pairs(counts) do
    local kind, value, certificate = describe(label)
    local lo, hi = statistics.wilson(n, all)
    list[#list + 1] = { name = letters[label], kind = KINDS[kind] or kind, value = value, certificate = certificate,
      group = letters[group[label] or label], connections = n, share = n / all, interval = { lo, hi } }
  end
  table.sort(list, function(a, b)
    return a.connections > b.connections or (a.connections == b.connections and a.name < b.name)
  end)
  return list
end

--- Every connection, as it is shown.
-- @tparam {table,...} entries
-- @tparam table views mechanism -> view
-- @tparam table letters see letters
-- @treturn {table,...} list of {order, mechanism, design, from, source, outcome, label (the letter of what it showed),
--   group (of what it met, where that is known)}
function M.attempts(entries, views, letters)
  local list = {}
  for i, entry in ipairs(entries) do
    local view = views[entry.mechanism]
    list[i] = {
      order = entry.order,
      mechanism = entry.mechanism,
      design = entry.design,
      from = entry.from,
      source = entry.source,
      outcome = entry.outcome,
      label = letters[view.label[entry.order] or false],
      group = letters[view.group[entry.order] or false],
    }
  end
  return list
end

return M
