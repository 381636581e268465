--- Opening the module again (another copy of it in the same Lua state) replaced the tools that all probes share: the
-- collector freed the old ones under the probes that still used them.

local core = require "resum.core"
local memory = require "spec.support.memory"
local pair = require "spec.support.pair"

describe("a probe", function()
  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("goes on when the module is opened once more, with " .. version, function()
      local server = memory.server { min_version = version, max_version = version }
      local probe = core.probe { session = memory.visit(server).session }
      local open = package.loadlib(package.searchpath("resum.core", package.cpath), "luaopen_resum_core")
      for _ = 1, 3 do
        open()
        collectgarbage()
      end
      assert.equal("established", pair.run(probe, server:accept()).client)
    end)
  end
end)
