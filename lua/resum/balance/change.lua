-- Did something change while the scan ran? A restart, or new ticket keys, make every older session worthless at one
-- moment: it explains all refusals when each refused session was issued before such a moment and offered after it, and
-- no session that resumed crosses it. Pure.

local M = {}

local LEAST_RESUMED = 8 -- of them some before and some after, to call it working but for the change
local LEAST_REFUSED = 2
local MOST_CHANGES = 2
local LEAST_BEFORE = 10 -- connections that met only the old key, and only the new one
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
-- @tparam table view see resum.balance.view
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

-- The connections that showed a ticket key, of both mechanisms together, in order; and what was refused, which need not
-- show by whom.
local function keyed_sights(views)
  local list, refused = {}, {}
  for _, name in ipairs(KEYED) do
    for _, entry in ipairs(views[name] and views[name].entries or {}) do
      local group = views[name].group[entry.order]
      if group and entry.ended then
        list[#list + 1] = { group = group, order = entry.order, started = entry.started, ended = entry.ended }
      end
      if entry.refused then
        refused[#refused + 1] = { group = views[name].group[entry.from], started = entry.started, ended = entry.ended }
      end
    end
  end
  table.sort(list, function(a, b)
    return a.order < b.order
  end)
  return list, refused
end

local function count_sights(sights, holds)
  local count = 0
  for _, one in ipairs(sights) do
    count = count + (holds(one) and 1 or 0)
  end
  return count
end

-- When both keys were met: from the first sight of the new one to the last of the old one, and from the first refusal
-- to the last one of a new session. nil where there is a third key.
local function transition(sights, old, new, refused)
  local window = { from = math.huge, to = -math.huge }
  for _, one in ipairs(sights) do
    if one.group == new then
      window.from, window.order = math.min(window.from, one.started), window.order or one.order
    elseif one.group == old then
      window.to = math.max(window.to, one.ended)
    else
      return nil
    end
  end
  for _, one in ipairs(refused) do
    window.from = math.min(window.from, one.started)
    window.to = one.group == new and math.max(window.to, one.ended) or window.to
  end
  window.to = math.max(window.from, window.to)
  return window
end

--- Was one ticket key replaced by another? While servers are told, both may be met for a while; but before that only
-- the old one, and afterwards only the new one.
-- @tparam table views mechanism -> view
-- @treturn table|nil {from, to} on the clock of starts and ends; order of the first connection that met the new key
function M.of_key(views)
  local sights, refused = keyed_sights(views)
  local old, new = sights[1] and sights[1].group, sights[#sights] and sights[#sights].group
  local window = old ~= new and transition(sights, old, new, refused)
  if not window then
    return nil
  end
  local before = count_sights(sights, function(one)
    return one.ended < window.from
  end)
  local after = count_sights(sights, function(one)
    return one.started > window.to
  end)
  return before >= LEAST_BEFORE and after >= LEAST_BEFORE and window or nil
end

--- Does that explain what was refused? All that was issued and offered on one side of it resumed.
-- @tparam table view see resum.balance.view
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
