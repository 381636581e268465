-- What a program needs of a host that works on more than it can hold: jobs from a function, jobs that wait for each
-- other, and input and output that hold up nobody else.

local process = require "spec.support.process"
local uv = require "luv"

local PATIENCE = process.PATIENCE

-- Runs Lua text in a program of its own, with `host` at hand.
local function start_program(host_name, text, options)
  local script = process.temporary_directory() .. "/program.lua"
  process.write_file(script, ('local host = require "resum.host.%s"\n'):format(host_name) .. text)
  options = options or {}
  return process.start {
    command = options.command and options.command(script) or { uv.exepath(), script },
    environment = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
    working_directory = process.ROOT,
    input = options.input,
  }
end

local function finish(child)
  local code = child.wait(PATIENCE)
  local said = { code = code, stdout = child.stdout(), stderr = child.stderr() }
  child.stop()
  return said
end

for _, host_name in ipairs({ "uv", "luasocket" }) do
  local host = require("resum.host." .. host_name)

  describe("host " .. host_name, function()
    after_each(process.stop_all)

    it("takes jobs from a function, one at a time and only when it can start them", function()
      local handed_out, running, most, ended = 0, 0, 0, {}
      local errors = host.parallel(function()
        handed_out = handed_out + 1
        local number = handed_out
        most = math.max(most, number - #ended)
        host.sleep(0.001) -- it may wait, and is not called again meanwhile
        assert.equal(number, handed_out)
        return number <= 20 and function()
          running = running + 1
          assert(running <= 3, "too many at once")
          host.sleep(0.002)
          running = running - 1
          ended[#ended + 1] = number
          if number == 7 then
            error("seven", 0)
          end
        end or nil
      end, 3)
      assert.same({ [7] = "seven" }, errors)
      assert.equal(20, #ended)
      assert.equal(21, handed_out)
      assert.is_true(most <= 4, "handed out ahead: " .. most)
    end)

    it("lets the jobs under way end before it raises what the function raised", function()
      local ended = 0
      local count = 0
      local fine, problem = pcall(host.parallel, function()
        count = count + 1
        if count == 3 then
          error("no more", 0)
        end
        return function()
          host.sleep(0.01)
          ended = ended + 1
        end
      end, 5)
      assert.same({ false, "no more", 2 }, { fine, problem, ended })
    end)

    it("takes a function whose jobs end at once, a hundred thousand of them, in little memory", function()
      local count = 0
      collectgarbage()
      local before = collectgarbage("count")
      assert.same({}, host.parallel(function()
        count = count + 1
        return count <= 100000 and function() end or nil
      end, 10))
      assert.equal(100001, count)
      collectgarbage()
      assert.is_true(collectgarbage("count") - before < 512)
    end)

    it("refuses a limit below 1 for a function as well", function()
      assert.has_error(function()
        host.parallel(function() end, 0)
      end, "host.parallel: the limit must be 1 or more")
    end)

    it("forgets a wake that nobody waits for, and ends a wait at its deadline", function()
      local waiter = host.waiter()
      waiter:wake()
      local started = host.now()
      assert.is_false(waiter:wait(host.now() + 0.05))
      assert.is_true(host.now() - started >= 0.045)
      waiter:close()
      waiter:close()
    end)

    it("reads lines from a pipe and writes them to a file and to a pipe", function()
      local path = process.temporary_directory() .. "/out"
      local child = start_program(host_name, ([[
        local input, output = assert(host.open(0, "r")), assert(host.open(1, "w"))
        local copy = assert(host.open(%q, "w"))
        local bytes, why = input:read()
        while bytes do
          assert(output:write(bytes))
          assert(copy:write(bytes))
          bytes, why = input:read()
        end
        copy:close()
        copy = assert(host.open(%q, "a"))
        copy:write(why .. "\n")
        copy:close()
        input:close()
        output:close()
      ]]):format(path, path), { input = "pipe", command = function(script)
        return { "sh", "-c", ("%s %s | cat"):format(uv.exepath(), script) }
      end })
      child.write("one\ntwo\n")
      assert.is_truthy(process.wait_until(PATIENCE, function()
        return child.stdout() == "one\ntwo\n" -- before the end of the input
      end))
      child.write(("x"):rep(100000) .. "\n")
      child.close_input()
      local run = finish(child)
      assert.same({ 0, "" }, { run.code, run.stderr })
      assert.is_true(run.stdout == "one\ntwo\n" .. ("x"):rep(100000) .. "\n")
      assert.is_true(process.read_file(path) == run.stdout .. "eof\n")
    end)

    it("says why a file can't be opened or read", function()
      assert.same({ nil, "/no/such/file: No such file or directory" }, { host.open("/no/such/file", "r") })
      assert.same({ nil, "/no/such/folder/file: No such file or directory" },
        { host.open("/no/such/folder/file", "w") })
      local folder = assert(host.open("/", "r"))
      local bytes, why = folder:read()
      folder:close()
      assert.is_nil(bytes)
      assert.matches("directory", why)
      assert.same({ nil, "eof" }, { folder:read() })
    end)

    it("says when a device is full", function()
      local full = assert(host.open("/dev/full", "w"))
      local written, why = full:write("x")
      full:close()
      assert.is_nil(written)
      assert.matches("[Nn]o space left on device", why)
    end)
  end)
end

describe("host uv", function()
  local host = require "resum.host.uv"

  after_each(process.stop_all)

  it("lets jobs wait for each other, thousands in a row", function()
    -- a chain: each wakes the next one, which ends at once
    local waiters, order = {}, {}
    local jobs = {}
    for number = 1, 5000 do
      waiters[number] = host.waiter()
      jobs[number] = function()
        assert(waiters[number]:wait())
        order[#order + 1] = number
        if waiters[number + 1] then
          waiters[number + 1]:wake()
        end
      end
    end
    jobs[#jobs + 1] = function()
      waiters[1]:wake()
    end
    assert.same({}, host.parallel(jobs))
    assert.equal(5000, #order)
    assert.equal(5000, order[5000])
  end)

  it("starts a job from a callback, where nothing can wait", function()
    local slept, failure
    local timer = uv.new_timer()
    timer:start(0, 0, function()
      timer:close()
      host.start(function()
        host.sleep(0.01)
        slept = true
        error("afterwards", 0)
      end, function(problem)
        failure = problem
      end)
    end)
    local deadline = host.now() + PATIENCE
    repeat
      host.sleep(0.01)
    until failure or host.now() > deadline
    assert.same({ true, "afterwards" }, { slept, failure })
  end)

  it("runs jobs of a job that is below somebody else's coroutine", function()
    local inner = 0
    local errors = host.parallel({ function()
      coroutine.wrap(function() -- not ours: it can't be yielded, so it turns the loop
        host.parallel({
          function() host.sleep(0.01) inner = inner + 1 end,
          function() host.sleep(0.01) inner = inner + 1 end,
        })
      end)()
      assert(inner == 2)
    end })
    assert.same({}, errors)
    assert.equal(2, inner)
  end)

  it("holds up only the job that writes where the reader is slow, and only the one that reads where nothing comes",
    function()
      local ticks = process.temporary_directory() .. "/ticks" -- grows as long as the other jobs go on
      local child = start_program("uv", ([[
        local done = 0
        local errors = host.parallel({
          function()
            local output = assert(host.open(1, "w"))
            assert(output:write(("x"):rep(1000000)))
            output:close()
            io.stderr:write("written\n")
            done = done + 1
          end,
          function()
            local input = assert(host.open(0, "r"))
            assert(input:read() == "go\n")
            input:close()
            io.stderr:write("read\n")
            done = done + 1
          end,
          function()
            local ticks = assert(io.open(%q, "w"))
            repeat
              host.sleep(0.01)
              ticks:write("x")
              ticks:flush()
            until done == 2
          end,
        })
        assert(next(errors) == nil, errors[next(errors)])
      ]]):format(ticks), { input = "pipe", command = function(script)
        return { "sh", "-c", ("%s %s | { until grep -qs xxxxxx %s; do sleep 0.02; done; wc -c; }"):format(uv.exepath(),
          script, ticks) }
      end })
      assert.is_truthy(process.wait_until(PATIENCE, function()
        return child.stderr() == "written\n"
      end))
      local before = #process.read_file(ticks)
      assert.is_true(process.wait_until(PATIENCE, function()
        return #process.read_file(ticks) > before + 5
      end))
      child.write("go\n")
      local run = finish(child)
      assert.equal("written\nread\n", run.stderr)
      assert.equal("1000000", run.stdout:match("%d+"))
    end)

  it("leaves a pipe that it shares with other programs as it was", function()
    local child = start_program("uv", [[
      local output = assert(host.open(1, "w"))
      output:write("one\n")
      host.sleep(0.05)
      -- O_NONBLOCK is 04000 in the flags of Linux
      for line in io.lines("/proc/self/fdinfo/1") do
        if line:find("^flags:") then
          io.stderr:write(line:find("4%d%d%d$") and "non-blocking" or "blocking")
        end
      end
      output:close()
    ]], { command = function(script)
      return { "sh", "-c", ("%s %s | cat"):format(uv.exepath(), script) }
    end })
    local run = finish(child)
    assert.same({ "one\n", "blocking" }, { run.stdout, run.stderr })
  end)
end)
