--- On a terminal that is narrower than the progress line is long, each drawing of it left a line behind: only the part
-- in the last line was taken away. And a terminal that knows letters only (TERM=dumb) was sent control codes.

local process = require "spec.support.process"
local servers = require "spec.support.servers"

local function on_terminal(kind, address)
  local command = ("lua%s '%s/lua/bin/resum' --mechanisms psk --resum_rate %s"):format(_VERSION:match("%d%.%d"),
    process.ROOT, address)
  return process.run({ command = process.on_terminal(command),
    environment = { TERM = kind, NO_COLOR = "1" } }).stdout
end

describe("the progress line", function()
  after_each(servers.stop_all)

  it("never goes on in the next line", function()
    local shown, drawn = on_terminal("xterm", servers.nginx({ session_tickets = "on" }).address), 0
    for line in shown:gmatch("\r\27%[K(.-%d connections made.-)%f[\r\n]") do
      drawn = drawn + 1
      assert.matches("^\27%[%?7lresum: [^\27]+\27%[%?7h$", line)
    end
    assert.is_true(drawn > 0)
  end)

  it("is not drawn where no code is understood", function()
    local shown = on_terminal("dumb", servers.nginx({ session_tickets = "on" }).address)
    assert.is_nil(shown:find("\27", 1, true))
    assert.is_truthy(shown:find("Resumption by TLS 1.3 ticket works.", 1, true))
  end)
end)
