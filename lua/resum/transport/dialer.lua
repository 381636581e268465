-- The way in to one address, for all connections that are made there, from nothing to where the ClientHello goes:
-- connects, asks a proxy for a tunnel, asks the server for TLS; how often a door that is shut for a moment is tried
-- again, and what is said inside TLS. It sees sockets only through a host, knows no TLS and judges nothing.

local dialogues = require "resum.transport.dialogue"
local proxy = require "resum.transport.proxy"
local proxy_protocol = require "resum.transport.proxy_protocol"
local tables = require "resum.util.tables"
local words = require "resum.transport.words"

local M = {}

local function never()
  return false
end

-- The one place where connections are made: none when the scan is over.
local function connect_to(host, address, port, options, cancelled)
  if cancelled() then
    return nil, "interrupted", "interrupted"
  end
  return host.connect(address, port, options)
end

-- The proxy's addresses are looked up once, and those are tried in order.
local function connect_to_proxy(host, endpoint, timeout, cancelled)
  local through = endpoint.proxy
  local failure, code
  if not through.addresses then
    through.addresses, failure, code = host.resolve(through.host)
  end
  for _, address in ipairs(through.addresses or {}) do
    local stream
    stream, failure, code =
      connect_to(host, address, through.port, { timeout = timeout, source = endpoint.source }, cancelled)
    if stream then
      return stream
    end
  end
  return nil, ("proxy %s: %s"):format(through, failure), code, "proxy"
end

local function connect(host, endpoint, timeout, cancelled)
  if endpoint.proxy then
    return connect_to_proxy(host, endpoint, timeout, cancelled)
  end
  local stream, message, code =
    connect_to(host, endpoint.address, endpoint.port, { timeout = timeout, source = endpoint.source }, cancelled)
  return stream, message, code, "connect"
end

-- What the server is told of us before anything else.
local function header(endpoint, stream)
  local own = {}
  if stream.own_address then -- a foreign host may not know it
    own.address, own.port = stream:own_address()
  end
  return proxy_protocol.header(endpoint.proxy_protocol, own, endpoint)
end

-- Stages in order; each raises what goes wrong.
local function converse(conversation, stream, endpoint, timeout, patience)
  if endpoint.proxy then
    conversation.stage = "proxy"
    conversation:begin("proxy " .. tostring(endpoint.proxy), timeout)
    proxy.dialogue(conversation, endpoint.proxy, endpoint)
  end
  if endpoint.proxy_protocol then
    conversation.stage = "connect"
    conversation:begin("proxy_protocol", timeout)
    conversation:send(header(endpoint, stream))
  end
  if endpoint.starttls then
    conversation.stage = "starttls"
    conversation:begin("starttls " .. endpoint.starttls.name, patience or timeout)
    endpoint.starttls.dialogue(conversation, endpoint)
  end
  conversation:finish()
end

--- Opens the way to an endpoint, up to where TLS begins.
-- @tparam table host
-- @tparam table endpoint address, port; and where wanted: proxy (from resum.transport.proxy), starttls (a protocol of
--   resum.transport.starttls), name (of the host, as the user gave it) and xmpp_to for its dialogue, source (local
--   address), proxy_protocol (1 or 2: its header is sent)
-- @tparam number timeout seconds, for each: connecting, the proxy's answer
-- @tparam[opt=timeout] number patience seconds for the server's go-ahead
-- @tparam[opt] function cancelled asked before each connection: true, and none is made
-- @treturn[1] table stream
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: of host.connect; of resum.transport.dialogue; "proxy" (it serves us not at all), "no_tunnel"
--   (it gives none there), "no_starttls" (no STARTTLS), "busy" (come back later), "turned_away", "interrupted"
--   (cancelled)
-- @treturn[2] string where it stopped: "connect", "proxy", "starttls"
function M.open(host, endpoint, timeout, patience, cancelled)
  local stream, message, code, stage = connect(host, endpoint, timeout, cancelled or never)
  if not stream then
    return nil, message, code, stage
  elseif not endpoint.proxy and not endpoint.starttls and not endpoint.proxy_protocol then
    return stream
  end
  local conversation = dialogues.new(host, stream, proxy.redaction(endpoint.proxy))
  local fine, ready
  fine, ready, message, code =
    pcall(dialogues.attempt, converse, conversation, stream, endpoint, timeout, patience)
  if fine and ready then
    return stream
  end
  stream:close() -- also after an error in here
  if not fine then
    error(ready, 0)
  end
  return nil, message, code, conversation.stage
end

local DEFAULT_TIMEOUT = 5 -- seconds for connecting, for each dialogue that has no other, and for the handshake

-- What keeps us out for a moment only; at a server that let us in before.
local PASSING = { busy = true, reset = true, closed = true, refused = true }
local BACK_OFF = { first = 0.25, most = 4 } -- seconds before the next try, doubled each time

-- What one server of several may answer before TLS begins, where another does not: so it is asked for again at once, on
-- so many connections at most. (Of a pool of which half lacks STARTTLS, 8 find the other half in 996 of 1,000 cases.
-- Who turns clients away may do so the longer, the more often they come: there it stays at one.)
local MAY_DIFFER = { no_starttls = 8, no_tunnel = 8, turned_away = 1 }
local UNREACHED_BY_PROXY = { unreachable = true, refused = true }
local TRIES_BY_PROXY = 3 -- where nobody was let in yet, the target may as well be down

-- What a connection was refused with, as far as another one may not be.
local function refusal(code, stage)
  if stage == "proxy" and UNREACHED_BY_PROXY[code] then
    return "no_tunnel"
  end
  return MAY_DIFFER[code] and code
end

local function with_source(endpoint, source)
  return tables.merged(endpoint, { source = source or endpoint.source })
end

local Dialer = {}
Dialer.__index = Dialer

--- Opens the way, up to where TLS begins.
-- @function dialer:open
-- @tparam[opt] string source local address for this connection
-- @return as resum.transport.dialer.open
function Dialer:open(source)
  local endpoint = source and with_source(self.endpoint, source) or self.endpoint
  local stream, message, code, stage = M.open(self.host, endpoint, self.timeout, self.patience, self.cancelled)
  self.let_in = self.let_in or stream ~= nil
  local refused = refusal(code, stage)
  if stream or refused then
    self.answered = self.answered + 1
    self.refused[refused or "let_in"] = (self.refused[refused or "let_in"] or 0) + 1
  end
  return stream, message, code, stage
end

--- How often the way ended before TLS, of how many times that it could have.
-- @function dialer:refusals
-- @treturn table|nil connections, and code -> how many ("no_starttls", "no_tunnel", "turned_away"); nil: never
function Dialer:refusals()
  local found
  for code in pairs(MAY_DIFFER) do
    if self.refused[code] then
      found = found or { connections = self.answered }
      found[code] = self.refused[code]
    end
  end
  return found
end

--- May another connection be answered otherwise?
-- @function dialer:may_differ
-- @tparam table|nil problem an attempt's error
-- @tparam integer tries how many were made
-- @treturn boolean
function Dialer:may_differ(problem, tries)
  local refused = problem and refusal(problem.code, problem.stage)
  if not refused or self.cancelled() then
    return false
  end
  return tries < (refused ~= problem.code and not self.let_in and TRIES_BY_PROXY or MAY_DIFFER[refused])
end

local function back_off(self, tries)
  self.host.sleep(math.min(BACK_OFF.most, BACK_OFF.first * 2 ^ (tries - 1)))
end

--- Gives what may pass a moment before the next try, longer each time; what lasts gets none.
-- @function dialer:pause_after
-- @tparam table problem an attempt's error
-- @tparam integer tries how many were made
function Dialer:pause_after(problem, tries)
  if PASSING[problem.code] then
    back_off(self, tries)
  end
end

-- A connection that was accepted and dropped at once: whether the reset is seen now or a moment later, in the
-- handshake, is chance, so it counts as what it is in both cases.
local function was_dropped(problem)
  return problem.stage == "connect" and problem.code == "reset"
end

--- Is the door shut for a moment, at a server that let us in before? Never after the ClientHello: what happens then is
-- for the scans to count.
-- @function dialer:is_shut
-- @tparam table|nil problem an attempt's error
-- @treturn boolean
function Dialer:is_shut(problem)
  return problem ~= nil and self.let_in and problem.stage ~= "handshake" and PASSING[problem.code] == true
    and not was_dropped(problem)
end

--- Is it worth to come back? Waits when it is.
-- @function dialer:opens_later
-- @tparam table|nil problem an attempt's error
-- @tparam integer tries how many were made
-- @treturn boolean
function Dialer:opens_later(problem, tries)
  if not self:is_shut(problem) or tries > self.retries or self.cancelled() then
    return false
  end
  back_off(self, tries)
  return true
end

--- What whoever is there said, fit to be shown: without a proxy's credentials, which it may repeat.
-- @function dialer:redact
-- @tparam string text bounded
-- @treturn string
function Dialer:redact(text)
  return self.redaction(text)
end

--- What makes the server answer, inside TLS.
-- @function dialer:request
-- @tparam[opt] string alpn the application protocol that was agreed on
-- @treturn string|nil bytes; nil: nothing harmless is known
function Dialer:request(alpn)
  local request = self.own_request or words.request(self.endpoint, alpn)
  return request ~= "" and request or nil
end

--- Which protocol is spoken inside TLS, as far as the way there tells.
-- @function dialer:protocol
-- @treturn string its name
function Dialer:protocol()
  return words.protocol(self.endpoint)
end

--- What makes the server say who it is.
-- @function dialer:who_are_you
-- @tparam string host for the header field Host of HTTP
-- @tparam[opt="/"] string path
-- @treturn string bytes
function Dialer:who_are_you(host, path)
  return words.who_are_you(self.endpoint, host, path)
end

local function patience_for(endpoint)
  return endpoint.starttls and endpoint.starttls.patience or DEFAULT_TIMEOUT
end

--- What is said where a request has not been answered.
-- @function dialer:request_again
-- @tparam string request the one that was sent
-- @treturn string|nil bytes
function Dialer:request_again(request)
  return words.request_again(self.endpoint, request)
end

--- A dialer of one endpoint.
-- @tparam table endpoint see resum.transport.dialer.open
-- @tparam table options host, timeout (seconds, 5; for STARTTLS the protocol's own, where nobody says), retries (0),
--   source (local address), cancelled (asked between tries), request (bytes, instead of the
--   protocol's; "" for none)
-- @treturn table dialer; its field goodbye is bytes for inside TLS, or nil: what ends a session in order;
--   goodbye_is_owed: the server holds it against us when it does not come
function M.new(endpoint, options)
  local goodbye = words.goodbye(endpoint)
  return setmetatable({
    endpoint = with_source(endpoint, options.source),
    host = options.host,
    timeout = options.timeout or DEFAULT_TIMEOUT,
    patience = options.timeout or patience_for(endpoint),
    retries = options.retries or 0,
    cancelled = options.cancelled or never,
    own_request = options.request,
    redaction = proxy.redaction(endpoint.proxy),
    goodbye = goodbye,
    goodbye_is_owed = goodbye and endpoint.starttls.goodbye_is_owed,
    let_in = false,
    answered = 0, -- connections that were let in, or refused in a way in which servers may differ
    refused = {}, -- code -> how many of them
  }, Dialer)
end

return M
