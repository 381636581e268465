--- The demo of `make scan`: a command, run with the address of three servers behind a balancer.

local process = require "spec.support.process"
local reference = require "spec.support.reference"
local uv = require "luv"

local LUA = uv.exepath()
local PATIENCE = process.PATIENCE
local MECHANISMS = { "session_id", "ticket", "psk" }

describe("spec.support #unsanitized", function()
  after_each(process.stop_all)

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
      local address = assert(process.first_line(demo), demo.stderr())
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
        assert.equal("ready", process.first_line(demo))
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
