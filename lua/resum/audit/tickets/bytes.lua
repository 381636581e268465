-- What the bytes of tickets show to whoever holds no key: common beginnings, text, certificates, addresses. Pure.

local ticket_keys = require "resum.analysis.ticket_key"

local M = {}

local function common_length(a, b)
  local least = math.min(#a, #b)
  for i = 1, least do
    if a:byte(i) ~= b:byte(i) then
      return i - 1
    end
  end
  return least
end

--- How many bytes all tickets begin with, of those that differ.
-- @tparam {table,...} tickets see evidence:tickets_of
-- @treturn integer 0 where there are not two
function M.common_prefix(tickets)
  local first, length = tickets[1] and tickets[1].ticket, nil
  for i = 2, #tickets do
    if tickets[i].ticket ~= first then
      local common = common_length(first, tickets[i].ticket)
      length = math.min(length or common, common)
    end
  end
  return length or 0
end

--- Where an initialisation vector may begin: behind what all tickets begin with, or at its end.
-- @tparam {table,...} tickets
-- @treturn {integer,...} offsets
function M.places(tickets)
  local prefix, places = M.common_prefix(tickets), {}
  for _, length in ipairs({ 0, 16, 12, 8 }) do
    places[#places + 1] = prefix > 0 and prefix >= length and prefix - length or nil
  end
  return places
end

-- The longest run of printable characters (ASCII, 32 to 126) from a place on: where it begins, its length.
local function longest_run(bytes, from)
  local at, length = nil, 0
  for first, run in bytes:sub(from + 1):gmatch("()([\32-\126]+)") do
    if #run > length then
      at, length = from + first - 1, #run
    end
  end
  return at, length
end

local PRINTABLE = 95 / 256 -- the chance of a random byte
local CHANCE = 1e-6 -- of a false alarm

--- How long a run of printable characters has to be, so that chance makes none.
-- @tparam integer bytes that are searched, in all
-- @treturn integer
function M.least_run(bytes)
  local runs = math.max(1, bytes) * (1 - PRINTABLE) -- each begins behind what is not printable
  return math.max(16, math.ceil(math.log(runs / CHANCE) / -math.log(PRINTABLE)))
end

--- A run of text in one of the tickets, longer than chance makes one; behind the key's name.
-- @tparam {table,...} tickets
-- @treturn table|nil ticket, offset, length
function M.text_in(tickets)
  local bytes = 0
  for _, ticket in ipairs(tickets) do
    bytes = bytes + #ticket.ticket
  end
  local least = M.least_run(bytes)
  for _, ticket in ipairs(tickets) do
    local at, length = longest_run(ticket.ticket, ticket_keys.LENGTH)
    if length >= least then
      return { ticket = ticket, offset = at, length = length }
    end
  end
end

-- 30 82 and 30 82: Certificate and TBSCertificate, longer than 255 bytes each; 06 03 55 04: an attribute of a name
-- (X.520). 64 bits that chance does not set.
local CERTIFICATE, ATTRIBUTE = "0\x82..0\x82", "\x06\x03\x55\x04"

--- Does a certificate stand in it?
-- @tparam string ticket
-- @treturn integer|nil its offset
function M.certificate_in(ticket)
  local at = ticket:find(CERTIFICATE)
  return at and ticket:find(ATTRIBUTE, at, true) and at - 1 or nil
end

return M
