--- Garbage for specs, the same on every run: a small generator of its own, and the mutations that parsers dislike.
-- A spec names its seed in what it prints on failure, so that a defect can be met again.

local M = {}

local Random = {}
Random.__index = Random

--- A generator (xorshift64*, Marsaglia and Vigna); equal seeds give equal garbage on every Lua.
-- @tparam integer seed not 0
function M.new(seed)
  return setmetatable({ state = seed }, Random)
end

--- A number from low to high.
function Random:number(low, high)
  local x = self.state
  x = x ~ (x >> 12)
  x = x ~ (x << 25)
  x = x ~ (x >> 27)
  self.state = x
  return low + ((x * 0x2545F4914F6CDD1D) >> 33) % (high - low + 1)
end

function Random:bytes(count)
  local list = {}
  for i = 1, count do
    list[i] = string.char(self:number(0, 255))
  end
  return table.concat(list)
end

local MUTATIONS = {
  -- a byte becomes another one
  function(random, bytes, at)
    return bytes:sub(1, at - 1) .. random:bytes(1) .. bytes:sub(at + 1)
  end,
  -- a bit turns
  function(random, bytes, at)
    return bytes:sub(1, at - 1) .. string.char(bytes:byte(at) ~ (1 << random:number(0, 7))) .. bytes:sub(at + 1)
  end,
  -- a number becomes the largest, or the smallest
  function(random, bytes, at)
    local value = random:number(0, 1) == 0 and "\0\0" or "\255\255"
    return bytes:sub(1, at - 1) .. value .. bytes:sub(at + 2)
  end,
  -- some bytes are missing
  function(random, bytes, at)
    return bytes:sub(1, at - 1) .. bytes:sub(at + random:number(1, 8))
  end,
  -- some bytes are too many
  function(random, bytes, at)
    return bytes:sub(1, at - 1) .. random:bytes(random:number(1, 8)) .. bytes:sub(at)
  end,
  -- a part stands there twice
  function(random, bytes, at)
    return bytes:sub(1, at - 1) .. bytes:sub(at, at + random:number(1, 64)) .. bytes:sub(at)
  end,
  -- the end is missing
  function(_, bytes, at)
    return bytes:sub(1, at - 1)
  end,
}

--- Bytes with one to three mutations.
function Random:mutate(bytes)
  for _ = 1, self:number(1, 3) do
    if #bytes > 0 then
      bytes = MUTATIONS[self:number(1, #MUTATIONS)](self, bytes, self:number(1, #bytes))
    end
  end
  return bytes
end

return M
