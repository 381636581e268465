--- In a checkout that was not built yet, and where a Lua module is not installed, the command ended with a traceback.

local process = require "spec.support.process"

local function run(environment, ...)
  return process.run({ command = { "lua" .. _VERSION:match("%d%.%d"), process.ROOT .. "/lua/bin/resum", ... },
    environment = environment })
end

describe("the command without what it needs", function()
  it("says that it is not built", function()
    local ended = run({ RESUM_BUILD = "/nowhere", LUA_CPATH = false }, "a.example")
    assert.same({ 2, "resum: it is not built for " .. _VERSION .. ": run make\n" }, { ended.code, ended.stderr })
  end)

  it("names the module that is not installed", function()
    local folder = process.temporary_directory()
    process.write_file(folder .. "/argparse.lua", "require 'steam'")
    local ended = run({ LUA_PATH = folder .. "/?.lua;;" }, "a.example")
    assert.same({ 2, "resum: the Lua module steam is not installed for " .. _VERSION .. "\n" },
      { ended.code, ended.stderr })
  end)
end)
