--- The audit in real nmap: the report of its vulns library, the structure in its XML, arguments, both halves.

local audit = require "resum.audit.run"
local nmap = require "spec.support.nmap"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local SCRIPT, INTRUSIVE = "tls-resumption-audit", "tls-resumption-audit-intrusive"

local function only_result(run)
  assert.equal(0, run.code)
  assert.equal(1, #run.scripts, run.stdout .. run.stderr)
  assert.is_nil(run.stdout:find("ERROR", 1, true))
  return run.scripts[1].result
end

local function by_id(list)
  local found = {}
  for _, one in ipairs(list) do
    found[one.id] = one
  end
  return found
end

describe("tls-resumption-audit in nmap #unsanitized", function()
  after_each(function()
    servers.stop_all()
  end)

  it("reports what is bad as the vulns library does, with severity and advice", function()
    local keys = process.temporary_directory() .. "/keys"
    process.write_file(keys, (("A"):rep(64) .. "\n"):rep(3)) -- base64 of 48 bytes each
    local server = servers.haproxy({ bind = "tls-ticket-keys " .. keys })
    local result = only_result(nmap.run({ ports = { server.port }, script = "+" .. SCRIPT,
      arguments = SCRIPT .. ".checks={single-use,known-key,ticketbleed}" }))
    assert.matches("^\n  VULNERABLE:\n", result.output)
    assert.matches("State: VULNERABLE\n", result.output, 1, true)
    assert.matches("IDs:  RESUM:known-key/", result.output, 1, true)
    assert.matches("Risk factor: High\n", result.output, 1, true)
    assert.matches("Severity: critical\n", result.output, 1, true)
    assert.matches("State: LIKELY VULNERABLE\n", result.output, 1, true)
    assert.matches("IDs:  RESUM:single-use/not_renewed\n", result.output, 1, true)
    assert.matches("Risk factor: Medium\n", result.output, 1, true)
    assert.matches("  1 check good%.$", result.output)
    local found = by_id(result.audit)
    assert.same({ "bad", "critical" }, { found["known-key"].verdict, found["known-key"].severity })
    assert.same({ "bad", "medium", "not_renewed" }, { found["single-use"].verdict, found["single-use"].severity,
      found["single-use"].reason })
    assert.same({ "12", "8" }, { found["single-use"].evidence.connections, found["single-use"].evidence.resumed })
    assert.equal("good", found.ticketbleed.verdict)
    assert.equal("LIKELY VULNERABLE", result.vulnerabilities["single-use/not_renewed"].state)
    local known, count = 0, 0
    for id, one in pairs(result.vulnerabilities) do
      known, count = known + (id:find("^known%-key/") and one.state == "VULNERABLE" and 1 or 0), count + 1
    end
    assert.same({ 2, 3 }, { known, count }) -- of tickets and of PSKs
  end)

  it("says of a server in order how many checks are good, and nothing of vulnerabilities", function()
    local server = servers.nginx({ session_cache = "shared:SSL:1m" })
    local result = only_result(nmap.run({ ports = { server.port }, script = "+" .. SCRIPT }))
    assert.is_nil(result.vulnerabilities)
    assert.is_nil(result.output:find("VULNERABLE", 1, true), result.output)
    assert.matches("%d+ checks good", result.output)
    for _, one in ipairs(result.audit) do
      assert.is_true(one.verdict ~= "bad" and one.severity == "info", one.id .. " " .. one.reason)
    end
  end)

  it("makes the checks that its argument names, and says what is wrong with one", function()
    local server = servers.nginx()
    local result = only_result(nmap.run({ ports = { server.port }, script = "+" .. SCRIPT,
      arguments = SCRIPT .. ".checks=ticketbleed," .. SCRIPT .. ".mechanisms=ticket" }))
    assert.same({ 1, "ticketbleed" }, { #result.audit, result.audit[1].id })
    for argument, words in pairs({ ["checks=heartbleed"] = "checks has no check 'heartbleed': there are ",
      ["checks=ticketbled"] = "checks has no check 'ticketbled'; did you mean 'ticketbleed'?",
      ["checks=binder"] = "checks has binder, which is intrusive: it is " .. SCRIPT .. "-intrusive that makes it",
      ["names=a..b"] = "names takes " }) do
      local run = nmap.run({ ports = { server.port }, script = "+" .. SCRIPT, arguments = SCRIPT .. "." .. argument })
      assert.matches("ERROR: " .. SCRIPT .. "." .. words, run.scripts[1].result.output, 1, true)
    end
  end)

  it("leaves to its other half what may disturb a server", function()
    local server = servers.nginx()
    local run = nmap.run({ ports = { server.port }, script = "+" .. INTRUSIVE, more = { "-v" } })
    assert.equal(0, run.code)
    assert.is_nil(run.stdout:find("ERROR", 1, true), run.stdout)
    local ids = {}
    for _, id in ipairs(audit.intrusive_ids()) do
      ids[id] = true
    end
    if next(ids) == nil then
      assert.matches("this resum has no intrusive check", run.stdout, 1, true)
    else
      for _, one in ipairs(only_result(run).audit) do
        assert.is_true(ids[one.id], one.id)
      end
    end
    for script, categories in pairs({ [SCRIPT] = '"discovery", "safe"', [INTRUSIVE] = '"intrusive", "vuln"' }) do
      local text = process.read_file(("%s/lua/nse/%s.nse"):format(process.ROOT, script))
      assert.matches("categories = {" .. categories .. "}", text, 1, true)
    end
  end)
end)
