-- One handshake to look at: resum.open, and the REPL, which is typed at on a pseudo-terminal.

local process = require "spec.support.process"
local quickest = require "spec.support.quickest"
local resum = require "resum"
local servers = require "spec.support.servers"
local uv = require "luv"

local function types(transcript)
  local list = {}
  for i, message in ipairs(transcript) do
    list[i] = (message.from == "client" and "> " or "< ") .. message.type
  end
  return list
end

describe("resum.open", function()
  local server

  setup(function()
    server = servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" })
  end)

  teardown(function()
    server.stop()
  end)

  for version, messages in pairs({
    ["1.2"] = { "> client_hello", "< server_hello", "< finished", "> finished", "> alert" },
    ["1.3"] = { "> client_hello", "< server_hello", "< encrypted_extensions", "< finished", "> finished",
      "< new_session_ticket", "> alert" },
  }) do
    it("gives a session in TLS " .. version .. ", and offers it", function()
      local first = resum.open(server.address, { tls = version })
      assert.same({ "full", "TLSv" .. version }, { first.outcome, first.version })
      assert.matches("^127.0.0.1:%d+\n  full handshake, TLS " .. version .. ", TLS_", tostring(first))
      local again = resum.open(server.address, { tls = version, session = first:session() })
      assert.equal("resumed", again.outcome)
      assert.matches("\n  resumed, TLS " .. version .. ", TLS_", tostring(again))
      local found = {}
      for _, message in ipairs(types(again.transcript)) do
        if message ~= "< change_cipher_spec" and message ~= "> change_cipher_spec" then
          found[#found + 1] = message
        end
      end
      for _, message in ipairs(messages) do
        assert.is_truthy((" " .. table.concat(found, " ") .. " "):find(" " .. message .. " ", 1, true), message)
      end
    end)
  end

  it("does not wait for tickets that can't come", function()
    local without = servers.nginx({ session_cache = "off", session_tickets = "off", protocols = "TLSv1.2" })
    local handshake
    local seconds = quickest(1, function()
      handshake = resum.open(without.address)
      return handshake.timing.total_s
    end)
    without.stop()
    assert.is_nil(handshake:session())
    assert.is_true(seconds < 1, seconds .. " s")
    assert.matches("issued: nothing", tostring(handshake))
  end)

  it("has what went wrong as a value that can be read", function()
    local port = process.closed_port()
    local handshake = resum.open("127.0.0.1:" .. port)
    assert.same({ "unreachable", "connect: refused" }, { handshake.outcome, tostring(handshake.error) })
    assert.equal(("127.0.0.1:%d\n  error: connect: refused"):format(port), tostring(handshake))
    assert.equal("", tostring(handshake.transcript))
    assert.is_nil(handshake:session())
    assert.same({ nil, "target: '127.0.0.1:0': the port must be a number from 1 to 65535", "usage" },
      { resum.open("127.0.0.1:0") })
    assert.has_error(function()
      resum.open(server.address, { sesion = 1 })
    end, "resum: there is no option 'sesion'; did you mean 'session'?")
  end)
end)

describe("the REPL", function()
  local server, typed

  before_each(function()
    server = servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" })
  end)

  after_each(function()
    typed.stop()
    server.stop()
  end)

  local seen -- bytes of the output that a test has looked at

  -- Starts a command on a terminal of its own.
  local function start(command)
    seen = 0
    typed = process.start({
      command = process.on_terminal(command),
      input = "pipe",
      working_directory = process.ROOT,
      environment = { TERM = "dumb", LUA_PATH = package.path, LUA_CPATH = package.cpath },
    })
  end

  -- Waits for a pattern in what came since, then types a line, if any.
  local function after(pattern, line)
    local last
    local found = process.wait_until(process.PATIENCE, function()
      local text = typed.stdout():gsub("\r", "")
      local _, at = text:find(pattern, seen + 1)
      last = at
      return at
    end)
    assert(found, "no '" .. pattern .. "' in:\n" .. typed.stdout())
    seen = last
    if line then
      typed.write(line .. "\n")
    end
  end

  local function session()
    local address = server.address
    after("> ", "resum.help()")
    after("h = resum%.open \"localhost:443\"", ("resum.scan %q"):format(address))
    after("supported%?\r?\n +Session ID +supported +TLS 1%.2, 5 of 5 resumed", ("h = resum.open %q"):format(address))
    after("> ", "h")
    after("full handshake, TLS 1%.3, TLS_", "s = h:session()")
    after("> ", ("h = resum.open(%q, {session = s})"):format(address))
    after("> ", "h")
    after("resumed, TLS 1%.3, TLS_", "h.transcript")
    after("> client_hello +%d+ bytes\n.*%+ pre_shared_key +identity of %d+ bytes\n< server_hello.*identity 0\n", "")
    after("> ", ("resum.open('127.0.0.1:%d').error"):format(process.closed_port()))
    after("connect: refused\n", nil)
    after("> ", "\4") -- at the prompt: in between, the terminal would take the key for an end of a line
    assert.equal(0, (typed.wait(process.PATIENCE)), typed.stdout())
  end

  it("is Lua's own with -lresum", function()
    start(uv.exepath() .. " -lresum")
    session()
  end)

  it("is resum --repl as well", function()
    start(process.ROOT .. "/lua/bin/resum --repl")
    after("resum %d[%d.]*: resum%.help%(%) shows what there is")
    session()
  end)
end)
