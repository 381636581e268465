-- What stands behind an address: from the entries of a scan to verdicts, one for each mechanism and one for the whole.
-- Pure: it makes no connection, and its parts (resum.analysis.pool.*) know nothing of each other but what they are
-- given.

local advice = require "resum.analysis.pool.advice"
local change = require "resum.analysis.pool.change"
local identity = require "resum.analysis.pool.identity"
local judge = require "resum.analysis.pool.judge"
local members = require "resum.analysis.pool.members"
local rates = require "resum.analysis.pool.rates"
local shown = require "resum.analysis.pool.shown"
local view = require "resum.analysis.pool.view"
local whole = require "resum.analysis.pool.whole"

local M = {}

local KEYED = { "ticket", "psk" }
-- A member that does not resume may be behind it.
local UNDECIDED = { nothing_shared = true, mixed_groups = true, bad_member = true }

-- Key groups that tickets and PSKs met: how many, and the share of the largest; since a moment, or ever.
local function key_groups(views, since)
  local counts, kinds, all, most = {}, 0, 0, 0
  for _, name in ipairs(KEYED) do
    for _, entry in ipairs(views[name] and views[name].sequence or {}) do
      local group = (not since or entry.started > since) and views[name].group[entry.order]
      if group then
        kinds = kinds + (counts[group] and 0 or 1)
        counts[group] = (counts[group] or 0) + 1
        all, most = all + 1, math.max(most, counts[group])
      end
    end
  end
  return kinds, all > 0 and most / all or 1
end

local function judge_each(views, wanted)
  local results, new_key = {}, change.of_key(views)
  local _, largest = key_groups(views, new_key and new_key.to)
  local marked = views.session_id and identity.of_marked(views.session_id, largest)
  for _, name in ipairs(wanted) do
    if views[name] then
      local sticks = name ~= "psk" and identity.all_or_nothing(views[name])
      results[name] = judge.judge(views[name], sticks, name ~= "session_id" and new_key or nil)
    end
  end
  whole.refine(results, views, marked)
  return results
end

--- Entries, sorted for the questions below.
-- @function sort
-- @tparam {table,...} entries see analyse
-- @treturn table views
M.sort = view.sort

--- A session that may be dead: it was offered, and never resumed.
-- @tparam table views see sort
-- @tparam string mechanism
-- @treturn table|nil {from, missing}: where it was issued, and so many offers more without a resumption make it certain
function M.suspect(views, mechanism)
  return members.suspect(views[mechanism])
end

--- Where sessions were issued that are known to resume.
-- @tparam table views see sort
-- @tparam string mechanism
-- @treturn {integer,...} orders, of sessions as unlike as can be first
function M.alive(views, mechanism)
  return members.alive(views[mechanism])
end

--- An order at which a PSK was issued, the latest, for each key name seen.
-- @tparam table views see sort
-- @treturn {integer,...}
function M.one_of_each_key(views)
  local psk = views.psk
  local latest, orders = {}, {}
  for _, entry in ipairs(psk and psk.entries or {}) do
    local group = psk.group[entry.order]
    if group and entry.ticket then
      latest[group] = entry.order
    end
  end
  for _, order in pairs(latest) do
    orders[#orders + 1] = order
  end
  table.sort(orders)
  return orders
end

-- A member that does not resume tickets: what of its session IDs?
local function some_member_is_off(results)
  for _, name in ipairs(KEYED) do
    if results[name] and results[name].member then
      return true
    end
  end
  return false
end

--- Where it is worth to look closer.
-- @tparam table views see sort
-- @treturn table confirm (mechanism -> true: offer the suspects again), marked (offer session IDs with a ticket
--   extension), ticketless (the same, with those of a member that has no tickets), identities (offer one PSK of each
--   key)
function M.wants(views)
  local results = judge_each(views, { "session_id", "ticket", "psk" })
  local wants = { confirm = {} }
  for name, result in pairs(results) do
    local undecided = UNDECIDED[result.verdict] or result.reason == "rare_exception"
    wants.confirm[name] = (undecided and not result.sticks) or nil
  end
  local several_keys, ids = key_groups(views) > 1, results.session_id
  wants.marked = several_keys and ids ~= nil and ids.resumed > 0
  wants.ticketless = ids ~= nil and ids.verdict == "nothing_shared" and some_member_is_off(results)
  wants.identities = several_keys
  return wants
end

--- Infers what stands behind one address.
-- @tparam {table,...} entries one a connection, in the order in which they were started: {order (1, 2, …), mechanism,
--   design ("seed", "fixed", "fresh", "pairs", "chain"; "confirm", "marked", "identities", "spent"), outcome, from
--   (order of the connection that issued the session offered; nil when none was), source (local address), and what
--   resum.analysis.pool.labels.read finds: issued, ticket, ticket_length, lifetime_s, session_id, leaf, serial,
--   extensions}
-- @tparam table context mechanisms (list of those asked for), sources (list of local addresses, or nil)
-- @treturn table verdict, decided_by (a mechanism), routing, groups, groups_interval, effective_groups, labels,
--   designs, findings, headline, evidence, advice, mechanisms (name -> the
--   same for each), attempts
function M.analyse(entries, context)
  local views = view.sort(entries)
  local results = judge_each(views, context.mechanisms)
  local letters = shown.letters(entries, views)
  for name, result in pairs(results) do
    result.designs = rates.of(views[name])
    result.labels = shown.labels(views[name], letters)
  end
  local summary = whole.conclude(results, views, context)
  summary.headline, summary.evidence, summary.advice = advice.of(summary)
  summary.attempts = shown.attempts(entries, views, letters)
  return summary
end

return M
