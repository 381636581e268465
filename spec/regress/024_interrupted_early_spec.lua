-- Ctrl-C before the first connection, as in a long list of what is done, or while results were joined, ended with a
-- traceback and exit code 1.

local process = require "spec.support.process"
local uv = require "luv"

local ENOUGH = ("\n"):rep(4096) -- for a line, for the head of a file, and for one buffer of C's stdio
local RESUM = { "lua" .. _VERSION:match("%d%.%d"), process.ROOT .. "/lua/bin/resum" }

-- The command with a pipe for a file: once that can be opened for writing, the command is about to read it.
local function interrupt_at(option)
  local pipe = process.temporary_directory() .. "/pipe"
  assert.equal(0, process.run({ command = { "mkfifo", pipe } }).code)
  local child = process.start({ command = { RESUM[1], RESUM[2], "--quiet", option, pipe, "127.0.0.1:1" } })
  local writer
  process.wait_until(process.PATIENCE, function()
    writer = uv.fs_open(pipe, uv.constants.O_WRONLY + uv.constants.O_NONBLOCK, 0)
    return writer
  end)
  local reader = uv.fs_open(pipe, uv.constants.O_RDWR, 0) -- where the command has ended, writing is no error
  child.kill("sigint")
  uv.fs_write(writer, ENOUGH, -1) -- a read that began before, or begins now, goes on, and Lua finds the signal
  local code = child.wait(process.PATIENCE)
  uv.fs_close(writer)
  uv.fs_close(reader)
  local said = child.stderr()
  child.stop()
  return code, said
end

describe("Ctrl-C before the first connection", function()
  for _, option in ipairs({ "--resume", "--merge" }) do
    it("ends with 130 and no more words: " .. option, function()
      assert.same({ 130, "" }, { interrupt_at(option) })
    end)
  end
end)
