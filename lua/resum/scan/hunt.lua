-- Before "never accepted": the server that issued a session has to be met again. A handful of offers need not meet it
-- where several servers share nothing, so old sessions are offered until one resumes, or a pool of many is all but
-- excluded. It makes attempts and keeps their records; what they say, resum.analysis does.

local obtaining = require "resum.scan.obtain_sessions"
local random = require "resum.util.random"
local side_by_side = require "resum.util.side_by_side"

local M = {}

--- A session meets its own server among 32 equal ones, chosen at random, with 1 in 32; all of so many offers miss it
-- with (31/32)^218 = 0.001. In a rotation 32 are enough.
M.OFFERS = 218
-- Those that fail say nothing, and so many more take their place at most: where a member is down, each takes seconds.
local INSTEAD = 82

local function goes_on(journal, found)
  return not found.resumed and not journal.cancelled()
end

--- Offers sessions, in random order and side by side, until one resumes or enough were refused.
-- @tparam table journal see resum.scan.pool.recorder
-- @tparam string mechanism
-- @tparam {session,...} sessions
-- @tparam table options no_probe (true: no probe is made), retries
-- @tparam {record,...} seeds full handshakes that are made for fresh sessions are appended
-- @treturn {record,...} in the order of their ends
function M.run(journal, mechanism, sessions, options, seeds)
  local records, started, found = {}, 0, { resumed = false, failed = 0 }
  side_by_side.run(journal.host, function()
    if started >= M.OFFERS + math.min(INSTEAD, found.failed) or not goes_on(journal, found) then
      return nil
    end
    started = started + 1
    return function()
      local i = random.integer(#sessions)
      sessions[i] = obtaining.keep_fresh(journal, mechanism, sessions[i], options.retries, seeds)
      local record = journal:attempt({
        mechanism = mechanism,
        session = sessions[i],
        engine = options.no_probe and "handshake" or "probe",
        design = "old",
        take_sessions = false,
      })
      records[#records + 1] = record.outcome ~= "interrupted" and record or nil
      found.resumed = found.resumed or record.outcome == "resumed"
      found.failed = found.failed + ((record.error or record.outcome == "unknown") and 1 or 0)
    end
  end, journal.line:jobs())
  return records
end

return M
