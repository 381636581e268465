-- The cut of a number that parts refused offers from resumed ones best. An offer's number is known within bounds only:
-- it was answered some time between its start and its end. Pure; it knows no explanation.

local M = {}

-- A resumption on the wrong side tells against a cut as much as so many refusals tell for it: the ratio of
-- log(chance that it can't happen) to what a refusal costs where half resume. Candidates only: the score decides.
M.AGAINST = 13

local function ordered(offers, bounds, below)
  local list = {}
  for _, offer in ipairs(offers) do
    local low, high = bounds(offer)
    -- whatever speaks for it: a refusal may have been as early, a resumption as late, as can be
    local value = (offer.resumed == below) and high or low
    list[#list + 1] = { value = below and value or -value, offer = offer, low = low, high = high }
  end
  table.sort(list, function(a, b)
    return a.value < b.value or (a.value == b.value and a.offer.order < b.offer.order)
  end)
  return list
end

local function best_cut(list)
  local best, most, balance, values = nil, 0, 0, 0
  for i, one in ipairs(list) do
    balance = balance + (one.offer.resumed and -M.AGAINST or 1)
    local last = not list[i + 1] or list[i + 1].value > one.value
    values = values + (last and 1 or 0)
    if last and i < #list and balance > most then
      most, best = balance, i
    end
  end
  return best and (list[best].value + list[best + 1].value) / 2, values
end

--- Offers on the far side of the best cut.
-- @tparam {table,...} offers
-- @tparam function bounds offer -> the least and the most that its number can have been
-- @tparam boolean below the far side is below the cut
-- @treturn table|nil barred (offer -> true on the far side, or the chance that it resumes where
--   it may be on either), at (the cut), choices
--   (logarithm of the number of cuts), free (0)
function M.find(offers, bounds, below)
  local list = ordered(offers, bounds, below)
  local at, values = best_cut(list)
  if not at then
    return nil
  end
  at = below and at or -at
  local barred = {}
  for _, one in ipairs(list) do
    local far = below and one.low < at or not below and one.high > at
    local near = below and one.high > at or not below and one.low < at
    if far and near then -- the chance that it was on this side, where any moment between is as likely, in tenths
      local share = (one.high - at) / (one.high - one.low)
      share = math.floor(10 * (below and share or 1 - share) + 0.5) / 10
      barred[one.offer] = math.max(0.1, math.min(0.9, share))
    elseif far then
      barred[one.offer] = true
    end
  end
  return { barred = barred, at = at, choices = math.log(values), free = 0 }
end

return M
