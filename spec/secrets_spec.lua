--- What is closed leaves no secret behind: the memory of a process that has closed all of its objects is searched for
-- every secret of its connection: of the session that it resumed, and all that came of it, down to the keys of records.
-- Its server lives here: libssl's servers free what stood in a ticket as it is, and tell the secrets.

local secret_of = require "spec.support.secret_of"
local uv = require "luv"
local hex = require "spec.support.hex"
local keys = require "spec.support.keys"
local memory = require "spec.support.memory"
local process = require "spec.support.process"
local wire = require "spec.support.wire"

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

-- --- what is looked for: name -> bytes ---

-- RFC 8446, section 7.3, and the PSK with what it gives alone. `shared` is the secret of the key shares, where it is
-- known.
local function new_secrets(needles, cipher, psk, keylog, shared)
  local suite = keys.suite(cipher, "TLSv1.3")
  local function expand(secret, label, context, length)
    return keys.expand_label(suite.hash, secret, label, context or "", length or #secret)
  end
  local early, nothing = keys.extract(suite.hash, "", psk), keys.digest(suite.hash, "")
  needles["early secret"] = early
  needles["binder key"] = expand(early, "res binder", nothing)
  needles["finished_key of the binder"] = expand(needles["binder key"], "finished")
  if shared then
    needles["handshake secret"] = keys.extract(suite.hash, expand(early, "derived", nothing), shared)
    needles["master secret"] = keys.extract(suite.hash, expand(needles["handshake secret"], "derived", nothing),
      ("\0"):rep(#nothing))
  end
  for label, digits in keylog:gmatch("(%u[%u_%d]+) %x+ (%x+)") do
    local secret = hex.bytes(digits)
    needles[label] = secret
    needles[label .. ", finished_key"] = expand(secret, "finished")
    needles[label .. ", key"] = expand(secret, "key", "", suite.key_length)
    needles[label .. ", iv"] = expand(secret, "iv", "", suite.iv_length)
  end
end

-- RFC 5246, section 6.3. A salt of 4 bytes stands anywhere by chance.
local function old_secrets(needles, cipher, version, secret, hellos)
  local suite = keys.suite(cipher, version)
  local sizes = { suite.mac_key_length, suite.key_length, suite.iv_length }
  local block = keys.prf(suite.hash, secret, "key expansion", hellos.server .. hellos.client,
    2 * (sizes[1] + sizes[2] + sizes[3]))
  local position = 1
  for i, name in ipairs { "MAC key", "key", "iv" } do
    for _, side in ipairs { "client", "server" } do
      if sizes[i] >= 12 then
        needles[side .. "'s " .. name] = block:sub(position, position + sizes[i] - 1)
      end
      position = position + sizes[i]
    end
  end
end

-- As words of the machine, which some implementations of AES keep.
local function swapped(bytes)
  return (bytes:gsub("(.)(.)(.)(.)", "%4%3%2%1"))
end

-- The names of those secrets that stand in the memory of the process.
local function found_in(pid, needles)
  local found = {}
  each_mapping(pid, function(bytes)
    for name, needle in pairs(needles) do
      assert(#needle >= 12, name)
      if bytes:find(needle, 1, true) or bytes:find(swapped(needle), 1, true) then
        found[name] = true
      end
    end
  end)
  local names = {}
  for name in pairs(found) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- --- the process that is searched ---

-- Answers the child's flights until it is ready to be searched. Returns the randoms of both hellos, and the server's
-- key share in TLS 1.3.
local function serve(child, connection)
  local answered, hellos = 0, {}
  local ready = process.wait_until(process.PATIENCE, function()
    local position = 1
    for _ = 1, answered do
      position = child.stdout():find("\n", position, true) + 1
    end
    local line = child.stdout():match("^(%w+)\n", position)
    if line and line ~= "ready" then
      answered = answered + 1
      local bytes = hex.bytes(line)
      local answer = select(2, connection:step(bytes))
      if answered == 1 then
        hellos.client = wire.client_hello(wire.clear_messages(bytes)[1]).random
        local hello = wire.server_hello(wire.clear_messages(answer)[1])
        hellos.server, hellos.share = hello.random, hello.extensions[wire.EXTENSION.key_share]
      end
      child.write(hex.digits(answer) .. "\n")
    end
    return line == "ready"
  end)
  assert.is_true(ready, child.log())
  return hellos
end

-- What is left of a connection in the memory of a process that resumed a session, and how many secrets were sought.
local function left_behind(case, engine, keeps)
  local server = memory.server { min_version = case.version, max_version = case.version, ciphers = case.cipher,
    ciphersuites = case.suite }
  local session = memory.visit(server).session
  local child = process.start {
    command = { uv.exepath(), "-e", PROGRAM:format(case.version, engine, tostring(keeps)) }, input = "pipe",
    -- It keeps what is free, and with gcc 14 frames that have ended: nobody can reclaim that.
    environment = { ASAN_OPTIONS = "max_free_fill_size=1048576:detect_stack_use_after_return=0" },
  }
  child.write(hex.digits(session:pem()) .. "\n")
  local connection = server:accept()
  local hellos = serve(child, connection)
  local secret, cipher = secret_of(session), connection:facts().cipher
  local needles, count = { ["the session's secret"] = secret }, 0
  if case.version == "TLSv1.3" then
    -- with the base point for a share of ours, the server's is the secret
    new_secrets(needles, cipher, secret, connection:keylog(), engine == "probe" and hellos.share:sub(-32) or nil)
  else
    old_secrets(needles, cipher, case.version, secret, hellos)
  end
  for _ in pairs(needles) do
    count = count + 1
  end
  local names = found_in(child.pid, needles)
  child.stop()
  return names, count
end

local CASES = {
  { version = "TLSv1.0", cipher = "ECDHE-ECDSA-AES128-SHA", secrets = 7 },
  { version = "TLSv1.2", cipher = "ECDHE-ECDSA-AES128-GCM-SHA256", secrets = 3 },
  { version = "TLSv1.2", cipher = "ECDHE-ECDSA-AES256-GCM-SHA384", secrets = 3 },
  { version = "TLSv1.2", cipher = "ECDHE-ECDSA-CHACHA20-POLY1305", secrets = 5 },
  { version = "TLSv1.2", cipher = "ECDHE-ECDSA-AES128-CCM", secrets = 3 },
  { version = "TLSv1.2", cipher = "ECDHE-ECDSA-AES256-SHA384", secrets = 5 },
  { version = "TLSv1.3", suite = "TLS_AES_128_GCM_SHA256", secrets = 24 },
  { version = "TLSv1.3", suite = "TLS_AES_256_GCM_SHA384", secrets = 24 },
  { version = "TLSv1.3", suite = "TLS_CHACHA20_POLY1305_SHA256", secrets = 24 },
}

describe("the memory of a process", function()
  for _, case in ipairs(CASES) do
    for _, engine in ipairs { "handshake", "probe" } do
      it(("holds no secret of %s with %s when the %s and its sessions are closed"):format(case.version,
        case.cipher or case.suite, engine), function()
        local kept, count = left_behind(case, engine, true)
        assert.equal(case.secrets + (case.suite and engine == "probe" and 2 or 0), count)
        assert.is_true(#kept >= 2, table.concat(kept, "; ")) -- the search finds what is there
        assert.same({}, (left_behind(case, engine, false)))
      end)
    end
  end
end)
