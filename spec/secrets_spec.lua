--- What is closed leaves no secret behind: the memory of a process that has closed all of its objects is searched for
-- the secret of the session that it resumed. Its server lives here: libssl's servers free what stood in a ticket as it
-- is.

local uv = require "luv"
local hex = require "spec.support.hex"
local memory = require "spec.support.memory"
local process = require "spec.support.process"

local MOST = 64 * 1024 * 1024 -- bytes of one mapping: the sanitizers' shadows are larger, and hold no data

-- Resumes the session of a PEM, in which the secret stands as base64 only; flights go out and come in as hex. Closes
-- all, or keeps it; waits to be searched.
local PROGRAM = [[
  local core, hex = require "resum.core", require "spec.support.hex"
  local version, engine, keeps = %q, %q, %s
  local function run()
    local session = assert(core.session { pem = hex.bytes(io.read()) })
    local copy = session:copy()
    assert(copy:fields().version == version)
    local client
    if engine == "probe" then
      client = core.probe { session = copy, tickets = true }
    else
      client = core.handshake(core.context(), { session = copy })
    end
    local _, flight = client:step()
    while flight ~= "" do
      print(hex.digits(flight))
      io.stdout:flush()
      flight = select(2, client:step(hex.bytes(io.read())))
    end
    assert(client:facts().reused)
    local objects = { client, session, copy, table.unpack(client:sessions()) }
    for _, object in ipairs(keeps and {} or objects) do
      object:close()
    end
    return objects
  end
  kept = run()
  collectgarbage()
  print("ready")
  io.stdout:flush()
  require("luv").sleep(60000)
]]

-- Calls with the content of each of the process's writable mappings.
local function each_mapping(pid, call)
  local content = assert(io.open(("/proc/%d/mem"):format(pid), "rb"))
  for line in io.lines(("/proc/%d/maps"):format(pid)) do
    local first, last = line:match("^(%x+)%-(%x+) rw")
    local size = first and tonumber(last, 16) - tonumber(first, 16) or 0
    if size > 0 and size <= MOST and content:seek("set", tonumber(first, 16)) then
      call(content:read(size) or "")
    end
  end
  content:close()
end

-- SSL_SESSION_ASN1: SEQUENCE { version, protocol, cipher, session id, master secret (in TLS 1.3 the PSK), … }.
local function secret_of(session)
  local der = session:der()
  local position = der:byte(2) < 0x80 and 3 or 3 + (der:byte(2) & 0x7f)
  local content
  for _ = 1, 5 do
    content, position = (">s1"):unpack(der, position + 1)
  end
  assert(#content >= 32)
  return content
end

-- Answers the child's flights until it is ready to be searched.
local function serve(child, connection)
  local answered = 0
  local ready = process.wait_until(process.PATIENCE, function()
    local position = 1
    for _ = 1, answered do
      position = child.stdout():find("\n", position, true) + 1
    end
    local line = child.stdout():match("^(%w+)\n", position)
    if line and line ~= "ready" then
      answered = answered + 1
      child.write(hex.digits(select(2, connection:step(hex.bytes(line)))) .. "\n")
    end
    return line == "ready"
  end)
  assert.is_true(ready, child.log())
end

-- Does the secret stand in the memory of a process that resumed the session?
local function is_left(version, engine, keeps)
  local server = memory.server { min_version = version, max_version = version }
  local session = memory.visit(server).session
  local child = process.start {
    command = { uv.exepath(), "-e", PROGRAM:format(version, engine, tostring(keeps)) }, input = "pipe",
  }
  child.write(hex.digits(session:pem()) .. "\n")
  serve(child, server:accept())
  local secret, found = secret_of(session), false
  each_mapping(child.pid, function(bytes)
    found = found or bytes:find(secret, 1, true) ~= nil
  end)
  child.stop()
  return found
end

describe("the memory of a process", function()
  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    for _, engine in ipairs { "handshake", "probe" } do
      it(("holds no secret of %s when the %s and its sessions are closed"):format(version, engine), function()
        assert.is_true(is_left(version, engine, true)) -- the search finds what is there
        assert.is_false(is_left(version, engine, false))
      end)
    end
  end
end)
