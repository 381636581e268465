-- Browsers use each TLS 1.3 ticket once (RFC 9846, C.4): where a resumed connection brings no new one, they have to
-- make a full handshake whenever their jar is empty. It makes connections as they do, and says which of them resumed.

local poll = require "resum.audit.poll"

local M = {
  id = "single-use",
  title = "How many connections of a browser resume, which uses each ticket once?",
  severity = "medium",
  class = "active",
  harmless = true, -- it comes and goes as any client
  sources = { "RFC 9846, C.4", "RFC 9149" },
  advice = "Have the server issue a new ticket with every resumed connection: with a stateful cache, ticket keys that "
    .. "the server makes itself, or a ticket-key callback of libssl that asks for renewal (2 in the place of 1). One "
    .. "file of ticket keys for all servers is right only where all have one certificate, one content and one policy "
    .. "for client certificates; sticky routing is the other way.",
}

local CONNECTIONS = 12 -- the share of k / (k + 1) shows to within one of them
-- Where several servers take turns by chance, as many as it takes until two have resumed at each: of those that one in
-- nine of a browser's connections meets again, so many miss that with 5 in 100.
local MOST_BY_CHANCE = 40
local ENOUGH = 6 -- of one server, where all but the first resumed and brought a ticket: k / (k + 1) is 4 of 6 at most
local JAR = 2 -- tickets that a browser keeps of a server
local CONFIRMED = 2 -- resumed connections without a ticket that tell of a server that issues none there
local AGREES = 1 -- connections by which the figure may differ from what the tickets come to
local IN_VAIN = 2 -- full handshakes without a ticket, after which no more are made

M.reasons = {
  renewed = function(evidence)
    return ("%d of %d connections resume for a client that uses each ticket once"):format(evidence.resumed,
      evidence.connections)
  end,
  not_renewed = function(evidence)
    return ("resumed connections bring no new ticket: of a browser's connections %d %% resume (here %d of %d)"):format(
      evidence.steady_percent, evidence.resumed, evidence.connections)
  end,
  not_renewed_by_some = function(evidence)
    return ("some servers issue no new ticket on a resumed connection (%d of %d resumed here)"):format(
      evidence.resumed, evidence.connections)
  end,
  figures_disagree = function(evidence)
    return ("resumed connections bring no new ticket, but %d of %d resumed where %d were expected"):format(
      evidence.resumed, evidence.connections, evidence.expected)
  end,
  no_tickets = "the server issues no TLS 1.3 ticket",
  seldom_resumes = "too few of a browser's connections resumed to see what they bring",
}

local ANSWERED = { resumed = true, refused = true, full = true }

-- What full handshakes brought, and what resumed ones did, in all and by the server that resumed.
local function count(connections)
  local sums = { full = 0, full_tickets = 0, resumed = 0, resumed_tickets = 0, errors = 0, groups = {}, order = {} }
  for _, one in ipairs(connections) do
    if one.outcome == "resumed" then
      local name = one.group or ""
      local group = sums.groups[name] or { resumed = 0, tickets = 0, issuers = {} }
      sums.order[#sums.order + 1] = not sums.groups[name] and name or nil
      sums.groups[name] = group
      group.resumed, group.tickets = group.resumed + 1, group.tickets + one.tickets
      group.issuers[#group.issuers + 1] = one.issuer
      sums.resumed, sums.resumed_tickets = sums.resumed + 1, sums.resumed_tickets + one.tickets
    elseif ANSWERED[one.outcome] then
      sums.full, sums.full_tickets = sums.full + 1, sums.full_tickets + one.tickets
    else
      sums.errors = sums.errors + 1
    end
  end
  return sums
end

-- How many of n connections in a row resume, where each full handshake fills a jar of so many.
local function expected(n, kept)
  return n - math.ceil(n / (kept + 1))
end

local function evidence_of(sums)
  local answered = sums.full + sums.resumed
  local kept = math.min(JAR, sums.full > 0 and sums.full_tickets // sums.full or 0)
  return {
    connections = answered, resumed = sums.resumed, errors = sums.errors > 0 and sums.errors or nil,
    tickets_after_full = sums.full > 0 and sums.full_tickets / sums.full or 0,
    tickets_after_resumed = sums.resumed > 0 and sums.resumed_tickets / sums.resumed or nil,
    expected = expected(answered, kept), steady_percent = math.floor(100 * kept / (kept + 1) + 0.5),
  }
end

-- The groups of servers that issued nothing on a resumed connection, and whether others did.
local function withholding(sums)
  local list, others = {}, false
  for _, name in ipairs(sums.order) do
    local group = sums.groups[name]
    if group.tickets > 0 then
      others = true
    elseif group.resumed >= CONFIRMED then
      list[#list + 1] = group
    end
  end
  return list, others
end

--- What connections in a row come to.
-- @tparam {table,...} connections outcome (of resum.connection.client), tickets (how many came), and where it resumed
--   issuer (order of the connection that issued the session) and group (of that; nil where there is one only)
-- @treturn table verdict, reason, evidence, connections (orders of those that issued what the servers meant took)
function M.decide(connections)
  local sums = count(connections)
  local evidence = evidence_of(sums)
  if sums.full == 0 then
    return { verdict = "inconclusive", reason = "connection_failed", evidence = evidence }
  elseif sums.full_tickets == 0 then
    return { verdict = "not_applicable", reason = "no_tickets" }
  elseif sums.resumed < CONFIRMED then
    local failed = sums.errors > 0 and "connection_failed" or "seldom_resumes"
    return { verdict = "inconclusive", reason = failed, evidence = evidence }
  end
  local bad, others = withholding(sums)
  if #bad == 0 then
    return sums.resumed_tickets > 0 and { verdict = "good", reason = "renewed", evidence = evidence }
      or { verdict = "inconclusive", reason = "seldom_resumes", evidence = evidence }
  end
  local issuers = {}
  for _, group in ipairs(bad) do
    table.move(group.issuers, 1, #group.issuers, #issuers + 1, issuers)
  end
  if others then
    return { verdict = "bad", reason = "not_renewed_by_some", evidence = evidence, connections = issuers }
  elseif math.abs(sums.resumed - evidence.expected) > AGREES then
    return { verdict = "inconclusive", reason = "figures_disagree", evidence = evidence }
  end
  return { verdict = "bad", reason = "not_renewed", evidence = evidence, connections = issuers }
end

-- What came goes into the jar, the oldest out of it.
local function keep(jar, sessions, order)
  for _, session in ipairs(sessions) do
    jar[#jar + 1] = { session = session, issuer = order }
  end
  while #jar > JAR do
    table.remove(jar, 1)
  end
end

local function connect(context, jar)
  local ticket = table.remove(jar)
  local record = context:attempt({ mechanism = "psk", session = ticket and ticket.session, origin = false,
    want_tickets = true }) -- a browser waits for nobody's turn
  local order = #context.evidence.connections
  keep(jar, record.sessions, order)
  local resumed = record.outcome == "resumed"
  return {
    outcome = record.outcome,
    tickets = record.facts and record.facts.tickets and #record.facts.tickets or 0,
    issuer = resumed and ticket.issuer or nil,
  }
end

-- Is it clear that every resumed connection brings a ticket? Behind a balancer the next server may be another.
local function is_clear(list, members)
  if #list < ENOUGH or members > 1 then
    return false
  end
  for i = 2, #list do
    if list[i].outcome ~= "resumed" or list[i].tickets == 0 then
      return false
    end
  end
  return true
end

-- Each group of servers has to show twice what its resumed connections bring, where they take turns by chance.
local function has_shown_each(context, list, members)
  local counts, resumed = {}, 0
  for _, one in ipairs(list) do
    local letter = one.issuer and context.evidence:group_of({ one.issuer }) or nil
    counts[letter or ""] = (counts[letter or ""] or 0) + (one.issuer and 1 or 0)
    resumed = resumed + (one.outcome == "resumed" and 1 or 0)
  end
  for _, member in ipairs(#members > 1 and members or {}) do
    if (counts[member.letter] or 0) < CONFIRMED then
      return false
    end
  end
  return resumed >= CONFIRMED
end

-- Were there enough? Who takes strict turns never has the next one as well.
local function is_enough(context, list)
  local by_chance = poll.is_divided(context, "psk") and not poll.is_unmet(context, "psk")
  return #list >= CONNECTIONS and (not by_chance or #list >= MOST_BY_CHANCE
    or has_shown_each(context, list, context.evidence:members("psk")))
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  if not context:resumes("psk") then
    return { { verdict = "not_applicable", reason = "does_not_resume", evidence = { sessions = "TLS 1.3 tickets" } } }
  end
  local list, jar, in_vain = {}, {}, 0
  local members = #context.evidence:members("psk")
  while in_vain < IN_VAIN and not is_clear(list, members) and not is_enough(context, list) do
    local one = connect(context, jar)
    list[#list + 1] = one
    in_vain = ANSWERED[one.outcome] and one.outcome ~= "resumed" and one.tickets == 0 and in_vain + 1 or in_vain
  end
  for _, one in ipairs(list) do -- only all together tell groups apart
    one.group = one.issuer and context.evidence:group_of({ one.issuer }) or nil
  end
  local found = M.decide(list)
  if found.connections then
    found.group, found.share = context.evidence:group_of(found.connections)
    found.connections = nil
  end
  return { found }
end

--- One server takes 12 at most.
function M.connections()
  return MOST_BY_CHANCE
end

return M
