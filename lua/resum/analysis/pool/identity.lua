-- Are there servers that share one mechanism's state and not another's? What tells two servers of one group apart:
-- their certificates, and session IDs that were offered with a ticket extension, so that the server showed its ticket
-- key. Pure.

local M = {}

local SEEN_TWICE = 2
local HARDLY = 1e-3

-- Groups of this mechanism whose servers show more than one certificate, each more than once.
function M.groups_with_several_certificates(view)
  local leaves, several = {}, {}
  for _, entry in ipairs(view.entries) do
    local group = view.group[entry.order]
    if group and entry.leaf then
      leaves[group] = leaves[group] or {}
      leaves[group][entry.leaf] = (leaves[group][entry.leaf] or 0) + 1
    end
  end
  for group, counts in pairs(leaves) do
    local kinds = 0
    for _, count in pairs(counts) do
      kinds = kinds + (count >= SEEN_TWICE and 1 or 0)
    end
    several[group] = kinds >= 2 or nil
  end
  return several
end

-- What each marked session met: session -> {resumed = {group -> n}, refused = {group -> n}}.
local function met_by_session(view)
  local sessions = {}
  for _, entry in ipairs(view.marked) do
    local group = view.group[entry.order]
    if group then
      local one = sessions[entry.from] or { resumed = {}, refused = {} }
      sessions[entry.from] = one
      local side = entry.refused and one.refused or one.resumed
      side[group] = (side[group] or 0) + 1
    end
  end
  return sessions
end

--- What the marked session IDs tell.
-- @tparam table view of session_id
-- @tparam number largest share of the connections that meets the largest group of ticket keys
-- @treturn table spans (a session resumed under several ticket keys: these servers share a cache), parted (key groups
--   in which a session resumed and was refused: their servers do not share a cache), sticks (each session always met
--   one key, which chance would hardly do)
function M.of_marked(view, largest)
  local result = { spans = false, parted = {}, sticks = false }
  local repeated, refused = 0, 0
  for _, one in pairs(met_by_session(view)) do
    local groups, resumed = 0, 0
    for group, n in pairs(one.resumed) do
      groups, resumed = groups + 1, resumed + n
      result.parted[group] = result.parted[group] or (one.refused[group] and true) or nil
    end
    refused = refused + (next(one.refused) and 1 or 0)
    repeated = repeated + math.max(0, resumed - 1)
    result.spans = result.spans or groups > 1
  end
  result.sticks = not result.spans and refused == 0 and largest < 1 and largest ^ repeated < HARDLY
  return result
end

-- Does each session of a mechanism go to one server, come what may? Then each resumes always or never.
function M.all_or_nothing(view)
  local sessions = {}
  for _, entry in ipairs(view.offers) do
    if entry.design == "fixed" or entry.design == "confirm" then
      local one = sessions[entry.from] or { offered = 0, resumed = 0 }
      sessions[entry.from] = one
      one.offered, one.resumed = one.offered + 1, one.resumed + (entry.outcome == "resumed" and 1 or 0)
    end
  end
  local always, never = 0, 0
  for _, one in pairs(sessions) do
    if one.offered >= 6 then
      if one.resumed > 0 and one.resumed < one.offered then
        return false
      end
      always, never = always + (one.resumed > 0 and 1 or 0), never + (one.resumed == 0 and 1 or 0)
    end
  end
  return always + never >= 3 and never > 0
end

return M
