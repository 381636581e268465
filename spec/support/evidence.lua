--- Evidence of the audit made by hand: records as connections leave them, with the tickets that a spec wants in them.
-- It knows the form of a record; what is wrong with the tickets is the spec's business.

local evidences = require "resum.audit.evidence"

local M = {}

--- So many bytes that no other call gives.
-- @tparam integer length
-- @treturn string
function M.fresh(length)
  M.drawn = (M.drawn or 0) + 1
  local bytes, state = {}, M.drawn * 7919 + 1
  for i = 1, length do
    state = (state * 1103515245 + 12345) % 2147483648
    bytes[i] = string.char(state // 65536 % 256)
  end
  return table.concat(bytes)
end

--- A ticket as facts have it, in order, of OpenSSL's form: name, IV, what is encrypted, MAC.
-- @tparam[opt] table fields name (16 bytes), iv, ticket, lifetime_s, age_add, nonce, max_early_data, extensions,
--   session
-- @treturn table
function M.ticket(fields)
  fields = fields or {}
  local ticket = {
    ticket = (fields.name or ("K"):rep(16)) .. (fields.iv or M.fresh(16)) .. M.fresh(112) .. M.fresh(32),
    lifetime_s = 7200, age_add = (">I4"):unpack(M.fresh(4)), nonce = M.fresh(8), extensions = {},
  }
  for name, value in pairs(fields) do
    ticket[name] = value
  end
  return ticket
end

--- A record of a full handshake that brought these tickets.
-- @tparam string mechanism
-- @tparam {table,...} tickets
-- @tparam[opt] table more fields of the record
-- @treturn table
function M.record(mechanism, tickets, more)
  local sessions = {}
  for _, ticket in ipairs(tickets) do
    sessions[#sessions + 1] = ticket.session
  end
  local record = {
    mechanism = mechanism, outcome = "full", engine = "handshake", sessions = sessions,
    version = mechanism == "psk" and "TLSv1.3" or "TLSv1.2", cipher = "TLS_AES_128_GCM_SHA256",
    facts = { tickets = tickets, alerts = {}, extensions = {}, session_id = "" },
  }
  for name, value in pairs(more or {}) do
    record[name] = value
  end
  return record
end

--- Evidence of so many connections of two tickets each.
-- @tparam integer count
-- @tparam[opt] function make connection number, ticket number -> fields of the ticket, see ticket
-- @tparam[opt="psk"] string mechanism
-- @treturn table evidence
function M.of(count, make, mechanism)
  local evidence = evidences.new()
  for i = 1, count do
    local tickets = {}
    for j = 1, 2 do
      tickets[j] = M.ticket(make and make(i, j))
    end
    evidence:note(M.record(mechanism or "psk", tickets))
  end
  return evidence
end

return M
