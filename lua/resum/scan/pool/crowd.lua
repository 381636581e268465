-- Connections that are all open at the same time: each stays, its handshake done, until the others are there as well.
-- On a fast machine ten that are started a moment apart hardly ever meet, and a balancer that goes by the number of
-- open connections then shows one server. It judges nothing.

local side_by_side = require "resum.util.side_by_side"
local tables = require "resum.util.tables"

local M = {}

-- Who is missing is waited for as long as for a server's goodbye: four times what the own handshake took. Where that
-- was in vain, a server lets no more in before somebody leaves, and nobody of this crowd waits any more.
local PATIENCE = { least = 0.25, most = 1, handshakes = 4 }

local Gate = {}
Gate.__index = Gate

local function new_gate(host, count)
  return setmetatable({ host = host, count = count, begun = 0, missing = count, waiters = {}, is_open = false }, Gate)
end

function Gate:open()
  if self.is_open then
    return -- who waited may have gone
  end
  self.is_open = true
  for _, waiter in ipairs(self.waiters) do
    waiter:wake()
  end
end

-- One more is there, or will not come.
function Gate:arrive()
  self.missing = self.missing - 1
  if self.missing == 0 then
    self:open()
  end
end

-- Waits for the others; where jobs run one after another, these do not even begin.
function Gate:wait(handshake_s)
  local host = self.host
  if self.begun < self.count then
    host.sleep(0)
  end
  local deadline = host.now() + math.max(PATIENCE.least, math.min(PATIENCE.most, PATIENCE.handshakes * handshake_s))
  local waiter = host.waiter and self.begun == self.count and host.waiter() or nil
  self.waiters[#self.waiters + 1] = waiter
  while waiter and not self.is_open and host.now() < deadline do
    waiter:wait(deadline)
  end
  if waiter and not self.is_open then
    self:open()
  end
  if waiter and waiter.close then
    waiter:close()
  end
end

local function member(journal, gate, options, number, place, note)
  return function()
    local there = false
    local function arrive()
      if not there then
        there = true
        gate:arrive()
      end
    end
    gate.begun = gate.begun + 1
    local record, entry = journal:attempt(tables.merged(options, { place = place, crowd = number,
      hold = function(handshake_s)
        arrive()
        gate:wait(handshake_s)
      end }))
    arrive()
    if record.error then -- where so many are let in and no more, that says nothing of the session
      journal:leave_out(entry, "crowded")
    end
    note(record)
  end
end

--- Makes connections, open at the same time: side by side, and no more than the line has room for.
-- @tparam table journal see resum.scan.pool.recorder
-- @tparam {table,...} attempts options of each
-- @treturn {record,...}
function M.make(journal, attempts)
  local jobs, records, count = {}, {}, math.min(#attempts, journal.line.limit)
  local gate, places = new_gate(journal.host, count), journal.line:places(count)
  journal.crowds = journal.crowds + 1
  for i = 1, count do
    jobs[i] = member(journal, gate, attempts[i], journal.crowds, places[i], function(record)
      records[#records + 1] = record
    end)
  end
  side_by_side.run(journal.host, jobs, count)
  return records
end

return M
