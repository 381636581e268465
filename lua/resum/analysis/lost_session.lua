-- Sessions that a server took until some moment, and from then on refused. A connection may break so that only the
-- server sees it: what we said last was mangled, and to us all ended as ever. Many servers then drop the session. Where
-- connections are seen to break, a few sessions that are lost so are the way's fault, and no word on resumption. A
-- server that takes sessions only at times is told by those that it takes again. Pure: offers in, sessions out.

local counting = require "resum.analysis.counting"
local statistics = require "resum.util.statistics"

local M = {}

-- Chance below which so many are not lost to what was seen to break elsewhere.
local BY_CHANCE = 0.01
-- Each session that was lost has so many beside it that were not: else nothing shows that the server takes any.
local KEPT_EACH = 2

--- A session is lost when it was refused so often behind its last resumption: one that half of the servers behind an
-- address take passes for it in 1 of 128 cases.
M.REFUSALS = 7

-- What became of an offer, also where it counts for nothing, as a break was seen before it.
local function answer_to(offer)
  return offer.record.answer or offer.record.outcome
end

-- What is known of each session: how often it was refused and resumed, when, and the refusals that count.
local function by_session(offers)
  local list, known = {}, {}
  for _, offer in ipairs(offers) do
    local one = known[offer.session]
    if not one then
      one = { session = offer.session, counted = {}, refused = 0, resumed = 0, last_resumed = 0,
        first_refused = math.huge }
      known[offer.session], list[#list + 1] = one, one
    end
    local answer = answer_to(offer)
    if answer == "resumed" then
      one.resumed, one.last_resumed = one.resumed + 1, math.max(one.last_resumed, offer.started)
    elseif answer == "refused" then
      one.refused = one.refused + 1
      one.counted[#one.counted + 1] = offer.record.outcome == "refused" and offer.record or nil
      one.first_refused = math.min(one.first_refused, offer.ended)
    end
  end
  return list
end

-- Of so many connections, how many failed in their handshake?
local function failed_of(records)
  local failed = 0
  for _, record in ipairs(records) do
    local is_met = counting.failed_in_handshake(record) and counting.has_failed(record)
    failed = failed + (is_met and 1 or 0)
  end
  return failed, #records
end

--- Which sessions may have been lost to connections that broke unseen? None, where one resumed again that had been
-- refused, or where there are more than what broke explains.
-- @tparam {table,...} offers of one mechanism: record, session (anything, one for each), started, ended (ticks)
-- @tparam {record,...} records all connections of the same time, with those that offered nothing
-- @treturn {table,...} session, refused (how often), counted (the records of the refusals that count)
function M.find(offers, records)
  local lost, kept, answered = {}, 0, 0
  for _, one in ipairs(by_session(offers)) do
    answered = answered + one.resumed + math.min(one.refused, 1)
    if #one.counted == 0 then
      kept = kept + (one.refused == 0 and one.resumed > 0 and 1 or 0)
    elseif one.last_resumed > one.first_refused then
      return {}
    else
      lost[#lost + 1] = one
    end
  end
  local failed, made = failed_of(records)
  local is_chance = failed >= counting.REPEATED
    and statistics.binomial_tail(#lost, answered, failed / made) >= BY_CHANCE
  return is_chance and kept >= KEPT_EACH * #lost and lost or {}
end

return M
