-- Is a ClientHello of today too large for the server, or for what stands before it? Since OpenSSL 3.5 it has a hybrid
-- key share and takes two segments of TCP; some wait for ever then, or hang up. That is told by asking without the
-- share, and then again with it: whoever is only slow, or fails at times, must not be taken for one of these. It
-- decides what the client offers from then on, and knows neither engines nor scans.

local core = require "resum.core"
local mechanisms = require "resum.connection.mechanism"
local side_by_side = require "resum.util.side_by_side"

local M = {}

-- How the usual ClientHello may fail.
local FAILED = { timeout = true, reset = true, closed = true, alert = true }

-- Once the smaller one was answered, so many usual ones follow, side by side, as each may take as long as we wait; and
-- then so many smaller ones. All of the usual have to fail (F), and all of the smaller to be answered (A). With what
-- went before, that is F A FFF AA at least: no rotation of up to six servers gives that, and what fails at random gives
-- it in 1 of 119 cases at most ((4/7)^4 * (3/7)^3), however often it fails.
local USUAL, SMALLER = 3, 2

-- Bytes of ML-KEM-768's encapsulation key (FIPS 203, table 3), which a hybrid share has at least. Without the share a
-- ClientHello is smaller by so many; one without hybrid groups, as up to TLS 1.2, by a few only.
local SHARE = 1184

-- Bytes of the ClientHello that offers no session, as they go onto the wire.
local function hello_bytes(client)
  local machine = assert(core.handshake(client:context(mechanisms.control), { server_name = client.server_name }))
  local _, hello = machine:step()
  machine:close()
  return #hello
end

-- A ServerHello, also one that asks for another ClientHello, has read ours.
local function is_answered(record)
  return record.version ~= nil or (record.facts ~= nil and record.facts.hello_retry)
end

local function has_failed(record)
  return FAILED[record.outcome] and record.error.stage == "handshake" and not is_answered(record)
end

-- The usual one's size, and the smaller one's; the client offers the usual one then.
local function sizes(client)
  client:leave_out_hybrid(true)
  local smaller = hello_bytes(client)
  client:leave_out_hybrid(false)
  return hello_bytes(client), smaller
end

-- By the context of the usual one, which thousands of silent targets are offered: the name, the only thing that may
-- differ, stands in both.
local saved = setmetatable({}, { __mode = "k" })

-- Bytes by which the smaller one is smaller.
local function bytes_saved(client)
  local context = client:context(mechanisms.control)
  if not saved[context] then
    local usual, smaller = sizes(client)
    saved[context] = usual - smaller
  end
  return saved[context]
end

--- May it be the size of the ClientHello that this connection failed for? Only where no ServerHello has come, and where
-- a smaller one can be offered.
-- @tparam table client of resum.connection.client
-- @tparam table record of the last connection
-- @treturn boolean
function M.may_help(client, record)
  if not has_failed(record) or client.hybrid == false then
    return false
  end
  return bytes_saved(client) >= SHARE
end

-- Makes some connections with the usual ClientHello. Returns the one that was answered, or what keeps us from saying
-- that all have failed; nil: all have. Those that failed as the first one count for its message.
local function ask_usual(client, first, attempt)
  local jobs, records, other = {}, {}, nil
  for i = 1, USUAL do
    jobs[i] = function()
      records[i] = attempt(client)
    end
  end
  side_by_side.run(client.host, jobs, USUAL)
  for _, record in pairs(records) do
    if is_answered(record) then
      return record
    end
    other = other or not has_failed(record) and record or nil
    first.tries = first.tries + (record.outcome == first.outcome and 1 or 0)
  end
  return other
end

local function smaller_is_answered(client, attempt)
  local record
  for _ = 1, SMALLER do
    record = attempt(client)
    if not is_answered(record) then
      return nil
    end
  end
  return record
end

-- Asks without the share. Returns what takes the failure's place, if anything does; whether the smaller one is needed.
local function look(client, first, attempt)
  client:leave_out_hybrid(true)
  local smaller = attempt(client, first, 1)
  if not is_answered(smaller) then
    first.tries = first.tries + (smaller.outcome == first.outcome and 1 or 0)
    return nil
  end
  client:leave_out_hybrid(false)
  local usual = ask_usual(client, first, attempt)
  if usual then
    return is_answered(usual) and usual or nil
  end
  client:leave_out_hybrid(true)
  return smaller_is_answered(client, attempt), true
end

--- Asks again with a smaller ClientHello. Where that helps, and the usual one fails again, the client stays with it.
-- @tparam table client of resum.connection.client
-- @tparam table first record of the connection that failed, see may_help; its tries are counted on
-- @tparam function attempt attempt(client[, failed, tries]) makes a connection that offers no session
-- @treturn table record: smaller_hello (code, bytes, usual_bytes, usual_outcome) where the smaller one is needed; else
--   of a usual one that was answered after all, or the first one
function M.run(client, first, attempt)
  local usual_bytes, bytes = sizes(client)
  local record, is_needed = look(client, first, attempt)
  if record and is_needed then
    record.smaller_hello = { code = "no_hybrid_share", bytes = bytes, usual_bytes = usual_bytes,
      usual_outcome = first.outcome }
    return record
  end
  client:leave_out_hybrid(false)
  return record or first
end

return M
