-- The addresses of a name on real servers, the command's options for what stands behind them, and what is written.

local cjson = require "cjson"
local process = require "spec.support.process"
local resum = require "resum"
local servers = require "spec.support.servers"

local command = process.resum

-- Two nginx on one port of two addresses.
local function two_addresses(options)
  options.session_cache, options.session_tickets = "shared:SSL:1m", "on"
  options.host, options.port = "127.0.0.1", nil
  local first = servers.nginx(options)
  options.host, options.port = "127.0.0.2", first.port
  servers.nginx(options)
  return first.port
end

-- The usual host, for which one name has both addresses.
local function host_of(names)
  local host = {}
  for name, value in pairs(resum.host.default()) do
    host[name] = value
  end
  function host.resolve(name)
    return assert(names[name], name)
  end
  return host
end

local function compare(port)
  local result = assert(resum.run("a.example:" .. port, { rate = true, attempts = 40,
    host = host_of({ ["a.example"] = { "127.0.0.1", "127.0.0.2" } }) }))
  assert.equal("completed", result.status)
  return result
end

describe("the addresses of a name", function()
  after_each(servers.stop_all)

  it("are compared: ticket keys that are shared, caches that are not", function()
    local result = compare(two_addresses({ ticket_keys = servers.ticket_keys(1) }))
    assert.same({ "all_shared", "all_shared" },
      { result.addresses[1].balancer.verdict, result.addresses[2].balancer.verdict })
    assert.same({ "not_shared", "shared", "shared" },
      { result.across.session_id.verdict, result.across.ticket.verdict, result.across.psk.verdict })
    assert.same({ resumed = 0, answered = 3, errors = 0 }, result.across.session_id.matrix["127.0.0.1"]["127.0.0.2"])
    assert.same({ resumed = 3, answered = 3, errors = 0 }, result.across.session_id.matrix["127.0.0.2"]["127.0.0.2"])
    assert.is_truthy(tostring(result):find("Do the addresses share their sessions?", 1, true))
  end)
end)

describe("the command", function()
  after_each(servers.stop_all)

  it("stops early, connects from several addresses, or leaves the rate alone", function()
    local server = servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" })
    local function run(...)
      local done = command("--resum_rate", "--mechanisms", "ticket,psk", "--json_out", "-", ...)
      assert.same({ 0, "" }, { done.code, done.stderr })
      return cjson.decode(done.stdout).targets[1].addresses[1]
    end
    local quick = run("--quick", server.address)
    assert.same({ "healthy", nil, 46 }, { quick.balancer.verdict, quick.rate, quick.balancer.quick.ticket.resumed })
    local spread = run("--attempts", "40", "--source", "127.0.0.5", "--source", "127.0.0.6", server.address)
    assert.equal(4, #spread.balancer.mechanisms.ticket.sources)
    assert.same({ { code = "stickiness_unknown", sources = 2 } }, spread.balancer.findings)
    local alone = run("--attempts", "10", "--no_balancer", server.address)
    assert.same({ nil, 10 }, { alone.balancer, alone.rate.psk.attempted })
  end)

  it("says what does not fit", function()
    for arguments, words in pairs({
      ["--quick a.example"] = "--quick is about a rate: add --resum_rate",
      ["--resum_rate --quick --no_balancer a.example"] = "--quick and --no_balancer exclude each other",
      ["--resum_rate --quick --expect psk>=0.9 a.example"] =
        "--expect psk>=0.9 is not what --quick finds out: leave out --quick",
      ["--resum_rate --quick --expect psk=supported a.example"] =
        "--expect psk=supported is not what --quick finds out: leave out --quick",
      ["--json_out - --html_out - a.example"] = "--json_out and --html_out can't both go to stdout",
    }) do
      local list = {}
      for word in arguments:gmatch("%S+") do
        list[#list + 1] = word
      end
      local run = command(table.unpack(list))
      assert.same({ 2, "resum: " .. words .. "\n" }, { run.code, run.stderr })
    end
  end)

  it("writes a page where it is told to", function()
    local server = servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" })
    local path = process.temporary_directory() .. "/page.html"
    local run = command("--resum_rate", "--attempts", "40", "--mechanisms", "psk", "--html_out", path, server.address)
    assert.same({ 0, "" }, { run.code, run.stderr })
    local page = process.read_file(path)
    assert.is_truthy(page:find("^<!DOCTYPE html>"))
    assert.is_truthy(page:find("</html>\n$"))
    assert.is_truthy(page:find('<span class="word good">all shared<', 1, true))
    local to_stdout = command("--mechanisms", "psk", "--html_out", "-", server.address)
    assert.is_truthy(to_stdout.stdout:find("^<!DOCTYPE html>.*</html>\n$"))
  end)
end)
