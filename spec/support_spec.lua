--- The specs' own tools, proved on real servers: processes, certificates, servers, balancer, reference clients, demo.
-- Other specs trust what stands here; this one must not use the module under test.

local uv = require "luv"
local balancer = require "spec.support.balancer"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local reference = require "spec.support.reference"
local servers = require "spec.support.servers"

local LUA = uv.exepath()
local MECHANISMS = { "session_id", "ticket", "psk" }

local PATIENCE = process.PATIENCE
local ENOUGH = 256 -- chunks: of a flood no more are read

-- One plain TCP conversation: connects, sends, reads until the peer ends it, the time is over, or it is enough: a
-- pattern is found in what came. Returns what came, and how it ended: "eof", "reset", "open", or the failure of the
-- connect. (libuv reports an end where the last bytes and a reset come in one turn of the loop; a socket that was reset
-- refuses an empty write.)
local function converse(address, bytes, seconds, half_close, enough)
  local host, port = address:match("^%[?(.-)%]?:(%d+)$")
  local socket = uv.new_tcp()
  local received, ending = {}, nil
  socket:connect(host, tonumber(port), function(failure)
    if failure then
      ending = failure == "ECONNRESET" and "reset" or failure -- it may come before libuv tells of the connect
      return
    end
    if bytes then
      socket:write(bytes)
    end
    if half_close then
      socket:shutdown()
    end
    socket:read_start(function(read_failure, chunk)
      if chunk then
        received[#received + 1] = chunk
        local is_enough = #received == ENOUGH or enough and table.concat(received):find(enough)
        ending = is_enough and "open" or nil
      else
        local _, _, refused = socket:try_write("")
        ending = (read_failure or refused == "ECONNRESET") and "reset" or "eof"
      end
    end)
  end)
  process.wait_until(seconds or PATIENCE, function() return ending end)
  local closed = false
  socket:close(function() closed = true end)
  process.wait_until(PATIENCE, function() return closed end)
  return table.concat(received), ending or "open"
end

-- A server in this process: answers what a client said when the client is done, remembers it, counts the connections.
local function new_listener()
  local listener = { heard = {}, accepted = 0 }
  local server = uv.new_tcp()
  assert(server:bind("127.0.0.1", 0))
  assert(server:listen(128, function()
    local client = uv.new_tcp()
    server:accept(client)
    listener.accepted = listener.accepted + 1
    local number = listener.accepted
    listener.heard[number] = ""
    client:read_start(function(failure, bytes)
      if bytes then
        listener.heard[number] = listener.heard[number] .. bytes
      elseif failure then
        client:close()
      else
        client:write("heard " .. listener.heard[number], function() client:close() end)
      end
    end)
  end))
  listener.port = math.floor(server:getsockname().port)
  listener.address = "127.0.0.1:" .. listener.port
  function listener.stop()
    server:close()
    uv.run("nowait")
  end
  return listener
end

local function new_listeners(count)
  local list = {}
  for i = 1, count do
    list[i] = new_listener()
  end
  return list
end

local function stop_listeners(list)
  for _, listener in ipairs(list) do
    listener.stop()
  end
end

-- Which listener each of so many connections reached, e.g. "123123".
local function rotation(address, listeners, count)
  local sequence = ""
  for _ = 1, count do
    local before = {}
    for i, listener in ipairs(listeners) do
      before[i] = listener.accepted
    end
    converse(address, "hello", nil, true)
    for i, listener in ipairs(listeners) do
      sequence = sequence .. tostring(i):rep(listener.accepted - before[i])
    end
  end
  return sequence
end

-- Runs a Lua program in another process.
local function start_lua(program, options)
  options = options or {}
  options.command = { LUA, "-e", program }
  options.working_directory = process.ROOT
  return process.start(options)
end

local function first_line(child)
  return process.wait_until(PATIENCE, function() return child.stdout():match("^(.-)\n") end)
end

describe("spec.support #unsanitized", function()
  after_each(process.stop_all)

  describe("process", function()
    it("gives nothing of a file that is not there, and of one that can't be read once it is open", function()
      assert.equal("", process.read_file("/proc/self/nothing"))
      assert.equal("", process.read_file("/proc/self/mem")) -- as /proc/PID/stat, of a process that ends in between
    end)

    it("gives the code, the signal, stdout and stderr of a program that it ran", function()
      assert.same({ code = 3, signal = 0, stdout = "in\n", stderr = "err\n" },
        process.run { command = { "sh", "-c", "cat; echo err >&2; exit 3" }, input = "in\n" })
      assert.same({ code = 143, signal = 15, stdout = "", stderr = "" },
        process.run { command = { "sh", "-c", "kill -TERM $$" } })
    end)

    it("changes and removes variables of the environment", function()
      local result = process.run {
        command = { "sh", "-c", "echo $RESUM_SPEC ${HOME-none}" },
        environment = { RESUM_SPEC = "set", HOME = false },
      }
      assert.equal("set none\n", result.stdout)
    end)

    it("gives a child an environment that is the same on each machine", function()
      local foreign = { "LANG", "LC_ALL", "LC_MESSAGES", "LANGUAGE", "NO_COLOR", "OPENSSL_CONF", "BASH_ENV", "CDPATH",
        "GREP_COLORS", "TZ", "SHELL", "TERM", "PERL5LIB", "XDG_RUNTIME_DIR" }
      local own = {}
      for _, name in ipairs(foreign) do
        own[name] = uv.os_getenv(name)
        uv.os_setenv(name, "foreign")
      end
      local told = process.run({ command = { "env" } }).stdout
      for _, name in ipairs(foreign) do
        if own[name] then
          uv.os_setenv(name, own[name])
        else
          uv.os_unsetenv(name)
        end
      end
      assert.is_nil(told:find("foreign", 1, true), told)
      assert.matches("\nLC_ALL=C.UTF%-8\n", "\n" .. told)
      assert.matches("\nPATH=[^\n]*/usr/sbin:/sbin\n", "\n" .. told)
    end)

    it("is what specs start programs with, and nothing else is", function()
      local found = {}
      local listing = process.run({ command = { "find", process.ROOT .. "/spec", "-name", "*.lua" } }).stdout
      for path in listing:gmatch("[^\n]+") do
        local code = process.read_file(path):gsub("%-%-[^\n]*", "")
        for _, way in ipairs({ "uv%.spawn%(", "io%.popen%(", "os%.execute%(" }) do
          found[code:find(way) and path:sub(#process.ROOT + 7) or 0] = true
        end
      end
      found[0] = nil
      -- What runs specs or is run by make itself.
      assert.same({ ["support/process.lua"] = true, ["support/suite.lua"] = true, ["support/network.lua"] = true,
        ["support/demo.lua"] = true, ["mutants/run.lua"] = true }, found)
    end)

    it("writes to the stdin of a child, also when that has ended", function()
      local child = process.start { command = { "head", "-n", "1" }, input = "pipe" }
      child.write("one\n")
      assert.equal(0, (child.wait(PATIENCE)))
      child.write("two\n")
      assert.equal("one\n", child.stdout())
    end)

    it("says what is not installed", function()
      assert.has_error(function() process.start { command = { "no-such-program" } } end,
        "cannot start no-such-program: not installed (no such program on PATH)")
    end)

    it("kills a program that does not end in time and says what it printed", function()
      local ran, message = pcall(process.run, { command = { "sh", "-c", "echo busy; sleep 60" }, seconds = 2 })
      assert.is_false(ran)
      assert.matches("did not end in 2 s; it said:\nbusy", message)
    end)

    it("kills with SIGKILL, with its whole group, what ignores SIGTERM", function()
      local child = process.start { command = { "sh", "-c", "trap '' TERM; sleep 60 & echo $!; wait" } }
      local grandchild = tonumber(first_line(child))
      child.stop()
      assert.same({ code = 137, signal = 9 }, child.exited)
      assert.truthy(process.wait_until(PATIENCE, function() return not process.exists(grandchild) end))
    end)

    it("sees that a port is listened on, and by whom, without a connection", function()
      local listener = new_listener()
      assert.is_true(process.listening(listener.port))
      assert.is_true(process.listening(listener.port, uv.os_getpid()))
      assert.is_false(process.listening(listener.port, 1))
      uv.run("nowait")
      assert.equal(0, listener.accepted)
      listener.stop()
      assert.is_false(process.listening(listener.port))
    end)

    it("passes an error of a condition on", function()
      assert.has_error(function() process.wait_until(5, function() error("broken", 0) end) end, "broken")
    end)

    it("removes what a program left when it ended without stopping its children", function()
      local child = start_lua [[
        local process = require "spec.support.process"
        local child = process.start { command = { "sleep", "60" } }
        print(child.pid .. " " .. child.directory)
      ]]
      assert.equal(0, (child.wait(PATIENCE)))
      local pid, directory = child.stdout():match("^(%d+) (%S+)")
      assert.truthy(process.wait_until(PATIENCE, function() return not process.exists(tonumber(pid)) end))
      assert.is_nil(uv.fs_stat(directory))
    end)

    -- In a place of its own, as other runs are under way that would remove them, too.
    it("leaves no child when it is killed, and the next run removes its files", function()
      local environment = { TMPDIR = process.temporary_directory() }
      local child = start_lua([[
        local process = require "spec.support.process"
        local child = process.start { command = { "sleep", "60" } }
        process.wait_until(process.PATIENCE, function() -- before that it is setpriv, which may not have asked for the signal yet
          return process.read_file("/proc/" .. child.pid .. "/comm") == "sleep\n"
        end)
        print(child.pid .. " " .. child.directory)
        io.stdout:flush()
        child.wait(60)
      ]], { environment = environment })
      local pid, directory = first_line(child):match("^(%d+) (%S+)")
      assert.is_true(process.exists(tonumber(pid)))
      child.kill("sigkill")
      child.wait(PATIENCE)
      assert.truthy(process.wait_until(PATIENCE, function() return not process.exists(tonumber(pid)) end))
      assert.truthy(uv.fs_stat(directory))
      start_lua("require('spec.support.process').temporary_directory()", { environment = environment }).wait(PATIENCE)
      assert.is_nil(uv.fs_stat(directory))
    end)
  end)

  describe("pki", function()
    for name, host in pairs { ecdsa = "localhost", rsa = "localhost", other = "other.test" } do
      it("signs a server certificate for " .. host .. ": " .. name, function()
        local result = process.run {
          command = {
            "openssl", "verify", "-CAfile", pki.get("ca").certificate, "-verify_hostname", host,
            pki.get(name).certificate,
          },
        }
        assert.matches(": OK\n$", result.stdout)
      end)
    end

    for _, address in ipairs { "127.0.0.1", "::1" } do
      it("signs for the address " .. address, function()
        local result = process.run {
          command = {
            "openssl", "verify", "-CAfile", pki.get("ca").certificate, "-verify_ip", address,
            pki.get("ecdsa").certificate,
          },
        }
        assert.matches(": OK\n$", result.stdout)
      end)
    end

    it("gives PEM text and a bundle of both", function()
      local client = pki.get("client")
      assert.matches("^%-%-%-%-%-BEGIN CERTIFICATE", client.certificate_pem)
      assert.matches("^%-%-%-%-%-BEGIN PRIVATE KEY", client.key_pem)
      assert.equal(client.certificate_pem .. client.key_pem, process.read_file(client.bundle))
    end)

    it("is made once when several processes make it at the same time", function()
      local folder = process.temporary_directory() .. "/deep/pki"
      local makers = {}
      for i = 1, 4 do
        makers[i] = start_lua(("require('spec.support.pki').make(%q)"):format(folder))
      end
      for _, maker in ipairs(makers) do
        assert.equal(0, (maker.wait(PATIENCE)), maker.stderr())
      end
      assert.same({ "pki" }, process.list(folder:match("^(.*)/")))
    end)

    it("is made again when a file is missing", function()
      local folder = process.temporary_directory() .. "/pki"
      pki.make(folder)
      process.remove(folder .. "/rsa.key")
      pki.make(folder)
      assert.truthy(uv.fs_stat(folder .. "/rsa.key"))
    end)

    it("has no identity of another name", function()
      assert.has_error(function() pki.get("nobody") end, "pki: no identity named nobody")
    end)
  end)

  describe("servers", function()
    for host, address in pairs { ["127.0.0.2"] = "127.0.0.2:%d", ["::1"] = process.has_ipv6() and "[::1]:%d" or nil } do
      it("are on the loopback address that was asked for: " .. host, function()
        local server = servers.s_server { host = host, cert = "rsa" }
        assert.equal(address:format(server.port), server.address)
        assert.is_true(reference.openssl(server.address, "psk").resumed)
      end)
    end

    it("are gone after stop, with their files, and their log is still there", function()
      local server = servers.nginx { workers = 2 }
      assert.is_true(process.listening(server.port, server.pid))
      server.stop()
      server.stop()
      assert.is_false(process.exists(server.pid))
      assert.is_false(process.listening(server.port))
      assert.is_string(server.log())
    end)

    it("say what the server said when it does not start", function()
      local started, message = pcall(servers.nginx, { directives = "no_such_directive on;" })
      assert.is_false(started)
      assert.matches("nginx ended with code 1, signal 0; it said:.*unknown directive \"no_such_directive\"", message)
    end)

    it("say so when the port asked for is taken", function()
      local listener = new_listener()
      local started, message = pcall(servers.balancer, { backends = { 1 }, port = listener.port })
      listener.stop()
      assert.is_false(started)
      assert.matches("address already in use", message)
    end)

    it("take another port when theirs was taken in the meantime", function()
      local listener = new_listener()
      local free_port = process.free_port
      local tried = 0
      process.free_port = function(host)
        tried = tried + 1
        return tried == 1 and listener.port or free_port(host)
      end
      local started, server = pcall(servers.haproxy)
      process.free_port = free_port
      listener.stop()
      assert.is_true(started, server)
      assert.equal(2, tried)
      assert.not_equal(listener.port, server.port)
    end)

    it("end when the process that started them is killed", function()
      local child = start_lua [[
        local servers = require "spec.support.servers"
        print(servers.nginx { workers = 2 }.pid, servers.haproxy().pid, servers.odd { kind = "silent" }.pid)
        io.stdout:flush()
        require("luv").sleep(60000)
      ]]
      local line = assert(first_line(child), child.stderr())
      child.kill("sigkill")
      for pid in line:gmatch("%d+") do
        assert.truthy(process.wait_until(PATIENCE, function() return not process.exists(tonumber(pid)) end))
      end
    end)

    it("of nginx that have the same ticket keys in another order resume each other's tickets", function()
      local keys = servers.ticket_keys(2)
      local options = { session_cache = "off" }
      options.ticket_keys = { keys[1], keys[2] }
      local first = servers.nginx(options)
      options.ticket_keys = { keys[2], keys[1] }
      local both = servers.balancer { backends = { first, servers.nginx(options) } }
      for _, mechanism in ipairs { "ticket", "psk" } do
        assert.is_true(reference.openssl(both.address, mechanism).resumed)
      end
    end)
  end)

  -- Each line: what is issued and resumed by session ID, ticket and PSK: "issued resumed", "issued", "none"; "version"
  -- where the server does not speak it.
  local TRUTH = {
    { "s_server", {}, { "resumed", "resumed", "resumed" } },
    { "s_server", { args = { "-no_ticket" } }, { "resumed", "none", "resumed" } },
    { "s_server", { args = { "-no_cache" } }, { "none", "resumed", "resumed" } },
    { "s_server", { args = { "-no_ticket", "-no_cache" } }, { "none", "none", "issued" } },
    { "s_server", { args = { "-tls1_2" } }, { "resumed", "resumed", "version" } },
    { "s_server", { args = { "-tls1_3" } }, { "version", "version", "resumed" } },
    { "s_server", { args = { "-num_tickets", "0" } }, { "resumed", "resumed", "none" } },
    { "s_server", { www = false, args = { "-early_data" } }, { "resumed", "resumed", "resumed" } },
    { "nginx", {}, { "issued", "resumed", "resumed" } },
    { "nginx", { session_cache = "none", session_tickets = "on" }, { "issued", "resumed", "resumed" } },
    { "nginx", { session_cache = "none", session_tickets = "off" }, { "issued", "none", "issued" } },
    { "nginx", { session_cache = "off", session_tickets = "on" }, { "none", "resumed", "resumed" } },
    { "nginx", { session_cache = "off", session_tickets = "off" }, { "none", "none", "issued" } },
    { "nginx", { session_cache = "builtin", session_tickets = "off" }, { "resumed", "none", "resumed" } },
    { "nginx", { session_cache = "shared:SSL:1m", session_tickets = "on" }, { "resumed", "resumed", "resumed" } },
    { "nginx", { session_cache = "shared:SSL:1m", session_tickets = "off" }, { "resumed", "none", "resumed" } },
    { "nginx", { session_cache = "shared:SSL:1m", protocols = "TLSv1.2" }, { "resumed", "resumed", "version" } },
    { "nginx", { session_cache = "shared:SSL:1m", early_data = true }, { "resumed", "resumed", "resumed" } },
    { "haproxy", {}, { "resumed", "resumed", "resumed" } },
    { "haproxy", { global = { "tune.ssl.cachesize 0" } }, { "none", "resumed", "resumed" } },
    { "haproxy", { bind = "no-tls-tickets" }, { "resumed", "none", "resumed" } },
    { "gnutls_serv", {}, { "resumed", "resumed", "resumed" } },
    { "gnutls_serv", { args = { "--noticket" } }, { "resumed", "none", "none" } },
    { "gnutls_serv", { args = { "--nodb" } }, { "issued", "resumed", "resumed" } },
    { "odd", { kind = "ssh" }, { "version", "version", "version" } },
  }

  local function answer_word(answer)
    return not answer.connected and "version" or answer.resumed and "resumed" or answer.issued and "issued" or "none"
  end

  local function describe_options(options)
    local words = {}
    for name, value in pairs(options) do
      words[#words + 1] = name .. "=" .. (type(value) == "table" and table.concat(value, " ") or tostring(value))
    end
    table.sort(words)
    return table.concat(words, ", ")
  end

  describe("reference clients find the known truth about", function()
    for _, case in ipairs(TRUTH) do
      local kind, options, truth = case[1], case[2], case[3]
      it(("%s {%s}"):format(kind, describe_options(options)), function()
        local server = servers[kind](options)
        for _, client in ipairs { "openssl", "gnutls" } do
          local answers = {}
          for i, mechanism in ipairs(MECHANISMS) do
            answers[i] = answer_word(reference[client](server.address, mechanism))
          end
          assert.same(truth, answers, client)
        end
      end)
    end
  end)

  describe("balancer", function()
    it("takes its backends strictly in turn, and the probe for its readiness takes no turn", function()
      local listeners = new_listeners(3)
      local server = servers.balancer { backends = listeners }
      assert.equal("123123123123", rotation(server.address, listeners, 12))
      stop_listeners(listeners)
    end)

    it("of HAProxy does so, too", function()
      local listeners = new_listeners(3)
      local server = servers.haproxy { backends = listeners }
      assert.equal("123123123123", rotation(server.address, listeners, 12))
      stop_listeners(listeners)
    end)

    it("takes them at random when told so", function()
      local listeners = new_listeners(2)
      local server = servers.balancer { backends = listeners, policy = "random" }
      local sequence = rotation(server.address, listeners, 40)
      assert.equal(40, #sequence)
      assert.truthy(sequence:find("11", 1, true) or sequence:find("22", 1, true))
      assert.truthy(sequence:find("12", 1, true))
      stop_listeners(listeners)
    end)

    it("passes bytes and half-closes in both directions", function()
      local listener = new_listener()
      local server = servers.balancer { backends = { listener } }
      local long = ("0123456789"):rep(300000)
      local received, ending = converse(server.address, long, nil, true)
      assert.equal("eof", ending)
      assert.is_true(received == "heard " .. long)
      listener.stop()
    end)

    it("resets the client when the backend is not there", function()
      local server = servers.balancer { backends = { process.closed_port() } }
      local _, ending = converse(server.address, "hello")
      assert.equal("reset", ending)
    end)

    it("counts a connection that suffers a fault as its backend's turn", function()
      local listeners = new_listeners(2)
      local server = servers.balancer { backends = listeners, fault = "fin:3" }
      assert.equal("12" .. "21" .. "12", rotation(server.address, listeners, 8))
      stop_listeners(listeners)
    end)

    for fault, ending in pairs { fin = "eof", rst = "reset", stall = "open" } do
      it(("does %s at once to every third connection"):format(fault), function()
        local listener = new_listener()
        local server = servers.balancer { backends = { listener }, fault = fault .. ":3" }
        for i = 1, 6 do
          local faulty = i % 3 == 0
          local seconds = faulty and fault == "stall" and 0.2 or nil
          local received, how = converse(server.address, "hello", seconds, not faulty)
          assert.same({ faulty and "" or "heard hello", faulty and ending or "eof" }, { received, how })
        end
        assert.same({ "hello", "hello", "hello", "hello" }, listener.heard)
        listener.stop()
      end)

      it(("does %s after the client's first bytes"):format(fault), function()
        local listener = new_listener()
        local server = servers.balancer { backends = { listener }, fault = fault .. ":1@7" }
        local received, how = converse(server.address, "hello, world", fault == "stall" and 0.2 or nil)
        assert.same({ "", ending }, { received, how })
        process.wait_until(PATIENCE, function() return listener.heard[1] == "hello, " end)
        assert.same({ "hello, " }, listener.heard)
        listener.stop()
      end)
    end

    it("delays every chunk by half a round trip, the first one by a whole one more", function()
      local listener = new_listener()
      local server = servers.balancer { backends = { listener }, delay_ms = 100 }
      local before = uv.hrtime()
      local received = converse(server.address, "hello", nil, true)
      local elapsed_ms = (uv.hrtime() - before) / 1e6
      assert.equal("heard hello", received)
      assert.is_true(elapsed_ms >= 198, "took " .. elapsed_ms .. " ms")
      listener.stop()
    end)

    it("keeps the order of what it delays", function()
      local listener = new_listener()
      local server = servers.balancer { backends = { listener }, delay_ms = 20 }
      local long = ("0123456789"):rep(30000)
      local received = converse(server.address, long, nil, true)
      assert.is_true(received == "heard " .. long)
      listener.stop()
    end)

    it("works as a library in the same loop", function()
      local listeners = new_listeners(3)
      local own = assert(balancer.listen { backends = servers.addresses(listeners) })
      assert.equal("123123", rotation(own.address, listeners, 6))
      assert.equal(6, own.accepted)
      own.close()
      stop_listeners(listeners)
      assert.is_false(process.listening(own.port))
    end)

    it("rejects what it does not know", function()
      assert.has_error(function() balancer.listen { backends = { "127.0.0.1:1" }, policy = "best" } end)
      assert.has_error(function() balancer.listen { backends = { "127.0.0.1:1" }, fault = "burn:3" } end)
      assert.has_error(function() balancer.listen { backends = {} } end)
      assert.has_error(function() balancer.listen { odd = "normal" } end)
    end)
  end)

  describe("odd server", function()
    -- What comes first, and how it ends; after "hello" from us.
    local KINDS = {
      silent = { "^$", "open" },
      ssh = { "^SSH%-2%.0%-.-\r\nInvalid SSH identification string%.\r\n$", "eof" },
      http = { "^HTTP/1%.1 400 Bad Request\r\n", "eof" },
      reset = { "^\22\3\3%z", "reset" },
      garbage = { "^\255", "eof" },
      endless = { "^endless endless ", "open" },
      endless_records = { "^\22\3\3%z\4%z%z%z%z\22\3\3%z\4", "open" },
      drip = { "^\22\3\3", "open" },
    }
    for kind, behaviour in pairs(KINDS) do
      it(kind .. " behaves so", function()
        local server = servers.odd { kind = kind }
        local seconds, enough = kind == "silent" and 0.3 or nil, behaviour[2] == "open" and behaviour[1] or nil
        local received, ending = converse(server.address, "hello", seconds, false, enough)
        assert.matches(behaviour[1], received)
        assert.equal(behaviour[2], ending)
      end)
    end

    it("serves on when a client hung up in the middle of a flood", function()
      local server = servers.odd { kind = "endless" }
      for _ = 1, 3 do
        local received = converse(server.address, nil, nil, false, ".")
        assert.is_true(#received > 0)
      end
      assert.is_true(process.exists(server.pid))
    end)
  end)

  describe("demo", function()
    local DEMO = process.ROOT .. "/spec/support/demo.lua"

    local function start_demo(...)
      return process.start { command = { LUA, DEMO, ... }, input = "pipe" }
    end

    local function ports_of(demo)
      local a, b, c, front = demo.stderr():match("^demo: 3 x openssl s_server on ports (%d+), (%d+), (%d+) "
        .. "behind a round%-robin balancer on 127%.0%.0%.1:(%d+)\n")
      return { tonumber(a), tonumber(b), tonumber(c), tonumber(front) }
    end

    local function assert_all_gone(ports)
      assert.equal(4, #ports)
      for _, port in ipairs(ports) do
        assert.is_false(process.listening(port))
      end
    end

    it("runs a command with the balancer's address and ends with its exit code, leaving nothing", function()
      local demo = start_demo("sh", "-c", "echo $1 $2; exit 7", "sh", "--option")
      assert.equal(7, (demo.wait(PATIENCE)))
      local ports = ports_of(demo)
      assert.equal(("--option 127.0.0.1:%d\n"):format(ports[4]), demo.stdout())
      assert_all_gone(ports)
    end)

    it("shows what such a balancer does: a session is resumed on every third connection", function()
      local demo = start_demo("sh", "-c", "echo $1; read line", "sh")
      local address = assert(first_line(demo), demo.stderr())
      for _, mechanism in ipairs(MECHANISMS) do
        local answer = reference.openssl(address, mechanism)
        assert.same({ true, true, false }, { answer.connected, answer.issued, answer.resumed })
      end
      demo.write("end\n")
      assert.equal(0, (demo.wait(PATIENCE)))
    end)

    for signal, code in pairs { sigint = 130, sigterm = 143 } do
      it("passes " .. signal .. " on, waits for the command and cleans up", function()
        local trap = "trap 'echo known so far; exit %d' INT TERM; echo ready; while :; do sleep 0.05; done"
        local demo = start_demo("sh", "-c", trap:format(code))
        assert.equal("ready", first_line(demo))
        demo.kill(signal)
        assert.equal(code, (demo.wait(PATIENCE)))
        assert.equal("ready\nknown so far\n", demo.stdout())
        assert_all_gone(ports_of(demo))
      end)
    end

    it("says in one line what is missing", function()
      local result = process.run { command = { LUA, DEMO, "no-such-command" } }
      assert.equal(127, result.code)
      assert.matches("\ndemo: cannot run no%-such%-command: ENOENT[^\n]*\n$", result.stderr)
      assert.same({ code = 2, signal = 0, stdout = "", stderr = "demo: usage: demo.lua command [argument...]\n" },
        process.run { command = { LUA, DEMO } })
    end)
  end)
end)
