-- A client of one address: makes attempts there, on the engine that can, and keeps what was learned of the server. What
-- one attempt does stands in attempt.lua; which engine makes it, in engine_choice.lua.

local arguments = require "resum.util.arguments"
local attempts = require "resum.connection.attempt"
local conversation = require "resum.connection.conversation"
local dialer = require "resum.transport.dialer"
local engine_choice = require "resum.connection.engine_choice"
local identities = require "resum.connection.identity"
local issuance = require "resum.connection.issuance"
local mechanisms = require "resum.connection.mechanism"
local patience = require "resum.connection.patience"
local session_age = require "resum.connection.session_age"
local spending = require "resum.connection.spending"
local tables = require "resum.util.tables"

local M = {}

local ENDPOINT = {
  address = "string", port = "number", server_name = "string", name = "string", starttls = "table", xmpp_to = "string",
  proxy = "table", source = "string", proxy_protocol = "number",
}

local OPTIONS = {
  host = "table", timeout = "number", retries = "number", source = "string", versions = "table", identity = "function",
  certificate = "string", private_key = "string", key_form = "string", passphrase = "string", on_event = "function",
  cancelled = "function", admit = "function", key_share = "string", contexts = "table", request = "string",
  alpn = "table",
}

local MECHANISMS = {}
for name, mechanism in pairs(mechanisms) do
  MECHANISMS[name] = type(mechanism) == "table" and mechanism.context and mechanism or nil
end
local ENGINES = { probe = true, handshake = true }

local ATTEMPT = {
  mechanism = "string", session = "userdata", sessions = "table", engine = "string", proof = "string",
  want_tickets = "boolean or string", compare = "boolean", design = "string", transcript = "boolean", after = "table",
  tries = "number", source = "string", ticket_extension = "boolean", take_sessions = "boolean", stays = "boolean",
  asks = "boolean", late = "function", on_goodbye = "function", hold = "function", server_name = "string or boolean",
  offer = "table", request = "string",
}

local Client = {}
Client.__index = Client

local function new_context(client, mechanism, ticket_extension)
  local offer = tables.merged(client.more, mechanism.context)
  offer.tickets = ticket_extension or offer.tickets
  offer.dhe, offer.hybrid = client.dhe, client.hybrid
  mechanisms.narrow(offer, client.versions)
  return assert(client.identity(offer))
end

--- What is offered for a mechanism: what the mechanism needs, within the client's versions. Made once, also for several
-- clients that are the same to servers and share their contexts.
function Client:context(mechanism, ticket_extension)
  local name = mechanism.name .. (ticket_extension and "+ticket" or "")
  local context = self.contexts[name]
  if not context then
    local versions = self.versions
    local key = ("%s %s %s %s %s %s %s %s %s"):format(name, versions.min_version, versions.max_version,
      self.more.ciphers, self.more.tickets, table.concat(self.more.alpn or {}, ","), self.dhe, self.hybrid,
      self.more.extended_master_secret)
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

--- Offers something beside what was asked for from now on; what a mechanism needs comes before it.
-- @function client:offer_more
-- @tparam table|nil more ciphers, alpn, tickets, extended_master_secret (see resum.core.context); nil: what was asked
--   for
function Client:offer_more(more)
  self.more, self.contexts = tables.merged({ alpn = self.asked_for.alpn }, more), {}
end

--- Offers no hybrid group, and so a small ClientHello, from now on; or what libssl has again.
-- @function client:leave_out_hybrid
-- @tparam boolean without
function Client:leave_out_hybrid(without)
  self.hybrid, self.contexts = nil, {}
  if without then
    self.hybrid = false
  end
end

-- A server's Diffie-Hellman group that costs too much to compute hides what it does: it is asked again without such
-- suites, and stays so, if it has others. If it has none, its group is the reason.
local function without_dhe(client, options, record)
  client.dhe, client.contexts = false, {}
  local again = engine_choice.attempt(client, options, attempts.connect)
  if again.outcome == "alert" then
    client.dhe, client.contexts, client.has_only_dhe = nil, {}, true
    return record
  end
  again.instead_of = { engine = record.engine, outcome = record.outcome, error = record.error }
  return again
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
--   it seems), asks (true: a request is sent inside TLS, as clients do; engine "handshake"), late (engine "handshake":
--   asked for the session when the way is open, before the ClientHello; it may wait, and give none), on_goodbye (called
--   with the record, and the sessions in it, when our goodbye has been said), hold (called with the seconds that the
--   handshake took, before our goodbye, which waits until it returns), server_name (another SNI; false: none),
--   offer (engine "probe": what resum.core.probe takes, in the place of what it would get), request (bytes, said inside
--   TLS: the answer is awaited; on the engine "probe" with offer.data; "": just listens). An attempt with offer or
--   server_name is not compared by engine, and asked on no other one.
-- @treturn table the record: mechanism, design, engine, address, outcome ("resumed", "refused", "full" when
--   nothing was offered, "alert", "timeout", "reset", "closed", "unreachable", "protocol_error"; "unknown": answered,
--   but the session was spent, see resum.connection.spending: "resumed" and "refused" may become that later, and the
--   other way round; "interrupted": cancelled() was true, so that no connection was made, and there is nothing to
--   count), answer ("resumed" or "refused", also where the outcome is "unknown"), doubt (why it is), reused, version,
--   cipher, facts, sessions (to offer next, as far as they were taken), error ({message, code, stage: "connect",
--   "proxy", "starttls", "handshake"}), timing ({connect_s: until the ClientHello, handshake_s, total_s}), instead_of
--   (what the probe met, where libssl had to decide), ending (how, see resum.connection.spending), unclean (out of
--   order, as far as is known), shut (the server had let us in before, and did not in all the retries), unseen (no
--   ticket came, and this kept us from seeing that none is issued: see resum.connection.issuance), answered (whether a
--   request was), tickets_cut (there may have been more), response (what was answered to `request`, see
--   resum.connection.response), ended ({message, code}: how the connection ended after its handshake, where it did)
function Client:attempt(options)
  arguments.check(options, ATTEMPT, "option of an attempt", 2)
  if not MECHANISMS[options.mechanism] then
    error(("resum: there is no mechanism '%s'%s"):format(tostring(options.mechanism),
      arguments.meant(options.mechanism, MECHANISMS)), 2)
  elseif options.after then
    self.dialer:pause_after(options.after.error, options.tries)
  end
  if not ENGINES[options.engine or "handshake"] then
    error(("resum: there is no engine '%s'"):format(options.engine), 2)
  elseif options.sessions and options.engine ~= "probe" then
    error("resum: only the engine probe can offer several sessions", 2)
  elseif options.offer and options.engine ~= "probe" then
    error("resum: only the engine probe takes an offer", 2)
  elseif options.server_name == true then
    error("resum: the option server_name of an attempt is a name, or false", 2)
  end
  local record = engine_choice.attempt(self, options, attempts.connect)
  if record.error and record.error.code == "dh_too_large" and not self.has_only_dhe then
    return without_dhe(self, options, record)
  end
  return record
end

--- Makes one connection on which machines of the caller's own take turns.
-- @function client:converse
-- @tparam function talk called with {write(bytes), read(), run(machine)} when the way is open
-- @treturn table record: result (what talk returned), error ({message, code, stage}), total_s
function Client:converse(talk)
  if type(talk) ~= "function" then
    error("resum: a conversation needs a function, not " .. arguments.kind(talk), 2)
  end
  return conversation.run(self, talk)
end

--- Has a session outlived what its server promised, or will it within a second?
-- @function client:expired
-- @tparam session session
-- @treturn boolean
function Client:expired(session)
  return session_age.expired(session, self.host.now())
end

--- Is a session spent, as a connection that made or offered it did not end in order?
-- @function client:is_spent
-- @tparam session session
-- @treturn boolean
function Client.is_spent(_, session)
  return spending.is_spent(session)
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

--- What all clients that share it do at the same time.
-- @treturn table load: under_way (connections), awaited (of them, whose server has said nothing yet), room (see
--   resum.connection.transfer; nil until it is first taken)
function M.new_load()
  return { under_way = 0, awaited = 0 }
end

--- As new_client, for whoever has checked the endpoint and the options, and may have more of them.
-- @tparam table endpoint
-- @tparam table options
-- @treturn table client
function M.new(endpoint, options)
  local path = dialer.new(endpoint, options)
  local asked_for = { alpn = options.alpn }
  return setmetatable({
    host = options.host,
    address = endpoint.address,
    port = endpoint.port,
    server_name = endpoint.server_name,
    timeout = path.timeout,
    dialer = path,
    identity = options.identity or assert(identities.read(options)),
    on_event = options.on_event or nothing,
    cancelled = options.cancelled or never,
    admit = options.admit or admit_all,
    pinned = options.versions or {},
    versions = options.versions or {},
    asked_for = asked_for,
    more = asked_for,
    contexts = {},
    shared_contexts = options.contexts or {},
    engines = {},
    connections = 0, -- made so far
    load = options.load or M.new_load(),
    software = nil, -- what the server calls itself, where it was asked for something
    key_share = options.key_share,
    groups = nil, -- what the probe offers in TLS 1.3 where the usual won't do
    ends = spending.nothing_known(), -- how this server's connections ended so far
    issuance = issuance.nothing_known(), -- what this server's tickets have taken so far
    patience = patience.nothing_known(), -- and its handshakes
    dhe = nil, -- false: suites with Diffie-Hellman over a finite field are not offered any more
    has_only_dhe = nil,
    hybrid = nil, -- false: hybrid groups are not offered any more
  }, Client)
end

--- A client of one address: makes attempts there.
-- @tparam table endpoint {address, port, server_name (SNI, or nil for none)}, and what resum.transport.dialer.open
--   takes
-- @tparam table options host (a host module), timeout (seconds, 5), retries (0: of what shuts the door for a moment),
--   source (local address), versions ({min_version, max_version}: no others are offered), identity (see
--   resum.connection.identity), or certificate, private_key, key_form and passphrase (see resum.core.context), on_event
--   (called with {kind="attempt", record=…} after each), cancelled (asked between attempts), admit (see
--   resum.transport.rate_limiter), key_share ("random": the probe never shows the base point), contexts (a table, empty
--   at first, for clients that show the same certificate: what they offer is made once for all), request (bytes said
--   inside TLS where a ticket does not come by itself, instead of the protocol's), alpn (list of application protocols
--   to offer)
-- @treturn table client; client:attempt{mechanism=…, session=…, want_tickets=…} returns a record
function M.new_client(endpoint, options)
  arguments.check(endpoint, ENDPOINT, "field of an endpoint", 2)
  arguments.check(options, OPTIONS, "option of a client", 2)
  for _, needed in ipairs({ "address", "port" }) do
    if not endpoint[needed] then
      error("resum: the endpoint has no " .. needed, 2)
    end
  end
  if not options.host then
    error("resum: a client needs the option host: resum.host.default(), for example", 2)
  end
  local problem = arguments.host_problem("option of a client", options.host, arguments.VERBS_OF_CLIENTS)
  if problem then
    error("resum: " .. problem, 2)
  end
  return M.new(endpoint, options)
end

return M
