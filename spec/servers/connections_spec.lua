--- How many connections a scan makes: what auditors quote when they ask for permission. The scans declare it, --dry_run
-- and --help print it, docs/method.md has it, and results tell how many there were. This counts them where they arrive,
-- at a proxy in front of a server where all resumes, and of three that share nothing.

local balancer = require "spec.support.balancer"
local page = require "spec.support.page"
local process = require "spec.support.process"
local resum = require "resum"
local servers = require "spec.support.servers"
local tables = require "resum.util.tables"

local TORN = '{"addresses":[{"' -- what a run that was killed left of a result
local SLACK = 6 -- on a busy machine a connection fails, and is tried again

local SCANS = {
  ["--resum"] = { support = true },
  ["--resum_rate"] = { rate = true },
  ["--resum_rate --no_balancer"] = { rate = true, balancer = false },
  ["--resum_rate --quick"] = { rate = true, quick = true },
}

-- What a scan declares, and what arrives. The proxy turns on the loop that the scan runs on.
local function count(backends, options, addresses)
  local scanner = assert(resum.prepare(options))
  local proxy = assert(balancer.listen({ listen = "0.0.0.0:0", backends = backends }))
  local result = assert(scanner:run(("name.example:%d"):format(proxy.port)))
  local made = proxy.accepted
  proxy.close()
  assert.equal("completed", result.status)
  assert.equal(addresses or 1, #result.addresses)
  local told = 0
  for _, entry in ipairs(result.addresses) do
    told = told + entry.connections
  end
  assert.equal(made, told)
  return made, scanner:connections(addresses)
end

local function host_with(addresses)
  return setmetatable({ resolve = function() return addresses end }, { __index = resum.host.default() })
end

local function assert_between(least, most, made, what)
  assert.is_true(made >= least and made <= most, ("%s: %d, not %d to %d"):format(what, made, least, most))
end

describe("the number of connections", function()
  local good, unshared = {}, {}
  local host = host_with({ "127.0.0.1" })

  setup(function()
    for i = 1, 3 do
      unshared[i] = servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" }).address
    end
    good[1] = unshared[1]
  end)

  teardown(servers.stop_all)

  for name, options in pairs(SCANS) do
    it("is in docs/method.md what the scans of " .. name .. " declare", function()
      local row = page.by_heading(page.text("method.md"))["How many connections"][name]
      local declared = assert(resum.prepare(options)):connections()
      assert.same({ row.cells[2], row.cells[3] }, { tostring(declared.least), tostring(declared.most) })
    end)
  end

  for _, name in ipairs({ "--resum", "--resum_rate", "--resum_rate --no_balancer" }) do
    it("is the least where all resumes, with " .. name, function()
      for _, more in ipairs({ {}, { mechanisms = { "psk" }, attempts = 10 } }) do
        local made, declared = count(good, tables.merged(SCANS[name], more, { host = host }))
        assert_between(declared.least, declared.least + SLACK, made, name)
      end
    end)
  end

  for _, name in ipairs({ "--resum", "--resum_rate", "--resum_rate --no_balancer", "--resum_rate --quick" }) do
    it("stays below the most where nothing is shared, with " .. name, function()
      local made, declared = count(unshared, tables.merged(SCANS[name], { host = host }))
      assert_between(declared.least, declared.most + SLACK, made, name)
    end)
  end

  it("is within its bounds where all resumes, with --quick", function()
    local made, declared = count(good, tables.merged(SCANS["--resum_rate --quick"], { host = host }))
    assert_between(declared.least + 100, declared.most + SLACK, made, "--quick")
  end)

  it("counts what compares addresses with each other", function()
    local options = { rate = true, mechanisms = { "ticket" }, host = host_with({ "127.0.0.1", "127.0.0.2" }) }
    local made, declared = count(good, options, 2)
    assert_between(declared.least, declared.least + SLACK, made, "two addresses")
    local one = assert(resum.prepare(options)):connections()
    assert.equal(2 * one.least + 3 * 2 * 3, declared.least)
  end)
end)

describe("a dry run", function()
  local function dry_run(...)
    return process.run({ command = { "./lua/bin/resum", "--dry_run", ... }, working_directory = process.ROOT })
  end

  it("says what would be sent where, and sends nothing", function()
    local proxy = assert(balancer.listen({ backends = { "127.0.0.1:1" } }))
    local run = dry_run("--resum_rate", "--mechanisms", "psk", "--sni", "a.example", proxy.address)
    local made = proxy.accepted
    proxy.close()
    assert.same({ 0, 0, "" }, { run.code, made, run.stderr })
    local declared = assert(resum.prepare({ rate = true, mechanisms = { "psk" } })):connections()
    local figures = ("%d to %d"):format(declared.least, declared.most)
    local where = ("%s: %s connections; server name a.example\n  127.0.0.1 port %d\n"):format(proxy.address, figures,
      proxy.port)
    local in_all = "In all " .. figures .. " connections to 1 address of 1 target.\n"
    for _, words in ipairs({ "Mechanisms: psk\n", where, in_all }) do
      assert.is_truthy(run.stdout:find(words, 1, true), run.stdout)
    end
  end)

  it("touches no file, neither outputs nor what --resume names", function()
    local folder = process.temporary_directory()
    process.write_file(folder .. "/out", TORN)
    local run = dry_run("--json_lines", "--json_out", folder .. "/out", "--resume", folder .. "/out", "--html_out",
      folder .. "/page", "127.0.0.1/31:https")
    assert.equal(0, run.code, run.stderr)
    assert.is_truthy(run.stdout:find("127.0.0.1:443: 29 to 782 connections", 1, true), run.stdout)
    assert.same({ TORN, { "out" } }, { process.read_file(folder .. "/out"), process.list(folder) })
  end)

  it("tells what can't be scanned, as the scan would", function()
    local run = dry_run("127.0.0.1{::1}", "-4", "127.0.0.1:443{::1}")
    assert.same({ 1, "In all 0 connections to 0 addresses of 0 targets." },
      { run.code, run.stdout:match("\n([^\n]*)\n$") })
    assert.equal(2, dry_run("a.example:0").code)
    local nothing = dry_run("--targets_in", "/dev/null")
    assert.same({ 2, "resum: nothing would be tested: the list names no target, and no open port with TLS\n" },
      { nothing.code, nothing.stderr })
  end)
end)
