-- XMPP between client and server, and between servers (RFC 6120, section 5.4). A stream of XML, read tag by tag; of a
-- tag only its local name matters here.

local M = {}

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ["'"] = "&apos;", ['"'] = "&quot;" }

local function header(namespace, endpoint)
  local domain = (endpoint.xmpp_to or endpoint.name or endpoint.address):gsub("[&<>'\"]", ESCAPES)
  return ("<?xml version='1.0'?><stream:stream to='%s' version='1.0' xmlns='%s' "
    .. "xmlns:stream='http://etherx.jabber.org/streams'>"):format(domain, namespace)
end

-- The next tag: its local name, and whether it starts an element ("start"), ends one ("end"), or is both ("empty").
-- Text before it is left out.
local function next_tag(talk, what)
  local piece = talk:up_to(">", what)
  local tag = piece:match("<([^<]*)$")
  local name = tag and tag:match("^[/?]?([%w_.:-]+)")
  if not name then
    talk:fail_with(what, piece)
  end
  local kind = tag:find("^/") and "end" or tag:find("/$") and "empty" or "start"
  return name:gsub("^.*:", ""), kind
end

-- <stream:error><condition/>… (RFC 6120, section 4.9)
local function fail_with_stream_error(talk)
  local condition = next_tag(talk, "the stream error")
  if condition == "host-unknown" then
    talk:fail("turned_away", "the server does not serve this domain (host-unknown): name another with --xmpp_to")
  end
  talk:fail(condition == "resource-constraint" and "busy" or "turned_away", "the server ended the stream: %s",
    talk:quote(condition))
end

-- Reads the server's header and its features. Is starttls among them?
local function reads_offer(talk)
  local what = "the stream's features"
  local inside, offered = false, false
  while true do
    local name, kind = next_tag(talk, what)
    if name == "error" and not inside then
      fail_with_stream_error(talk)
    elseif name == "features" and kind ~= "start" then
      return offered
    elseif name == "features" then
      inside = true
    elseif name == "starttls" and inside then
      offered = true
    end
  end
end

local function dialogue(namespace)
  return function(talk, endpoint)
    talk:send(header(namespace, endpoint))
    if not reads_offer(talk) then
      talk:fail("no_starttls", "STARTTLS not offered")
    end
    talk:send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    local name, kind = next_tag(talk, "the answer to STARTTLS")
    if name ~= "proceed" then
      talk:fail("no_starttls", "STARTTLS refused: %s", talk:quote(name))
    elseif kind == "start" then
      next_tag(talk, "the end of the answer to STARTTLS")
    end
  end
end

local function protocol(namespace, ports, tls_ports)
  return {
    ports = ports,
    tls_ports = tls_ports,
    dialogue = dialogue(namespace),
    request = function(endpoint)
      return header(namespace, endpoint)
    end,
  }
end

M.xmpp = protocol("jabber:client", { 5222 }, { 5223 })
M["xmpp-server"] = protocol("jabber:server", { 5269 }, { 5270 })

return M
