-- The acceptance matrix: sessions of one group offered at another, for each mechanism. And the same by place: local
-- addresses, or the addresses of a name. A cell counts the offers of one such pair. Pure.

local M = {}

--- Counts offers by where the session came from and who answered.
-- @tparam {table,...} offers each {outcome, refused} or {result}
-- @tparam function from_of offer -> name of where the session came from, or nil
-- @tparam function at_of offer -> name of where it was offered, or nil
-- @treturn table from -> at -> {resumed, refused, failed, answered, errors}
function M.count(offers, from_of, at_of)
  local matrix = {}
  for _, offer in ipairs(offers) do
    local from, at = from_of(offer), at_of(offer)
    if from and at then
      local result = offer.result or (offer.outcome == "resumed" and "resumed")
        or ((offer.outcome == "refused" or offer.refused) and "refused") or "failed"
      matrix[from] = matrix[from] or {}
      local cell = matrix[from][at] or { resumed = 0, refused = 0, failed = 0, answered = 0, errors = 0 }
      matrix[from][at] = cell
      cell[result] = cell[result] + 1
      cell.answered, cell.errors = cell.resumed + cell.refused, cell.failed
    end
  end
  return matrix
end

--- Who accepts whose sessions, by the groups that connections showed.
-- @tparam table evidence
-- @tparam table letters label -> its letter; what was not shown is "?"
-- @treturn table issuing letter -> answering letter -> see count
function M.of_groups(evidence, letters)
  local offers = table.move(evidence.failed, 1, #evidence.failed, #evidence.offers + 1,
    { table.unpack(evidence.offers) })
  return M.count(offers, function(offer)
    return letters[offer.issuer] or "?"
  end, function(offer)
    return letters[offer.answerer] or "?"
  end)
end

--- The same by local address.
-- @tparam table evidence
-- @treturn table address -> address -> see count
function M.of_sources(evidence)
  return M.count(evidence.offers, function(offer)
    return offer.home
  end, function(offer)
    return offer.source
  end)
end

--- The same of offers that name both places themselves.
-- @tparam {table,...} offers {from, at, outcome}
-- @treturn table see count
function M.of_places(offers)
  return M.count(offers, function(offer)
    return offer.from
  end, function(offer)
    return offer.at
  end)
end

--- Do these places share their sessions?
-- @tparam {string,...} names of the places
-- @tparam table matrix see count
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
