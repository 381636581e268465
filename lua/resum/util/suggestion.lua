-- Which option was meant by a word that is none. Pure.

local M = {}

local MOST_EDITS = 2 -- letters that may be wrong, missing or too many; and more than half of them have to be right
local FEW_EDITS = 1 -- a slip of the finger; what is further off is meant less often than a part of a name
local PART_LEAST = 3 -- letters of a part of a name that tell which one is meant

-- How many letters have to be changed, added, taken away, or changed for their neighbour (Damerau and Levenshtein).
local function distance(a, b)
  local rows = { [0] = {} }
  for j = 0, #b do
    rows[0][j] = j
  end
  for i = 1, #a do
    local row, above = { [0] = i }, rows[i - 1]
    for j = 1, #b do
      local change = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + change)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], rows[i - 2][j - 2] + 1)
      end
    end
    rows[i] = row
  end
  return rows[#a][#b]
end

-- Lower is nearer; nil: it can't have been meant.
local function score(word, name)
  local edits = distance(word, name)
  if edits <= FEW_EDITS and edits < #word then
    return edits
  elseif #word >= PART_LEAST and ("-" .. name .. "-"):find("-" .. word .. "-", 1, true) then
    return FEW_EDITS + #name / 100 -- a whole part of the name: of several the shortest
  elseif edits <= MOST_EDITS and 2 * edits < #word then
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

local function with_dashes(name)
  return (tostring(name):gsub("_", "-"))
end

--- The key of a table that was meant, however words are joined: by - or by _.
-- @param word what was given
-- @tparam table ... tables whose keys are the names that there are
-- @treturn string|nil
function M.among(word, ...)
  local names, keys = {}, {}
  for _, known in ipairs({ ... }) do
    for key in pairs(known) do
      names[#names + 1] = with_dashes(key)
      keys[with_dashes(key)] = key
    end
  end
  table.sort(names)
  return keys[M.of(with_dashes(word), names)]
end

--- The question that goes behind a message, in one form wherever a word was none.
-- @tparam string|nil meant what was meant, as it would be typed
-- @treturn string "; did you mean 'timeout'?", or ""
function M.question(meant)
  return meant and ("; did you mean '%s'?"):format(meant) or ""
end

return M
