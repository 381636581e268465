-- What stands behind the address? Beside the plain figure's old sessions ("fixed") it makes what a browser makes, one
-- connection at a time: a fresh session resumed on the next connection ("pairs"), and always the newest session
-- ("chain"); in blocks, so that a change over time meets all of them. Then it looks closer where something is suspect.
-- It infers nothing itself: resum.balance does.
--
-- Connections for each mechanism, beside the plain figure's: 36 where everything resumed, else 90 and at most 120 to
-- look closer; 64 for session IDs that show their ticket keys, 24 for PSKs of each key.

local balance = require "resum.balance"
local quick = require "resum.scan.quick"

local M = { name = "balancer", recorded = true, summary = "what stands behind the address, and what to do about it" }

M.defaults = { attempts = 100 }

local BLOCK = 5 -- pairs, and links of a chain
local OLD_IN_BLOCK = 2 -- old sessions offered once more
local BLOCKS_WHERE_WELL = 40 -- one block for so many attempts of the plain figure
local BLOCKS_WHERE_NOT = 20
local CONFIRM_MOST = 120 -- offers of sessions that never resumed
local MARKED = { sessions = 8, offers = 8 } -- session IDs offered to see the name of a ticket key
local IDENTITIES = 24 -- connections that offer one PSK of each key

-- One scan at work.
local Scan = {}
Scan.__index = Scan

function Scan:attempt(mechanism, design, session, source)
  return self.journal:attempt({
    mechanism = mechanism,
    design = design,
    session = session,
    source = source,
    want_tickets = true,
    engine = "handshake", -- it goes through with what it was refused, and so shows who refused
  })
end

function Scan:pair(mechanism)
  local record, entry = self:attempt(mechanism, "pairs")
  local session = record.sessions[#record.sessions]
  if session then
    self:attempt(mechanism, "pairs", session, entry.source)
  end
end

function Scan:chain(mechanism, links)
  local record, first = self:attempt(mechanism, "chain")
  local session = record.sessions[#record.sessions]
  for _ = 1, session and links or 0 do
    if self.journal.cancelled() then
      return
    end
    record = self:attempt(mechanism, "chain", session, first.source)
    session = record.sessions[#record.sessions] or session
  end
end

-- The sessions that the plain figure offered.
function Scan:old_sessions(mechanism)
  local list = {}
  for _, entry in ipairs(self.journal.entries) do
    if entry.mechanism == mechanism and entry.design == "seed" and self.journal.newest[entry.order] then
      list[#list + 1] = self.journal.newest[entry.order]
    end
  end
  return list
end

function Scan:block(mechanism)
  local old = self.old[mechanism]
  for _ = 1, BLOCK do
    if not self.journal.cancelled() then
      self:pair(mechanism)
    end
  end
  self:chain(mechanism, BLOCK)
  for _ = 1, self.single_use[mechanism] and 0 or OLD_IN_BLOCK do
    if #old > 0 and not self.journal.cancelled() then
      self:attempt(mechanism, "fixed", old[math.random(#old)])
    end
  end
end

function Scan:blocks_of(mechanism)
  local rate = self.rates[mechanism]
  if not rate or rate.attempted == 0 then
    return 0
  end
  local each = (rate.refused == 0 and rate.errors <= rate.resumed) and BLOCKS_WHERE_WELL or BLOCKS_WHERE_NOT
  return math.max(1, math.floor(rate.attempted / each))
end

function Scan:sample()
  local left, most = {}, 0
  for _, mechanism in ipairs(self.mechanisms) do
    left[mechanism] = self:blocks_of(mechanism)
    self.old[mechanism] = self:old_sessions(mechanism)
    most = math.max(most, left[mechanism])
  end
  for round = 1, most do
    for _, mechanism in ipairs(self.mechanisms) do
      if left[mechanism] >= round and not self.journal.cancelled() then
        self:block(mechanism)
      end
    end
  end
end

-- Sessions that never resumed are offered until they do, or are certain to be dead.
function Scan:confirm(mechanism, views)
  local suspects, needed = balance.suspects(views, mechanism)
  local left = CONFIRM_MOST
  for _, one in ipairs(suspects) do
    local session = self.journal.newest[one.from]
    while session and one.offered < needed and left > 0 and not self.journal.cancelled() do
      one.offered, left = one.offered + 1, left - 1
      if self:attempt(mechanism, "confirm", session).outcome == "resumed" then
        break
      end
    end
  end
end

-- Each of these sessions so often, in random order: in turns, a balancer that rotates would fall into step.
local function shuffled_plan(sessions, times)
  local plan = {}
  for i = 1, #sessions * times do
    local place = math.random(i)
    plan[i] = plan[place]
    plan[place] = sessions[(i - 1) % #sessions + 1]
  end
  return plan
end

-- Session IDs that are known to resume, offered so that the server shows the name of its ticket key as well: an empty
-- session_ticket extension asks for a ticket (RFC 5077, section 3.2).
function Scan:mark(views)
  local sessions = {}
  for _, order in ipairs(balance.alive(views, "session_id")) do
    if #sessions < MARKED.sessions then
      sessions[#sessions + 1] = self.journal.newest[order]
    end
  end
  for _, session in ipairs(shuffled_plan(sessions, MARKED.offers)) do
    if not self.journal.cancelled() then
      self.journal:attempt({
        mechanism = "session_id", design = "marked", session = session, ticket_extension = true, want_tickets = true,
        engine = "handshake",
      })
    end
  end
end

-- One PSK of each ticket key, all at once: the server says which it took. (Some look at the first only.)
function Scan:identify(views)
  local sessions = {}
  for _, order in ipairs(balance.one_of_each_key(views)) do
    sessions[#sessions + 1] = self.journal.newest[order]
  end
  for _ = 1, #sessions >= 2 and IDENTITIES or 0 do
    if not self.journal.cancelled() then
      self.journal:attempt({
        mechanism = "psk", design = "identities", sessions = sessions, engine = "probe", want_tickets = false,
      })
    end
  end
end

function Scan:look_closer()
  local views = balance.sort(self.journal.entries)
  local wants = balance.wants(views)
  for _, mechanism in ipairs(self.mechanisms) do
    if wants.confirm[mechanism] then
      self:confirm(mechanism, views)
    end
  end
  if wants.marked then
    self:mark(balance.sort(self.journal.entries))
  end
  if wants.identities and not self.single_use.psk and not self.no_probe then
    self:identify(views)
  end
end

-- Offers of tickets that are good for one connection say nothing of sharing.
local function set_spent_aside(entries, single_use)
  for _, entry in ipairs(entries) do
    if entry.design == "fixed" and single_use[entry.mechanism] then
      entry.design = "spent"
    end
  end
end

--- @tparam table journal see resum.scan.journal; it holds the plain figure's entries
-- @tparam table _ the control's record
-- @tparam table options mechanisms (list), sources (list), quick (boolean: see resum.scan.quick), no_probe (true: the
--   server takes a connection without a goodbye for a fault)
-- @tparam table entry of the address: its field rate is the plain figure
-- @treturn table see resum.balance.analyse, and resum.scan.quick
function M.run(journal, _, options, entry)
  if options.quick then
    return quick.run(journal, options)
  end
  local single_use = {}
  for mechanism, rate in pairs(entry.rate) do
    single_use[mechanism] = rate.design == "fresh"
  end
  set_spent_aside(journal.entries, single_use)
  local scan = setmetatable({
    journal = journal,
    mechanisms = options.mechanisms,
    rates = entry.rate,
    single_use = single_use,
    no_probe = options.no_probe,
    old = {},
  }, Scan)
  scan:sample()
  scan:look_closer()
  return balance.analyse(journal.entries, { mechanisms = options.mechanisms, sources = options.sources })
end

return M
