--- The quick check called three servers that share nothing in order, in two of seven scans: it asked for three
-- mechanisms in turn, and the balancer took its three servers in turn, so that each mechanism met its own server only.
-- The simulation had not shown it, because there the jobs' turns are drawn. Here they alternate strictly, as they do
-- over a network where every connection takes as long as the others.

local quick = require "resum.scan.quick"
local random = require "resum.util.random"

local MECHANISMS = { "session_id", "ticket", "psk" }
local SEEDS = 40 -- of each pool: where nothing is shared, at most one in a hundred may be called healthy

-- Runs jobs as coroutines, each up to its next connection, in the order in which they came.
local function alternate(jobs, limit)
  assert.is_true(limit >= #jobs)
  local running = {}
  for i, job in ipairs(jobs) do
    running[i] = coroutine.create(job)
  end
  while #running > 0 do
    for _ = 1, #running do
      local job = table.remove(running, 1)
      assert(coroutine.resume(job))
      running[#running + 1] = coroutine.status(job) ~= "dead" and job or nil
    end
  end
  return {}
end

-- A client before a strict rotation over so many servers; a session resumes where it was issued, or anywhere.
local function client_of(servers, shares)
  local client = { host = { parallel = alternate }, connections = 0 }
  function client.cancelled() return false end
  function client.expired() return false end
  function client.attempt(self, given)
    coroutine.yield() -- the connection is under way: others have their turn
    self.connections = self.connections + 1
    local server = self.connections % servers
    local resumed = given.session and (shares or given.session.server == server)
    return { mechanism = given.mechanism, design = given.design, version = "TLSv1.2",
      outcome = not given.session and "full" or resumed and "resumed" or "refused",
      sessions = { { server = server } },
      facts = { tickets = { { ticket = "t", lifetime_s = 300 } }, alerts = {}, session_id = ("s"):rep(32) } }
  end
  return client
end

local function verdict_of(client, mechanisms)
  local thread = coroutine.wrap(function()
    return quick.run(client, { version = "TLSv1.2", outcome = "full" },
      { mechanisms = mechanisms, attempts = 100, concurrency = 10, retries = 2 }).verdict
  end)
  local verdict = thread()
  while not verdict do -- a connection outside of a job
    verdict = thread()
  end
  return verdict
end

describe("the quick check before a strict rotation", function()
  for servers = 2, 6 do
    for count = 1, #MECHANISMS do
      it(("finds that %d servers share nothing, by %d mechanisms"):format(servers, count), function()
        local taken = {}
        for seed = 1, SEEDS do
          random.seed(seed)
          local verdict = verdict_of(client_of(servers, false), { table.unpack(MECHANISMS, 1, count) })
          taken[verdict] = (taken[verdict] or 0) + 1
        end
        assert.same({ broken = SEEDS }, taken)
      end)
    end
  end

  it("finds servers that share all in order", function()
    for seed = 1, SEEDS do
      random.seed(seed)
      assert.equal("healthy", verdict_of(client_of(3, true), MECHANISMS))
    end
  end)
end)
