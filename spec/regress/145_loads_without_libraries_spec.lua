--- `require "resum"` ended with an error where lua-cjson was not installed, as the file of a watch loaded it at once.
-- Who embeds resum brings a host of their own, and no library that only some verbs need.

local process = require "spec.support.process"

local LIBRARIES = { "argparse", "cjson", "cqueues", "luasql.sqlite3", "luv", "lxp", "socket" }

-- What Lua code says where these can't be loaded.
local function run_without(libraries, code)
  local hidden = {}
  for i, name in ipairs(libraries) do
    hidden[i] = ("package.preload[%q] = function() error(%q) end"):format(name, "hidden: " .. name)
  end
  local result = process.run({
    command = { "lua5.4", "-e", table.concat(hidden, "\n") .. "\n" .. code },
    environment = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
  })
  return { result.code, result.stdout, result.stderr }
end

describe("require 'resum'", function()
  it("needs no library that only some verbs need", function()
    assert.same({ 0, "function\tfunction\n", "" },
      run_without(LIBRARIES, 'local resum = require "resum" print(type(resum.run), type(resum.watch))'))
  end)

  for library, words in pairs({ luv = "state: luv has to be installed for it (lua-luv)",
    cjson = "state: cjson has to be installed for it (lua-cjson)" }) do
    it("lets a watch say what its state file needs: " .. library, function()
      assert.same({ 0, words .. "\tusage\n", "" }, run_without({ library },
        'local host = { now = os.clock, sleep = print, connect = print, resolve = print, parallel = print } '
        .. 'print(select(2, require("resum").watch("192.0.2.1", { state = "none", host = host })))'))
    end)
  end
end)
