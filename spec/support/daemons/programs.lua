--- Small servers of our own on TLS libraries other than OpenSSL and GnuTLS, from spec/support/programs: Go, Java, Node,
-- Python, Erlang, mbedTLS, wolfSSL, BearSSL; and the ones that NSS and Botan bring.
-- Owns how they are built and started. It must not know what a spec asks of them.

local pki = require "spec.support.pki"
local place = require "spec.support.daemons.place"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local uv = require "luv"

local M = {}

local SOURCES = process.ROOT .. "/spec/support/programs/"
local BUILT = process.ROOT .. "/build/spec/programs/"

local LIBRARIES = {
  mbedtls = { "-lmbedtls", "-lmbedx509", "-lmbedcrypto" },
  wolfssl = { "-lwolfssl" },
  bearssl = { "-lbearssl" },
}

local function is_newer(path, than)
  local one, other = uv.fs_stat(path), uv.fs_stat(than)
  return one and other and one.mtime.sec >= other.mtime.sec
end

-- Builds a program, unless it is there; returns its path. command: what comes before the output's name.
local function build(name, source, command)
  local path = BUILT .. name
  if not is_newer(path, SOURCES .. source) then
    place.prepare({ "mkdir", "-p", BUILT })
    local words = { table.unpack(command) }
    table.move({ "-o", path, SOURCES .. source }, 1, 3, #words + 1, words)
    place.prepare(table.move(LIBRARIES[name] or {}, 1, #(LIBRARIES[name] or {}), #words + 1, words))
  end
  return path
end

local function append(list, more)
  return table.move(more or {}, 1, #(more or {}), #list + 1, list)
end

local function identity(options)
  return pki.get(options.cert or "ecdsa")
end

-- PORT CERTIFICATE KEY and the options: what most of them are started with.
local function arguments(here, options)
  local files = identity(options)
  return append({ here.port, files.certificate, files.key }, options.args)
end

--- Go's crypto/tls.
-- @tparam[opt] table options args: "no-tickets", "tls12", "tls13", "hangs-up" (last); cert
function M.go(options)
  options = options or {}
  local cache = BUILT .. "go-cache"
  local program = build("go", "server.go", { "env", "GO111MODULE=off", "GOCACHE=" .. cache, "go", "build" })
  return servers.launch("go", options, function(here)
    return append({ program }, arguments(here, options))
  end)
end

--- Java's JSSE.
-- @tparam[opt] table options properties: list of "name=value"; protocol: "TLSv1.2", "TLSv1.3"
function M.java(options)
  options = options or {}
  return servers.launch("java", options, function(here)
    local files, path = identity({ cert = "rsa" }), here.directory .. "/keys.p12"
    place.prepare({ "openssl", "pkcs12", "-export", "-passout", "pass:spec", "-in", files.certificate, "-inkey",
      files.key, "-out", path })
    local command = { "java", "-XX:-UsePerfData" } -- else it leaves a folder behind
    for _, property in ipairs(options.properties or {}) do
      command[#command + 1] = "-D" .. property
    end
    return append(command, { SOURCES .. "Server.java", here.port, path, options.protocol })
  end)
end

--- Node's tls.
-- @tparam[opt] table options args: "no-tickets", "store", milliseconds; cert
function M.node(options)
  options = options or {}
  return servers.launch("node", options, function(here)
    return append({ "node", SOURCES .. "server.js" }, arguments(here, options))
  end)
end

--- Python's ssl, on Debian's own OpenSSL.
-- @tparam[opt] table options args: "no-tickets", "abrupt", "breaks"; cert
function M.python(options)
  options = options or {}
  return servers.launch("python", options, function(here)
    return append({ "/usr/bin/python3", SOURCES .. "server.py" }, arguments(here, options))
  end)
end

--- Erlang's ssl.
-- @tparam table options tickets: "disabled", "stateful" or "stateless"
function M.erlang(options)
  return servers.launch("erlang", options, function(here)
    local files = identity({ cert = "rsa" })
    place.prepare({ "erlc", "-o", here.directory, SOURCES .. "server.erl" })
    local call = ('server:main(["%d","%s","%s","%s"]).'):format(here.port, files.certificate, files.key,
      options.tickets)
    return { "erl", "-noshell", "-pa", here.directory, "-eval", call }
  end)
end

--- mbedTLS.
-- @tparam[opt] table options args: "cache", "tickets"; cert
function M.mbedtls(options)
  options = options or {}
  local program = build("mbedtls", "mbedtls.c", { "cc", "-O2" })
  return servers.launch("mbedtls", options, function(here)
    return append({ program }, arguments(here, options))
  end)
end

--- wolfSSL.
-- @tparam[opt] table options args: "no-cache", "no-tickets-12", "no-tickets-13"
function M.wolfssl(options)
  options = options or {}
  local program = build("wolfssl", "wolfssl.c", { "cc", "-O2" })
  return servers.launch("wolfssl", options, function(here)
    return append({ program }, arguments(here, { cert = "rsa", args = options.args }))
  end)
end

--- BearSSL: TLS 1.2 and older, session IDs only.
-- @tparam[opt] table options args: "no-cache"
function M.bearssl(options)
  options = options or {}
  local program = build("bearssl", "bearssl.c", { "cc", "-O2" })
  return servers.launch("bearssl", options, function(here)
    local files, certificate, key = identity(options), here.directory .. "/cert.der", here.directory .. "/key.der"
    place.prepare({ "openssl", "x509", "-in", files.certificate, "-outform", "DER", "-out", certificate })
    place.prepare({ "openssl", "ec", "-in", files.key, "-outform", "DER", "-out", key })
    return append({ program, here.port, certificate, key }, options.args)
  end)
end

--- NSS's selfserv.
-- @tparam[opt] table options args: "-u" (tickets), "-N" (no cache)
function M.nss(options)
  options = options or {}
  return servers.launch("nss", options, function(here)
    local files, path = identity({ cert = "rsa" }), here.directory .. "/keys.p12"
    local database = "sql:" .. here.directory
    place.prepare({ "openssl", "pkcs12", "-export", "-passout", "pass:spec", "-name", "server", "-in",
      files.certificate, "-inkey", files.key, "-out", path })
    place.prepare({ "certutil", "-N", "-d", database, "--empty-password" })
    place.prepare({ "pk12util", "-i", path, "-d", database, "-W", "spec" })
    return append({ "selfserv", "-d", database, "-p", here.port, "-n", "server", "-V", "tls1.0:tls1.3" }, options.args)
  end)
end

--- Botan's tls_server: TLS 1.2, and a cache.
function M.botan(options)
  return servers.launch("botan", options or {}, function(here)
    local files = identity({ cert = "rsa" })
    return { "botan", "tls_server", files.certificate, files.key, "--port=" .. here.port }
  end)
end

return M
