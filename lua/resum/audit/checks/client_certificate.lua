-- Can somebody with a certificate for one of my names get into another one by resuming? A session is made under the
-- target's name with the client's certificate, and offered under another name that refuses this certificate. Every
-- deviation has its twin: the same as a full handshake. What is decided rests on answers of the server inside TLS.

local answers = require "resum.audit.answer"
local poll = require "resum.audit.poll"
local tables = require "resum.util.tables"

local M = {
  id = "client-certificate",
  title = "Can somebody with a certificate for one of my names get into another one by resuming?",
  severity = "high",
  class = "active",
  needs = { "certificate", "audit_names" },
  sources = { "CVE-2025-23419", "CVE-2025-23048", "CVE-2025-68121", "CVE-2026-11703", "CVE-2026-48928",
    "GHSA-gv8r-9rw9-9697", "Hebrok et al. 2025", "RFC 9846, sections 2.2 and 4.7.1" },
  advice = "Give each domain of trust a listener of its own (address or port); or switch sessions and tickets off "
    .. "where client certificates are asked for; or have the application check the certificate's issuer by the Host "
    .. "that is asked for.",
}

-- For a name and a mechanism: the session and its control, what full handshakes there show (with a certificate,
-- without, and two twins), and four deviations, two of them asked of each group of servers; each again and again where
-- the server says no word.
local EACH = answers.ENDS * (1 + 5 * poll.MOST_ROUNDS + 2 * poll.CONNECTIONS + 2 * poll.CONNECTIONS_ANY)

M.reasons = {
  refused_there = "sessions of the target do not lead into the other server",
  gets_in = function(evidence)
    return ("a session of the target opens %s, which refuses the certificate it was made with (%s; %s)"):format(
      evidence.name, evidence.mechanism, evidence.answer)
  end,
  no_telling_answer = function(evidence)
    return ("a session of the target resumes at %s, and no answer tells whether that lets a client in (%s)"):format(
      evidence.name, evidence.mechanism)
  end,
  certificate_not_bound_to_name = function(evidence)
    return ("%s takes a certificate of another name where its Host is asked for under that: not only by resuming (%s)")
      :format(evidence.name, evidence.mechanism)
  end,
  nameless = function(evidence)
    return ("%s takes a certificate of the target where its Host is asked for under no name: not only by resuming (%s)")
      :format(evidence.name, evidence.mechanism)
  end,
  good_there = function(evidence)
    return ("%s takes this certificate anyway"):format(evidence.name)
  end,
  none_asked = function(evidence)
    return ("%s lets clients in without a certificate"):format(evidence.name)
  end,
  refused_here = "the target itself refuses this certificate",
  mixed_answers = "the same offer was answered differently",
}

function M.connections(options)
  return EACH * #options.mechanisms * #(options.audit_names or {})
end

local Trial = {}
Trial.__index = Trial

-- One connection, and again where it was only ended; with a session that is new each time. Gives the record, whether
-- the client was refused (nil: that can't be told), and the answer in words.
function Trial:ask(options, client)
  local given = tables.merged(options, { mechanism = self.mechanism, engine = "handshake",
    request = (client or self.context.client).dialer:who_are_you(options.host) })
  given.host = nil
  local is_first = true
  return answers.hear(function()
    if options.session and not is_first then
      given.session = self:log_in()
    end
    is_first = false
    return (given.session or not options.session) and self.context:attempt(given, client) or nil
  end, self.answers_others)
end

-- A full handshake under the target's name, with the certificate, whose session is kept. Gives it, the record, and
-- whether the client was refused.
function Trial:log_in()
  local record, refused = self:ask({ host = self.own_host, want_tickets = true })
  return record.sessions[#record.sessions], record, refused
end

local DEVIATIONS = {
  { id = "T1", named = true },
  { id = "T4", named = true, upper = true },
  { id = "T2" },
  { id = "T3", nameless = true },
}

-- Are both names met at one place?
function Trial:is_here()
  return self.other.address == self.context.client.address and self.other.port == self.context.client.port
end

-- Where a deviation goes: the options of its attempt, and the client that makes it.
function Trial:route(deviation)
  local options = { host = deviation.upper and self.other.host:upper() or self.other.host }
  if deviation.upper then
    options.server_name = options.host
  elseif deviation.nameless then
    options.server_name = false
  end
  local client
  if deviation.named then
    client = self.anonymous
  elseif not self:is_here() then
    return nil -- under the target's own name only where both are met there
  end
  return options, client
end

-- Refused by the server, in whatever words; nil where nothing was said, or the network failed.
local NOT_RESUMED = { refused = true, full = true, alert = true }

-- Let in by a resumed session, with an answer that a refused client does not get? Nil where it can't be told.
function Trial:gets_in(record, refused, answer)
  if refused or NOT_RESUMED[record.outcome] then
    return false
  elseif record.outcome ~= "resumed" then
    return nil
  elseif refused == nil then
    self.silent = true
    return nil
  end
  local as_refused = false
  for _, response in ipairs(self.refusals) do
    as_refused = as_refused or answers.same(record.response, response)
  end
  self.answer = answer
  return not as_refused
end

function Trial:found(verdict, reason, severity, more, where)
  where = where or {}
  return { verdict = verdict, reason = reason, severity = severity, group = where.group, share = where.share,
    evidence = tables.merged({ name = self.other.name, mechanism = self.mechanism }, more) }
end

-- A full handshake, as often as it takes to meet every server. Gives true where all refuse, false where all let the
-- client in, nil where some do, or it can't be told; and whether any let it in.
function Trial:refuses(options, client)
  local refused, let_in, responses = 0, 0, {}
  for _ = 1, self.rounds do
    local record, is_refused = self:ask(options, client)
    refused, let_in = refused + (is_refused and 1 or 0), let_in + (is_refused == false and 1 or 0)
    responses[#responses + 1] = is_refused and (record.response or false) or nil
  end
  local all = refused == self.rounds or let_in ~= self.rounds and nil
  return all, let_in > 0, responses
end

-- Do full handshakes show that there is no question? Returns a finding where they do.
function Trial:look_there()
  local host = { host = self.other.host }
  local without_refused, without_let_in, first = self:refuses(host, self.anonymous)
  local with_refused, with_let_in, second = self:refuses(host, self.certified)
  if without_refused == false then
    return self:found("not_applicable", "none_asked")
  elseif with_refused == false and without_refused then
    return self:found("not_applicable", "good_there")
  elseif not with_refused or not without_refused then
    local mixed = with_let_in or without_let_in
    return self:found("inconclusive", mixed and "mixed_answers" or "connection_failed")
  end
  self.refusals = table.move(second, 1, #second, #first + 1, first)
end

-- Is there a question at all? Returns a finding where there is none.
function Trial:prepare()
  local session, first, refused = self:log_in()
  self.answers_others = first.response ~= nil
  if refused or not session then
    return self:found(refused and "not_applicable" or "inconclusive", refused and "refused_here" or "connection_failed")
  elseif refused == nil then
    return self:found("inconclusive", "connection_failed")
  end
  local found = self:look_there()
  if found then
    return found
  end
  for _ = 1, self.rounds do
    local record = self:ask({ host = self.own_host, session = session })
    if record.outcome == "resumed" then
      return nil
    end
  end
  return self:found("inconclusive", "does_not_resume")
end

-- Does a session get in by this deviation, at any server? Gives where as well, see resum.audit.poll.
function Trial:try(deviation, any)
  local options, client = self:route(deviation)
  if not options then
    return false, {}
  end
  self.silent, self.answer = false, nil
  local let_in
  local gets_in, where = poll.ask(self.context, self.mechanism, function(session)
    local is_in = self:gets_in(self:ask(tables.merged(options, { session = session }), client))
    let_in = is_in and self.answer or let_in
    return is_in
  end, function()
    return (self:log_in())
  end, any, not self:is_here())
  self.answer = let_in
  return gets_in, where
end

-- What it comes to where nobody can tell.
function Trial:left_open(deviation, where)
  return self:found("inconclusive", where.why or "connection_failed", nil,
    { deviation = deviation.id })
end

-- A session gets in: is that resumption's fault? Not where a full handshake with the certificate does the same. Gives
-- the deviation whose full handshake lets the client in; nil and true where that can't be told of one.
function Trial:twin_of(deviations)
  local is_open = false
  for _, deviation in ipairs(deviations) do
    local options, client = self:route(deviation)
    if options then
      local refused, let_in = self:refuses(options, deviation.named and self.certified or client)
      if let_in then
        return deviation
      end
      is_open = is_open or refused == nil
    end
  end
  return nil, is_open
end

function Trial:blame(deviation, twins, where)
  local twin, is_open = self:twin_of(twins)
  if twin and twin.nameless then -- nginx's default server does, and no resumption is needed for it
    return self:found("info", "nameless", nil, { deviation = deviation.id }, where)
  elseif twin then
    return self:found("bad", "certificate_not_bound_to_name", "medium", { deviation = deviation.id }, where)
  elseif is_open then
    return self:left_open(deviation, { seen = 0 })
  end
  return self:found("bad", "gets_in", "high", { deviation = deviation.id, answer = self.answer }, where)
end

-- Under the other name, without a certificate: a full handshake that shows one is refused there. But up to TLS 1.2 some
-- servers tell the application the old name; and a name in upper case may be none that they know.
function Trial:as_other(silent)
  for i = 1, 2 do
    local deviation = DEVIATIONS[i]
    local gets_in, where = self:try(deviation)
    if gets_in then
      local twins = { self.mechanism ~= "psk" and DEVIATIONS[3] or nil }
      twins[#twins + 1] = deviation.upper and deviation or nil
      return self:blame(deviation, twins, where)
    elseif gets_in == nil and self.silent and where.seen == 0 then
      silent[#silent + 1] = deviation.id
    elseif gets_in == nil then
      return self:left_open(deviation, where)
    end
  end
end

-- Under the target's name or none, but asking for the other: resumption's only where the full handshake is refused.
function Trial:as_target()
  for i = 3, 4 do
    local deviation = DEVIATIONS[i]
    local gets_in, where = self:try(deviation, true)
    if gets_in then
      return self:blame(deviation, { deviation }, where)
    elseif gets_in == nil then
      return self:left_open(deviation, where)
    end
  end
end

function Trial:run()
  local silent = {}
  local found = self:prepare() or self:as_other(silent)
  if not found and #silent > 0 then
    return self:found("bad", "no_telling_answer", "medium", { deviation = silent[1] })
  end
  return found or self:as_target() or self:found("good", "refused_there")
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} findings, one for each name and mechanism
function M.run(context)
  local list = {}
  for _, other in ipairs(context.reach:others()) do
    local certified, anonymous = context:new_client(other), context:new_client(other, { anonymous = true })
    for _, mechanism in ipairs(context:resuming()) do
      list[#list + 1] = setmetatable({ context = context, mechanism = mechanism, other = other, certified = certified,
        anonymous = anonymous, own_host = context.client.server_name or context.client.address,
        rounds = poll.rounds(context, mechanism) }, Trial):run()
    end
  end
  return #list > 0 and list or { { verdict = "not_applicable", reason = "does_not_resume" } }
end

return M
