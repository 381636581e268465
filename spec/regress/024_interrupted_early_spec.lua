-- Ctrl-C before the first connection, as in a long list of what is done, or while results were joined, ended with a
-- traceback and exit code 1.

local process = require "spec.support.process"
local uv = require "luv"

local ENDLESS = "/dev/zero" -- to a program a line that never ends
local RESUM = { "lua" .. _VERSION:match("%d%.%d"), process.ROOT .. "/lua/bin/resum" }

local function has_open(child, path)
  local folder = ("/proc/%d/fd"):format(child.pid)
  for _, name in ipairs(process.list(folder)) do
    if uv.fs_readlink(folder .. "/" .. name) == path then
      return true
    end
  end
  return false
end

-- The command with a file that it can't read to its end.
local function interrupt_at(option)
  local child = process.start({ command = { RESUM[1], RESUM[2], "--quiet", option, ENDLESS, "127.0.0.1:1" } })
  assert.is_truthy(process.wait_until(process.PATIENCE, function()
    return has_open(child, ENDLESS)
  end))
  child.kill("sigint")
  local code = child.wait(process.PATIENCE)
  local said = child.stderr():gsub("resum: /dev/zero: line 1 is no whole result and is left out\n", "")
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
