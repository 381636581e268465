-- Which option was meant by a word that is none. Pure.

local M = {}

local MOST_EDITS = 2 -- letters that may be wrong, missing or too many
local FEW_EDITS = 1 -- a slip of the finger; what is further off is meant less often than a part of a name
local PART_LEAST = 3 -- letters of a part of a name that tell which one is meant

-- How many letters have to be changed, added or taken away (Levenshtein).
local function distance(a, b)
  local row = {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local diagonal
    diagonal, row[0] = row[0], i
    for j = 1, #b do
      local above = row[j]
      local change = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(row[j] + 1, row[j - 1] + 1, diagonal + change)
      diagonal = above
    end
  end
  return row[#b]
end

-- Lower is nearer; nil: it can't have been meant.
local function score(word, name)
  local edits = distance(word, name)
  if edits <= FEW_EDITS and edits < #word then
    return edits
  elseif #word >= PART_LEAST and ("-" .. name .. "-"):find("-" .. word .. "-", 1, true) then
    return FEW_EDITS + #name / 100 -- a whole part of the name: of several the shortest
  elseif edits <= MOST_EDITS and edits < #word then
    return edits
  end
end

--- The name that was meant.
-- @tparam string word what was given, without the dashes in front
-- @tparam {string,...} names what there is, in the same form
-- @treturn string|nil
function M.of(word, names)
  local best, best_score
  for _, name in ipairs(names) do
    local one = score(word, name)
    if one and (not best_score or one < best_score) then
      best, best_score = name, one
    end
  end
  return best
end

return M
