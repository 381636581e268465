-- Which of the open ports that a port scanner found are to be scanned: those in TLS, and with --starttls those where it
-- can be asked for. What the scanner learnt of the service counts more than the number of the port. Pure.

local service = require "resum.target.service"
local starttls = require "resum.transport.starttls"
local targets = require "resum.target"

local M = {}

-- nmap's and IANA's names of the protocols of --starttls, where they are others.
local PROTOCOL_OF = { submission = "smtp", postgresql = "postgres", ["ms-wbt-server"] = "rdp",
  ["xmpp-client"] = "xmpp", imap2 = "imap", ircu = "irc" }

-- What nmap says where it does not know.
local NOTHING_KNOWN = { [""] = true, unknown = true, tcpwrapped = true }

local function speaks_tls(port, found)
  if found.tunnel == "ssl" or service.is_tls_name(found.name) then
    return true
  elseif found.probed and not NOTHING_KNOWN[found.name] or service.is_plain_name(found.name) then
    return false
  end
  return service.is_tls_port(port)
end

local function speaks(protocol, port, found)
  local by_port = starttls.find("auto", port)
  local name = PROTOCOL_OF[found.name] or found.name
  return found.tunnel ~= "ssl" and (name == protocol or by_port ~= nil and by_port.name == protocol)
end

--- Is this open port one to scan?
-- @tparam integer port
-- @tparam table found what the scanner says of the service: name ("" where it says nothing), tunnel ("ssl": TLS was
--   spoken there), probed (true: it has looked, and did not go by the port's number)
-- @tparam string|nil protocol of --starttls
-- @treturn boolean
function M.are_wanted(port, found, protocol)
  if not protocol then
    return speaks_tls(port, found)
  elseif protocol == "auto" then
    return speaks_tls(port, found) or starttls.find("auto", port) ~= nil
  end
  return speaks((protocol:gsub("_", "-")), port, found)
end

--- A target at an address.
-- @tparam string address
-- @tparam integer port
-- @tparam[opt] string name the host's, where the scanner was asked for it by that name
-- @treturn string
function M.target(address, port, name)
  if name then
    return ("%s:%d{%s}"):format(name, port, address)
  end
  return targets.label({ host = address, port = port })
end

return M
