-- Does a session that was made with one of my servers open a connection to another one, and what comes out there? A
-- victim's client asks for the name it wants and offers that name's session; whoever can redirect its packets leads it
-- to another server that has the same key. Then it is the other server's page that comes, under no certificate at all.

local answers = require "resum.audit.answer"
local core = require "resum.core"
local poll = require "resum.audit.poll"
local tables = require "resum.util.tables"

local M = {
  id = "other-server",
  title = "Does a session that was made with one of my servers open a connection to another one?",
  severity = "high",
  class = "active",
  sources = { "Delignat-Lavaud and Bhargavan 2015: Network-based Origin Confusion Attacks", "Hebrok et al. 2025",
    "RFC 6066, section 3", "RFC 9846, section 4.3.11", "Brinkmann et al. 2021: ALPACA" },
  advice = "Give ticket keys and session caches to servers of one certificate and one content only: other sites, and "
    .. "other protocols, get keys of their own. A default server should answer 421 to names that are not its own.",
}

-- Twice the page of the target; for each mechanism and server what a question takes, each offer once more where the
-- network ends it, and a full handshake.
local PAGES, EACH = 2, poll.CONNECTIONS + poll.CONNECTIONS // 2 + 2

M.reasons = {
  nothing_else = "there is no other server to ask: the name has one address, and --audit_name gives no other address "
    .. "or port",
  not_resumed = "no other server resumes sessions of the target",
  other_page = function(evidence)
    return ("a session of the target opens %s, whose certificate is not valid for the target, and another page comes "
      .. "(%s; %s)"):format(evidence.name, evidence.mechanism, evidence.answer)
  end,
  other_protocol = function(evidence)
    return ("a session of the target opens %s, which speaks another protocol (%s)"):format(evidence.name,
      evidence.mechanism)
  end,
  no_telling_answer = function(evidence)
    return ("a session of the target opens %s, whose certificate is not valid for the target; nothing is answered that "
      .. "tells what is there (%s)"):format(evidence.name, evidence.mechanism)
  end,
  default_server = function(evidence)
    return ("a session of the target opens %s, which answers %s to the target's name (%s)"):format(evidence.name,
      evidence.answer, evidence.mechanism)
  end,
  shared = function(evidence)
    return ("%s resumes sessions of the target; its certificate is valid for it, or the same page comes (%s)"):format(
      evidence.name, evidence.mechanism)
  end,
  mixed_answers = function(evidence)
    return ("%s resumed a session of the target once, and not again (%s)"):format(evidence.name, evidence.mechanism)
  end,
}

-- A page that says that it has nothing under this name.
local NOTHING_THERE = { [404] = true, [421] = true }

local function servers_of(context)
  local list, own = {}, context.client
  for _, other in ipairs(context.reach:others()) do
    if other.address ~= own.address or other.port ~= own.port then
      list[#list + 1] = { address = other.address, port = other.port, name = other.name, is_other = true }
    end
  end
  for _, address in ipairs(context.reach:addresses()) do
    list[#list + 1] = { address = address, port = own.port, name = address }
  end
  return list
end

function M.connections(options)
  return PAGES + EACH * #options.mechanisms * (#(options.audit_names or {}) + 1)
end

-- The first certificate of the server's Certificate message, which may be anything.
local function leaf_of(record)
  for _, message in ipairs(record.transcript or {}) do
    if message.from == "server" and message.type == "certificate" then
      local fine, der = pcall(function()
        local at = record.version == "TLSv1.3" and select(2, (">s1"):unpack(message.bytes, 5)) or 5
        local list = (">s3"):unpack(message.bytes, at)
        return (">s3"):unpack(list)
      end)
      return fine and der or nil
    end
  end
end

local Trial = {}
Trial.__index = Trial

-- One connection, and once more where it was lost, or ended before there was an answer; but no session that has resumed
-- is offered again.
local function ask(context, options, client)
  options.engine = "handshake"
  options.request = (client or context.client).dialer:who_are_you(context.client.server_name
    or context.client.address)
  local record
  answers.hear(function()
    local is_enough = record ~= nil and record.outcome == "resumed"
    record = is_enough and record or context:attempt(options, client)
    return not is_enough and record or nil
  end)
  return record
end

function Trial:found(verdict, reason, severity, more)
  return { verdict = verdict, reason = reason, severity = severity,
    evidence = tables.merged({ name = self.server.name, mechanism = self.mechanism }, more) }
end

-- What says for certain that a server did not resume. (One that speaks no TLS says nothing.)
local NOT_RESUMED = { refused = true, full = true, alert = true }

-- Does it resume a session of the target, offered there under the target's name? Nil where that can't be told.
function Trial:resumes(session)
  local record = ask(self.context, { mechanism = self.mechanism, session = session }, self.client)
  if record.outcome == "resumed" then
    self.record = (record.response or not self.record) and record or self.record
    return true
  end
  return not NOT_RESUMED[record.outcome] and nil
end

-- Is the page the target's own? Where that differs each time, status and title have to do.
function Trial:is_own_page(response)
  local first, second = self.pages[1], self.pages[2]
  if not first or not response then
    return false
  elseif second and first.sha256 == second.sha256 then
    return response.sha256 == first.sha256 and response.status == first.status
  end
  return response.status == first.status and response.title == first.title
end

-- What a resumed connection there means. The certificate of a full handshake there says whether a client that asked for
-- the target would have gone on.
function Trial:judge(record)
  local full = ask(self.context, { mechanism = self.mechanism, transcript = true }, self.client)
  local der = leaf_of(full)
  local own_name = self.context.client.server_name or self.context.client.address
  if not der then
    return self:found("inconclusive", "connection_failed")
  elseif core.certificate_fits(der, own_name) or self:is_own_page(record.response) then
    return self:found("info", "shared")
  elseif self.client.dialer:protocol() ~= self.context.client.dialer:protocol() then
    return self:found("bad", "other_protocol", "medium")
  end
  local refused, answer = answers.refused(record)
  local status = record.response and record.response.status
  if refused == nil then
    return self:found("bad", "no_telling_answer", "medium", { answer = answer })
  elseif NOTHING_THERE[status] or refused then
    return self:found("bad", "default_server", "low", { answer = answer })
  elseif self.pages.unseen then
    return self:found("inconclusive", "connection_failed")
  end
  return self:found("bad", "other_page", "high", { answer = answer })
end

-- Nil where it does not resume.
function Trial:run()
  local resumed, where = poll.ask(self.context, self.mechanism, function(session)
    return self:resumes(session)
  end, nil, false, true)
  if resumed then
    local found = self:judge(self.record)
    found.group, found.share = where.group, where.share
    return found
  elseif resumed == nil then
    return self:found("inconclusive", where.why)
  end
end

local function trials(context, servers, list)
  local pages = { unseen = true } -- unless the target answered, or was seen to say nothing
  for i = 1, PAGES do
    local record = ask(context, { mechanism = "control" })
    pages[i] = record.response or false
    pages.unseen = pages.unseen and not record.response and (record.outcome ~= "full" or answers.was_ended(record))
  end
  for _, server in ipairs(servers) do
    local client = context:new_client(server)
    for _, mechanism in ipairs(context:resuming()) do
      list[#list + 1] = setmetatable({ context = context, mechanism = mechanism, server = server, client = client,
        pages = pages }, Trial):run()
    end
  end
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} findings
function M.run(context)
  local servers, list = servers_of(context), {}
  if #servers == 0 then
    return { { verdict = "not_applicable", reason = "nothing_else" } }
  elseif #context:resuming() == 0 then
    return { { verdict = "not_applicable", reason = "does_not_resume" } }
  end
  trials(context, servers, list)
  if #list == 0 then
    list[1] = { verdict = "good", reason = "not_resumed", evidence = { servers = #servers } }
  end
  return list
end

return M
