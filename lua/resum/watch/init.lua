-- Watches targets for ever: finds the addresses of each, and holds sessions there side by side. What all have in common
-- (the limit on connections, the state file) is made once. What is seen is judged in resum.analysis.watch; what is
-- shown of it is the caller's business.

local clients = require "resum.connection.client"
local clocks = require "resum.watch.clock"
local new_failure = require "resum.util.failure"
local pace = require "resum.watch.pace"
local states = require "resum.watch.state"
local places = require "resum.watch.place"
local side_by_side = require "resum.util.side_by_side"
local tables = require "resum.util.tables"

local M = {}

local LOOK = 1 -- seconds after which it is asked whether the watch is over
--- Seconds after which a name is looked up again that has no address.
M.LOOK_UP_AGAIN = 60

local Watcher = {}
Watcher.__index = Watcher

local function name_of(endpoint)
  return ("%s %d %s"):format(endpoint.address, endpoint.port, endpoint.server_name or "")
end

-- The watch is over when the caller says so, or its time has come.
function Watcher:is_over(cancelled)
  return cancelled() or self.options.until_time ~= nil and self.options.wall() >= self.options.until_time
end

-- The addresses of a target; a name that can't be looked up now may be later.
function Watcher:addresses(parsed, cancelled, on_problem)
  local host, said = self.options.host, nil
  while true do
    local addresses, message = self.plan.endpoints:addresses(parsed, host)
    if addresses then
      return addresses
    end
    if message ~= said then
      on_problem(message)
      said = message
    end
    local again = host.now() + M.LOOK_UP_AGAIN
    while host.now() < again do
      if cancelled() then
        return nil, message
      end
      host.sleep(LOOK)
    end
  end
end

function Watcher:place(described, address, more)
  local endpoint = self.plan.endpoints:endpoint(described, address)
  local options = self.options
  local client = clients.new(endpoint, tables.merged(options, { cancelled = more.cancelled, on_event = false,
    admit = self.pace(more.cancelled) }))
  return places.new(client, { host = options.host, clock = clocks.new({ monotonic = options.host.now,
    wall = options.wall, boot = options.boot }), mechanisms = self.plan.mechanisms, every = options.every,
    cancelled = more.cancelled, on_event = more.on_event, on_round = more.on_round, store = self.store,
    name = name_of(endpoint), target = described })
end

local function nothing() end

--- Watches a target until it is cancelled.
-- @function watcher:run
-- @tparam table parsed target
-- @tparam[opt] table more on_event (called with each event, and the place), on_round (called with the place after
--   each round), cancelled (asked between connections: true ends the watch), on_problem (called with a message where
--   the name can't be looked up), on_begin (called with the target and its
--   addresses), places (a list that gets each place when its watch begins)
-- @treturn table target, places (list), error ({message, code}, where its name could not be looked up until the end)
function Watcher:run(parsed, more)
  more = tables.merged({ on_problem = nothing, on_begin = nothing, cancelled = function() return false end }, more)
  local given = more.cancelled
  function more.cancelled()
    return self:is_over(given)
  end
  local described = self.plan.endpoints:describe(parsed)
  local result = { target = described, places = more.places or {} }
  local addresses, problem = self:addresses(parsed, more.cancelled, more.on_problem)
  if not addresses then
    result.error = new_failure(problem, "unreachable")
    return result
  end
  more.on_begin(described, addresses)
  local jobs = {}
  for i, address in ipairs(addresses) do
    local place = self:place(described, address, more)
    result.places[#result.places + 1] = place
    jobs[i] = function()
      place:run()
      place:save()
    end
  end
  side_by_side.run(self.options.host, jobs)
  return result
end

--- Opens the state file. Only luv can keep a file to its owner.
-- @tparam string|nil path
-- @tparam[opt] function on_problem called with a message when it can't be written
-- @treturn[1] table store; nil where no path is given
-- @treturn[2] nil
-- @treturn[2] string message
function M.open_state(path, on_problem)
  if not path then
    return nil
  end
  local found, files = pcall(require, "resum.host.private_file")
  if not found then
    return nil, "state: luv has to be installed for it (lua-luv)"
  end
  if not pcall(require, "cjson") then
    return nil, "state: cjson has to be installed for it (lua-cjson)"
  end
  local store, message = states.open(path, { files = files, on_problem = on_problem or nothing })
  return store, message and "state: " .. message
end

--- A watcher of any number of targets.
-- @tparam table plan what resum.options reads
-- @tparam table options of connections (see resum.run), host, every (seconds between rounds), max_per_minute
--   (connections to one address), until_time (seconds since 1970), store (see resum.watch.state), wall (function:
--   seconds since 1970), boot (see resum.watch.clock)
-- @treturn table watcher
function M.new(plan, options)
  local own = tables.merged(options, { versions = plan.versions, identity = plan.identity, contexts = {}, retries = 0,
    load = clients.new_load(), wall = options.wall or os.time })
  for _, secret in ipairs({ "certificate", "private_key", "key_form", "passphrase" }) do
    own[secret] = nil -- the identity has them
  end
  return setmetatable({ plan = plan, options = own, store = options.store,
    pace = pace.new(options.host, options.max_per_minute) }, Watcher)
end

return M
