--- Cuts the plaintext handshake records of a flight differently: what a peer may do, and libssl does not.
-- Only handshake records that follow one another are touched; what is protected stays as it is, for want of keys.

local wire = require "spec.support.wire"

local M = {}

local HANDSHAKE = 22

local function record(version, bytes)
  return string.char(HANDSHAKE) .. (">I2 s2"):pack(version, bytes)
end

local CUTS = {
  -- all messages in one record
  together = function(bytes)
    return { bytes }
  end,
  -- a record for each message
  apart = function(bytes)
    local list, position = {}, 1
    while position <= #bytes do
      local after = position + 4 + (">I3"):unpack(bytes, position + 1)
      list[#list + 1] = bytes:sub(position, after - 1)
      position = after
    end
    return list
  end,
  -- records of 7 bytes: no message in one of them
  pieces = function(bytes)
    local list = {}
    for from = 1, #bytes, 7 do
      list[#list + 1] = bytes:sub(from, from + 6)
    end
    return list
  end,
}

--- Ways of cutting.
M.WAYS = { "together", "apart", "pieces" }

--- The flight with its first run of handshake records cut anew.
-- @tparam string flight whole records, in the clear at least at first
-- @tparam string way one of WAYS
-- @treturn string
function M.cut(flight, way)
  local records, run, rest = wire.records(flight), {}, {}
  local version = records[1].version
  while records[1] and records[1].type == HANDSHAKE do
    run[#run + 1] = table.remove(records, 1).bytes
  end
  for i, one in ipairs(records) do
    rest[i] = string.char(one.type) .. (">I2 s2"):pack(one.version, one.bytes)
  end
  local cut = CUTS[way](table.concat(run))
  for i, bytes in ipairs(cut) do
    cut[i] = record(version, bytes)
  end
  return table.concat(cut) .. table.concat(rest)
end

--- The same as `change` of spec.support.pair: the server's first flight is cut.
function M.change(way)
  local flights = 0
  return function(from, bytes)
    flights = flights + (from == "server" and 1 or 0)
    return from == "server" and flights == 1 and M.cut(bytes, way) or bytes
  end
end

return M
