-- Are there servers that share one mechanism's state and not another's? What tells two servers of one group apart:
-- their certificates, and session IDs that were offered with a ticket extension, so that the server showed its ticket
-- key. Pure.

local M = {}

local SEEN_TWICE = 2 -- a certificate seen once may be one that is being replaced

--- Groups whose servers show more than one certificate.
-- @tparam table evidence
-- @tparam function group_of label -> group
-- @treturn table group -> true
function M.with_several_certificates(evidence, group_of)
  local leaves, several = {}, {}
  for _, entry in ipairs(evidence.entries) do
    local label = evidence.label[entry.order]
    if label and entry.leaf then
      local group = group_of(label)
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

--- What session IDs tell that were offered so that the server showed its ticket key.
-- @tparam table evidence of session_id
-- @tparam function group_of label of a ticket key -> group
-- @treturn table spans (a session resumed under several ticket keys: these servers share a cache), parted (groups of
--   ticket keys in which a session resumed and was refused: their servers do not share a cache)
function M.of_marked(evidence, group_of)
  local resumed, refused, result = {}, {}, { spans = false, parted = {} }
  for _, offer in ipairs(evidence.marked) do
    local list, group = offer.resumed and resumed or refused, offer.key and group_of(offer.key)
    if group then
      list[offer.origin] = list[offer.origin] or {}
      list[offer.origin][group] = true
    end
  end
  for origin, groups in pairs(resumed) do
    result.spans = result.spans or next(groups, (next(groups))) ~= nil
    for group in pairs(groups) do
      result.parted[group] = result.parted[group] or (refused[origin] or {})[group]
    end
  end
  return result
end

return M
