--- docs/json.md against the code, and against what it writes: no field, type or value that only one of them has.
-- (What is written of simulated pools of every class: spec/pool_simulation_spec.lua.)

local findings = require "resum.analysis.pool.findings"
local fields_of_code = require "spec.support.json_fields"
local json_page = require "spec.support.json_page"
local mechanisms = require "resum.connection.mechanism"
local page = require "spec.support.page"
local process = require "spec.support.process"
local resum = require "resum"
local servers = require "spec.support.servers"
local starttls = require "resum.transport.starttls"
local summary = require "resum.analysis.summary"
local vocabulary = require "resum.analysis.vocabulary"

local TEXT = page.text("json.md")
local FIELDS, VALUES = json_page.FIELDS, json_page.VALUES

-- Does a path lie in a map that the report hands through as it is? What it writes there only real results tell.
local function is_handed_through(path, code)
  for before, map in path:gmatch("()%.%*()") do
    if code[path:sub(1, before - 1)] and not code[path:sub(1, map - 1)] then
      return true
    end
  end
  return false
end

describe("docs/json.md", function()
  it("has the fields that the code can write, and no other", function()
    local code, on_page = fields_of_code.all(), {}
    for path in pairs(FIELDS) do
      on_page[path] = not is_handed_through(path, code) or nil
    end
    assert.same({}, page.differences(code, on_page))
  end)

  it("says for each field what it means and when it is absent", function()
    for path, field in pairs(FIELDS) do
      local cells = field.row.cells
      assert.equal(4, #cells, path)
      assert.is_true(cells[2] ~= "" and cells[4] ~= "", path)
      assert.is_true(cells[3] ~= "" or cells[2]:find("^%[") ~= nil, path .. " has no meaning")
    end
    for name in TEXT:gmatch("%]%(#([%l-]+)%)") do
      assert.is_truthy(TEXT:find("\n#+ " .. name:gsub("%-", "[ -]") .. "\n"), name)
    end
  end)

  it("is what scans of real servers write", function()
    local good = servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" })
    local other = servers.nginx({ session_cache = "off", session_tickets = "off" })
    local closed, ssh = process.closed_port(), servers.odd({ kind = "ssh" })
    local balancer = servers.balancer { backends = { good, other } }
    local results = {
      assert(resum.run(good.address, { support = true, rate = true, attempts = 30 })),
      assert(resum.run(good.address, { rate = true, quick = true, attempts = 20 })),
      assert(resum.run(other.address, { support = true })),
      assert(resum.run(balancer.address, { rate = true, attempts = 40, sources = { "127.0.0.11", "127.0.0.12" } })),
      assert(resum.run("127.0.0.1:" .. closed, {})),
      assert(resum.run(ssh.address, {})),
    }
    for _, server in ipairs({ balancer, good, other, ssh }) do
      server.stop()
    end
    local seen = json_page.check(results)
    for _, path in ipairs({ "summary.lifetimes.*[].up_to_s", "targets[].addresses[].balancer.quick.*.verdict",
      "targets[].addresses[].balancer.designs.*.rate", "targets[].addresses[].support.*.attempts[].facts.tickets",
      "targets[].error.code" }) do
      assert.is_true(seen[path:gsub("%.%*$", "")], path .. " was not written")
    end
  end)
end)

describe("the values in docs/json.md #unsanitized", function()
  local function assert_same(heading, list)
    local set = {}
    for key, value in pairs(list) do
      set[type(key) == "number" and value or key] = true
    end
    assert.same({}, page.differences(set, VALUES[heading]), heading)
  end

  it("are those of the code where it has a list of them", function()
    assert_same("verdict", summary.VERDICTS)
    local set_ups = { not_applicable = true }
    for code in pairs(vocabulary.pools) do
      set_ups[code] = true
    end
    assert_same("set-up", set_ups)
    assert_same("reason", vocabulary.reasons)
    assert_same("finding code", findings.by_code)
    assert_same("client certificate", vocabulary.client_certificates)
    assert_same("client hello", vocabulary.client_hellos)
    assert_same("protocol", starttls.names)
    assert_same("mechanism", { "control", table.unpack(mechanisms.names) })
  end)

  it("occur in the code", function()
    local folders = { process.ROOT .. "/lua", process.ROOT .. "/plugin" }
    local listing = process.run { command = { "find", folders[1], folders[2], "-type", "f" } }
    local code = {}
    for path in listing.stdout:gmatch("[^\n]+") do
      code[#code + 1] = process.read_file(path):gsub("%-%-[^\n]*", "")
    end
    code = table.concat(code, "\n")
    for heading, values in pairs(VALUES) do
      for value in pairs(values) do
        assert.is_true(code:find('"' .. value .. '"', 1, true) ~= nil
          or code:find("%f[%w_]" .. value:gsub("%-", "%%-") .. " = ") ~= nil, ("%s: %s"):format(heading, value))
      end
    end
  end)

  it("have all codes of errors that talks before TLS end with", function()
    local listing = process.run { command = { "find", process.ROOT .. "/lua/resum/transport", "-name", "*.lua" } }
    local count = 0
    for path in listing.stdout:gmatch("[^\n]+") do
      for code in process.read_file(path):gmatch('fail%("(%l[%l_]+)"') do
        count = count + 1
        assert.is_truthy(VALUES["error code"][code], code)
      end
    end
    assert.is_true(count > 10)
  end)

  it("have all outcomes of connections that failed", function()
    local source = process.read_file(process.ROOT .. "/lua/resum/connection/outcome.lua")
    local count = 0
    for code, outcome in source:match("\nlocal OUTCOME_OF_CODE = (%b{})"):gmatch('(%l[%l_]+) = "(%l[%l_]+)"') do
      count = count + 1
      assert.is_truthy(VALUES["error code"][code], code)
      assert.is_truthy(VALUES.outcome[outcome], outcome)
    end
    assert.is_true(count > 5)
  end)
end)
