--- Scans simulated pools: the plain figure and the balancer scan as they are, on a client that makes no connection.
-- Owns how a seed becomes a run, and what is true of a pool's rates. It must not know what is expected of a verdict.

local balancer = require "resum.scan.pool.sampling"
local journal = require "resum.scan.pool.recorder"
local pool = require "spec.support.pool"
local rate = require "resum.scan.rate"
local random = require "resum.util.random"

local M = {}

local CONCURRENCY = 10
local MECHANISMS = { "session_id", "ticket", "psk" }

--- Runs the scans on a pool.
-- @tparam table options what pool.new takes, and sources
-- @tparam[opt] table more options of the scan (attempts, quick, …), and support: what an earlier support scan found
-- @tparam[opt] table client of the pool, in place of one whose connections take no time
-- @treturn table what the balancer scan returned
-- @treturn table journal
-- @treturn table the plain figure
function M.run(options, more, client)
  math.randomseed(options.seed)
  random.seed(options.seed)
  local recorded = journal.new(client or pool.client(pool.new(options)), CONCURRENCY, options.sources)
  local scan = { mechanisms = MECHANISMS, attempts = 100, concurrency = CONCURRENCY, retries = 2, engine = "probe",
    sources = options.sources }
  for name, value in pairs(more or {}) do
    scan[name] = value
  end
  local entry = { support = scan.support }
  entry.rate = not scan.quick and rate.run(recorded, { version = "TLSv1.3" }, scan, entry) or nil
  return balancer.run(recorded, {}, scan, entry), recorded, entry.rate
end

--- Servers for a pool, alike but for what they share: nothing.
-- @tparam integer count
-- @treturn {table,...}
function M.servers(count)
  local list = {}
  for i = 1, count do
    list[i] = { weight = 1, keys = { ("key %012d"):format(i) }, cache = "cache " .. i }
  end
  return list
end

local function place_of_tickets(server)
  return server.keys[1] .. (server.bound and server.certificate or "")
end

-- What a server's sessions of a mechanism live in.
local STATE = {
  session_id = function(server) return server.cache end,
  ticket = place_of_tickets,
  psk = place_of_tickets,
}

--- Shares of the groups of servers that share a mechanism's state.
-- @tparam {table,...} servers of a pool
-- @tparam string mechanism
-- @treturn table state -> share
function M.shares(servers, mechanism)
  local shares, total = {}, 0
  for _, server in ipairs(servers) do
    total = total + server.weight
  end
  for _, server in ipairs(servers) do
    local state = STATE[mechanism](server)
    shares[state] = (shares[state] or 0) + server.weight / total
  end
  return shares
end

--- The chance that the offers of a design had to resume, on the average, where servers are drawn independently.
-- @tparam table recorded journal
-- @tparam table shares see shares
-- @tparam string mechanism
-- @tparam string design
-- @treturn number|nil 0 to 1; nil without an offer
function M.true_rate(recorded, shares, mechanism, design)
  local sum, offers = 0, 0
  for _, entry in ipairs(recorded.entries) do
    local answered = entry.outcome == "resumed" or entry.outcome == "refused"
    if entry.mechanism == mechanism and entry.design == design and entry.from and answered then
      sum = sum + shares[STATE[mechanism](recorded.newest[entry.from].server)]
      offers = offers + 1
    end
  end
  return offers > 0 and sum / offers or nil
end

return M
