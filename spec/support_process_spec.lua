--- spec.support.process, on which every spec that starts a program relies: what it starts ends, and leaves nothing.

local plain = require "spec.support.plain"
local process = require "spec.support.process"
local uv = require "luv"

local PATIENCE = process.PATIENCE

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
      local grandchild = tonumber(process.first_line(child))
      child.stop()
      assert.same({ code = 137, signal = 9 }, child.exited)
      assert.truthy(process.wait_until(PATIENCE, function() return not process.exists(grandchild) end))
    end)

    it("sees that a port is listened on, and by whom, without a connection", function()
      local listener = plain.listen()
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
      local child = process.start_lua [[
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
      local child = process.start_lua([[
        local process = require "spec.support.process"
        local child = process.start { command = { "sleep", "60" } }
        process.wait_until(process.PATIENCE, function() -- before that it is setpriv, which may not have asked for the signal yet
          return process.read_file("/proc/" .. child.pid .. "/comm") == "sleep\n"
        end)
        print(child.pid .. " " .. child.directory)
        io.stdout:flush()
        child.wait(60)
      ]], { environment = environment })
      local pid, directory = process.first_line(child):match("^(%d+) (%S+)")
      assert.is_true(process.exists(tonumber(pid)))
      child.kill("sigkill")
      child.wait(PATIENCE)
      assert.truthy(process.wait_until(PATIENCE, function() return not process.exists(tonumber(pid)) end))
      assert.truthy(uv.fs_stat(directory))
      local next_run = process.start_lua("require('spec.support.process').temporary_directory()",
        { environment = environment })
      next_run.wait(PATIENCE)
      assert.is_nil(uv.fs_stat(directory))
    end)
  end)
end)
