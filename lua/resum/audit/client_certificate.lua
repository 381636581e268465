-- Can somebody with a certificate for one of my names get into another one by resuming? A session is made under the
-- target's name with the client's certificate, and offered under another name that refuses this certificate. Every
-- deviation has its twin: the same as a full handshake. What is decided rests on answers of the server inside TLS.

local answers = require "resum.audit.answer"
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

-- A mechanism: three that say whether there is a question, the session itself, each deviation with a session of its own
-- and three twins, the confirmation, and as many again where the network fails.
local EACH = 18

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

-- One connection, and once more where the network ended it.
function Trial:ask(options, client)
  local record
  for _ = 1, 2 do
    options.mechanism, options.engine = self.mechanism, "handshake"
    options.request = (client or self.context.client).dialer:who_are_you(options.host)
    local given = {}
    for name, value in pairs(options) do
      given[name] = name ~= "host" and value or nil
    end
    record = self.context:attempt(given, client)
    if not answers.may_be_chance(record) then
      break
    end
  end
  return record
end

-- A full handshake under the target's name, with the certificate, whose session is kept.
function Trial:log_in()
  local record = self:ask({ host = self.own_host, want_tickets = true })
  return record.sessions[#record.sessions], record
end

local DEVIATIONS = {
  { id = "T1", named = true },
  { id = "T4", named = true, upper = true },
  { id = "T2" },
  { id = "T3", nameless = true },
}

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
  elseif self.other.address ~= self.context.client.address or self.other.port ~= self.context.client.port then
    return nil -- under the target's own name only where both are met at one place
  end
  return options, client
end

-- A session that was made for it, offered there.
function Trial:offer(deviation)
  local options, client = self:route(deviation)
  local session = options and self:log_in()
  if not session then
    return nil
  end
  options.session = session
  return self:ask(options, client)
end

function Trial:twin(deviation)
  local options, client = self:route(deviation)
  return options and self:ask(options, client)
end

-- Let in by a resumed session, with an answer that a refused client does not get?
function Trial:gets_in(record)
  if not record or record.outcome ~= "resumed" then
    return false
  end
  local refused, answer = answers.refused(record)
  if refused == nil then
    return nil, answer
  end
  local as_refused = answers.same(record.response, self.refusals[1].response)
    or answers.same(record.response, self.refusals[2].response)
  return refused == false and not as_refused, answer
end

function Trial:found(verdict, reason, severity, more)
  return { verdict = verdict, reason = reason, severity = severity,
    evidence = tables.merged({ name = self.other.name, mechanism = self.mechanism }, more) }
end

-- Is there a question at all? Returns a finding where there is none.
function Trial:prepare()
  local session, first = self:log_in()
  local refused = answers.refused(first)
  if refused or not session then
    return self:found(refused and "not_applicable" or "inconclusive", refused and "refused_here" or "connection_failed")
  end
  local host = self.other.host
  local with, without = self:ask({ host = host }, self.certified), self:ask({ host = host }, self.anonymous)
  local with_refused, without_refused = answers.refused(with), answers.refused(without)
  if with_refused == nil or without_refused == nil or refused == nil then
    return self:found("inconclusive", "connection_failed")
  elseif not without_refused then
    return self:found("not_applicable", "none_asked")
  elseif not with_refused then
    return self:found("not_applicable", "good_there")
  end
  self.refusals = { with, without }
  local resumed = self:ask({ host = self.own_host, session = session })
  if resumed.outcome ~= "resumed" then
    return self:found("inconclusive", "does_not_resume")
  end
end

-- A session that lets somebody in once has to do so twice.
function Trial:confirm(deviation, answer)
  if self:gets_in(self:offer(deviation)) ~= true then
    return self:found("inconclusive", "mixed_answers", nil, { deviation = deviation.id })
  end
  -- Up to TLS 1.2 some servers tell the application the old name; and a name in upper case may be none that they know.
  local twin = deviation.upper and deviation or self.mechanism ~= "psk" and DEVIATIONS[3]
  local full = twin and self:twin(twin)
  if full and answers.refused(full) == false then
    return self:found("bad", "certificate_not_bound_to_name", "medium", { deviation = deviation.id })
  end
  return self:found("bad", "gets_in", "high", { deviation = deviation.id, answer = answer })
end

-- Under the other name, without a certificate.
function Trial:as_other(silent)
  for i = 1, 2 do
    local deviation = DEVIATIONS[i]
    local record = self:offer(deviation)
    local gets_in, answer = self:gets_in(record)
    if gets_in then
      return self:confirm(deviation, answer)
    elseif gets_in == nil then
      silent[#silent + 1] = deviation.id
    elseif not record or answers.may_be_chance(record) then
      return self:found("inconclusive", "connection_failed", nil, { deviation = deviation.id })
    end
  end
end

-- Under the target's name or none, but asking for the other: resumption's only where the full handshake is refused.
function Trial:as_target()
  for i = 3, 4 do
    local deviation = DEVIATIONS[i]
    local gets_in, answer = self:gets_in(self:offer(deviation))
    if gets_in then
      local twin = self:twin(deviation)
      local refused = twin and answers.refused(twin)
      if refused == false then
        return self:found("bad", "certificate_not_bound_to_name", "medium", { deviation = deviation.id })
      elseif refused then
        return self:confirm(deviation, answer)
      end
      return self:found("inconclusive", "connection_failed", nil, { deviation = deviation.id })
    end
  end
end

function Trial:run()
  local silent = {}
  local found = self:prepare() or self:as_other(silent) or self:as_target()
  if found then
    return found
  elseif #silent > 0 then
    return self:found("bad", "no_telling_answer", "medium", { deviation = silent[1] })
  end
  return self:found("good", "refused_there")
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} findings, one for each name and mechanism
function M.run(context)
  local list = {}
  for _, other in ipairs(context.reach:others()) do
    local certified, anonymous = context:new_client(other), context:new_client(other, { anonymous = true })
    for _, mechanism in ipairs(context:resuming()) do
      list[#list + 1] = setmetatable({ context = context, mechanism = mechanism, other = other, certified = certified,
        anonymous = anonymous, own_host = context.client.server_name or context.client.address }, Trial):run()
    end
  end
  return #list > 0 and list or { { verdict = "not_applicable", reason = "does_not_resume" } }
end

return M
