-- Do a name's addresses share their sessions? For each mechanism a session from each address is offered at each, itself
-- included, several times. A client that resolves the name again may well land at another address.
--
-- Connections: for n addresses 3 * n * (1 + n) for each mechanism (3 * n * 2 * n where tickets are good for one
-- connection); of more than 16 addresses the first 16.

local counting = require "resum.analysis.counting"
local obtaining = require "resum.scan.obtain_sessions"
local matrices = require "resum.analysis.pool.matrix"
local side_by_side = require "resum.util.side_by_side"
local spending = require "resum.connection.spending"

local M = {}

local ROUNDS = 3
local MOST = 16

--- How many connections it makes, where none fails.
-- @tparam integer count of addresses
-- @tparam {string,...} mechanisms
-- @treturn table least, and most (tickets are good for one connection)
function M.connections(count, mechanisms)
  count = math.min(count, MOST)
  if count < 2 then
    return { least = 0, most = 0 }
  end
  return { least = #mechanisms * ROUNDS * count * (1 + count), most = #mechanisms * ROUNDS * count * 2 * count }
end

-- The addresses; also those that issue nothing, as a client that has a session may land there.
local function places_of(addresses, clients, mechanism)
  local places = {}
  for i, entry in ipairs(addresses) do
    local rate = entry.rate and entry.rate[mechanism]
    if entry.status == "completed" and rate and #places < MOST then
      places[#places + 1] = { address = entry.address, client = clients[i], single_use = rate.design == "fresh",
        issues = rate.attempted > 0, resumes = rate.resumed > 0, lacks_version = rate.verdict == "not_applicable" }
    end
  end
  return places
end

-- One session of an address, offered at all of them.
local function offer_everywhere(from, places, mechanism, offers, options)
  local session
  for _, at in ipairs(places) do
    if not session or from.single_use or spending.is_spent(session) then
      local sessions = obtaining.obtain(from.client, mechanism, options.retries)
      session = sessions and sessions[#sessions]
    end
    if session and not from.client.cancelled() then
      local record = at.client:attempt({
        mechanism = mechanism, design = "across", session = session, engine = "handshake",
      })
      offers[#offers + 1] = { from = from.address, at = at.address, record = record, lacks_version = at.lacks_version }
    end
  end
end

-- Those that were made, and whose session was not spent: that may have turned out later. An address that was found not
-- to speak the version refuses by saying so.
local function answers_of(offers)
  local answers, records = {}, {}
  for i, one in ipairs(offers) do
    records[i] = one.record
  end
  local refuses = counting.version_refusals(records)
  for _, one in ipairs(offers) do
    local outcome = one.record.outcome
    answers[#answers + 1] = outcome ~= "interrupted" and outcome ~= "unknown" and { from = one.from, at = one.at,
      outcome = outcome, refused = refuses(one.record) or one.lacks_version and counting.refuses_version(one.record) }
      or nil
  end
  return answers
end

local function measure(places, mechanism, options)
  local jobs, offers = {}, {}
  for _ = 1, ROUNDS do
    for _, from in ipairs(places) do
      jobs[#jobs + 1] = from.issues and function()
        offer_everywhere(from, places, mechanism, offers, options)
      end or nil
    end
  end
  side_by_side.run(options.host, jobs, options.concurrency)
  return answers_of(offers)
end

local function names_of(places)
  local names, origins, resumes = {}, {}, false
  for i, place in ipairs(places) do
    names[i] = place.address
    origins[#origins + 1] = place.issues and place.address or nil
    resumes = resumes or place.resumes
  end
  return names, origins, resumes
end

--- @tparam {table,...} addresses of a result, scanned
-- @tparam {table,...} clients one for each
-- @tparam table options host, mechanisms (list), retries, concurrency
-- @treturn table|nil mechanism -> {addresses (list), matrix (from -> at -> {resumed, answered, errors}), verdict (see
--   resum.analysis.pool.matrix.across)}; nil where there is but one address
function M.run(addresses, clients, options)
  local across = {}
  for _, mechanism in ipairs(options.mechanisms) do
    local places = places_of(addresses, clients, mechanism)
    local names, origins, resumes = names_of(places)
    if #places > 1 and #origins > 0 then
      local matrix = matrices.of_places(measure(places, mechanism, options))
      across[mechanism] = { addresses = names, matrix = matrix,
        verdict = matrices.across(names, matrix, origins, resumes) }
    end
  end
  return next(across) and across or nil
end

return M
