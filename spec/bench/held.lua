--- Memory of handshakes in flight, for `make bench`: run as a program of its own for each figure, as memory that was
-- used once does not go back to the system.
--   lua5.4 spec/bench/held.lua SILENT_PORT COUNT [SERVER_PORT MECHANISM]
-- prints what COUNT connections to a server that never answers hold, in KB; with a server's port each of them has a
-- probe that has sent its ClientHello.

local attempt = require "resum.connection.client"
local core = require "resum.core"
local host = require "resum.host.uv"
local uv = require "luv"

local silent_port, count, server_port, mechanism = math.tointeger(arg[1]), math.tointeger(arg[2]), arg[3], arg[4]

local function resident_kb()
  collectgarbage()
  collectgarbage()
  return uv.resident_set_memory() / 1024
end

local function session_of(port)
  local client = attempt.new_client({ address = "127.0.0.1", port = math.tointeger(port) }, { host = host })
  local record = client:attempt({ mechanism = mechanism, want_tickets = true })
  return assert(record.sessions[1], "the server issued nothing")
end

local session = server_port and session_of(server_port)
local waiting, held, before = 0, nil, resident_kb()

local function wait_in_flight()
  local stream = assert(host.connect("127.0.0.1", silent_port, { timeout = 60 }))
  local probe = session and assert(core.probe({ session = session, ticket_age_s = 1 }))
  if probe then
    stream:write(select(2, probe:step()), host.now() + 60)
  end
  waiting = waiting + 1
  held = held or waiting == count and resident_kb() - before or nil
  while not held do
    stream:read(host.now() + 0.5)
  end
  stream:close()
end

local jobs = {}
for i = 1, count do
  jobs[i] = wait_in_flight
end
local _, problem = next(host.parallel(jobs, count))
assert(problem == nil, problem)
print(held)
