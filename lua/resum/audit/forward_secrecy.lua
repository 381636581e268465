-- Who gets the ticket key later: can he read what was resumed? In TLS 1.3 he can't where each resumption has a fresh
-- key exchange: so a server is asked whether it does without one, and whether its key shares are fresh. In TLS 1.2
-- every resumed connection can be read with the ticket's key, by design.

local M = {
  id = "forward-secrecy",
  title = "Who gets the ticket key later: can he read what was resumed?",
  severity = "medium",
  class = "active",
  sources = { "RFC 9846, sections 4.3.8 and 4.3.9", "Springall et al. 2016" },
  advice = "Take PSKs with (EC)DHE only, and make a new key share for every connection.",
}

local LEAST_SHARE = 16 -- bytes: fewer are no public value of any group
local TIMES = 2 -- what is bad has to be seen so often, each with a session of its own

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
  by_ticket_key = "TLS 1.2 connections that tickets resume can be read by who gets the ticket key later: by design",
  nothing_seen = "no key exchange was seen",
}

-- A session and an offer, each as often as is needed to be sure, for both questions.
function M.connections()
  return 2 * 2 * TIMES
end

-- A ClientHello with everything but a key share.
local NO_SHARE = { "server_name", "supported_groups", "signature_algorithms", "alpn", "supported_versions",
  "psk_key_exchange_modes", "pre_shared_key" }

-- Resumed without a key exchange in this offer, each time? Nil where it can't be told.
local function resumes_without(context, make_offer)
  for _ = 1, TIMES do
    local session = context:session("psk")
    local record = session and context:attempt({ mechanism = "psk", session = session, engine = "probe",
      offer = make_offer() })
    if not record or record.outcome == "timeout" or record.outcome == "unreachable" or record.outcome == "reset"
      or record.outcome == "closed" or record.error and record.error.code == "unsupported" then
      return nil
    elseif record.outcome ~= "resumed" or record.facts.server_key_share then
      return false
    end
  end
  return true
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

local function about_exchange(context, list)
  if not context:resumes("psk") then
    return true
  end
  local without = resumes_without(context, psk_ke_alone)
  local preferred = without ~= false and resumes_without(context, psk_ke_first) -- who can't do it does not prefer it
  if preferred then
    list[#list + 1] = { verdict = "bad", severity = "high", reason = "prefers_none" }
  elseif without then
    list[#list + 1] = { verdict = "bad", severity = "medium", reason = "without_exchange" }
  end
  return preferred ~= nil and without ~= nil
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
  local was_answered = about_exchange(context, list)
  local shares = about_shares(context, list)
  if not was_answered then
    list[#list + 1] = { verdict = "inconclusive", reason = "connection_failed" }
  elseif #list == 0 and shares == 0 then
    list[1] = { verdict = "not_applicable", reason = "nothing_seen" }
  elseif #list == 0 then
    list[1] = { verdict = "good", reason = context:resumes("psk") and "fresh" or "fresh_shares",
      evidence = { shares = shares } }
  end
  if context:resumes("ticket") then
    list[#list + 1] = { verdict = "info", reason = "by_ticket_key" }
  end
  return list
end

return M
