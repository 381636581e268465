--- A dry run behind a proxy named the targets, and not the proxy, which is what is connected to; that the proxy has no
-- address was not told. NO_COLOR="" took the colours away, where only a value does (https://no-color.org).

local process = require "spec.support.process"

local resum = process.resum

describe("a dry run behind a proxy", function()
  it("names what is connected to, and what the proxy connects to", function()
    local run = resum("--dry_run", "--proxy", "socks5h://user:secret@localhost:1080", "a.example", "b.example:993")
    assert.same({ 0, "" }, { run.code, run.stderr })
    assert.matches("\nAll connections go to the proxy localhost port 1080 %([%x:., ]+%)%.\n"
      .. "It connects to what is listed here:\na%.example:443: [^\n]*\n"
      .. "  a%.example port 443, which the proxy looks up\nb%.example:993: ", run.stdout)
    assert.is_nil(run.stdout:find("secret", 1, true))
  end)

  it("names it once where it is an address", function()
    local run = resum("--dry_run", "--proxy", "http://127.0.0.1:3128", "127.0.0.2")
    assert.is_truthy(run.stdout:find("go to the proxy 127.0.0.1 port 3128.\n", 1, true), run.stdout)
  end)

  it("tells, as the scan would, that the proxy has no address", function()
    local run = resum("--dry_run", "--proxy", "http://user:secret@a.invalid:3128", "127.0.0.2")
    assert.equal(1, run.code)
    assert.matches("^resum: %-%-proxy: no address for a%.invalid", run.stderr)
    assert.is_nil(run.stderr:find("secret", 1, true))
  end)
end)

describe("a dry run", function()
  it("tells of all that would be sent before and inside TLS", function()
    local run = resum("--dry_run", "--proxy_protocol", "2", "--alpn", "h2,http/1.1", "--request", "x\\n", "127.0.0.1")
    assert.is_truthy(run.stdout:find('no server name, with a PROXY header of version 2, with the application protocols '
      .. 'h2, http/1.1, saying "x\\x0a" inside TLS\n', 1, true), run.stdout)
  end)
end)

describe("colours on a terminal", function()
  local function on_terminal(environment)
    return process.run({ command = { "script", "-qec", process.ROOT .. "/lua/bin/resum 127.0.0.1:1 2> /dev/null",
      "/dev/null" }, environment = environment }).stdout:find("\27[", 1, true) ~= nil
  end

  it("are there unless NO_COLOR has a value, whatever it is", function()
    local shown = {}
    for i, value in ipairs({ false, "", "0", "1", " " }) do
      shown[i] = on_terminal({ TERM = "xterm", NO_COLOR = value })
    end
    assert.same({ true, true, false, false, false }, shown)
  end)
end)
