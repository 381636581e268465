-- Input and output without an end, and names that nobody resolves: a signal is heeded in each, and no memory fills.

local process = require "spec.support.process"
local uv = require "luv"

local RESUM = { "lua" .. _VERSION:match("%d%.%d"), process.ROOT .. "/lua/bin/resum" }
local CODES = { sigint = 130, sigterm = 143 }

local function start(...)
  return process.start({ command = { RESUM[1], RESUM[2], ... } })
end

local function pipe()
  local path = process.temporary_directory() .. "/pipe"
  assert.equal(0, process.run({ command = { "mkfifo", path } }).code)
  return path, assert(uv.fs_open(path, uv.constants.O_RDWR + uv.constants.O_NONBLOCK, 0))
end

local function kilobytes_of(child)
  return tonumber(process.read_file(("/proc/%d/status"):format(child.pid)):match("VmHWM:%s*(%d+)"))
end

-- The command, once it has said so much on stderr; ended by a signal.
local function ends_on(signal, child, said)
  assert.is_truthy(process.wait_until(process.PATIENCE, function()
    return child.stderr():find(said, 1, true)
  end), child.log())
  assert.is_true(kilobytes_of(child) < 100 * 1024)
  child.kill(signal)
  assert.same({ CODES[signal], 0 }, { child.wait(process.PATIENCE) }, child.log())
  child.stop()
end

describe("without an end #unsanitized", function()
  for signal in pairs(CODES) do
    it("a line of a list is told and skipped, and ended by " .. signal, function()
      ends_on(signal, start("--targets_in", "/dev/zero"),
        "/dev/zero: line 1: it is longer than 65536 bytes; it is left out")
    end)

    it("a line that comes by a pipe is, too: " .. signal, function()
      local path, fd = pipe()
      local zeros = process.start({ command = { "cp", "/dev/zero", path } })
      ends_on(signal, start("--targets_in", path), path .. ": line 1: it is longer than")
      zeros.stop()
      uv.fs_close(fd)
    end)

    it("a list that goes on for ever is ended by " .. signal, function()
      local path, fd = pipe()
      uv.fs_write(fd, "a line that is no target\n", -1)
      ends_on(signal, start("--targets_in", path), "a line that is no target")
      uv.fs_close(fd)
    end)

    it("a wait for who never reads the results is ended by " .. signal, function()
      local path, fd = pipe()
      while uv.fs_write(fd, ("x"):rep(4096), -1) do end
      local child = start("--json_lines", "--json_out", path, "--summary", "no target")
      ends_on(signal, child, "no target")
      uv.fs_close(fd)
    end)
  end

  it("a file of certificates is refused", function()
    for _, option in ipairs({ "--cert", "--key", "--pass" }) do
      local endless = option == "--pass" and "file:/dev/zero" or "/dev/zero"
      local words = { RESUM[1], RESUM[2], option, endless, "127.0.0.1:1" }
      if option ~= "--cert" then
        table.move({ "--cert", "/dev/null" }, 1, 2, #words + 1, words)
      end
      local result = process.run({ command = words })
      assert.same({ 2, ("resum: %s: /dev/zero: it is larger than 1024 KiB\n"):format(option) },
        { result.code, result.stderr })
    end
  end)

  for _, option in ipairs({ "--resume", "--merge" }) do
    it("a file of results is read in bounded memory, until Ctrl-C: " .. option, function()
      local child = start(option, "/dev/zero", "127.0.0.1:1")
      local before
      process.wait_until(process.PATIENCE, function() -- it has read some 100 MB
        local read = tonumber((process.read_file(("/proc/%d/io"):format(child.pid)):match("rchar: (%d+)")))
        before = read
        return read and read > 100e6
      end)
      assert.is_true(before > 100e6)
      assert.is_true(kilobytes_of(child) < 100 * 1024)
      child.kill("sigint")
      assert.equal(130, (child.wait(process.PATIENCE)))
      child.stop()
    end)
  end
end)

describe("a list with a line that is too long #unsanitized", function()
  it("is read on behind it, and the exit code says that something was left out", function()
    local path = process.temporary_directory() .. "/list"
    local closed = process.closed_port()
    process.write_file(path, ("127.0.0.1:%d\n%s\n127.0.0.1:%d\n"):format(closed, ("x"):rep(65537), closed))
    local result = process.run({ command = { RESUM[1], RESUM[2], "--max_connections", "100", "--targets_in",
      path } })
    assert.same({ 1, ("resum: %s: line 2: it is longer than 65536 bytes; it is left out\n"):format(path) },
      { result.code, result.stderr })
    local _, count = result.stdout:gsub("connection refused", "")
    assert.equal(2, count)
  end)
end)
