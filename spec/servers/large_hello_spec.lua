-- Real servers behind something that reads no more than the first 1,400 bytes of a client, and then stalls, hangs up or
-- resets: a ClientHello with a hybrid key share does not reach them, all else does.

local cjson = require "cjson"
local nmap = require "spec.support.nmap"
local process = require "spec.support.process"
local resum = require "resum"
local servers = require "spec.support.servers"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local HELPER = process.ROOT .. "/spec/support/large_hello.lua"
local OUTCOMES = { stall = "timeout", fin = "closed", rst = "reset" }
local TIMEOUT = 2 -- seconds; what is stalled takes two of them

local function start(how, server)
  server = server or servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" })
  return servers.balancer({ backends = { server }, fault = how .. ":1@1400" })
end

describe("behind what reads 1,400 bytes only", function()
  local large

  setup(function()
    large = dofile(HELPER)
  end)

  teardown(function()
    large.undo()
  end)

  after_each(servers.stop_all)

  local function check(entry, outcome)
    local hello = entry.client_hello
    assert.same({ "no_hybrid_share", outcome }, { hello.code, hello.usual_outcome })
    assert.is_true(hello.usual_bytes >= large.USUAL and hello.bytes <= large.SMALL)
    for _, judged in pairs(entry.support or {}) do
      assert.same({ "supported", 0 }, { judged.verdict, judged.errors })
    end
    for _, judged in pairs(entry.rate or {}) do
      assert.same({ 1, 0 }, { judged.rate, judged.errors })
    end
  end

  for how, outcome in pairs(OUTCOMES) do
    for _, host in ipairs({ "uv", "luasocket", "cqueues" }) do
      it(("nginx resumes by all mechanisms: %s, over %s"):format(outcome, host), function()
        local options = { support = true, rate = host == "uv", timeout = TIMEOUT, balancer = false,
          host = require("resum.host." .. host) }
        check(assert(resum.run(start(how).address, options)).addresses[1], outcome)
      end)
    end

    for _, engine in ipairs({ "probe", "handshake" }) do
      it(("GnuTLS resumes: %s, on the engine %s"):format(outcome, engine), function()
        local address = start(how, servers.gnutls_serv()).address
        check(assert(resum.run(address, { support = true, engine = engine, timeout = TIMEOUT })).addresses[1], outcome)
      end)
    end

    it("the command says so, and its quick check is in order: " .. outcome, function()
      local address = start(how).address
      local words = { LUA, "-e", ("dofile(%q)"):format(HELPER), process.ROOT .. "/lua/bin/resum", "--json_lines",
        "--resum_rate", "--quick", "--timeout", TIMEOUT, address }
      local run = process.run({ command = words })
      assert.equal(0, run.code, run.stdout .. run.stderr)
      local entry = cjson.decode(run.stdout:match("{[^\n]*}")).addresses[1]
      check(entry, outcome)
      assert.equal("healthy", entry.balancer.verdict)
    end)

    it("nmap says so #unsanitized: " .. outcome, function()
      local folder = process.temporary_directory()
      local helper = folder .. "/large-hello.nse"
      process.write_file(helper, ([[
        categories = {}
        dofile(%q)
        function portrule() return false end
        function action() end
      ]]):format(HELPER))
      local run = nmap.run({ ports = { start(how).port }, more = { "--script", helper } })
      local result = assert(run.scripts[1], run.stdout .. run.stderr).result
      assert.equal("no_hybrid_share", result.client_hello, run.stdout)
      assert.is_truthy(result.output:find("ClientHello: without a hybrid key share", 1, true), result.output)
      assert.is_truthy(result.output:find("by session ID, ticket and TLS 1.3 ticket works", 1, true), result.output)
    end)
  end
end)
