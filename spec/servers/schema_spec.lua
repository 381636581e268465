--- docs/resum.schema.json is made of docs/json.md, and what the command writes about real servers validates against it,
-- as a validator that is not ours sees it.

local cjson = require "cjson"
local page = require "spec.support.page"
local process = require "spec.support.process"
local schema = require "spec.support.json_schema"
local servers = require "spec.support.servers"

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

  it("refuses what is none", function()
    for _, text in ipairs({ '{}', '{"resum":"1","schema":1,"started_at":"x","elapsed_s":1,"targets":[{}]}',
      '{"resum":"1","schema":"1","started_at":"x","elapsed_s":1,"targets":[]}' }) do
      assert.not_equal("", problems(text .. "\n"))
    end
  end)
end)
