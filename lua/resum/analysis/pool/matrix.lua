-- The acceptance matrix: sessions of one group offered at another, for each mechanism. And the same by place: local
-- addresses, or the addresses of a name. A cell counts the offers of one such pair. Pure.

local M = {}

local function note(cell, offer)
  local resumed = offer.outcome == "resumed" or offer.resumed
  local answered = resumed or offer.outcome == "refused" or offer.refused or offer.result == "refused"
  cell.answered = cell.answered + (answered and 1 or 0)
  cell.resumed = cell.resumed + (resumed and 1 or 0)
  cell.errors = cell.errors + (answered and 0 or 1)
end

local function count(offers, from_of, at_of)
  local matrix = {}
  for _, offer in ipairs(offers) do
    local from, at = from_of(offer), at_of(offer)
    if from and at then
      matrix[from] = matrix[from] or {}
      matrix[from][at] = matrix[from][at] or { resumed = 0, answered = 0, errors = 0 }
      note(matrix[from][at], offer)
    end
  end
  return matrix
end

local function field(name)
  return function(offer)
    return offer[name]
  end
end

--- Who accepts whose sessions, by the groups that connections showed.
-- @tparam table evidence
-- @tparam table letters label -> its letter; what was not shown is "?"
-- @treturn table issuing letter -> answering letter -> {resumed, answered, errors}
function M.of_groups(evidence, letters)
  local offers = table.move(evidence.failed, 1, #evidence.failed, #evidence.offers + 1,
    { table.unpack(evidence.offers) })
  return count(offers, function(offer)
    return letters[offer.issuer] or "?"
  end, function(offer)
    return letters[offer.answerer] or "?"
  end)
end

--- The same by local address.
-- @tparam table evidence
-- @treturn table address -> address -> {resumed, answered, errors}
function M.of_sources(evidence)
  return count(evidence.offers, field("home"), field("source"))
end

--- The same of offers that name both places themselves.
-- @tparam {table,...} offers {from, at, outcome, refused}
-- @treturn table from -> at -> {resumed, answered, errors}
function M.of_places(offers)
  return count(offers, field("from"), field("at"))
end

--- Do these places share their sessions?
-- @tparam {string,...} names of the places
-- @tparam table matrix see of_places
-- @tparam[opt=names] {string,...} origins those of them that issue sessions
-- @tparam[opt] boolean resumes whether sessions are known to resume at home, at some of them
-- @treturn string "shared" (all resumed elsewhere), "not_shared" (none did, and at home some), "partly",
--   "no_resumption", "inconclusive" (a pair of places without an answer)
function M.across(names, matrix, origins, resumes)
  local home, away, offered_away = resumes and 1 or 0, 0, 0
  for _, from in ipairs(origins or names) do
    for _, at in ipairs(names) do
      local cell = matrix[from] and matrix[from][at]
      if not cell or cell.answered == 0 then
        return "inconclusive"
      elseif from == at then
        home = home + cell.resumed
      else
        away, offered_away = away + cell.resumed, offered_away + cell.answered
      end
    end
  end
  if away == offered_away then
    return "shared"
  elseif away > 0 then
    return "partly"
  end
  return home > 0 and "not_shared" or "no_resumption"
end

return M
