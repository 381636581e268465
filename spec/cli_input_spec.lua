-- Files that options read as a whole; pipes are in spec/regress/440_a_pipe_nobody_writes_to_spec.lua.

local input = require "resum.cli.input"
local process = require "spec.support.process"

describe("a file's content", function()
  it("is bounded", function()
    local path = process.temporary_directory() .. "/file"
    process.write_file(path, ("x"):rep(2048))
    assert.equal(2048, #input.content(path, 2048, "--x"))
    assert.same({ nil, path .. ": it is larger than 1 KiB" }, { input.content(path, 2047, "--x") })
    assert.same({ nil, "/dev/zero: it is larger than 64 KiB" }, { input.content("/dev/zero", 65536, "--x") })
    process.write_file(path, "")
    assert.equal("", input.content(path, 1024, "--x"))
    assert.is_nil((input.content("/nowhere", 1024, "--x")))
    assert.is_nil((input.content("/", 1024, "--x")))
    assert.same({ nil, "xx" }, { input.head(path, 2), input.head(process.ROOT .. "/none", 2) or "xx" })
  end)
end)
