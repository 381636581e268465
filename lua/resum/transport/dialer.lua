-- The way in to one address, for all connections that are made there, from nothing to where the ClientHello goes:
-- connects, asks a proxy for a tunnel, asks the server for TLS; how often a door that is shut for a moment is tried
-- again, and what is said inside TLS. It sees sockets only through a host, knows no TLS and judges nothing.

local dialogues = require "resum.transport.dialogue"
local proxy = require "resum.transport.proxy"
local starttls = require "resum.transport.starttls"

local M = {}

-- The proxy's addresses are looked up once, and those are tried in order.
local function connect_to_proxy(host, endpoint, timeout)
  local through = endpoint.proxy
  local failure, code
  if not through.addresses then
    through.addresses, failure, code = host.resolve(through.host)
  end
  for _, address in ipairs(through.addresses or {}) do
    local stream
    stream, failure, code = host.connect(address, through.port, { timeout = timeout, source = endpoint.source })
    if stream then
      return stream
    end
  end
  return nil, ("proxy %s: %s"):format(through, failure), code, "proxy"
end

local function connect(host, endpoint, timeout)
  if endpoint.proxy then
    return connect_to_proxy(host, endpoint, timeout)
  end
  local stream, message, code =
    host.connect(endpoint.address, endpoint.port, { timeout = timeout, source = endpoint.source })
  return stream, message, code, "connect"
end

-- Stages in order; each raises what goes wrong.
local function converse(conversation, endpoint, timeout, patience)
  if endpoint.proxy then
    conversation.stage = "proxy"
    conversation:begin("proxy " .. tostring(endpoint.proxy), timeout)
    proxy.dialogue(conversation, endpoint.proxy, endpoint)
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
--   address)
-- @tparam number timeout seconds, for each: connecting, the proxy's answer
-- @tparam[opt=timeout] number patience seconds for the server's go-ahead
-- @treturn[1] table stream
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: of host.connect; of resum.transport.dialogue; "proxy" (it gives no tunnel), "no_starttls"
--   (no STARTTLS), "busy" (come back later), "turned_away"
-- @treturn[2] string where it stopped: "connect", "proxy", "starttls"
function M.open(host, endpoint, timeout, patience)
  local stream, message, code, stage = connect(host, endpoint, timeout)
  if not stream then
    return nil, message, code, stage
  elseif not endpoint.proxy and not endpoint.starttls then
    return stream
  end
  local conversation = dialogues.new(host, stream)
  local ready
  ready, message, code = dialogues.attempt(converse, conversation, endpoint, timeout, patience)
  if ready then
    return stream
  end
  stream:close()
  return nil, message, code, conversation.stage
end

local DEFAULT_TIMEOUT = 5 -- seconds for connecting, for each dialogue that has no other, and for the handshake

-- What keeps us out for a moment only; at a server that let us in before.
local PASSING = { busy = true, reset = true, closed = true, refused = true }
local BACK_OFF = { first = 0.25, most = 4 } -- seconds before the next try, doubled each time

local function with_source(endpoint, source)
  local copy = {}
  for name, value in pairs(endpoint) do
    copy[name] = value
  end
  copy.source = source or endpoint.source
  return copy
end

local Dialer = {}
Dialer.__index = Dialer

--- Opens the way, up to where TLS begins.
-- @function dialer:open
-- @tparam[opt] string source local address for this connection
-- @return as resum.transport.dialer.open
function Dialer:open(source)
  local endpoint = source and with_source(self.endpoint, source) or self.endpoint
  local stream, message, code, stage = M.open(self.host, endpoint, self.timeout, self.patience)
  self.let_in = self.let_in or stream ~= nil
  return stream, message, code, stage
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

-- Answered at once by any HTTP server; others close, which flushes their tickets as well.
local function http_request(endpoint)
  return ("HEAD / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"):format(endpoint.server_name or endpoint.address)
end

-- Where a protocol's own port speaks TLS from the first byte, its words are known as well; but there the server has the
-- first word inside TLS, so nothing is said that it might take for haste.
local function words(endpoint)
  local asked_for = endpoint.starttls
  if asked_for then
    return starttls.say(asked_for, "request", endpoint), starttls.say(asked_for, "goodbye", endpoint)
  end
  local spoken = starttls.find_direct(endpoint.port)
  if spoken then
    return starttls.say(spoken, "request", endpoint)
  end
  return http_request(endpoint)
end

local function never()
  return false
end

local function patience_for(endpoint)
  return endpoint.starttls and endpoint.starttls.patience or DEFAULT_TIMEOUT
end

--- A dialer of one endpoint.
-- @tparam table endpoint see resum.transport.dialer.open
-- @tparam table options host, timeout (seconds, 5; for STARTTLS the protocol's own, where nobody says), retries (0),
--   source (local address), cancelled (asked between tries), request (bytes, instead of the protocol's)
-- @treturn table dialer; dialer.request and dialer.goodbye are bytes for inside TLS, or nil: what makes the server answer,
--   what ends a session in order; dialer.goodbye_is_owed: the server holds it against us when it does not come
function M.new(endpoint, options)
  local request, goodbye = words(endpoint)
  return setmetatable({
    endpoint = with_source(endpoint, options.source),
    host = options.host,
    timeout = options.timeout or DEFAULT_TIMEOUT,
    patience = options.timeout or patience_for(endpoint),
    retries = options.retries or 0,
    cancelled = options.cancelled or never,
    request = options.request or request,
    goodbye = goodbye,
    goodbye_is_owed = goodbye and endpoint.starttls.goodbye_is_owed,
    let_in = false,
  }, Dialer)
end

return M
