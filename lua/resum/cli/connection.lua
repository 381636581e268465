-- The command's options that say how a server is reached and as whom: words in, fields of what resum.run takes out. It
-- reads the certificate's files, and where a passphrase is to be found; what a message says never holds a secret.

local proxy = require "resum.transport.proxy"
local starttls = require "resum.transport.starttls"

local M = {}

local function protocol(given)
  if given == "auto" or starttls.find(given) then
    return given
  end
  return nil, "--starttls takes auto, " .. table.concat(starttls.names, ", ")
end

local function through(given)
  local one, message = proxy.parse(given)
  return one, message and "--proxy: " .. message
end

--- Adds the options to a parser.
-- @tparam table parser argparse's
function M.add(parser)
  parser:option("--starttls", "ask for TLS in a protocol first: auto (by the port), "
    .. table.concat(starttls.names, ", ") .. "; where a target has no port, it is the protocol's")
    :argname("PROTOCOL"):convert(protocol)
  parser:option("--xmpp-to", "domain to ask an XMPP server for, instead of the target's host"):argname("DOMAIN")
  parser:option("--proxy --https-tunnel", "go through http://[user:password@]host:port (CONNECT), socks5://… or "
    .. "socks5h://…; with http and socks5h the proxy looks up the names"):argname("URL"):convert(through)
  parser:option("--sni", "server name to ask for, instead of the target's host"):argname("NAME")
  parser:flag("--no-sni", "ask for no server name")
  parser:flag("-4", "IPv4 addresses only"):target("ipv4")
  parser:flag("-6", "IPv6 addresses only"):target("ipv6")
  parser:option("--tls", "speak this version only"):choices({ "1.0", "1.1", "1.2", "1.3" })
  parser:option("--cert", "client certificate: PEM (chain allowed), DER or PKCS#12"):argname("FILE")
  parser:option("--key", "its private key: PEM, DER or PKCS#12; without this option it is looked for in --cert's file")
    :argname("FILE")
  parser:option("--keyform", "what the key must be; by default that is seen"):choices({ "pem", "der", "p12" })
  parser:option("--pass", "passphrase of the key: env:VARIABLE, file:PATH (its first line), pass:TEXT or the text "
    .. "itself, which other users of this machine may see; without this option RESUM_PASS of the environment")
    :argname("WHERE")
end

local function read_file(path)
  local file, message = io.open(path, "rb")
  local content = file and file:read("a")
  if file then
    file:close()
  end
  if content then
    return content
  end
  return nil, message or path .. ": cannot be read"
end

local SOURCES = {
  env = function(name)
    local value = os.getenv(name)
    return value, not value and "the environment has no variable of that name" or nil
  end,
  file = function(path)
    local content, message = read_file(path)
    return content and content:match("^[^\r\n]*"), message
  end,
  pass = function(text)
    return text
  end,
}

-- The passphrase, or nil; nil and a message when it is not where it was said to be.
local function passphrase(given)
  if not given then
    return os.getenv("RESUM_PASS")
  end
  local kind, rest = given:match("^(%l+):(.*)$")
  local value, message = given, nil
  if SOURCES[kind] then
    value, message = SOURCES[kind](rest)
  end
  if value and value:find("\0", 1, true) then
    return nil, "it has a NUL byte"
  end
  return value, message
end

local function add_certificate(options, parsed)
  if not parsed.cert then
    return not parsed.key, parsed.key and "--key needs --cert"
  end
  local message
  options.certificate, message = read_file(parsed.cert)
  if not options.certificate then
    return nil, "--cert: " .. message
  end
  if parsed.key then
    options.private_key, message = read_file(parsed.key)
    if not options.private_key then
      return nil, "--key: " .. message
    end
  end
  options.key_form = parsed.keyform
  options.passphrase, message = passphrase(parsed.pass)
  return not message, message and "--pass: " .. message
end

--- The port of a target that has none; nil: there is no other than that of all.
-- @tparam table parsed what the parser made of the command line
-- @treturn integer|nil
function M.default_port(parsed)
  local asked_for = parsed.starttls and starttls.find(parsed.starttls)
  return asked_for and asked_for.ports[1]
end

--- What the options come to.
-- @tparam table parsed what the parser made of the command line
-- @treturn[1] table fields for resum.run
-- @treturn[2] nil
-- @treturn[2] string message
function M.options(parsed)
  if parsed.ipv4 and parsed.ipv6 then
    return nil, "-4 and -6 exclude each other"
  elseif parsed.sni and parsed.no_sni then
    return nil, "--sni and --no_sni exclude each other"
  end
  local options = {
    starttls = parsed.starttls,
    xmpp_to = parsed.xmpp_to,
    proxy = parsed.proxy,
    sni = parsed.sni,
    no_sni = parsed.no_sni,
    family = parsed.ipv4 and "inet" or parsed.ipv6 and "inet6" or nil,
    tls = parsed.tls,
  }
  local good, message = add_certificate(options, parsed)
  return good and options or nil, message
end

return M
