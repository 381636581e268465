-- Obtains sessions: full handshakes whose sessions the scans then offer. A handshake that failed is tried
-- again, and one that issued nothing too: behind a balancer the next server may issue.

local mechanisms = require "resum.mechanism"

local M = {}

local TRIES_WITHOUT_ISSUE = 3

--- Makes full handshakes until one gives a session.
-- @tparam table client
-- @tparam string mechanism
-- @tparam number retries how often a failed handshake is tried again
-- @treturn session|nil the session to offer
-- @treturn {record,...} every full handshake made
function M.obtain(client, mechanism, retries)
  local records, failures, empty, failed = {}, 0, 0, nil
  while failures <= retries and empty < TRIES_WITHOUT_ISSUE and not client.cancelled() do
    local record = client:attempt({
      mechanism = mechanism,
      want_tickets = true,
      design = "seed",
      after = failed,
      tries = failures,
    })
    records[#records + 1] = record
    failed = record.outcome ~= "full" and record or nil
    if record.shut then
      break -- it was tried again often enough
    elseif failed then
      failures = failures + 1
    elseif mechanisms[mechanism].issued(record.facts) and record.sessions[1] then
      return record.sessions[#record.sessions], records
    else
      empty = empty + 1
    end
  end
  return nil, records
end

return M
