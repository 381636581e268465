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

    for _, option in ipairs({ "--targets_in", "--csv_out", "--html_out" }) do
      it(("a wait for the other end of the pipe that %s names is ended by %s"):format(option, signal), function()
        local folder = process.temporary_directory()
        assert.equal(0, process.run({ command = { "mkfifo", folder .. "/pipe" } }).code)
        local child = start("--json_out", folder .. "/opened_before", option, folder .. "/pipe", "no target")
        assert.is_truthy(process.wait_until(process.PATIENCE, function()
          return uv.fs_stat(folder .. "/opened_before")
        end), child.log())
        child.kill(signal)
        local code, by = child.wait(process.PATIENCE)
        child.stop()
        -- Before there is anything to lose, SIGTERM has its usual effect.
        assert.is_true(code == CODES[signal] or signal == "sigterm" and by == 15, child.log())
      end)
    end

    it("a wait for who never reads the results is ended by " .. signal, function()
      local path, fd = pipe()
      while uv.fs_write(fd, ("x"):rep(4096), -1) do end
      local child = start("--json_lines", "--json_out", path, "--summary", "no target")
      ends_on(signal, child, "no target")
      uv.fs_close(fd)
    end)
  end

  it("a list and its results go through pipes whose other ends are opened later", function()
    local folder = process.temporary_directory()
    local from, to = folder .. "/from", folder .. "/to"
    assert.equal(0, process.run({ command = { "mkfifo", from, to } }).code)
    local child = start("--targets_in", from, "--csv_out", to)
    local port = process.closed_port()
    local reader = process.start({ command = { "cat", to } })
    assert.equal(0, process.run({ command = { "sh", "-c",
      ("echo 127.0.0.1:%d >%s"):format(port, from) } }).code)
    assert.same({ 1, 0 }, { child.wait(process.PATIENCE) }, child.log())
    assert.same({ 0, 0 }, { reader.wait(process.PATIENCE) })
    assert.matches(("127.0.0.1:%d"):format(port), reader.stdout(), 1, true)
  end)

  -- In a shell that waits, so that the writer has come and gone when the command first looks at its input.
  it("a list in a pipe with a name ends where its writer has ended, as standard input, too", function()
    local folder = process.temporary_directory()
    local line = ("127.0.0.1:%d"):format(process.closed_port())
    local result = process.run({ command = { "sh", "-c", [[
      mkfifo "$1/pipe" || exit
      (echo "$2" >"$1/pipe"; : >"$1/written") &
      { while [ ! -e "$1/written" ]; do sleep 0.01; done; "$3" "$4" --targets_in -; } <"$1/pipe"]], "sh", folder, line,
      RESUM[1], RESUM[2] } })
    assert.same({ 1, line .. ": unreachable: connection refused. Is the port right?\n" },
      { result.code, result.stdout })
  end)

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
