-- How many connections the limit of open files leaves. The soft limit is raised as far as it may be, for this process
-- only.

local system = require "resum.cli.system"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local OTHERS = 64 -- files that are open for other reasons
local EACH_LOOKUP = 2 -- a socket to the name server, a file of the system's
local LOOKUPS_MOST = 512

local function read_line(path, pattern)
  local file = io.open(path)
  if not file then
    return nil
  end
  for line in file:lines() do
    local first, second = line:match(pattern)
    if first then
      file:close()
      return first, second
    end
  end
  file:close()
end

-- The limits; nil where the system does not tell.
local function limits()
  local soft, hard = read_line("/proc/self/limits", "^Max open files%s+(%w+)%s+(%w+)")
  local function count(word)
    return tonumber(word) or math.huge -- "unlimited"
  end
  if soft then
    return count(soft), count(hard)
  end
end

--- Makes room for connections.
-- @tparam integer connections how many are wanted at once
-- @treturn integer how many there can be
-- @treturn string|nil what cuts them, in words
function M.make_room(connections)
  local others = OTHERS + EACH_LOOKUP * math.min(connections, LOOKUPS_MOST)
  local needed = connections + others
  local soft, hard = limits()
  if soft and soft < needed and soft < hard then
    system.raise_file_limit(math.min(needed, hard))
    soft = limits()
  end
  if not soft or soft >= needed then
    return connections
  end
  local free = soft - OTHERS
  local left = free - EACH_LOOKUP * LOOKUPS_MOST
  if left < LOOKUPS_MOST then -- as many lookups as connections
    left = free // (1 + EACH_LOOKUP)
  end
  left = math.max(1, math.floor(left))
  return left, ("only %s at once instead of %d: this process may have %.0f files open (see ulimit -Hn)")
    :format(vocabulary.count(left, "connection"), connections, soft)
end

return M
