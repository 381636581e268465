--- Clients and servers in memory, with the specs' identities: one line for what most specs need.
-- Stands on tls_server, pair and pki. It must not know what a spec expects.

local core = require "resum.core"
local pair = require "spec.support.pair"
local pki = require "spec.support.pki"
local tls_server = require "spec.support.tls_server"

local M = {}

local function merged(defaults, options)
  local all = {}
  for _, from in ipairs { defaults, options or {} } do
    for name, value in pairs(from) do
      all[name] = value
    end
  end
  return all
end

--- A server of spec.support.tls_server.
-- @tparam[opt] table options its options; identity ("ecdsa" or "rsa") in the place of certificate and private_key
function M.server(options)
  local all = merged({ identity = "ecdsa" }, options)
  local identity = pki.get(all.identity)
  all.identity = nil
  all.certificate, all.private_key = identity.certificate_pem, identity.key_pem
  return tls_server.new(all)
end

--- A resum.handshake.
-- @tparam[opt] table options its options; context (a context, or its options)
function M.client(options)
  local all = merged({}, options)
  local context = all.context
  if type(context) ~= "userdata" then
    context = assert(core.context(context))
  end
  all.context = nil
  return assert(core.handshake(context, all))
end

--- One connection, from the first byte to rest. It is still open.
-- @tparam server server
-- @tparam[opt] table options as client(), and chunk and change as pair.run
-- @treturn table client, connection, result (of pair.run), facts and server_facts, session (the newest)
function M.connect(server, options)
  local all = merged({}, options)
  local how = { chunk = all.chunk, change = all.change }
  all.chunk, all.change = nil, nil
  local client, connection = M.client(all), server:accept()
  local result = pair.run(client, connection, how)
  return {
    client = client, connection = connection, result = result, facts = client:facts(),
    server_facts = connection:facts(), session = client:session(),
  }
end

--- The same with an orderly end.
-- @treturn table as connect(), connection is closed
function M.visit(server, options)
  local visit = M.connect(server, options)
  visit.ended = pair.close(visit.client, visit.connection)
  return visit
end

--- How many certificates a client shows to a TLS 1.2 server that wants one, and how the handshake ends for the client.
-- @tparam table options of the client's context
-- @treturn integer|nil
-- @treturn string|nil state
function M.certificates_shown(options)
  local server = M.server { require_certificate = true, max_version = "TLSv1.2" }
  local visit = M.connect(server, { context = options })
  for _, message in ipairs(visit.client:transcript()) do
    if message.from == "client" and message.type == "certificate" then
      local _, count = (">s3"):unpack(message.bytes, 5):gsub("\48\130..\48\130", "")
      return count, visit.result.client
    end
  end
end

return M
