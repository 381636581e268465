-- Did something change while the scan ran? A restart, or new ticket keys, make every older session worthless at one
-- moment: it explains all refusals when each refused session was issued before such a moment and offered after it, and
-- no session that resumed crosses it. Pure.

local M = {}

local LEAST_RESUMED = 8 -- of them some before and some after, to call it working but for the change
local LEAST_REFUSED = 2
local MOST_CHANGES = 2
local BY_CHANCE = 1e-5 -- that connections met two keys one after the other
local SOON = 60 -- starts and ends of connections

local function entries_by_order(view)
  local by_order = {}
  for _, entry in ipairs(view.entries) do
    by_order[entry.order] = entry
  end
  return by_order
end

-- When was the offered session issued, and when was it offered? Connections take time: a resumption proves that nothing
-- was lost until it started, and a refusal that something was lost until it ended.
local function stretch_of(entry, by_order)
  return by_order[entry.from].ended, entry.refused and entry.ended or entry.started
end

-- Stretches of time in which nothing was lost, joined; and how many sessions resumed.
local function quiet(offers, by_order)
  local stretches, joined = {}, {}
  for _, entry in ipairs(offers) do
    if entry.outcome == "resumed" then
      stretches[#stretches + 1] = { stretch_of(entry, by_order) }
    end
  end
  table.sort(stretches, function(a, b)
    return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2])
  end)
  for _, one in ipairs(stretches) do
    local last = joined[#joined]
    if last and one[1] <= last[2] then
      last[2] = math.max(last[2], one[2])
    else
      joined[#joined + 1] = { one[1], one[2] }
    end
  end
  return joined, #stretches
end

-- Where something may have been lost.
local function gaps_between(joined)
  local gaps, from = {}, -math.huge
  for _, stretch in ipairs(joined) do
    gaps[#gaps + 1] = { from, stretch[1] }
    from = stretch[2]
  end
  gaps[#gaps + 1] = { from, math.huge }
  return gaps
end

-- The latest moment of a stretch that lies in a gap.
local function latest_moment(from, to, gaps)
  for i = #gaps, 1, -1 do
    local moment = math.min(to, gaps[i][2])
    if moment > math.max(from, gaps[i][1]) then
      return moment
    end
  end
end

local function refusals(offers, by_order)
  local list = {}
  for _, entry in ipairs(offers) do
    if entry.refused then
      local from, to = stretch_of(entry, by_order)
      list[#list + 1] = { from = from, to = to, order = entry.order }
    end
  end
  table.sort(list, function(a, b)
    return a.to < b.to
  end)
  return list
end

-- Was a session refused soon after it was issued, or had resumed? Then something happened at that moment. (What is only
-- seen to be lost much later may have run out, or have made way in a small cache for the sessions of this very scan.)
local function is_sudden(offers, by_order)
  local alive = {}
  for _, entry in ipairs(offers) do
    if entry.outcome == "resumed" then
      alive[entry.from] = entry.started
    elseif entry.refused and entry.ended - (alive[entry.from] or by_order[entry.from].ended) <= SOON then
      return true
    end
  end
  return false
end

--- Is one change, or are two, the whole explanation of what was refused?
-- @tparam table view see resum.analysis.pool.view
-- @treturn boolean
-- @treturn integer|nil order of the first connection that was refused after it
-- @treturn boolean|nil it happened in a moment
function M.explains(view)
  local by_order = entries_by_order(view)
  local joined, resumed = quiet(view.offers, by_order)
  local refused, gaps = refusals(view.offers, by_order), gaps_between(joined)
  local moments, last = 0, -math.huge
  for _, one in ipairs(refused) do
    if last <= one.from then
      last = latest_moment(one.from, one.to, gaps)
      moments = moments + 1
      if not last or moments > MOST_CHANGES then
        return false
      end
    end
  end
  if #refused < LEAST_REFUSED or resumed < LEAST_RESUMED then
    return false
  end
  return true, refused[1].order, is_sudden(view.offers, by_order)
end

local KEYED = { "ticket", "psk" }

local UNSEEN = "unseen" -- the key of servers that showed none

-- What a connection showed: a key, or that its server has none.
local function shown_by(view, order)
  return view.named[order] and view.label[order] or (view.label[order] and UNSEEN) or nil
end

local function add_sights(list, view)
  for _, entry in ipairs(view.entries) do
    if entry.ended then
      list[#list + 1] = {
        order = entry.order, started = entry.started, ended = entry.ended, group = view.group[entry.order],
        shown = shown_by(view, entry.order), from = view.carried[entry.from],
        refused = entry.refused, resumed = entry.outcome == "resumed",
      }
    end
  end
end

local function shows_keys(view)
  for _, entry in ipairs(view.entries) do
    if view.named[entry.order] then
      return true
    end
  end
  return false
end

-- Connections of the mechanisms that show keys, in order: each with the key that it showed, its group, and the key of
-- the session that it was offered.
local function keyed_sights(views)
  local list = {}
  for _, name in ipairs(KEYED) do
    if views[name] and shows_keys(views[name]) then
      add_sights(list, views[name])
    end
  end
  table.sort(list, function(a, b)
    return a.order < b.order
  end)
  return list
end

-- The two keys that there are, the one that was met first and the other, which may be unseen; and whether tickets of
-- the one are accepted under the other. nil where there is no key, or a third.
local function two_keys(sights)
  local first, second
  local groups = {}
  for _, one in ipairs(sights) do
    local key = one.shown
    first = first or key
    second = second or (key ~= first and key or nil)
    if key ~= nil and key ~= first and key ~= second then
      return nil
    elseif key then
      groups[key] = one.group
    end
  end
  return first, second or UNSEEN, second ~= nil and groups[first] == groups[second]
end

-- Which of two keys did each connection meet? What it did not show, the fate of the session tells, where the keys do
-- not accept each other's.
local function meetings(sights, first, second, kept)
  local list = {}
  for _, one in ipairs(sights) do
    local key = one.shown
    if not key and not kept and one.from then
      local other = one.from == first and second or first
      key = one.resumed and one.from or (one.refused and other) or nil
    end
    list[#list + 1] = key and { key = key, order = one.order, started = one.started, ended = one.ended } or nil
  end
  return list
end

-- The chance that so many of all fall into a part of them, drawn without regard to order.
local function chance_to_fall_within(count, part, all)
  local chance = 1
  for i = 0, count - 1 do
    chance = chance * (part - i) / (all - i)
  end
  return chance
end

-- Is it no accident that the new key was met at the end only, or the old one at the beginning only?
local function is_replaced(met, old, new)
  local first_new, last_old, news = #met + 1, 0, 0
  for i, one in ipairs(met) do
    news = news + (one.key == new and 1 or 0)
    first_new = one.key == new and math.min(first_new, i) or first_new
    last_old = one.key == old and i or last_old
  end
  local came = met[1].key == old and chance_to_fall_within(news, #met - first_new + 1, #met) < BY_CHANCE
  return came or (met[#met].key == new and chance_to_fall_within(#met - news, last_old, #met) < BY_CHANCE)
end

-- When both keys were met: from the first sight of the new one to the last of the old one, and from the first refusal
-- to the last one of a new session.
local function transition(sights, met, old, new)
  local window = { from = math.huge, to = -math.huge }
  for _, one in ipairs(met) do
    if one.key == new then
      window.from, window.order = math.min(window.from, one.started), window.order or one.order
    else
      window.to = math.max(window.to, one.ended)
    end
  end
  for _, one in ipairs(sights) do
    if one.refused then
      window.from = math.min(window.from, one.started)
      window.to = one.from ~= old and math.max(window.to, one.ended) or window.to
    end
  end
  window.to = math.max(window.from, window.to)
  return window
end

--- Was one ticket key replaced by another? While servers are told, both may be met for a while; but before that only
-- the old one, or afterwards only the new one.
-- @tparam table views mechanism -> view
-- @treturn table|nil {from, to} on the clock of starts and ends; order of the first connection that met the new key;
--   kept (old tickets stayed good)
function M.of_key(views)
  local sights = keyed_sights(views)
  local first, second, kept = two_keys(sights)
  if not first then
    return nil
  end
  local met = meetings(sights, first, second, kept)
  for _, pair in ipairs({ { first, second }, { second, first } }) do
    local old, new = pair[1], pair[2]
    if new ~= UNSEEN and is_replaced(met, old, new) then
      local window = transition(sights, met, old, new)
      window.kept = kept
      return window
    end
  end
end

--- Does that explain what was refused? All that was issued and offered on one side of it resumed.
-- @tparam table view see resum.analysis.pool.view
-- @tparam table window of of_key
-- @treturn boolean
function M.of_key_explains(view, window)
  local by_order = entries_by_order(view)
  for _, entry in ipairs(view.offers) do
    local before, after = entry.ended < window.from, by_order[entry.from].started > window.to
    if entry.refused and (before or after) then
      return false
    end
  end
  return true
end

-- First and last sight of each value, and how often.
local function sights(sequence, value_of)
  local seen, order = {}, {}
  for i, entry in ipairs(sequence) do
    local value = value_of(entry)
    if value then
      local one = seen[value]
      if not one then
        one = { value = value, first = i, count = 0 }
        seen[value] = one
        order[#order + 1] = one
      end
      one.last, one.count = i, one.count + 1
    end
  end
  return order
end

--- Groups that came or went while the scan ran, against chance at 1 in 10,000.
-- @tparam {table,...} sequence entries in order
-- @tparam function value_of entry -> label or nil
-- @treturn {table,...} list of {label, what = "came"|"went", at = order}
function M.of_labels(sequence, value_of)
  local changes, n = {}, #sequence
  for _, one in ipairs(sights(sequence, value_of)) do
    local present = one.last - one.first + 1
    local share = one.count / present
    if one.count >= 3 and (1 - share) ^ (one.first - 1) < 1e-4 then
      changes[#changes + 1] = { label = one.value, what = "came", at = sequence[one.first].order }
    end
    if one.count >= 3 and (1 - share) ^ (n - one.last) < 1e-4 then
      changes[#changes + 1] = { label = one.value, what = "went", at = sequence[one.last].order }
    end
  end
  return changes
end

return M
