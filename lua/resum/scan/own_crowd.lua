-- Are we too many at once? A server that lets an address have so many connections and no more hangs up on the others,
-- resets them, or turns them away in words of its own or with an alert; and that looks like a member that is down. Full
-- handshakes tell: as many at once as before, then fewer. It judges no mechanism.

local counting = require "resum.analysis.counting"
local promises = require "resum.scan.promise"
local side_by_side = require "resum.util.side_by_side"

local M = {}

local FEWER = 3 -- the factor by which fewer run at once, time and again
local LEAVES = 1 -- seconds for the server to see the others go
local FEW = 2 -- failures that are accidents, if there are no more
-- Where none fails of so many, the share of before would have let one fail with 99 in 100: 44 of 0.1, 6 of 0.5.
local BY_CHANCE, MOST = 0.01, 64
local LEAST = 0.07 -- the share below which MOST handshakes do not show it

-- It may be the answer to a connection too many: the server did not begin to speak TLS.
local TURNED_AWAY = { closed = true, reset = true, unreachable = true, protocol_error = true, alert = true,
  no_starttls = true }

--- Was the connection ended before a ServerHello?
-- @tparam record record
-- @treturn boolean
function M.is_turned_away(record)
  return TURNED_AWAY[record.outcome] and not (record.facts and record.facts.cipher) or false
end

-- Makes full handshakes, side by side, until one of them fails. Does one?
local function some_fail(client, mechanism, count)
  local made, failed = 0, false
  side_by_side.run(client.host, function()
    if failed or made == count or client.cancelled() then
      return nil
    end
    made = made + 1
    return function()
      local record = client:attempt({ mechanism = mechanism, design = "beside", take_sessions = false })
      failed = failed or counting.has_failed(record)
    end
  end, client.line.limit)
  return failed
end

--- From now on so many come at once, and each stays until the server has gone. Those before them get time to leave.
-- @tparam table client journal, see resum.scan.pool.recorder
-- @tparam integer limit
function M.lower(client, limit)
  client.stays = true
  client.line:set_limit(limit)
  client.host.sleep(LEAVES)
end

--- They come as they did before.
-- @tparam table client
-- @tparam integer limit
function M.restore(client, limit)
  client.stays = false
  client.line:set_limit(limit)
end

-- Fewer at once, as long as some fail. Returns whether none does in the end.
local function come_down(client, mechanism, count)
  M.lower(client, math.max(1, client.line.limit // FEWER))
  while some_fail(client, mechanism, count) do
    if client.line.limit == 1 or client.cancelled() then
      return false
    end
    client.line:set_limit(math.max(1, client.line.limit // FEWER))
  end
  return not client.cancelled()
end

-- Handshakes by which that share is seen to be there, or gone.
local function enough(failed, made)
  local count = failed < made and math.ceil(math.log(BY_CHANCE) / math.log(1 - failed / made)) or 0
  return math.max(FEW + 1, math.min(MOST, count))
end

local function look(client, mechanism, count)
  local usual = client.line.limit
  if some_fail(client, mechanism, math.max(count, usual)) and come_down(client, mechanism, count) then
    client.too_many = usual
    client:leave_crowd_out()
    return
  end
  M.restore(client, usual)
end

--- Were so many turned away that it may be for their number?
-- @tparam integer failed connections that were turned away
-- @tparam integer made of so many
-- @treturn boolean
function M.may_be(failed, made)
  return failed >= FEW and failed >= LEAST * made
end

--- Of connections that came side by side some were turned away: because of their number? Then fewer come at once from
-- now on, each stays until the server has gone, and those that were turned away count for nothing. It is found out once
-- in a scan of an address; whoever asks meanwhile waits.
-- @tparam table client journal, see resum.scan.pool.recorder
-- @tparam string mechanism of the handshakes that tell
-- @tparam integer failed connections that were turned away
-- @tparam integer made of so many
-- @treturn boolean whether fewer come at once than when it was asked
function M.is_it(client, mechanism, failed, made)
  local usual = client.line.limit
  if usual > 1 and M.may_be(failed, made) then
    if not client.crowd_look then
      client.crowd_look = promises.new(client.host)
      client.crowd_look:settle(look, client, mechanism, enough(failed, made))
    end
    client.crowd_look:get()
  end
  return client.line.limit < usual
end

return M
