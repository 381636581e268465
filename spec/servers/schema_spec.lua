--- docs/resum.schema.json is made of docs/json.md, and what the command writes about real servers validates against it,
-- as a validator that is not ours sees it.

local cjson = require "cjson"
local page = require "spec.support.page"
local process = require "spec.support.process"
local schema = require "spec.support.json_schema"
local servers = require "spec.support.servers"
local state = require "resum.audit.keys.state"

local PATH = process.ROOT .. "/docs/resum.schema.json"

-- Prints what is wrong, one line each; "at" is the definition to begin with.
local VALIDATE = [[
import json, sys
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
if sys.argv[2]:
    schema["$ref"] = "#/$defs/" + sys.argv[2]
for line in sys.stdin:
    for problem in Draft202012Validator(schema).iter_errors(json.loads(line)):
        print(list(problem.absolute_path), problem.message[:200])
]]

local function problems(text, at)
  local folder = process.temporary_directory()
  process.write_file(folder .. "/validate.py", VALIDATE)
  process.write_file(folder .. "/lines.json", text)
  local run = process.run({ command = { "sh", "-c", ("exec /usr/bin/python3 %s/validate.py '%s' '%s' <%s/lines.json")
    :format(folder, PATH, at or "", folder) }, environment = { LD_PRELOAD = false } })
  assert.same({ 0, "" }, { run.code, run.stderr })
  return run.stdout
end

local function resum(...)
  return process.run({ command = { process.ROOT .. "/lua/bin/resum", ... }, seconds = 4 * process.PATIENCE }).stdout
end

describe("docs/resum.schema.json #unsanitized", function()
  after_each(servers.stop_all)

  it("is what docs/json.md says (make schema)", function()
    assert.is_true(process.read_file(PATH) == schema.text(page.text("json.md")), "run make schema")
  end)

  it("holds for documents: healthy, nothing shared, audited, unreachable, no TLS", function()
    local good = servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" })
    local other = servers.s_server()
    local balancer = servers.balancer({ backends = { good, other } })
    local ssh = servers.odd({ kind = "ssh" })
    local written = resum("--resum", "--resum_rate", "--attempts", "30", "--summary", "--audit", "--json_out", "-",
      good.address, balancer.address, ssh.address, "127.0.0.1:" .. process.closed_port(), "no-such-host.invalid")
    assert.equal(5, #cjson.decode(written).targets)
    assert.equal("", problems(written))
  end)

  it("holds for lines, and for the quick check", function()
    local good = servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" })
    local lines = resum("--json_lines", good.address, "127.0.0.1:" .. process.closed_port())
      .. resum("--resum_rate", "--quick", "--json_lines", good.address)
    assert.equal(3, select(2, lines:gsub("\n", "")))
    assert.equal("", problems(lines, "target"))
  end)

  it("holds for the map of state files, also where it is compared", function()
    local folder = process.temporary_directory()
    local lines, places = {}, {}
    for i = 1, 5 do
      places[i] = { address = "192.0.2." .. i, port = 443, sni = i > 2 and i .. ".example" or nil,
        certificate = i > 1 and ("ab"):rep(32) or nil }
      local entry = { key = "112a3b4c5d6e7f8091a2b3c4d5e60718", layout = "name16", first = 7, last = 7, runs = 1 }
      for name, value in pairs(places[i]) do
        entry[name] = value
      end
      lines[i] = state.encode(entry)
    end
    for i, outcome in ipairs({ "confirmed", "refused" }) do
      lines[#lines + 1] = state.encode_edge({ outcome = outcome, key = "112a3b4c5d6e7f8091a2b3c4d5e60718",
        layout = "name16", at = 7, from = places[2 * i], to = places[1], offered_as = i == 2 and "x.example" or nil })
    end
    process.write_file(folder .. "/new", table.concat(lines, "\n") .. "\n")
    process.write_file(folder .. "/old", table.concat(lines, "\n", 1, 2) .. "\n" .. lines[5]:gsub("192", "198") .. "\n")
    local written = resum("--merge", folder .. "/new", "--compare", folder .. "/old", "--json_out", "-", "--quiet")
    local fleet = cjson.decode(written).fleet
    assert.same({ 1, 1, 1 }, { #fleet.groups, #fleet.refusals, #fleet.changes.groups })
    assert.equal("", problems(written))
  end)

  it("refuses what is none", function()
    for _, text in ipairs({ '{}', '{"resum":"1","schema":1,"started_at":"x","elapsed_s":1,"targets":[{}]}',
      '{"resum":"1","schema":"1","started_at":"x","elapsed_s":1,"targets":[]}' }) do
      assert.not_equal("", problems(text .. "\n"))
    end
  end)
end)
