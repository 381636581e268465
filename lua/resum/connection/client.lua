-- A client of one address: makes attempts there, on the engine that can, and keeps what was learned of the server. What
-- one connection does stands in exchange.lua; which engine makes it, in engine_choice.lua.

local core = require "resum.core"
local dialer = require "resum.transport.dialer"
local engine_choice = require "resum.connection.engine_choice"
local exchange = require "resum.connection.exchange"
local mechanisms = require "resum.connection.mechanism"
local session_age = require "resum.connection.session_age"

local M = {}

--- Who the client is, of a table of options: what resum.core.context takes for that.
-- @tparam table options
-- @treturn table certificate, private_key, key_form, passphrase
function M.identity(options)
  return {
    certificate = options.certificate,
    private_key = options.private_key,
    key_form = options.key_form,
    passphrase = options.passphrase,
  }
end

local Client = {}
Client.__index = Client

local function new_context(client, mechanism, ticket_extension)
  local options = M.identity(client)
  for _, offered in ipairs({ mechanism.context, client.more }) do
    for name, value in pairs(offered) do
      options[name] = value
    end
  end
  options.tickets = ticket_extension or options.tickets
  mechanisms.narrow(options, client.versions)
  return assert(core.context(options))
end

--- What is offered for a mechanism: what the mechanism needs, within the client's versions. Made once, also for several
-- clients that are the same to servers and share their contexts.
function Client:context(mechanism, ticket_extension)
  local name = mechanism.name .. (ticket_extension and "+ticket" or "")
  local context = self.contexts[name]
  if not context then
    local versions = self.versions
    local key = ("%s %s %s %s %s"):format(name, versions.min_version, versions.max_version, self.more.ciphers,
      table.concat(self.more.alpn or {}, ","))
    context = self.shared_contexts[key] or new_context(self, mechanism, ticket_extension)
    self.shared_contexts[key], self.contexts[name] = context, context
  end
  return context
end

--- Offers no newer version from now on; but what needs a newer one still does.
-- @function client:limit_version
-- @tparam string|nil version "TLSv1.0" to "TLSv1.3"; nil: no limit but the client's own
-- @treturn boolean false when the client's own versions are all newer: then nothing is changed
function Client:limit_version(version)
  local limited = { min_version = self.pinned.min_version, max_version = self.pinned.max_version }
  if not mechanisms.narrow(limited, { max_version = version }) then
    return false
  end
  self.versions, self.contexts = limited, {}
  return true
end

--- Offers more than the usual from now on.
-- @function client:offer_more
-- @tparam table|nil more ciphers, alpn (see resum.core.context); nil: the usual
function Client:offer_more(more)
  self.more, self.contexts = more or {}, {}
end

--- Makes one attempt. On the engine "probe" it may take more than one connection: see resum.connection.engine_choice.
-- @function client:attempt
-- @tparam table options mechanism ("session_id", "ticket", "psk", "control", "any"), session (offered when given),
--   sessions (several TLS 1.3 ones at once; engine "probe" only), engine ("handshake", the default, or "probe", for
--   what offers a session), proof ("finished", or "hello": the probe decides at the ServerHello), want_tickets (wait
--   for what the server issues: true, or "all" for every ticket that it sends), compare (false: the probe's plain
--   answers are believed), design (a word kept in the record), transcript (keep the messages, in record.transcript),
--   after and tries (a failed record that this is a further try of, and how many were made: what may pass gets a
--   moment first), source (local address), ticket_extension (engine "handshake": asks for a ticket also where the
--   mechanism does not), take_sessions (false: none is to be offered; by default they are taken, of a probe with
--   want_tickets only), stays (true: the server's end is awaited in any case, so that no more connections are open than
--   it seems)
-- @treturn table the record: mechanism, design, engine, address, outcome ("resumed", "refused", "full" when
--   nothing was offered, "alert", "timeout", "reset", "closed", "unreachable", "protocol_error"), reused,
--   version, cipher, facts, sessions (to offer next, as far as they were taken), error ({message, code, stage:
--   "connect", "proxy", "starttls", "handshake"}),
--   timing ({connect_s: until the ClientHello, handshake_s, total_s}), instead_of (what the probe met, where libssl had
--   to decide), shut (the server had let us in before, and did not in all the retries)
function Client:attempt(options)
  if options.after then
    self.dialer:pause_after(options.after.error, options.tries)
  end
  if options.sessions and options.engine ~= "probe" then
    error("resum: several sessions can be offered by the engine probe only", 2)
  end
  return engine_choice.attempt(self, options, exchange.connect)
end

--- Has a session outlived what its server promised, or will it within a second?
-- @function client:expired
-- @tparam session session
-- @treturn boolean
function Client:expired(session)
  return session_age.expired(session, self.host.now())
end

--- Why a mechanism's attempts run on libssl although the probe was asked for; nil when they don't.
-- @function client:moved
-- @tparam string mechanism
-- @treturn string|nil
function Client:moved(mechanism)
  return engine_choice.moved(self, mechanism)
end

local function nothing() end

local function never()
  return false
end

local function admit_all()
  return nothing
end

--- A client of one address: makes attempts there.
-- @tparam table endpoint {address, port, server_name (SNI, or nil for none)}, and what resum.transport.dialer.open takes
-- @tparam table options host (a host module), timeout (seconds, 5), retries (0: of what shuts the door for a moment),
--   source (local address), versions ({min_version, max_version}: no others are offered), certificate, private_key,
--   key_form and passphrase (see resum.core.context), on_event (called with {kind="attempt", record=…} after each),
--   cancelled (asked between attempts), admit (see resum.transport.rate_limiter), key_share ("random": the probe never
--   shows the base point), contexts (a table, empty at first, for clients that show the same certificate: what they
--   offer is made once for all)
-- @treturn table client; client:attempt{mechanism=…, session=…, want_tickets=…} returns a record
function M.new_client(endpoint, options)
  local path = dialer.new(endpoint, options)
  return setmetatable({
    host = options.host,
    address = endpoint.address,
    port = endpoint.port,
    server_name = endpoint.server_name,
    timeout = path.timeout,
    dialer = path,
    certificate = options.certificate,
    private_key = options.private_key,
    key_form = options.key_form,
    passphrase = options.passphrase,
    on_event = options.on_event or nothing,
    cancelled = options.cancelled or never,
    admit = options.admit or admit_all,
    pinned = options.versions or {},
    versions = options.versions or {},
    more = {},
    contexts = {},
    shared_contexts = options.contexts or {},
    engines = {},
    key_share = options.key_share,
  }, Client)
end

return M
