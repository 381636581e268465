-- `--resume` of a directory, or of a pipe, ended with an internal error.

local process = require "spec.support.process"

local RESUM = { "lua" .. _VERSION:match("%d%.%d"), process.ROOT .. "/lua/bin/resum" }

local function resume(script, place)
  local command = ("%s --quiet --resume %s 127.0.0.1:1"):format(table.concat(RESUM, " "), script:format(place))
  local ran = process.run({ command = { "bash", "-c", command } })
  return { ran.code, ran.stderr }
end

describe("--resume", function()
  it("says that a directory is none to go on from", function()
    local place = process.temporary_directory()
    assert.same({ 2, ("resum: --resume: %s: Is a directory\n"):format(place) }, resume("%s", place))
  end)

  it("says that a pipe is read twice", function()
    local found = resume("<(echo %s)", "127.0.0.1:2")
    assert.equal(2, found[1])
    assert.is_truthy(found[2]:find("^resum: %-%-resume: [^\n]* is no file but a pipe, [^\n]*\n$"), found[2])
  end)

  it("scans where there is no such file yet", function()
    assert.equal(1, resume("%s/none", process.temporary_directory())[1])
  end)
end)
