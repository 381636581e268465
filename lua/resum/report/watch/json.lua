-- Events of a watch as JSON lines: what is listed here and nothing else. Pure: whoever calls it says how times are
-- written.

local encode = require("resum.report.json.encode")
local escape = require "resum.util.escape"
local words = require "resum.analysis.watch.words"

local M = { SCHEMA = 1 }

local COPIED = { "mechanism", "old_key", "caches", "keys", "tickets", "refused", "alive_s", "dead_s", "promised_s",
  "promised_before_s", "by_s", "slept" }
local LISTS = { "old", "new", "there" }
local TIMES = { "since", "until_then", "down", "down_until", "stopped" }

local function list_of(names)
  return names and (#names > 0 and names or encode.EMPTY_LIST) or nil
end

--- An event as a line.
-- @tparam table event see resum.analysis.watch
-- @tparam table where target (label), address, iso (function: a moment of the watch as ISO 8601), minute (function: as
--   sentences have it)
-- @treturn string without its end
function M.line(event, where)
  local out = { watch = M.SCHEMA, event = event.kind, at = where.iso(event.time), target = where.target,
    address = where.address, message = words.sentence(event, where.minute), away = event.away,
    certificate_changed = event.certificate and true or nil }
  for _, name in ipairs(COPIED) do
    out[name] = event[name]
  end
  for _, name in ipairs(LISTS) do
    out[name] = list_of(event[name])
  end
  for _, name in ipairs(TIMES) do
    out[name] = event[name] and where.iso(event[name])
  end
  if event.problem then
    out.error = { code = event.problem.code, message = escape(event.problem.message or "", 300) }
  end
  return encode.encode(out)
end

return M
