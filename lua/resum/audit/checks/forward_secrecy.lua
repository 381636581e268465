-- Can whoever gets the ticket key later read what was resumed? In TLS 1.3 he can't where each resumption has a fresh
-- key exchange: so a server is asked whether it does without one, and whether its key shares are fresh. In TLS 1.2
-- every resumed connection can be read with the ticket's key, by design.

local answers = require "resum.audit.answer"
local key_age = require "resum.audit.checks.key_age"
local poll = require "resum.audit.poll"

local M = {
  id = "forward-secrecy",
  title = "Can whoever gets the ticket key later read what was resumed?",
  severity = "medium",
  class = "active",
  sources = { "RFC 9846, sections 4.3.8 and 4.3.9", "Springall et al. 2016" },
  advice = "Take PSKs with (EC)DHE only, and make a new key share for every connection.",
}

local LEAST_SHARE = 16 -- bytes: fewer are no public value of any group

M.reasons = {
  fresh = function(evidence)
    return ("resumption has a key exchange of its own; %d key shares of the server differ"):format(evidence.shares)
  end,
  fresh_shares = function(evidence)
    return ("%d key shares of the server differ"):format(evidence.shares)
  end,
  without_exchange = "TLS 1.3 resumes without a key exchange where the client offers nothing else (psk_ke)",
  prefers_none = "TLS 1.3 resumes without a key exchange although the client offers one (psk_ke before psk_dhe_ke)",
  share_reused = function(evidence)
    return ("%d of %d connections have the server's key share of another one (%s)"):format(evidence.equal,
      evidence.shares, evidence.version)
  end,
  by_ticket_key = function(evidence)
    local age = (evidence.age_hours or 0) > 0 and ("; it has been in use for at least %s"):format(
      key_age.in_words(evidence)) or ""
    return "TLS 1.2 connections that tickets resume can be read by whoever gets the ticket key later: by design" .. age
  end,
  mixed_answers = "TLS 1.3 resumed without a key exchange once, and not again",
  nothing_seen = "no key exchange was seen",
}

-- Both questions; of one server they take 8 at most, 16 where it refuses without a word.
function M.connections()
  return 2 * answers.ENDS * poll.CONNECTIONS
end

-- A ClientHello with everything but a key share.
local NO_SHARE = { "server_name", "supported_groups", "signature_algorithms", "alpn", "supported_versions",
  "psk_key_exchange_modes", "pre_shared_key" }

local TELLS = { resumed = true, refused = true, alert = true, protocol_error = true }

-- Resumed without a key exchange in this offer? Nil where it can't be told. And where, see resum.audit.poll.
local function resumes_without(context, make_offer)
  return poll.ask(context, "psk", function(session)
    local record, is_end = context:hear_out({ mechanism = "psk", session = session, engine = "probe",
      offer = make_offer() })
    if not (TELLS[record.outcome] or is_end) or record.error and record.error.code == "unsupported" then
      return nil
    end
    return record.outcome == "resumed" and not record.facts.server_key_share
  end)
end

local function psk_ke_alone()
  return { psk_modes = { "psk_ke" }, extensions = NO_SHARE }
end

local function psk_ke_first()
  return { psk_modes = { "psk_ke", "psk_dhe_ke" } }
end

--- The server's key shares of each version that more than one connection has.
-- @tparam {table,...} connections see resum.audit.evidence
-- @treturn integer shares that were seen
-- @treturn {table,...} version, equal (how many have another's), shares, connections (their orders)
function M.reused(connections)
  local seen, by_version, total = {}, {}, 0
  for _, one in ipairs(connections) do
    local share = one.facts and one.facts.server_share
    if share and #share >= LEAST_SHARE then
      local of = by_version[one.version] or { version = one.version, shares = 0, equal = 0, connections = {} }
      by_version[one.version], of.shares, total = of, of.shares + 1, total + 1
      if seen[share] then
        of.equal = of.equal + 1
        of.connections[of.equal] = one.order
      end
      seen[share] = true
    end
  end
  local list = {}
  for _, version in ipairs({ "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3" }) do
    local of = by_version[version]
    list[#list + 1] = of and of.equal > 0 and of or nil
  end
  return total, list
end

-- Adds what is bad; gives the reason why something is left open, or nil.
local function about_exchange(context, list)
  if not context:resumes("psk") then
    return nil
  end
  local without, where = resumes_without(context, psk_ke_alone)
  local preferred, where_preferred = false, nil
  if without ~= false then -- who can't do it does not prefer it
    preferred, where_preferred = resumes_without(context, psk_ke_first)
  end
  if preferred then
    list[#list + 1] = { verdict = "bad", severity = "high", reason = "prefers_none", group = where_preferred.group,
      share = where_preferred.share }
  elseif without then
    list[#list + 1] = { verdict = "bad", severity = "medium", reason = "without_exchange", group = where.group,
      share = where.share }
  end
  if without == nil or preferred == nil then
    return (without == nil and where or where_preferred).why
  end
end

local function about_shares(context, list)
  local total, reused = M.reused(context.evidence.connections)
  for _, of in ipairs(reused) do
    local group, share = context.evidence:group_of(of.connections)
    list[#list + 1] = { verdict = "bad", severity = "medium", reason = "share_reused", group = group, share = share,
      evidence = { version = of.version, equal = of.equal, shares = of.shares } }
  end
  return total
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} findings
function M.run(context)
  local list = {}
  local left_open = about_exchange(context, list)
  local shares = about_shares(context, list)
  if left_open then
    list[#list + 1] = { verdict = "inconclusive", reason = left_open }
  elseif #list == 0 and shares == 0 then
    list[1] = { verdict = "not_applicable", reason = "nothing_seen" }
  elseif #list == 0 then
    list[1] = { verdict = "good", reason = context:resumes("psk") and "fresh" or "fresh_shares",
      evidence = { shares = shares } }
  end
  if context:resumes("ticket") then
    list[#list + 1] = { verdict = "info", reason = "by_ticket_key",
      evidence = { age_hours = context.evidence.key_age_hours } }
  end
  return list
end

return M
