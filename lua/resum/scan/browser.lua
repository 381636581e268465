-- What a browser meets: it uses each TLS 1.3 ticket once (RFC 9846, C.4), the newest first, and keeps the newest two.
-- Where a resumed connection brings no new ticket, it has to make a full handshake whenever the jar is empty, although
-- the same ticket would resume a hundred times. It counts, and judges nothing.

local promises = require "resum.scan.promise"
local side_by_side = require "resum.util.side_by_side"
local spending = require "resum.connection.spending"

local M = {}

-- Connections in a row: of the rate, and of the support scan. The share of the former is k / (k + 1) to the letter
-- where k tickets come with a full handshake and none after; in the latter a full handshake shows among the first four.
M.FULL, M.SHORT = 12, 4
local JAR = 2
local AHEAD = 2 -- connections under way: one at work, and the next one's way
local IN_VAIN = 2 -- full handshakes without a ticket, after which no more are made

local function new_tally()
  return { connections = 0, seen = 0, tickets = 0 }
end

-- Tickets a connection, of those that did not break before a ticket could come.
local function mean(tally)
  if tally.seen == 0 then
    return nil
  end
  local share = tally.tickets / tally.seen
  return share % 1 == 0 and math.floor(share) or share
end

local ANSWERED = { resumed = true, refused = true, full = true }
local NONE = { interrupted = true, unknown = true } -- not made, or of a spent session

-- What the connections came to. (Whose session was spent, may turn out later.)
local function count(records)
  local found = { attempted = 0, errors = 0, full = new_tally(), resumed = new_tally() }
  for _, record in ipairs(records) do
    local tally = record.outcome == "resumed" and found.resumed or found.full
    if ANSWERED[record.outcome] then
      found.attempted = found.attempted + 1
      tally.connections, tally.tickets = tally.connections + 1, tally.tickets + #record.sessions
      tally.seen = tally.seen + (record.unseen == "cut_short" and 0 or 1)
    elseif not NONE[record.outcome] then
      found.errors = found.errors + 1
    end
  end
  return found
end

local Row = {}
Row.__index = Row

-- What came goes into the jar, the oldest out of it. Some of it may be there already.
function Row:keep(sessions)
  for _, session in ipairs(sessions) do
    if not self.kept[session] and not spending.is_spent(session) then
      self.kept[session] = true
      self.jar[#self.jar + 1] = session
    end
  end
  while #self.jar > JAR do
    table.remove(self.jar, 1)
  end
end

function Row:goes_on()
  local full = count(self.records).full
  return self.started < self.connections and not self.journal.cancelled()
    and (full.tickets > 0 or full.connections < IN_VAIN)
end

-- One connection; the way for it is opened while the one before it is at work, and it waits for that one's goodbye.
function Row:connect(before, mine)
  local record = self.journal:attempt({
    mechanism = "psk", design = "browser", want_tickets = true, engine = "handshake", source = self.source,
    place = self.journal.line:places(1, true)[1], -- one after another takes longest
    late = function()
      if before then
        before:get()
      end
      local session = table.remove(self.jar)
      while session and spending.is_spent(session) do
        session = table.remove(self.jar)
      end
      return session
    end,
    on_goodbye = function(said)
      self:keep(said.sessions)
      mine:set(true)
    end,
  })
  self:keep(record.sessions)
  self.records[#self.records + 1] = record
end

function Row:run()
  local last
  side_by_side.run(self.journal.host, function()
    if not self:goes_on() then
      return nil
    end
    self.started = self.started + 1
    local before, mine = last, promises.new(self.journal.host)
    last = mine
    return function()
      mine:settle(self.connect, self, before, mine)
    end
  end, AHEAD)
end

--- Makes connections in a row as a browser does.
-- @tparam table journal see resum.scan.pool.recorder
-- @tparam integer connections
-- @treturn table|nil attempted (connections that came about, also the first, which has nothing to offer), resumed,
--   errors, share (resumed of attempted), tickets_after_full and tickets_after_resumed (on the average, of those that
--   did not break before a ticket could come; the latter nil where there is none); nil where no ticket came at all
function M.run(journal, connections)
  local row = setmetatable({
    journal = journal, source = journal:next_source(), -- a browser keeps its address
    connections = connections, started = 0, records = {}, jar = {}, kept = {},
  }, Row)
  row:run()
  local found = count(row.records)
  if found.full.tickets == 0 then
    return nil
  end
  return {
    attempted = found.attempted, resumed = found.resumed.connections, errors = found.errors,
    share = found.resumed.connections / found.attempted,
    tickets_after_full = mean(found.full), tickets_after_resumed = mean(found.resumed),
  }
end

return M
