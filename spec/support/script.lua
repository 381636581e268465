--- A peer in the same process that speaks by a script, and the host that connects to it: for dialogues before TLS.
-- Knows the host's verbs and the stream's. It must not know what is said.
--
-- A script is a list of steps: "S: text" (the peer says it), "C: text" (it wants to hear just that), "eof", "reset",
-- "flood text" (says it without end, whatever it hears). Line ends are in the text. After the last step, and where it
-- waits to hear something, the peer is silent.

local M = {}

local Stream = {}
Stream.__index = Stream

local function step_of(stream)
  return stream.script[stream.at]
end

local function advance(stream, kept)
  stream.kept = kept
  if kept == "" then
    stream.at, stream.kept = stream.at + 1, nil
  end
end

-- The next piece that the peer says, and what is left of that step.
local function piece_of(stream, step)
  local text = stream.kept or step:sub(4)
  local size = stream.chunk or #text
  return text:sub(1, size), text:sub(size + 1)
end

function Stream:read(deadline)
  self.clock.time = self.clock.time + self.pause
  local step = step_of(self)
  if step == "eof" or step == "reset" then
    return nil, step
  elseif step and step:find("^flood ") then
    return step:sub(7)
  elseif step and step:find("^S: ") then
    local piece, kept = piece_of(self, step)
    advance(self, kept)
    return piece
  end
  self.clock.time = math.max(self.clock.time, deadline)
  return nil, "timeout"
end

-- Hears bytes: all of them must be what the script wants to hear now.
function Stream:write(bytes)
  while bytes ~= "" do
    local step = step_of(self)
    if step == "reset" then
      return nil, "reset"
    elseif step and step:find("^flood ") then
      return true
    end
    local wanted = step and step:find("^C: ") and (self.kept or step:sub(4))
    if not wanted or bytes:sub(1, #wanted) ~= wanted:sub(1, #bytes) then
      error(("script: heard %q in step %d, which is %q"):format(bytes, self.at, tostring(step)), 2)
    end
    advance(self, wanted:sub(#bytes + 1))
    bytes = bytes:sub(#wanted + 1)
  end
  return true
end

function Stream:close()
  self.closed = true
end

--- A host whose connections all meet a peer with this script.
-- @tparam {string,...} script
-- @tparam[opt] table options chunk (bytes that one read returns at most; all of a step), pause (seconds that each read
--   takes, 0), names (name -> list of addresses)
-- @treturn table host; host.connected lists "address port", host.streams the streams; stream:done() tells whether all
--   was said and heard
function M.host(script, options)
  options = options or {}
  local clock = { time = 0 }
  local host = { name = "scripted", connected = {}, streams = {} }
  function host.now()
    return clock.time
  end
  function host.connect(address, port)
    host.connected[#host.connected + 1] = ("%s %d"):format(address, port)
    local stream = setmetatable(
      { script = script, at = 1, clock = clock, chunk = options.chunk, pause = options.pause or 0 }, Stream)
    host.streams[#host.streams + 1] = stream
    return stream
  end
  function host.resolve(name)
    local addresses = (options.names or {})[name]
    if not addresses then
      return nil, "resolve: no address for " .. name, "unreachable"
    end
    return addresses
  end
  return host
end

--- Was everything said and heard?
function Stream:done()
  return step_of(self) == nil
end

return M
