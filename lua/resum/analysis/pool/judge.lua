-- The verdict on one mechanism: which servers share its sessions, as far as the attempts can tell. Pure. The order of
-- the questions is the order of certainty: what explains every refusal comes before what explains most of them.

local change = require "resum.analysis.pool.change"
local groups = require "resum.analysis.pool.groups"
local members = require "resum.analysis.pool.members"
local routing = require "resum.analysis.pool.routing"
local sources = require "resum.analysis.pool.sources"
local statistics = require "resum.util.statistics"

local M = {}

local LEAST_ANSWERED = 30 -- below it an unshared eighth of the pool may have been missed
local LEAST_OF_EITHER = 2 -- resumed and refused, to call it a mixture

local function count(offers)
  local resumed, refused = 0, 0
  for _, entry in ipairs(offers) do
    resumed = resumed + (entry.outcome == "resumed" and 1 or 0)
    refused = refused + (entry.refused and 1 or 0)
  end
  return resumed, refused
end

local function errors_of(view)
  local errors, offered = 0, 0
  for _, entry in ipairs(view.entries) do
    if entry.from then
      offered = offered + 1
      errors = errors + (entry.outcome ~= "resumed" and not entry.refused and 1 or 0)
    end
  end
  return errors, offered
end

local function issued_anything(view)
  for _, entry in ipairs(view.entries) do
    if entry.issued then
      return true
    end
  end
  return false
end

local function established(view)
  for _, entry in ipairs(view.entries) do
    if entry.outcome == "full" or entry.outcome == "refused" then
      return true
    end
  end
  return false
end

-- Without a refusal, or without a resumption, there is little to infer.
local function uniform(view, resumed, refused)
  local errors, offered = errors_of(view)
  if resumed + refused == 0 then
    if established(view) and not issued_anything(view) then
      return "no_resumption", "not_issued"
    end
    return "inconclusive", offered > 0 and "errors" or "no_attempts"
  elseif errors > resumed + refused then
    return "inconclusive", "errors"
  elseif resumed + refused < LEAST_ANSWERED then
    return "inconclusive", "too_few_attempts"
  elseif resumed == 0 and not members.always_elsewhere(view) then
    return "no_resumption", "issued_not_accepted"
  elseif refused == 0 then
    return "all_shared"
  end
end

local function by_source(view)
  local source_of = {}
  for _, entry in ipairs(view.entries) do
    source_of[entry.order] = entry.source
  end
  return sources.matrix(view.offers, function(entry)
    return source_of[entry.from]
  end, function(entry)
    return entry.source
  end)
end

-- The groups met. Connections that met none with a name (servers that name no key, or keep their tickets in a cache)
-- count as one group more, and may be any number.
local function groups_seen(view, off)
  local met, without_name = {}, {}
  for _, entry in ipairs(view.sequence) do
    local group, label = view.group[entry.order], view.label[entry.order]
    if not off[label] and group then
      met[#met + 1] = group
    elseif not off[label] and label and label ~= "none" then
      without_name[#without_name + 1] = "without a name"
    end
  end
  local open = #met > 0 and #without_name >= LEAST_OF_EITHER
  local seen = groups.count(open and table.move(without_name, 1, #without_name, #met + 1, met) or met)
  if open then
    seen.interval[2], seen.effective_interval[2] = nil, nil
  end
  return seen
end

-- How many groups as if all were equal, from outcomes alone: two connections meet the same one as often as sessions
-- resume on the next connection. (The old sessions are few, and show the shares of their own groups only.) But where
-- the balancer rotates, the next connection is no random one: there the old sessions have to do.
local function effective_by_outcome(view, rotates)
  local resumed, trials = 0, 0
  for _, entry in ipairs(view.offers) do
    local near = entry.design == "pairs" or entry.design == "chain"
    if entry.design ~= "confirm" and near ~= rotates then
      trials = trials + 1
      resumed = resumed + (entry.outcome == "resumed" and 1 or 0)
    end
  end
  return groups.effective(resumed, trials)
end

-- Do names tell the groups of most connections, but for those that met a member without a group?
local function most_are_named(view, off)
  local named, all = 0, 0
  for _, entry in ipairs(view.sequence) do
    if not off[view.label[entry.order]] then
      all = all + 1
      named = named + (view.group[entry.order] and 1 or 0)
    end
  end
  return named > 0.5 * all
end

local function describe_groups(view, off, result)
  local seen = groups_seen(view, off)
  if #seen.list > 0 and most_are_named(view, off) then
    result.groups, result.groups_interval = #seen.list, seen.interval
    result.effective_groups, result.effective_interval = seen.effective, seen.effective_interval
    result.chao1, result.coverage, result.list = seen.chao1, seen.coverage, seen.list
    result.named = true
    return
  end
  result.list = {}
  -- There may be any number of small groups beside: it has no upper end.
  local effective, interval = effective_by_outcome(view, result.routing == "round_robin")
  if effective then
    result.effective_groups, result.effective_interval = effective, interval
    -- A rotation has no more groups than turns.
    local most = result.routing == "round_robin" and result.routing_evidence.period or math.huge
    result.groups = math.min(most, math.max(2, math.floor(effective + 0.5)))
    result.groups_interval = { math.min(most, math.max(1, math.ceil(interval[1] - 1e-9))) }
  end
end

local function split(view, result, member, off)
  result.member = member
  describe_groups(view, off, result)
  if result.named and result.groups == 1 and not member then
    -- One key, and yet sessions of it are refused: names do not tell the groups apart.
    result.named, result.list = false, {}
    describe_groups({ offers = view.offers, sequence = {}, group = {}, label = {} }, {}, result)
  end
  if member then
    result.groups = result.named and result.groups or nil
    return "bad_member", member.how
  end
  return "nothing_shared"
end

-- The source decides. Where a member does not resume, that may be all there is: sessions that do not resume from their
-- own source are refused by their own server.
local function judge_hashed(view, result, member, off)
  local dead, all = sources.dead(result.matrix)
  result.routing = "sticky"
  if not member and dead > 0 then
    member = { how = "never_accepts", share = dead / all, interval = { statistics.wilson(dead, all) } }
  end
  if member then
    result.verdict, result.reason = split(view, result, member, off)
  else
    result.verdict = "sticky_source"
    describe_groups(view, {}, result)
  end
end

-- A prefix of session IDs may outlive a restart: it names no key.
local function key_met(view, order)
  local group = view.group[order]
  return group and not group:find("^id:") and group or nil
end

-- Do the sessions refused come from another key than those issued since, or from the same? nil where keys don't show.
local function key_changed(view, at)
  local old, changed = {}, nil
  for _, entry in ipairs(view.offers) do
    local group = entry.refused and key_met(view, entry.from)
    if group then
      old[group] = true
    end
  end
  for _, entry in ipairs(next(old) and view.entries or {}) do
    local group = entry.order >= at and key_met(view, entry.order)
    if group then
      changed = changed or not old[group]
    end
  end
  return changed
end

-- What one change explains: a restart or new keys, or sessions that were just forgotten with time.
local function explained_by_change(view, result, new_key)
  if new_key and change.of_key_explains(view, new_key) then
    result.list = groups_seen(view, {}).list
    if new_key.kept then
      result.verdict, result.renewed_at = "all_shared", new_key.order
      result.groups, result.groups_interval, result.effective_groups = 1, { 1, 1 }, 1
    else
      result.verdict, result.changed_at = "rotated", new_key.order
    end
    return true
  end
  local explained, at, sudden = change.explains(view)
  if not explained then
    return false
  end
  result.list = groups_seen(view, {}).list
  local changed = key_changed(view, at)
  if changed or (changed == nil and sudden) then
    result.verdict, result.changed_at = "rotated", at
  else
    result.verdict, result.forgot_at = "all_shared", at
    result.groups, result.groups_interval, result.effective_groups = 1, { 1, 1 }, 1
  end
  return true
end

--- Judges one mechanism at one address.
-- @tparam table view see resum.analysis.pool.view
-- @tparam boolean sticks a session's offers all go to one server (persistence), so they are no independent evidence
-- @tparam table|nil new_key when one ticket key was replaced by another: see resum.analysis.pool.change.of_key
-- @treturn table verdict, reason, routing, routing_evidence, resumed, refused, groups, groups_interval,
--   effective_groups, effective_interval, chao1, coverage, list (groups seen), named (they have names), member (one
--   that does not resume), matrix (by source), changes, changed_at (order of the first connection after a change),
--   forgot_at (of the first that found an old session forgotten)
function M.judge(view, sticks, new_key)
  local resumed, refused = count(view.offers)
  local result = { resumed = resumed, refused = refused, sticks = sticks, list = {} }
  local member, off = members.find(view, not sticks)
  result.routing, result.routing_evidence = routing.of(view, member ~= nil)
  result.matrix = by_source(view)
  result.changes = change.of_labels(view.sequence, function(entry)
    return view.group[entry.order]
  end)
  result.verdict, result.reason = uniform(view, resumed, refused)
  local silent = result.verdict == "all_shared" and members.silent(view)
  if silent then
    result.verdict, result.reason, result.member = "bad_member", silent.how, silent
  elseif result.verdict == "all_shared" then
    result.list = groups_seen(view, {}).list
    result.groups, result.groups_interval, result.effective_groups = 1, { 1, 1 }, 1
  elseif not result.verdict then
    if explained_by_change(view, result, new_key) then
      result.routing, result.routing_evidence = "unknown", {} -- what was met hangs on the moment
    elseif sources.decides(result.matrix) then
      judge_hashed(view, result, member, off)
    elseif resumed > 0 and math.min(resumed, refused) < LEAST_OF_EITHER then
      result.verdict, result.reason = "inconclusive", "rare_exception"
    else
      result.verdict, result.reason = split(view, result, member, off)
    end
  end
  return result
end

return M
