-- One mechanism's share of the entries, made ready for judging: what was offered and answered, and which group each
-- connection met as far as it showed that. Pure.

local groups = require "resum.analysis.pool.groups"
local labels = require "resum.analysis.pool.labels"
local verdict = require "resum.analysis.verdict"

local M = {}

local SAMPLING = { seed = true, pairs = true, chain = true }
local ANSWERED = { full = true, refused = true, resumed = true }

-- An alert to an offered session is a refusal where that is how the server always answers, or when it is about the
-- version.
local function settle_alerts(entries)
  local offered = {}
  for _, entry in ipairs(entries) do
    if entry.from and entry.outcome then
      offered[#offered + 1] = entry
    end
  end
  return #offered > 0 and verdict.count(offered).alerts > 0
end

local function new_view(name)
  return { name = name, entries = {}, offers = {}, marked = {}, identities = {}, spent = {}, browser = {},
    sequence = {}, showing_tickets = {} }
end

local function add(view, entry, alerts_refuse)
  if not entry.outcome then -- it was not made: the scan was over
    return
  end
  view.entries[#view.entries + 1] = entry
  if not entry.from then
    return
  end
  entry.refused = entry.outcome == "refused" or entry.version_refused or (entry.outcome == "alert" and alerts_refuse)
  if entry.outcome == "resumed" or entry.refused then
    local list = view[entry.design] or view.offers
    list[#list + 1] = entry
  end
end

--- Did the server answer? Alerts that are not about the version count for no answer here.
-- @tparam table entry
-- @treturn boolean|nil
function M.answered(entry)
  return ANSWERED[entry.outcome] or entry.version_refused
end

-- Sampling: each of these met a server that the balancer chose, and shows which. The plain figure's offers show it only
-- where they resume.
local function sampled(entry)
  return SAMPLING[entry.design] and M.answered(entry)
end

--- Sorts entries by mechanism.
-- @tparam {table,...} entries in order; see resum.analysis.pool.analyse
-- @treturn table mechanism -> view: entries, offers (answered, with a session), marked, identities, spent and browser
--   (offers of these designs), sequence (answered connections of the sampling designs), showing_tickets (connections
--   that asked for a ticket beside a session ID), label (order -> what it showed), named (order -> true where that
--   names the server's state), group (order -> the label that stands for the group it met), carried (order -> the label
--   that names the state of the session that it left)
function M.sort(entries)
  local views, sorted = {}, {}
  for _, entry in ipairs(entries) do
    sorted[entry.mechanism] = sorted[entry.mechanism] or {}
    table.insert(sorted[entry.mechanism], entry)
  end
  local label, names = labels.assign(entries)
  local group, carried = groups.of_entries(entries, label, names)
  for name, list in pairs(sorted) do
    local view, alerts_refuse = new_view(name), settle_alerts(list)
    view.label, view.named, view.group, view.carried = label, names, group, carried
    for _, entry in ipairs(list) do
      add(view, entry, alerts_refuse)
      view.sequence[#view.sequence + 1] = sampled(entry) and entry or nil
      view.showing_tickets[#view.showing_tickets + 1] = entry.design == "marked" and entry or nil
    end
    views[name] = view
  end
  return views
end

return M
