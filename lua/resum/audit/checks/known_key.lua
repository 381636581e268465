-- Can others read tickets, because their key is one that everybody can guess? All tickets are tried with all of them;
-- the session knows which secret should be in its ticket, so a hit can't be chance. Pure: the evidence of all
-- connections in, findings out. Secrets and plaintexts stay in resum.core.

local known_keys = require "resum.audit.tickets.known_keys"
local tickets_of = require "resum.audit.tickets.bytes"

local M = {
  id = "known-key",
  title = "Can others read tickets, because their key is one that everybody can guess?",
  severity = "critical",
  class = "passive",
  sources = { "Hebrok et al. 2023: We Really Need to Talk About Session Tickets", "CVE-2020-13777",
    "RFC 5077, section 4" },
  advice = "Make a new key of random bytes (openssl rand 80), change it at least once a day, and take what was "
    .. "recorded so far for read.",
}

-- A ticket takes some 5 ms with all keys and layouts: those of a scan of a rate are tried in two or three seconds. One
-- that is larger takes as long as so many usual ones of 256 bytes. (No more than 16 KB of it are decrypted: see
-- plugin/tls/ticket.c.)
M.MOST_TRIED, M.MOST_BYTES = 512, 512 * 256
local LARGEST = 16384

M.reasons = {
  no_tickets = "no tickets are issued",
  readable = "tickets can be read without a key: see ticket-content",
  none_known = function(evidence)
    return ("no known key among those of %d tickets (%d keys were tried)"):format(evidence.tickets, evidence.keys)
  end,
  known_key = function(evidence)
    return ("%d of %d tickets open with a key that everybody knows (%s; %s)"):format(evidence.opened, evidence.tickets,
      evidence.key, evidence.cipher)
  end,
  known_mac_key = function(evidence)
    return ("%d of %d tickets are signed with a key that everybody knows (%s; %s)"):format(evidence.opened,
      evidence.tickets, evidence.key, evidence.mac)
  end,
}

-- Keys and bytes of a ticket that are tried at a time, before others have their turn.
local AT_ONCE = 64 * 256

local function nothing() end

-- What opens or signs a ticket; what opens it says more.
local function find(ticket, offsets, give_way)
  local at_once, signed = math.max(1, AT_ONCE // (1 + #ticket.ticket)), nil
  for first = 1, #known_keys.list, at_once do
    give_way()
    local keys = table.move(known_keys.list, first, first + at_once - 1, 1, {})
    local found = ticket.session:finds(ticket.ticket, { keys = keys, offsets = offsets })
    if found and found.how ~= "mac" then
      return found
    end
    signed = signed or found
  end
  return signed
end

-- What is found of each kind, and on which connections.
local function try_all(evidence)
  local tried, bytes, clear, hits = 0, 0, 0, {}
  local give_way = evidence.give_way or nothing
  for _, mechanism in ipairs({ "ticket", "psk" }) do
    local tickets = evidence:tickets_of(mechanism)
    local offsets = tickets_of.places(tickets)
    for _, ticket in ipairs(tickets) do
      if ticket.session and tried < M.MOST_TRIED and bytes < M.MOST_BYTES then
        tried, bytes = tried + 1, bytes + math.min(#ticket.ticket, LARGEST)
        local found = find(ticket, offsets, give_way)
        clear = clear + (found and found.how == "clear" and 1 or 0)
        if found and found.how ~= "clear" then
          local kind = table.concat({ mechanism, found.how, found.key }, " ")
          hits[kind] = hits[kind] or { first = found, mechanism = mechanism, count = 0, connections = {} }
          local hit = hits[kind]
          hit.count, hit.connections[#hit.connections + 1] = hit.count + 1, ticket.connection
        end
      end
    end
  end
  return tried, clear, hits
end

local function finding_of(evidence, hit, tried)
  local first = hit.first
  local group, share = evidence:group_of(hit.connections)
  local opens = first.how == "key"
  return {
    verdict = "bad", severity = opens and "critical" or "high", reason = opens and "known_key" or "known_mac_key",
    group = group, share = share,
    evidence = { mechanism = hit.mechanism, opened = hit.count, tickets = tried, key = first.key, cipher = first.cipher,
      mac = first.mac, iv_offset = first.iv_offset, ciphertext_offset = first.ciphertext_offset,
      secret_offset = first.offset },
  }
end

--- @tparam table evidence see resum.audit.evidence
-- @treturn {table,...} findings
function M.run(evidence)
  local tried, clear, hits = try_all(evidence)
  local kinds, list = {}, {}
  for kind in pairs(hits) do
    kinds[#kinds + 1] = kind
  end
  table.sort(kinds)
  for i, kind in ipairs(kinds) do
    list[i] = finding_of(evidence, hits[kind], tried)
  end
  if #list > 0 then
    return list
  elseif #evidence.tickets == 0 then
    return { { verdict = "not_applicable", reason = "no_tickets" } }
  elseif tried == 0 then
    return { { verdict = "inconclusive", reason = "too_few_tickets", evidence = { tickets = 0 } } }
  elseif clear == tried then
    return { { verdict = "not_applicable", reason = "readable" } }
  end
  return { { verdict = "info", reason = "none_known", evidence = { tickets = tried, keys = #known_keys.list } } }
end

return M
