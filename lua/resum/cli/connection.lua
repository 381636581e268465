-- The command's options that say how a server is reached and as whom: words in, fields of what resum.run takes out. It
-- reads the certificate's files, and where a passphrase is to be found; what a message says never holds a secret.

local comma_list = require "resum.cli.comma_list"
local input = require "resum.cli.input"
local options_of = require "resum.options"
local proxy = require "resum.transport.proxy"
local starttls = require "resum.transport.starttls"
local suggestion = require "resum.util.suggestion"

local M = {}

local function protocol(given)
  if given == "auto" or starttls.find(given) then
    return given
  end
  return nil, ("--starttls takes one of auto, %s%s"):format(table.concat(starttls.names, ", "),
    suggestion.question(suggestion.of(given, starttls.names)))
end

local function through(given)
  local one, message = proxy.parse(given)
  return one, message and "--proxy: " .. message
end

local function protocol_list(given)
  local names = comma_list(given)
  local problem = options_of.protocols_problem(names)
  return not problem and names or nil, problem and "--alpn " .. problem
end

local ESCAPED = { r = "\r", n = "\n", t = "\t", ["0"] = "\0", ["\\"] = "\\" }

-- Bytes as people write them: "QUIT\r\n", "\x10\x0c".
local function bytes(given)
  local parts, at = {}, 1
  while at <= #given do
    local plain, stop = given:match("^([^\\]+)()", at)
    local digits, after = given:match("^\\x(%x%x)()", at)
    if plain then
      parts[#parts + 1], at = plain, stop
    elseif digits then
      parts[#parts + 1], at = string.char(tonumber(digits, 16)), after
    elseif ESCAPED[given:sub(at + 1, at + 1)] then
      parts[#parts + 1], at = ESCAPED[given:sub(at + 1, at + 1)], at + 2
    else
      return nil, "--request knows \\r, \\n, \\t, \\0, \\\\ and \\xHH, and no other escape"
    end
  end
  return table.concat(parts)
end

--- Adds the options to a parser.
-- @tparam table parser argparse's
function M.add(parser)
  parser:option("--starttls", "ask for TLS in this protocol first: auto (chosen by the port), "
    .. table.concat(starttls.names, ", ") .. "; a target without a port gets the protocol's")
    :argname("PROTOCOL"):convert(protocol)
  parser:option("--xmpp-to", "ask an XMPP server for this domain, instead of --sni or the target's host")
    :argname("DOMAIN")
  parser:option("--proxy --https-tunnel", "connect through http://[user:password@]host:port (CONNECT), socks5://... "
    .. "or socks5h://...; with http and socks5h the proxy looks up names"):argname("URL"):convert(through)
  parser:option("--proxy-protocol", "send a PROXY header of this version, with our own address, before anything else")
    :argname("1|2"):choices({ "1", "2" })
  parser:option("--sni", "send this server name instead of the target's host"):argname("NAME")
  parser:flag("--no-sni", "send no server name")
  parser:option("--alpn", "offer these application protocols, such as h2,http/1.1"):argname("LIST")
    :convert(protocol_list)
  parser:option("--request", "say this inside TLS to make the server answer, instead of the protocol's own words: some "
    .. "servers issue tickets only with their first data; \\r, \\n, \\xHH are bytes"):argname("TEXT"):convert(bytes)
  parser:flag("-4", "use IPv4 addresses only"):target("ipv4")
  parser:flag("-6", "use IPv6 addresses only"):target("ipv6")
  parser:option("--tls", "speak this version only"):choices({ "1.0", "1.1", "1.2", "1.3" })
  parser:option("--cert", "client certificate: PEM (may hold a chain), DER or PKCS#12"):argname("FILE")
  parser:option("--key", "its private key: PEM, DER or PKCS#12; by default it is looked for in the file of --cert")
    :argname("FILE")
  parser:option("--keyform", "require this format of the key; detected by default"):choices({ "pem", "der", "p12" })
  parser:option("--pass", "passphrase of the key: env:VARIABLE, file:PATH (first line), pass:TEXT or the text "
    .. "itself, which other users of this machine can see; the default is the environment variable RESUM_PASS")
    :argname("WHERE")
end

local LARGEST = 1024 * 1024 -- bytes of a certificate's file, its chain and key included, or of a passphrase's

local function read_file(path, option)
  local content, message = input.content(path, LARGEST, option)
  return content, not content and (message or path .. ": cannot be read") or nil
end

local SOURCES = {
  env = function(name)
    local value = os.getenv(name)
    return value, not value and "the environment has no variable of that name" or nil
  end,
  file = function(path)
    local content, message = read_file(path, "--pass")
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
    for _, option in ipairs({ "key", "keyform", "pass" }) do
      if parsed[option] then
        return nil, ("--%s needs --cert"):format(option)
      end
    end
    return true
  end
  local message
  options.certificate, message = read_file(parsed.cert, "--cert")
  if not options.certificate then
    return nil, "--cert: " .. message
  end
  if parsed.key then
    options.private_key, message = read_file(parsed.key, "--key")
    if not options.private_key then
      return nil, "--key: " .. message
    end
  end
  options.key_form = parsed.keyform
  options.passphrase, message = passphrase(parsed.pass)
  return not message, message and "--pass: " .. message
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
  elseif parsed.xmpp_to and not options_of.XMPP[parsed.starttls] then
    return nil, "--xmpp_to is asked of XMPP servers: add --starttls xmpp, xmpp-server or auto"
  end
  local options = {
    starttls = parsed.starttls,
    xmpp_to = parsed.xmpp_to,
    proxy = parsed.proxy,
    proxy_protocol = parsed.proxy_protocol and math.tointeger(tonumber(parsed.proxy_protocol)),
    sni = parsed.sni,
    no_sni = parsed.no_sni,
    family = parsed.ipv4 and "inet" or parsed.ipv6 and "inet6" or nil,
    tls = parsed.tls,
    alpn = parsed.alpn,
    request = parsed.request,
  }
  local good, message = add_certificate(options, parsed)
  return good and options or nil, message
end

return M
