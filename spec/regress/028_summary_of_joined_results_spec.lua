--- resum --merge ended with 0 when nobody could read its summary (a full disk, a closed stdout), and when its input was
-- a pipe: it reads its files twice, and found nothing the second time.

local process = require "spec.support.process"

local LINE = '{"target":{"text":"a.example"},"status":"completed","addresses":[],"elapsed_s":1}\n'

local function shell(command)
  local path = process.temporary_directory() .. "/part.jsonl"
  process.write_file(path, LINE)
  local resum = ("lua%s %s/lua/bin/resum"):format(_VERSION:match("%d%.%d"), process.ROOT)
  return process.run({ command = { "sh", "-c", (command:gsub("RESUM", resum):gsub("PART", path)) } })
end

describe("joined results", function()
  for redirection, why in pairs({ [">/dev/full"] = "No space left on device", [">&-"] = "Bad file descriptor" }) do
    it("whose summary can't be written end with 4: " .. redirection, function()
      local run = shell("RESUM --merge PART " .. redirection)
      assert.same({ 4, "resum: summary: " .. why .. "\n" }, { run.code, run.stderr })
    end)
  end

  it("are not read from a pipe", function()
    local run = shell("cat PART | RESUM --merge /dev/stdin")
    assert.same({ 2, "", "resum: --merge: /dev/stdin: this is no file but a pipe, and it is read twice: write it to a "
      .. "file first\n" }, { run.code, run.stdout, run.stderr })
  end)
end)
