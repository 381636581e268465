-- Who was asked from where: sessions from one local address offered from another, or from one of the target's addresses
-- at another. A cell counts the offers of one such pair. Pure.

local M = {}

local LEAST = 3 -- offers in a cell, to call it all or nothing
local DECISIVE = 2 -- cells that resume all, and that resume nothing

--- Counts offers by where the session came from and where it was offered.
-- @tparam {table,...} offers answered ones, each {outcome, refused}
-- @tparam function from_of entry -> name of where the session came from, or nil
-- @tparam function at_of entry -> name of where it was offered, or nil
-- @treturn table from -> at -> {resumed, answered, errors}
function M.matrix(offers, from_of, at_of)
  local matrix = {}
  for _, entry in ipairs(offers) do
    local from, at = from_of(entry), at_of(entry)
    if from and at then
      matrix[from] = matrix[from] or {}
      local cell = matrix[from][at] or { resumed = 0, answered = 0, errors = 0 }
      matrix[from][at] = cell
      local answered = entry.outcome == "resumed" or entry.outcome == "refused" or entry.refused
      cell.answered = cell.answered + (answered and 1 or 0)
      cell.resumed = cell.resumed + (entry.outcome == "resumed" and 1 or 0)
      cell.errors = cell.errors + (answered and 0 or 1)
    end
  end
  return matrix
end

local function field(name)
  return function(entry)
    return entry[name]
  end
end

--- The same of offers that name both places themselves.
-- @tparam {table,...} offers {from, at, outcome}
-- @treturn table see matrix
function M.matrix_of_places(offers)
  return M.matrix(offers, field("from"), field("at"))
end

--- Do these places share their sessions?
-- @tparam {string,...} names of the places
-- @tparam table matrix see matrix
-- @tparam[opt=names] {string,...} origins those of them that issue sessions
-- @tparam[opt] boolean resumes whether sessions are known to resume at home, at some of them
-- @treturn string "shared" (all resumed elsewhere), "not_shared" (none did, and at home some), "partly",
--   "no_resumption", "inconclusive" (a pair of places without an answer)
function M.across(names, matrix, origins, resumes)
  local home, away, offered_away, unknown = resumes and 1 or 0, 0, 0, false
  for _, from in ipairs(origins or names) do
    for _, at in ipairs(names) do
      local cell = matrix[from] and matrix[from][at]
      unknown = unknown or not cell or cell.answered == 0
      if cell and from == at then
        home = home + cell.resumed
      elseif cell then
        away, offered_away = away + cell.resumed, offered_away + cell.answered
      end
    end
  end
  if unknown then
    return "inconclusive"
  elseif away == offered_away then
    return "shared"
  elseif away > 0 then
    return "partly"
  end
  return home > 0 and "not_shared" or "no_resumption"
end

--- Sources whose sessions never resume, not even from themselves.
-- @tparam table matrix from matrix()
-- @treturn integer how many
-- @treturn integer of so many
function M.dead(matrix)
  local dead, all = 0, 0
  for from, row in pairs(matrix) do
    local home = row[from]
    if home and home.answered >= LEAST then
      all = all + 1
      dead = dead + (home.resumed == 0 and 1 or 0)
    end
  end
  return dead, all
end

--- Does the source decide? Sessions resume always or never between two sources, always within at least one, and never
-- somewhere.
-- @tparam table matrix from matrix()
-- @treturn boolean
function M.decides(matrix)
  local always_within, always, never = false, 0, 0
  for from, row in pairs(matrix) do
    for at, cell in pairs(row) do
      if cell.answered >= LEAST then
        if cell.resumed == cell.answered then
          always = always + 1
          always_within = always_within or from == at
        elseif cell.resumed == 0 then
          never = never + 1
        else
          return false
        end
      end
    end
  end
  return always_within and always >= DECISIVE and never >= DECISIVE
end

return M
