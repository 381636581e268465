-- Many targets: one after another from whoever names them, as many at once as may be, each result handed out as it
-- comes. What they share (names that were looked up, limits on connections) is made here, for the command as well. It
-- holds the targets that are under way, and no others.

local dns_cache = require "resum.transport.dns_cache"
local new_failure = require "resum.util.failure"
local rate_limiter = require "resum.transport.rate_limiter"
local side_by_side = require "resum.util.side_by_side"

local M = {}

--- Connections at once to one address, when nobody says.
M.PER_ADDRESS = 10
--- Connections at once in total, when a program does not say: as many as any limit of open files leaves.
M.IN_TOTAL = 100

--- Has the scans of many targets share names that were looked up, and limits on connections.
-- @tparam table options of resum.run, with host; host and admit are replaced
-- @tparam integer at_once connections in total
function M.share(options, at_once)
  if options.host.expect_lookups then
    options.host.expect_lookups(at_once)
  end
  options.host = dns_cache.remember(options.host)
  options.admit = options.admit or rate_limiter.new(options.host, {
    total = at_once,
    per_address = options.concurrency or M.PER_ADDRESS,
    delay = options.delay,
  })
end

local unusable_meta = {
  __tostring = function(result)
    return result.error.message
  end,
}

-- What is no target has a result like one that could not be scanned.
local function unusable(text, message, code)
  return setmetatable({
    target = { text = text },
    status = "error",
    error = new_failure(message, code),
    addresses = {},
  }, unusable_meta)
end

local Many = {}
Many.__index = Many

-- The caller's functions may raise: then nothing new begins, and it is raised again in the end.
function Many:call(what, ...)
  if self.raised then
    return nil
  end
  local good, result = pcall(what, ...)
  if not good then
    self.raised = { problem = result }
    return nil
  end
  return result
end

function Many:is_over()
  return self.raised ~= nil or (self.cancelled and self.cancelled()) or false
end

function Many:hand_out(result, number)
  self.counts.targets = self.counts.targets + 1
  self.counts[result.status] = self.counts[result.status] + 1
  self:call(self.on_result, result, number)
end

function Many:next_job()
  local function is_over()
    return self:is_over()
  end
  while not self:is_over() do
    local given = self:call(self.next_target)
    if given == nil then
      return nil
    end
    self.number = self.number + 1
    local number = self.number
    local parsed, message, code = given, nil, nil
    if type(given) == "string" then
      parsed, message, code = self.scanner:parse(given)
    elseif type(given) ~= "table" or not given.host or not given.port then
      local wanted = "a target is a string such as host:port, or what resum.target.parse gave, and number %d is neither"
      self.raised = { misuse = wanted:format(number) }
      return nil
    end
    if parsed then
      return function()
        self:hand_out(self.scanner:run(parsed, { cancelled = is_over }), number)
      end
    end
    self:hand_out(unusable(given, message, code), number)
  end
end

--- Scans all targets.
-- @tparam table scanner see resum.scanner
-- @tparam table options next_target (function), on_result (function), at_once, cancelled (function, or nil), host
-- @treturn table counts: targets, completed, unreachable, error
-- @treturn string|nil what the caller did wrong, in words
-- @raise what one of the caller's functions has raised
function M.run(scanner, options)
  local many = setmetatable({
    scanner = scanner,
    next_target = options.next_target,
    on_result = options.on_result,
    cancelled = options.cancelled,
    number = 0,
    counts = { targets = 0, completed = 0, unreachable = 0, error = 0 },
    raised = nil,
  }, Many)
  local fine, problem = pcall(side_by_side.run, options.host, function()
    return many:next_job()
  end, options.at_once)
  if many.raised and many.raised.misuse then
    return many.counts, many.raised.misuse
  elseif many.raised then
    error(many.raised.problem, 0)
  end
  if not fine then
    error(problem, 0)
  end
  return many.counts
end

return M
