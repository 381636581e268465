-- The byte machine of one connection: what an attempt asks for, in resum.core's terms. It sees no socket.

local core = require "resum.core"
local session_age = require "resum.connection.session_age"
local tables = require "resum.util.tables"

local M = {}

-- The attempt's own name, if it has one; false: none is sent.
local function server_name_of(client, options)
  if options.server_name ~= nil then
    return options.server_name or nil
  end
  return client.server_name
end

--- One connection on libssl.
-- @tparam table client of resum.connection.client
-- @tparam table mechanism
-- @tparam table options of the attempt
-- @return as resum.core.handshake
function M.handshake(client, mechanism, options)
  return core.handshake(client:context(mechanism, options.ticket_extension), {
    server_name = server_name_of(client, options),
    session = options.session,
  })
end

--- One on resum's own engine: of what offers a session.
-- @tparam table client
-- @tparam table mechanism
-- @tparam table options of the attempt
-- @return as resum.core.probe
function M.probe(client, mechanism, options)
  local session, sessions = options.session, options.sessions
  local ticket_age
  if mechanism.tickets_have_age then
    local now = client.host.now()
    ticket_age = session and session_age.of(session, now) or session_age.of_each(sessions, now)
  end
  return core.probe(tables.merged({
    session = session,
    sessions = sessions,
    ticket_age_s = ticket_age,
    server_name = server_name_of(client, options),
    key_share = client.key_share,
    groups = mechanism.tickets_have_age and client.groups or nil,
    proof = options.proof,
    tickets = options.want_tickets and true,
    alpn = client.more.alpn,
  }, options.offer))
end

return M
