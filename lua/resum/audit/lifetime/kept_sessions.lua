-- Sessions that wait for their time (`--lifetime`), kept in the state file so that the next run can go on where one was
-- interrupted. They hold secrets: the file is for its owner only, and their lines are overwritten when all have been
-- offered. It owns these lines; the file is the store's.

local core = require "resum.core"
local hex = require "resum.util.hex"
local state = require "resum.audit.keys.state"
local unhex = require "resum.util.unhex"

local M = {}

local MOST = 60000 -- digits of a session; what has more is kept in memory only
local FIELDS = { mechanism = "string", address = "string", sni = "string", port = "number", point = "number",
  at = "number", made = "number", promised = "number", outcome = "string", session = "string" }

local function encode(fields)
  local quoted, parts = require("cjson").encode, {}
  for name in pairs(FIELDS) do
    local value = fields[name]
    if value ~= nil then
      parts[#parts + 1] = ('"%s":%s'):format(name, type(value) == "number" and ("%.0f"):format(value) or quoted(value))
    end
  end
  table.sort(parts)
  return ("%s1,%s}"):format(state.KEPT, table.concat(parts, ","))
end

local function decode(line)
  local good, fields = pcall(require("cjson").decode, line)
  if not good or type(fields) ~= "table" then
    return nil
  end
  for name, kind in pairs(FIELDS) do
    if fields[name] ~= nil and type(fields[name]) ~= kind then
      return nil
    end
  end
  return fields.mechanism and fields.point and fields
end

local Kept = {}
Kept.__index = Kept

function Kept:is_mine(fields)
  return fields.address == self.place.address and fields.port == self.place.port and fields.sni == self.place.sni
end

function Kept:write(fields)
  for name, value in pairs(self.place) do
    fields[name] = value
  end
  return self.store:append(encode(fields) .. "\n")
end

--- What an earlier run has left of a mechanism.
-- @function kept:left
-- @tparam string mechanism
-- @treturn table point (its number in the schedule) -> at (seconds after the full handshake), made (of that, seconds
--   since 1970), promised, and session, or outcome where it was offered already
function Kept:left(mechanism)
  local points = {}
  for _, line in ipairs(self.store.kept) do
    local fields = decode(line)
    if fields and fields.mechanism == mechanism and self:is_mine(fields) then
      local known = points[fields.point] or {}
      points[fields.point] = known
      for _, name in ipairs({ "at", "made", "promised", "outcome" }) do
        known[name] = fields[name] or known[name]
      end
      known.session = fields.session and core.session({ der = unhex(fields.session) }) or known.session
    end
  end
  return points
end

--- Keeps a session until its time.
-- @function kept:keep
-- @tparam table fields mechanism, point, at, made, promised, session
function Kept:keep(fields)
  local digits = hex(fields.session:der())
  if #digits <= MOST then
    fields.session = digits
    self:write(fields)
  end
end

--- Notes what came of one.
-- @function kept:note
-- @tparam string mechanism
-- @tparam integer point
-- @tparam string outcome
function Kept:note(mechanism, point, outcome)
  self:write({ mechanism = mechanism, point = point, outcome = outcome })
end

--- Overwrites all that is kept of this place.
-- @function kept:wipe
function Kept:wipe()
  self.store.files.blank(self.store.path, state.LONGEST_LINE, function(line)
    local fields = state.is_kept(line) and decode(line)
    return fields and self:is_mine(fields)
  end, state.WIPED)
  self.store.kept = {}
end

--- @tparam table store see resum.audit.keys.state
-- @tparam table place address, port, sni (nil: none)
-- @treturn table kept
function M.new(store, place)
  return setmetatable({ store = store, place = place }, Kept)
end

return M
