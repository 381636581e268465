-- The README's example of an own flow runs as it stands there.

local process = require "spec.support.process"
local servers = require "spec.support.servers"

local function example()
  local readme = process.read_file("README.md")
  return readme:match("<!%-%- own flow %-%->%s*```lua\n(.-)```")
end

describe("the README's own flow", function()
  it("is about 20 lines and says what it says it prints", function()
    local code = assert(example(), "README.md has no example between its marks")
    local _, lines = code:gsub("\n", "\n")
    assert.is_true(lines <= 25, lines .. " lines")
    local server = servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" })
    local printed = {}
    local environment = setmetatable({
      arg = { server.address },
      print = function(...)
        printed[#printed + 1] = table.concat({ ... }, "\t")
      end,
    }, { __index = _G })
    assert(load(code, "=README.md", "t", environment))()
    server.stop()
    assert.same({
      "TLSv1.2\tTLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
      "attempt 1\tresumed",
      "attempt 2\tresumed",
      "attempt 3\tresumed",
    }, printed)
  end)
end)
