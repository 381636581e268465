--- A peer in the same process that speaks by a script, and then, if wanted, TLS; and the host that connects to it.
-- Knows the host's verbs and the stream's. It must not know what is said.
--
-- A script is a list of steps: "S: text" (the peer says it), "C: text" (it wants to hear just that), "eof", "reset",
-- "flood text" (says it without end, whatever it hears), "deaf" (says nothing, whatever it hears). Line ends are in the
-- text. After the last step, and where it waits to hear something, the peer is silent; with a TLS server, TLS begins
-- after the last step.

local jobs = require "resum.host.jobs"

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

-- The first bytes of a text, as many as a read returns, and the rest.
local function cut(stream, text)
  local size = stream.chunk or #text
  return text:sub(1, size), text:sub(size + 1)
end

-- TLS -------------------------------------------------------------------------------------------------------------

-- Takes what the client sent; keeps what it hears inside TLS, and what is to be said.
local function step_tls(stream, bytes)
  local connection = stream.connection
  local state, out = connection:step(bytes)
  stream.to_say = stream.to_say .. out
  local heard = connection:read()
  stream.heard = stream.heard .. heard
  if heard ~= "" and stream.on_data and state == "established" then
    stream.to_say = stream.to_say .. stream.on_data(connection, heard)
  end
  if state == "closed" then
    stream.to_say = stream.to_say .. connection:shutdown()
    stream.ended = "eof"
  elseif not state then
    stream.ended = "reset"
  end
end

local function read_tls(stream)
  local piece
  piece, stream.to_say = cut(stream, stream.to_say)
  if piece ~= "" then
    return piece
  end
  return nil, stream.ended or "timeout"
end

-- The stream ---------------------------------------------------------------------------------------------------

local function read_script(stream)
  local step = step_of(stream)
  if step == "eof" or step == "reset" then
    return nil, step
  elseif step and step:find("^flood ") then
    return step:sub(7)
  elseif step and step:find("^S: ") then
    local piece, kept = cut(stream, stream.kept or step:sub(4))
    advance(stream, kept)
    return piece
  elseif not step and stream.connection then
    return read_tls(stream)
  end
  return nil, "timeout"
end

function Stream:read(deadline)
  self.clock.time = self.clock.time + self.pause
  local bytes, why = read_script(self)
  if why == "timeout" then
    self.clock.time = math.max(self.clock.time, deadline)
  end
  return bytes, why
end

-- Does whoever stands before the server keep this from it?
local function is_kept(stream, bytes)
  stream.flights = stream.flights + 1
  return stream.gate and stream.gate(stream, bytes, stream.flights)
end

-- Hears bytes: all of them must be what the script wants to hear now.
function Stream:write(bytes)
  if is_kept(self, bytes) then
    return true
  end
  while bytes ~= "" do
    local step = step_of(self)
    if step == "reset" then
      return nil, "reset"
    elseif step == "deaf" or step and step:find("^flood ") then
      return true
    elseif not step and self.connection then
      step_tls(self, bytes)
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

--- Was everything said and heard?
function Stream:done()
  return step_of(self) == nil
end

-- The host -----------------------------------------------------------------------------------------------------

local function run_one_by_one(list)
  local errors, number = {}, 0
  for job in jobs.each(list) do
    number = number + 1
    local ran, problem = pcall(job)
    errors[number] = not ran and problem or nil
  end
  return errors
end

local function server_of(server, number)
  if type(server) == "function" then
    server = server(number)
  end
  return server and server:accept()
end

--- A host whose connections all meet a peer with this script.
-- @tparam {string,...}|function script steps; or a function that gives them for the n-th connection
-- @tparam[opt] table options chunk (bytes that one read returns at most; all of a step), pause (seconds that each read
--   takes, 0), names (name -> list of addresses), tls_server (of spec.support.tls_server; or a function
--   that gives it for the n-th connection), on_data (called with the TLS connection and what was heard inside; returns
--   bytes to send, as they go onto the wire), gate (who stands before the server: called with the stream, what the
--   client writes, and which of its writes that is; true: the server does not hear it. The gate may set stream.to_say
--   and stream.ended ("eof", "reset"))
-- @treturn table host; host.connected lists "address port", host.slept the seconds of each sleep, host.streams the
--   streams; stream:done() tells whether the script is over, stream.heard is what was heard inside TLS
function M.host(script, options)
  options = options or {}
  local clock = { time = 0 }
  local host = { name = "scripted", connected = {}, slept = {}, streams = {}, parallel = run_one_by_one }
  function host.now()
    return clock.time
  end
  function host.sleep(seconds)
    host.slept[#host.slept + 1] = seconds
    clock.time = clock.time + seconds
  end
  function host.connect(address, port)
    host.connected[#host.connected + 1] = ("%s %d"):format(address, port)
    local stream = setmetatable({
      script = type(script) == "function" and script(#host.connected) or script,
      at = 1,
      clock = clock,
      chunk = options.chunk,
      pause = options.pause or 0,
      connection = server_of(options.tls_server, #host.connected),
      on_data = options.on_data,
      gate = options.gate,
      flights = 0,
      to_say = "",
      heard = "",
    }, Stream)
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

return M
