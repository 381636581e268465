-- Obtains sessions: full handshakes whose sessions the scans then offer. A handshake that failed is tried
-- again, and one that issued nothing too: behind a balancer the next server may issue.

local mechanisms = require "resum.connection.mechanism"
local own_crowd = require "resum.scan.own_crowd"
local random = require "resum.util.random"
local side_by_side = require "resum.util.side_by_side"
local spending = require "resum.connection.spending"

local M = {}

local TRIES_WITHOUT_ISSUE = 3
-- Connections that broke before a ticket could come show nothing, and cost little: so many find one that does not with
-- 99 in 100, where six in seven break (0.86 ^ 30 = 0.01).
local TRIES_WHERE_CUT = 30
local TRIES_AT_ONCE = 2
local DROPPED = { closed = true, reset = true }
local TURNED_AWAY = { closed = true, reset = true, alert = true }
-- Handshakes of each kind before a version is said to be missing: whoever turns away every second connection, whatever
-- it offers, passes for it in 1 of 64 cases at most, on top of the handshakes that failed before.
local AROUND = 3

-- One full handshake; `failed` is the record of the one that failed before it, the last of so many `tries`.
local function attempt(client, mechanism, want, records, failed, tries)
  local record = client:attempt({
    mechanism = mechanism,
    want_tickets = want,
    design = "seed",
    after = failed,
    tries = tries,
  })
  records[#records + 1] = record.outcome ~= "interrupted" and record or nil
  local issued = record.outcome == "full" and mechanisms[mechanism].issued(record.facts)
  return record, issued and #record.sessions > 0 and record.sessions or nil
end

-- The server may have dropped what came with a connection that did not end in order.
local function is_spent(sessions)
  return spending.is_spent(sessions[#sessions])
end

-- A server that issues nothing is waited for: so the further tries are made side by side.
local function try_again(client, mechanism, want, records)
  local tries, found = 1, nil
  side_by_side.run(client.host, function()
    local most = records[#records].unseen == "cut_short" and TRIES_WHERE_CUT or TRIES_WITHOUT_ISSUE
    if found or tries >= most or client.cancelled() then
      return nil
    end
    tries = tries + 1
    return function()
      local _, sessions = attempt(client, mechanism, want, records)
      found = (not found or is_spent(found)) and sessions or found
    end
  end, TRIES_AT_ONCE)
  return found
end

-- Nobody was let in, which may be for who else of ours was there. (An alert is an answer to what was asked for.)
local function is_crowded_out(client, mechanism, records)
  local turned_away, beside_others = 0, 0
  for _, record in ipairs(records) do
    local is_so = own_crowd.is_turned_away(record) and record.outcome ~= "alert"
    turned_away = turned_away + (is_so and 1 or 0)
    beside_others = beside_others + (is_so and (record.at_once or 1) > 1 and 1 or 0)
  end
  return client.line and turned_away == #records and not client.cancelled()
    and own_crowd.is_it(client, mechanism, beside_others, #records)
end

--- Makes full handshakes until one gives a session.
-- @tparam table client
-- @tparam string mechanism
-- @tparam number retries how often a failed handshake is tried again
-- @tparam[opt=true] boolean|string want "all": all tickets of a handshake are waited for, not just the first ones
-- @treturn {session,...}|nil the sessions of one handshake, the newest one last
-- @treturn {record,...} every full handshake made; {} where the scan was over before the first
function M.obtain(client, mechanism, retries, want)
  local records = {}
  want = want or true
  local failed, spent
  for tries = 0, retries do
    local record, sessions = attempt(client, mechanism, want, records, failed, tries)
    if sessions and not is_spent(sessions) then
      return sessions, records
    elseif sessions then
      spent = sessions -- better than none
    elseif client.cancelled() or record.shut then
      break -- a door that is shut was tried often enough
    elseif record.outcome == "full" then
      return spent or try_again(client, mechanism, want, records), records
    end
    failed = not sessions and record or nil
  end
  if not spent and is_crowded_out(client, mechanism, records) then
    return M.obtain(client, mechanism, retries, want)
  end
  return spent, records
end

local function speaks(mechanism, record)
  return mechanisms.speaks(mechanisms[mechanism], record.version)
end

-- Fails it as the others of its kind did? Else it is no answer to the version.
local function fails_so(record, outcome)
  return record.outcome == outcome or DROPPED[outcome] and DROPPED[record.outcome] or false
end

--- Where the last handshake was turned away: does another version of TLS work right before and right after what this
-- mechanism's meets, again and again? A server that has enough of us, or has its whims, turns that away as well. What
-- takes turns is met in no order of ours.
-- @tparam table client
-- @tparam string mechanism
-- @tparam {record,...} records its handshakes so far
-- @treturn boolean
function M.other_version_around(client, mechanism, records)
  local last = records[#records]
  if not last or not TURNED_AWAY[last.outcome] then
    return false
  end
  local plan = {}
  for i = 1, AROUND do
    plan[i], plan[AROUND + i] = true, false
  end
  random.shuffle(plan)
  for _, is_other in ipairs({ true, table.unpack(plan) }) do
    if client.cancelled() then
      return false
    end
    local record = client:attempt({ mechanism = is_other and "control" or mechanism, take_sessions = false,
      design = is_other and "control" or "beside" })
    local as_before = is_other and record.outcome == "full" and not speaks(mechanism, record)
      or not is_other and fails_so(record, last.outcome)
    if not as_before then
      return false
    end
  end
  return true
end

--- Makes connections side by side until enough sessions came.
-- @tparam table client
-- @tparam integer most connections
-- @tparam integer enough sessions
-- @tparam integer concurrency
-- @tparam function connect makes a connection and returns its record
-- @treturn {session,...} the newest of each connection that gave one
function M.seek(client, most, enough, concurrency, connect)
  local made, sessions = 0, {}
  side_by_side.run(client.host, function()
    if made == most or #sessions >= enough or client.cancelled() then
      return nil
    end
    made = made + 1
    return function()
      local record = connect()
      sessions[#sessions + 1] = record.sessions[#record.sessions]
    end
  end, concurrency)
  return sessions
end

-- Connections after which a session may have left a small cache: OpenSSL's s_server keeps 128 sessions, and up to three
-- come with a connection of TLS 1.3.
local CROWD = 128 // 3

--- The same where so many connections were made meanwhile that a small cache may have lost it.
-- @tparam table client
-- @tparam string mechanism
-- @tparam session session
-- @tparam number retries
-- @tparam {record,...} seeds see keep_fresh
-- @treturn session
function M.keep_young(client, mechanism, session, retries, seeds)
  local others = client.line and client.line.limit or 1 -- may arrive before the offer does
  local left = math.max(CROWD // 2, CROWD - others)
  local is_old = spending.connections_since(session, client.ends) > left
  return M.keep_fresh(client, mechanism, session, retries, seeds, is_old)
end

--- A session to offer in the place of one that may be too old by now, or is spent.
-- @tparam table client
-- @tparam string mechanism
-- @tparam session session
-- @tparam number retries
-- @tparam {record,...} seeds the handshakes so far; those that are made are appended
-- @tparam[opt] boolean is_old in any case
-- @treturn session the same, or a new one; the same where none is to be had
function M.keep_fresh(client, mechanism, session, retries, seeds, is_old)
  if not is_old and not client:expired(session) and not spending.is_spent(session) then
    return session
  end
  local sessions, records = M.obtain(client, mechanism, retries)
  table.move(records, 1, #records, #seeds + 1, seeds)
  return sessions and sessions[#sessions] or session
end

return M
