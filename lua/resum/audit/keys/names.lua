-- Which ticket keys a run has seen, by the names that stand in its tickets; and which such names are none: too short or
-- too regular to tell keys apart, addresses of memory, bytes that change with every connection. Pure.

local hex = require "resum.util.hex"
local tables = require "resum.util.tables"
local ticket_keys = require "resum.analysis.ticket_key"
local unhex = require "resum.util.unhex"

local M = {}

--- Full handshakes that are made where those that were seen leave it open whether tickets name their key.
M.CONNECTIONS = 2

--- Bytes at a ticket's start that name its key (RFC 5077, section 4). The four of mbedTLS and JSSE are less than the
-- eight that are wanted: among 100,000 names of four bytes one pair is the same with 69 in 100.
local NAME = 16
local LEAST_DIFFERENT = 8 -- different bytes of a name; 16 random ones have fewer with 1 in 10^8
local LAYOUT = "name16" -- as the state file has it
local WORD = 8 -- bytes of an address
local USER_SPACE = { [0x7f] = true, [0x55] = true, [0x56] = true } -- the sixth byte of addresses on 64-bit Linux
local LEAST_CONNECTIONS = 2 -- full handshakes that have to show a name

--- Is there an address of memory at a place, as a little-endian machine writes it?
-- @tparam string bytes
-- @tparam integer at 1 for the first byte
-- @treturn boolean
function M.is_address(bytes, at)
  local word = bytes:sub(at, at + WORD - 1)
  return #word == WORD and word:sub(7) == "\0\0" and USER_SPACE[word:byte(6)] == true
end

local function different_bytes(bytes)
  local met, count = {}, 0
  for at = 1, #bytes do
    local byte = bytes:byte(at)
    count = count + (met[byte] and 0 or 1)
    met[byte] = true
  end
  return count
end

-- Each byte as far from the one before it as the last one was.
local function has_steps(bytes)
  local step = (bytes:byte(2) - bytes:byte(1)) % 256
  for at = 2, #bytes do
    if (bytes:byte(at) - bytes:byte(at - 1)) % 256 ~= step then
      return false
    end
  end
  return true
end

--- Why bytes can't name a key.
-- @tparam string name 16 bytes
-- @treturn string|nil "address", "regular" (fewer than eight bytes of entropy: others may well have the same); nil
--   where they can
function M.problem_of(name)
  for at = 1, #name, WORD do
    if M.is_address(name, at) then
      return "address"
    end
  end
  local is_text = name:find("^[\32-\126]*$") and not name:find("^%x*$")
  if is_text or different_bytes(name) < LEAST_DIFFERENT or has_steps(name) then
    return "regular"
  end
end

--- Do two places that show this name have the same key, as far as a name can tell? Not where others may well have the
-- same name.
-- @tparam string key the name, in hexadecimal digits
-- @treturn boolean
function M.tells(key)
  return M.problem_of(unhex(key)) == nil
end

-- The full handshakes that showed each name. A resumed connection may carry on with what the session was made with.
local function shown_by(evidence)
  local shown, order, met = {}, {}, {}
  for _, ticket in ipairs(evidence.tickets) do
    local connection = evidence.connections[ticket.connection]
    local name = ticket.ticket:sub(1, NAME)
    if not ticket_keys.is_cache_entry(#ticket.ticket) and connection and connection.outcome ~= "resumed" then
      if not shown[name] then
        shown[name] = 0
        order[#order + 1] = name
      end
      local once = name .. ticket.connection
      shown[name], met[once] = shown[name] + (met[once] and 0 or 1), true
    end
  end
  return shown, order
end

-- Names that tell keys apart, those that are regular, and what is wrong where there are none of the first.
local function sort_out(evidence)
  local usable, regular, problem = {}, {}, nil
  local shown, order = shown_by(evidence)
  for _, name in ipairs(order) do
    local why = shown[name] < LEAST_CONNECTIONS and "no_name" or M.problem_of(name)
    local into = why == nil and usable or why == "regular" and regular or {}
    into[#into + 1] = { key = hex(name), layout = LAYOUT, connections = shown[name] }
    if why and (problem == nil or problem == "no_name") then
      problem = why
    end
  end
  return usable, regular, #usable == 0 and (problem or "no_tickets") or nil
end

--- The keys that tickets name.
-- @tparam table evidence see resum.audit.evidence
-- @treturn {table,...} key (name, in hexadecimal digits), layout, connections (full handshakes that showed it)
-- @treturn string|nil why there is none: "no_tickets", "no_name" (no name was met in two connections), "address",
--   "regular"
function M.of(evidence)
  local usable, _, problem = sort_out(evidence)
  return usable, problem
end

-- Two full handshakes more, where each name was met once.
local function look_again(context)
  local last = context.evidence.tickets[#context.evidence.tickets]
  for _ = 1, M.CONNECTIONS do
    context:attempt({ mechanism = last.mechanism, want_tickets = true })
  end
  return M.of(context.evidence)
end

--- Where the keys of this address are met.
-- @tparam table context see resum.audit.context
-- @treturn table address, port, sni, certificate
function M.place(context)
  local client, control = context.client, context.entry.control
  local leaf = control and control.facts and control.facts.leaf_sha256
  return { address = client.address, port = client.port, sni = client.server_name, certificate = leaf and hex(leaf) }
end

local function write_down(context, names)
  local seen = {}
  for i, one in ipairs(names) do
    seen[i] = tables.merged(M.place(context), { key = one.key, layout = one.layout })
  end
  return context.options.store:note(seen)
end

--- The entries of the state file for keys whose names are so regular that others may have the same; they are written
-- down.
-- @tparam table context see resum.audit.context
-- @treturn[1] {table,...} entries, often none
-- @treturn[2] nil
-- @treturn[2] string message
function M.regular_entries(context)
  local _, regular = sort_out(context.evidence)
  return write_down(context, regular)
end

--- The entries of the state file for the keys that this run has seen; they are written down the first time.
-- @tparam table context see resum.audit.context; with the option store (see resum.audit.keys.state)
-- @treturn[1] {table,...} entries, one at least
-- @treturn[2] nil
-- @treturn[2] table what is to be said instead: verdict, reason
function M.entries(context)
  local noted = context.evidence.noted_keys
  if noted then
    return noted
  end
  local names, problem = M.of(context.evidence)
  if problem == "no_name" then
    names, problem = look_again(context)
  end
  if problem then
    return nil, { verdict = "not_applicable", reason = problem }
  end
  local entries = write_down(context, names)
  context.evidence.noted_keys = entries
  return entries, not entries and { verdict = "inconclusive", reason = "state_failed" } or nil
end

return M
