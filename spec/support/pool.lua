--- A simulated pool of TLS servers behind a balancer: what resum.connection.client's client would see, without a
-- connection. Owns how such pools behave: what balancers do with a connection, what servers issue and accept, what gets
-- lost. It must not know what resum concludes, nor how; the table in FACTS ("Sampling behind a load balancer") comes
-- out of it.
--
--   local client = pool.client(pool.new { servers = { {}, {}, {} }, policy = "roundrobin", seed = 7 })
-- gives a client with attempt, host.parallel, cancelled and moved.

local M = {}

-- A generator of its own for each pool (xorshift, G. Marsaglia, 2003): a seed gives the same pool and the same run
-- whatever else draws numbers.
local function generator(seed)
  local state = (seed * 2654435761 + 88172645463325252) & 0x7fffffffffffffff
  local function bits()
    state = state ~ (state << 13)
    state = state ~ (state >> 7)
    state = state ~ (state << 17)
    return state >> 11
  end
  for _ = 1, 8 do
    bits()
  end
  local function random(n)
    if n then
      return bits() % n + 1
    end
    return bits() * 2.0 ^ -53
  end
  return random
end
M.generator = generator

-- --- balancers: which server gets a connection ---

local function weight_of(server)
  return server.weight or 1
end

local function by_weight(pool, share)
  local total = 0
  for _, server in ipairs(pool.servers) do
    total = total + weight_of(server)
  end
  local at = share * total
  for i, server in ipairs(pool.servers) do
    at = at - weight_of(server)
    if at < 0 then
      return i
    end
  end
  return #pool.servers
end

-- Smooth weighted round robin: every server gains its weight, the richest pays for all.
local function roundrobin(pool)
  local total, best = 0, nil
  for i, server in ipairs(pool.servers) do
    total = total + weight_of(server)
    pool.credit[i] = (pool.credit[i] or 0) + weight_of(server)
    if not best or pool.credit[i] > pool.credit[best] then
      best = i
    end
  end
  pool.credit[best] = pool.credit[best] - total
  return best
end

local POLICIES = { roundrobin = roundrobin }

function POLICIES.random(pool)
  return by_weight(pool, pool.random())
end

-- The fewest connections for its weight; among equals the one that has waited longest.
function POLICIES.leastconn(pool)
  local best
  for i, server in ipairs(pool.servers) do
    local load = (pool.active[i] or 0) / weight_of(server)
    if not best or load < best.load or (load == best.load and (pool.last[i] or 0) < best.last) then
      best = { i = i, load = load, last = pool.last[i] or 0 }
    end
  end
  return best.i
end

-- The first one that has room, as HAProxy's `balance first` and nginx's backups behind max_conns.
function POLICIES.first(pool)
  for i, server in ipairs(pool.servers) do
    if (pool.active[i] or 0) < server.room then
      return i
    end
  end
  return #pool.servers
end

function POLICIES.source(pool, connection)
  local source = connection.source or ""
  if not pool.placed[source] then
    pool.placed[source] = by_weight(pool, pool.random())
  end
  return pool.placed[source]
end

-- HAProxy's stick table on the SSL session ID: a ClientHello's ID is looked up and learnt, a ServerHello's is learnt.
function POLICIES.session_id(pool, connection)
  local id = connection.client_id
  local chosen = id and pool.table[id] or roundrobin(pool)
  if id then
    pool.table[id] = chosen
  end
  return chosen
end

local function take_turn(pool, connection)
  local i = POLICIES[pool.policy](pool, connection)
  pool.turns = pool.turns + 1
  pool.last[i] = pool.turns
  return i
end

local function serve_another_client(pool)
  take_turn(pool, { source = "other" .. pool.random(1000) })
end

-- Other clients' connections take turns, too.
local function choose(pool, connection)
  while pool.others and pool.random() < pool.others do
    serve_another_client(pool)
  end
  pool.count = pool.count + 1
  return take_turn(pool, connection)
end

-- --- servers: what they issue, and what they accept ---

local function bytes(pool, count)
  local words = {}
  for i = 1, count // 4 do
    words[i] = ("%04x"):format(pool.random(65536) - 1)
  end
  return table.concat(words)
end

local SEALED_STATE = ("."):rep(152)

-- A ticket that carries its state: the name of the key, then what only the key's owner reads.
-- The key with which a server issues now.
local function issuing_key(pool, server)
  return pool.key_at and pool.key_at(pool, server) or server.keys[1]
end

local function sealed(pool, server)
  pool.issued = pool.issued + 1
  local key = issuing_key(pool, server)
  local name = pool.key_names == "random" and bytes(pool, 16) or key
  return ("%s%08d%s"):format(name, pool.issued, SEALED_STATE), key
end

local function stored(pool)
  pool.issued = pool.issued + 1
  return ("%-32s"):format(bytes(pool, 16) .. pool.issued)
end

-- What binds a session beside its key: the certificate (nginx's session ID context), the virtual host's name (Apache),
-- the hash and extended master secret (OpenSSL), the clock (a session of the future is as good as one of now).
local function is_bound_elsewhere(pool, server, session)
  local issuer = session.issuer
  local age = pool.time + (server.clock or 0) - session.time
  return (server.bound and server.certificate ~= issuer.certificate) or server.context ~= issuer.context
    or server.cipher ~= issuer.cipher or server.no_ems ~= issuer.no_ems or age > (server.lifetime or math.huge)
end

local function accepts_ticket(pool, server, session)
  if server.off or server.tickets == false or not session.key then
    return false
  elseif pool.accept then
    return pool.accept(pool, server, session)
  elseif is_bound_elsewhere(pool, server, session) then
    return false
  end
  for _, own in ipairs(pool.key_at and { pool.key_at(pool, server) } or server.keys) do
    if own == session.key then
      return true
    end
  end
  return false
end

-- A cache may be written late, and keeps a session for so long.
local function has_stored(pool, server, id)
  local cache = not server.off and server.cache and pool.caches[server.cache]
  local at = cache and cache[id]
  if not at then
    return false
  end
  local age = pool.time - at
  return age >= (server.store_delay or 0) and age <= (server.lifetime or math.huge)
end

local function store(pool, server, id)
  if server.cache and not server.off then
    local cache = pool.caches[server.cache] or {}
    pool.caches[server.cache] = cache
    cache[#cache + 1], cache[id] = id, pool.time
    if server.cache_size and #cache > server.cache_size then
      cache[table.remove(cache, 1)] = nil
    end
  end
end

local function uses_tickets(server)
  return server.tickets ~= false and not server.off
end

-- What the client keeps after a resumption that renewed nothing: the same, as an object of its own.
local function copy(session)
  return { id = session.id, key = session.key, client_id = session.client_id, issuer = session.issuer,
    time = session.time, number = session.number, server = session.server }
end

local SERVE = {}

function SERVE.session_id(pool, server, session, facts)
  if session and session.id and has_stored(pool, server, session.id)
    and not (pool.accept and not pool.accept(pool, server, session)) then
    facts.session_id = session.id
    return true, copy(session)
  end
  facts.session_id = ""
  local gives = server.cache or server.ids_without_cache
  if server.off then
    gives = server.off == "mute"
  end
  if gives then
    facts.session_id = stored(pool)
    store(pool, server, facts.session_id)
    return false, { id = facts.session_id, client_id = facts.session_id, issuer = server, time = pool.time,
      number = pool.issued }
  end
  return false, nil
end

local function issue_tickets(pool, server, facts, count)
  local session
  for i = 1, count do
    local ticket, key = sealed(pool, server)
    facts.tickets[i] = { ticket = ticket, lifetime_s = server.lifetime_shown or 300 }
    session = { key = key, issuer = server, time = pool.time + (server.clock or 0), number = pool.issued }
  end
  return session
end

function SERVE.ticket(pool, server, session, facts)
  local resumed = session ~= nil and accepts_ticket(pool, server, session)
  if resumed and session.key == issuing_key(pool, server) then
    return true, copy(session)
  elseif uses_tickets(server) then
    local issued = issue_tickets(pool, server, facts, 1)
    issued.client_id = "ticket" .. pool.issued -- libssl derives an ID from the ticket, and sends it along
    return resumed, issued
  end
  return false, nil
end

-- With tickets the state travels in them; without, they name an entry of the cache. A server that has neither may still
-- send some, as nginx does.
function SERVE.psk(pool, server, session, facts)
  local resumed = false
  if session and session.key then
    resumed = accepts_ticket(pool, server, session)
  elseif session then
    resumed = has_stored(pool, server, session.id)
    if resumed and server.single_use then
      pool.caches[server.cache][session.id] = nil
    end
  end
  if uses_tickets(server) then
    return resumed, issue_tickets(pool, server, facts, 2)
  elseif server.off == "silent" then
    return resumed, nil
  end
  local id
  for i = 1, 2 do
    id = stored(pool)
    store(pool, server, id)
    facts.tickets[i] = { ticket = id, lifetime_s = server.lifetime_shown or 300 }
  end
  return resumed, { id = id, issuer = server, time = pool.time, number = pool.issued }
end

-- A full handshake of any version, to see whether there is TLS at all.
function SERVE.control()
  return false, nil
end

-- --- connections ---

local function lost(pool)
  return pool.drops and pool.random() < pool.drops
end

local FAILURES = { "reset", "closed", "timeout" }

local function fail(pool, record)
  record.outcome = FAILURES[pool.random(#FAILURES)]
  record.error = { message = "simulated", code = record.outcome, stage = "handshake" }
  return record
end

-- What happens to the pool while it is scanned: functions, each at a number of connections.
local function happen(pool)
  local event = pool.events and pool.events[1]
  while event and pool.count >= event.at do
    event.act(pool)
    table.remove(pool.events, 1)
    event = pool.events[1]
  end
end

local OVERTAKEN = 0.1 -- share of the connections made at once that reach the balancer after others started later

local ROUND_TRIP = 0.01 -- seconds, on the average, of which as many pass at the same time as connections are under way

-- Others go on meanwhile, where there are any.
local function pass_time(pool)
  if pool.depth > 0 then
    coroutine.yield()
  end
end

local function travel(pool)
  pool.time = pool.time - ROUND_TRIP * math.log(1 - pool.random()) / math.max(1, pool.under_way)
  if not pool.at_once then
    pass_time(pool)
  end
end

local VERSION_OF = { session_id = "1.2", ticket = "1.2", psk = "1.3" }
local PROTOCOL_VERSION = 70

local function serve(pool, server, options, record)
  local facts = { tickets = {}, alerts = {}, session_id = "" }
  local mechanism, session = options.mechanism, options.session
  local version = VERSION_OF[mechanism] or server.only or "1.3"
  if server.only and server.only ~= version then
    facts.alerts[1] = { code = PROTOCOL_VERSION, description = "protocol_version" }
    record.facts, record.outcome = facts, "alert"
    record.error = { message = "simulated", code = "alert", stage = "handshake" }
    return nil
  end
  local resumed, issued = SERVE[mechanism](pool, server, session, facts)
  if mechanism == "session_id" and options.ticket_extension and uses_tickets(server) then
    if not resumed then
      facts.session_id, issued = "", nil
    end
    facts.tickets[1] = { ticket = (sealed(pool, server)), lifetime_s = 300 }
  end
  record.outcome = session and (resumed and "resumed" or "refused") or "full"
  record.reused, record.facts, record.version = resumed, facts, "TLSv" .. version
  facts.cipher, facts.extended_master_secret = server.cipher or "TLS_AES_256_GCM_SHA384", not server.no_ems
  if not resumed then
    facts.leaf_sha256, facts.leaf_serial = server.certificate or "the same", "1"
    facts.extensions = { 43, 51 }
  end
  if options.engine == "probe" and session then -- it leaves before tickets come
    facts.tickets, issued = {}, resumed and issued or nil
  end
  if pool.breaks and pool.random() < pool.breaks then -- after the handshake, and before what is issued
    facts.tickets, issued, record.unseen = {}, nil, "cut_short"
  end
  record.sessions = issued and { issued } or {}
  return issued
end

local function one_of_several(pool, server, options, session)
  for i, one in ipairs(options.sessions or {}) do
    if accepts_ticket(pool, server, one) then
      return one, i - 1
    end
  end
  return options.sessions and options.sessions[1] or session
end

-- What a connection offers is known late where another one brings it. A balancer that goes by it waits for it; the
-- others have chosen before.
local function offer_of(options)
  return options.session or options.late and options.late() or nil
end

local function route(pool, options)
  if pool.policy ~= "session_id" then
    local chosen = choose(pool, { source = options.source })
    return chosen, offer_of(options)
  end
  local session = offer_of(options)
  return choose(pool, { source = options.source, client_id = session and session.client_id }), session
end

-- Whoever meets a server that never answers waits as long as it likes.
local function hang(record)
  record.outcome, record.hangs = "timeout", true
  record.error = { message = "simulated", code = "timeout", stage = "handshake" }
  return record
end

local function connect(pool, options)
  local record = { mechanism = options.mechanism, design = options.design, engine = options.engine or "handshake",
    address = "pool", sessions = {}, reused = false, timing = { connect_s = 0, handshake_s = 0, total_s = 0 } }
  if pool.random() < OVERTAKEN then
    travel(pool)
  end
  happen(pool)
  if lost(pool) then
    return fail(pool, record) -- before the balancer: no turn is taken
  end
  local i, session = route(pool, options)
  if lost(pool) or (session and pool.servers[i].drops_offers and pool.random() < pool.servers[i].drops_offers) then
    return fail(pool, record)
  elseif pool.servers[i].hangs then
    return hang(record)
  end
  pool.active[i] = (pool.active[i] or 0) + 1
  travel(pool)
  local server = pool.servers[i]
  local offered, identity = one_of_several(pool, server, options, session)
  local issued = serve(pool, server, { mechanism = options.mechanism, session = offered,
    ticket_extension = options.ticket_extension, engine = options.engine }, record)
  if issued then
    issued.server = server -- for who wants to know the truth
  end
  record.facts.selected_identity = record.outcome == "resumed" and identity or nil
  if pool.policy == "session_id" and issued and record.facts.session_id ~= "" then
    pool.table[record.facts.session_id] = i
  end
  if options.hold then
    options.hold(0)
  end
  if options.on_goodbye then
    options.on_goodbye(record)
  end
  pool.active[i] = pool.active[i] - 1
  return record
end

local function attempt(pool, options)
  pool.under_way = pool.under_way + 1
  local record = connect(pool, options)
  pool.under_way = pool.under_way - 1
  return record
end

-- Jobs come from a list, or from a function that gives one after the other.
local function giver(jobs)
  local number = 0
  return type(jobs) == "function" and jobs or function()
    number = number + 1
    return jobs[number]
  end
end

local function resume(pool, job)
  pool.depth = pool.depth + 1
  assert(coroutine.resume(job))
  pool.depth = pool.depth - 1
end

-- Runs jobs as coroutines, at most limit at once; whose turn it is, is chance, and the older ones have more of it. A
-- job may do so in its turn: then those beside it go on as well.
local function parallel(pool, jobs, limit)
  local next_job = giver(jobs)
  local running, job_left = {}, next_job()
  while job_left or #running > 0 do
    while job_left and #running < (limit or math.huge) do
      running[#running + 1] = coroutine.create(job_left)
      resume(pool, running[#running])
      job_left = next_job()
    end
    local chosen = math.floor(#running * pool.random() ^ 2) + 1
    local job = running[chosen]
    if coroutine.status(job) ~= "dead" then
      resume(pool, job)
    end
    if coroutine.status(job) == "dead" then
      table.remove(running, chosen)
    end
    pass_time(pool)
  end
  return {}
end

--- Makes a pool.
-- @tparam table options
--   servers: list of {weight (1), cache (a name; servers of one name share it; false: none), cache_size (sessions; the
--     oldest makes way), ids_without_cache (session
--     IDs that never resume), keys (list of 16-byte names: the first issues, all are accepted), tickets (false: none),
--     off ("silent": issues nothing; "mute": issues and never accepts), certificate, bound (true: a ticket is good
--     only under the certificate that it was issued under, as with nginx), lifetime, single_use,
--     only ("1.2" or "1.3": the version of TLS that it speaks), hangs (true: it never answers), room (connections:
--     "first" leads no more to it)};
--   policy: "roundrobin", "leastconn", "random", "source", "session_id", "first" (that has room);
--   at_once: true: so fast that no connection meets another, but those that are held;
--   others: share of connections before which another client's one comes;
--   before: so many connections of other clients came before the first of ours: a rotation may stand anywhere;
--   drops: share of connections lost before the balancer, and behind it;
--   key_names: "random" where tickets begin with random bytes; events: list of {at (connections), act (function)};
--   seed: a number
-- @treturn table pool
function M.new(options)
  local pool = {
    credit = {}, active = {}, last = {}, placed = {}, table = {}, caches = {}, count = 0, turns = 0, issued = 0,
    depth = 0, under_way = 0, time = 0,
    random = generator(options.seed or 1),
  }
  for name, value in pairs(options) do
    pool[name] = value
  end
  for _ = 1, pool.before or 0 do
    serve_another_client(pool)
  end
  return pool
end

--- A client of the pool, as resum.connection.client makes them.
-- @tparam table pool
-- @treturn table client
function M.client(pool)
  local client = {}
  client.host = {
    now = function() return pool.time end,
    sleep = function(seconds)
      pool.time = pool.time + seconds
      pass_time(pool)
    end,
    waiter = function()
      return { wait = function() pass_time(pool) end, wake = function() end } -- who waits asks again
    end,
    parallel = function(jobs, limit)
      return parallel(pool, jobs, limit)
    end,
  }
  client.connections = 0
  function client.cancelled()
    return false
  end
  function client.attempt(_, given)
    client.connections = client.connections + 1
    return attempt(pool, given)
  end
  function client.moved()
    return nil
  end
  function client.expired()
    return false
  end
  return client
end

return M
