-- From nothing to where the ClientHello goes: connects, asks a proxy for a tunnel, asks the server for TLS. It sees
-- sockets only through a host, and knows no TLS.

local proxy = require "resum.transport.proxy"
local talk = require "resum.transport.dialogue"

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
  local conversation = talk.new(host, stream)
  local ready
  ready, message, code = talk.attempt(converse, conversation, endpoint, timeout, patience)
  if ready then
    return stream
  end
  stream:close()
  return nil, message, code, conversation.stage
end

return M
