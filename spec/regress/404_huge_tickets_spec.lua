-- Tickets of 60 KB kept known-key at work for a quarter of an hour, in which neither Ctrl-C nor SIGTERM was heard.

local audit_run = require "resum.audit.run"
local core = require "resum.core"
local evidences = require "spec.support.evidence"
local hex = require "spec.support.hex"
local known_key = require "resum.audit.checks.known_key"
local known_keys = require "resum.audit.tickets.known_keys"
local process = require "spec.support.process"

-- Tickets of so many bytes, with a session that counts what it is asked.
local function evidence_of(count, bytes)
  local asked = { tickets = 0, calls = 0, gave_way = 0 }
  local evidence = evidences.of(count, function()
    return { ticket = ("t"):rep(bytes) }
  end)
  for _, ticket in ipairs(evidence.tickets) do
    ticket.session = { finds = function(_, _, plan)
      asked.tickets = asked.tickets + #plan.keys / #known_keys.list
      asked.calls = asked.calls + 1
    end }
  end
  function evidence.give_way()
    asked.gave_way = asked.gave_way + 1
  end
  return evidence, asked
end

describe("known keys", function()
  it("are tried on as many bytes of huge tickets as of usual ones, and it is said of how many tickets", function()
    for bytes, most in pairs({ [60000] = 8, [16384] = 8, [4096] = 32 }) do
      local evidence, asked = evidence_of(100, bytes)
      local found = known_key.run(evidence)
      assert.equal(most, math.floor(asked.tickets + 0.5)) -- with all keys
      assert.same({ "none_known", most }, { found[1].reason, found[1].evidence.tickets })
    end
  end)

  it("are tried on all tickets of a scan that are usual", function()
    local evidence, asked = evidence_of(known_key.MOST_TRIED // 2, 240)
    known_key.run(evidence)
    assert.same({ #evidence.tickets, #evidence.tickets }, { math.floor(asked.tickets + 0.5), asked.calls })
  end)

  it("let others have their turn before each ticket, and between keys of a huge one, through the host", function()
    local evidence, asked = evidence_of(5, 200)
    known_key.run(evidence)
    assert.same({ 10, 10 }, { asked.calls, asked.gave_way })
    evidence, asked = evidence_of(1, 20000)
    known_key.run(evidence)
    assert.same({ 2 * #known_keys.list, 2 * #known_keys.list }, { asked.calls, asked.gave_way })
    local function give_way() end
    evidence = evidence_of(5, 200)
    audit_run.run({ client = { host = { give_way = give_way }, connections = 0 }, evidence = evidence,
      options = { audit_checks = { "known-key" }, mechanisms = {} } })
    assert.equal(give_way, evidence.give_way)
    assert.equal("function", type(require("resum.host.uv").give_way))
  end)

  it("open what stands in the first 16 KB of a ticket, whatever its length", function()
    local key, iv = ("k"):rep(32), ("\0"):rep(16)
    local secret = ("s"):rep(32)
    local session = core.session { version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256", secret = secret,
      ticket = "x" }
    local path = process.temporary_directory() .. "/plain"
    for at, offset in pairs({ [0] = 0, [16000] = 16000, [20000] = false }) do
      process.write_file(path, ("x"):rep(at) .. secret .. ("x"):rep(60000 - at - #secret))
      local ended = process.run { command = { "openssl", "enc", "-aes-256-ctr", "-in", path, "-out", path .. ".out",
        "-K", hex.digits(key), "-iv", hex.digits(iv) } }
      assert.equal(0, ended.code, ended.stderr)
      local found = session:finds(iv .. process.read_file(path .. ".out"), { keys = { { "it", key } } })
      assert.equal(offset, found and found.offset or false)
    end
  end)
end)
