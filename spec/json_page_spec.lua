--- docs/json.md against the code, and against what it writes: no field, type or value that only one of them has.

local cjson = require "cjson"
local findings = require "resum.analysis.pool.findings"
local fields_of_code = require "spec.support.json_fields"
local json = require "resum.report.json"
local mechanisms = require "resum.connection.mechanism"
local page = require "spec.support.page"
local pool_truth = require "spec.support.pool_truth"
local pools = require "spec.support.pools"
local process = require "spec.support.process"
local resum = require "resum"
local servers = require "spec.support.servers"
local simulation = require "spec.support.simulation"
local starttls = require "resum.transport.starttls"
local summary = require "resum.analysis.summary"
local vocabulary = require "resum.analysis.vocabulary"

local TEXT = page.text("json.md")
local VALUES = page.by_heading(TEXT:match("\n## Values\n(.*)$"))
local POOLS = 3 -- of each class

-- "map of list of object", and the names of the tables that list the keys of its maps, from outside in -> type
local function type_of(words, keys)
  local outer, inner = words:match("^(%l+) of (.*)$")
  if outer then
    local own = outer == "map" and table.remove(keys, 1) or nil
    return { kind = outer, keys = own, item = type_of(inner, keys) }
  end
  local link = words:match("^%[([%l -]+)%]")
  return { kind = link and (VALUES[link] and "value" or "object") or words, values = VALUES[link], name = link }
end

-- "number, share", "object, see [error](#error)", "map of map of integer, by [mechanism](#mechanism) and [verdict](…)"
local function read_type(text)
  local keys = {}
  for name in (text:match(", by (.*)$") or ""):gmatch("%[([%l -]+)%]") do
    keys[#keys + 1] = name
  end
  return type_of(text:match("^[^,]*"), keys)
end

-- path -> {type, row}, with a path of its own for the entries of a map; and the objects: path -> rows
local function read_page()
  local fields, objects = {}, {}
  for _, row in ipairs(page.rows(TEXT)) do
    for _, at in ipairs(row.at or {}) do
      local path = at == "." and row.code or at .. "." .. row.code
      assert(not fields[path], path .. " stands there twice")
      fields[path] = { row = row, type = read_type(row.cells[2]) }
      objects[at] = objects[at] or {}
      table.insert(objects[at], row)
      local inner = fields[path].type
      while inner.kind == "map" do
        path, inner = path .. ".*", inner.item
        fields[path] = { row = row, type = inner }
      end
    end
  end
  return fields, objects
end

local FIELDS, OBJECTS = read_page()

local PLAIN = {
  plain = function(value)
    return type(value) ~= "table"
  end,
  string = function(value)
    return type(value) == "string"
  end,
  hex = function(value)
    return type(value) == "string" and value:find("^%x*$") and #value % 2 == 0
  end,
  boolean = function(value)
    return type(value) == "boolean"
  end,
  number = function(value)
    return type(value) == "number"
  end,
  integer = function(value)
    return type(value) == "number" and value % 1 == 0
  end,
}

local seen -- paths of all fields that were written, and "heading value" of all values
local check_object

local function check_value(value, wanted, path)
  if wanted.kind == "list" or wanted.kind == "map" then
    assert.equal("table", type(value), path)
    for key, item in pairs(value) do
      assert.equal(wanted.kind == "list" and "number" or "string", type(key), path)
      if wanted.keys then
        assert.is_truthy(VALUES[wanted.keys][key], ("%s has the key %s"):format(path, key))
      end
      check_value(item, wanted.item, path .. (wanted.kind == "list" and "[]" or ".*"))
    end
  elseif wanted.kind == "value" then
    assert.is_truthy(wanted.values[value], ("%s is %s"):format(path, tostring(value)))
    seen[wanted.name .. " " .. value] = true
  elseif wanted.kind == "object" then
    check_object(value, path)
  else
    assert.is_truthy(assert(PLAIN[wanted.kind], path)(value), ("%s is %s"):format(path, tostring(value)))
  end
end

function check_object(value, path)
  assert.equal("table", type(value), path)
  for name, inner in pairs(value) do
    local own = path == "." and name or path .. "." .. name
    assert.is_truthy(FIELDS[own], own .. " is not on the page")
    seen[own] = true
    check_value(inner, FIELDS[own].type, own)
  end
  for _, row in ipairs(assert(OBJECTS[path], path)) do
    assert.is_true(not row.cells[4]:find("^never") or value[row.code] ~= nil,
      ("%s has no %s, which is never absent"):format(path, row.code))
  end
end

-- What a whole run writes.
local function written(results)
  local folded = summary.new()
  for _, result in ipairs(results) do
    folded:add(result)
  end
  local head = json.head({ version = resum.VERSION, started_at = "2001-02-03T04:05:06Z", command = "resum x" })
  local lines = {}
  for i, result in ipairs(results) do
    lines[i] = json.line(result)
  end
  return cjson.decode(head .. table.concat(lines, ",") .. json.tail({ elapsed_s = 1, summary = folded:fold() }))
end

-- Does a path lie in a map that the report hands through as it is? What it writes there only real results tell.
local function is_handed_through(path, code)
  for before, map in path:gmatch("()%.%*()") do
    if code[path:sub(1, before - 1)] and not code[path:sub(1, map - 1)] then
      return true
    end
  end
  return false
end

local function result_of(balancer)
  return {
    target = { text = "a.example", host = "a.example", port = 443 },
    status = "completed",
    elapsed_s = 1,
    addresses = { { address = "192.0.2.1", status = "completed", connections = 300, control = {
      mechanism = "control", design = "control", engine = "handshake", address = "192.0.2.1", outcome = "full",
      reused = false, timing = { total_s = 1 },
    }, balancer = balancer } },
  }
end

describe("docs/json.md #unsanitized", function()
  setup(function()
    seen = {}
  end)

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
    check_object(written(results), ".")
    for _, path in ipairs({ "summary.lifetimes.*[].up_to_s", "targets[].addresses[].balancer.quick.*.verdict",
      "targets[].addresses[].balancer.designs.*.rate", "targets[].addresses[].support.*.attempts[].facts.tickets",
      "targets[].error.code" }) do
      assert.is_true(seen[path:gsub("%.%*$", "")], path .. " was not written")
    end
  end)

  it("is what is written of simulated pools of every class", function()
    local results = {}
    for _, class in ipairs(pools.classes) do
      for i = 1, POOLS do
        results[#results + 1] = result_of((simulation.run(pools.draw(class, i * 7919))))
      end
    end
    check_object(written(results), ".")
    for _, class in ipairs(pools.classes) do
      local written_one = false
      for verdict in pairs(pool_truth.of(class, pools.draw(class, 7919)).whole) do
        written_one = written_one or seen["set-up " .. verdict]
      end
      assert.is_true(written_one, "what is true of " .. class .. " was not written")
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
