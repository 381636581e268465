--- Specs that ran in two containers with one /tmp took each other's folders away while they were used, as neither saw
-- the other's processes.

local process = require "spec.support.process"
local uv = require "luv"

local DEAD = 4194304 -- beyond Linux's largest process ID, 2^22 - 1

describe("a run of specs", function()
  it("removes what runs of its own namespace of processes left behind, and nothing of another one's", function()
    local parent, own = process.temporary_directory(), process.temporary_directory()
    local before, namespace, pid = own:match("([^/]*%-)(%d+)%-(%d+)%-[^/]*$")
    assert.equal(("%d"):format(uv.os_getpid()), pid)
    local left = ("%s%s-%d-abcdef"):format(before, namespace, DEAD)
    local others = ("%s%s-%d-abcdef"):format(before, namespace .. "1", DEAD)
    assert(uv.fs_mkdir(parent .. "/" .. left, 448) and uv.fs_mkdir(parent .. "/" .. others, 448))
    local run = process.run({
      command = { uv.exepath(), "-e", 'require("spec.support.process").temporary_directory()' },
      environment = { TMPDIR = parent },
      working_directory = process.ROOT,
    })
    assert.same({ 0, "" }, { run.code, run.stderr })
    assert.is_nil(uv.fs_stat(parent .. "/" .. left))
    assert.is_truthy(uv.fs_stat(parent .. "/" .. others))
  end)
end)
