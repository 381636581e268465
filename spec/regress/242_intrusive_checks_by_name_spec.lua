--- Who named a check that is intrusive, and did not add --intrusive, had it left out without a word: "0 checks good",
-- and a gate that passed. What would be ignored is an error, in the command, in Lua and in nmap (there:
-- spec/servers/nmap_audit_spec.lua). A name that is none is answered with the one that was meant, and fits on a line.

local audit = require "resum.audit.run"
local options = require "resum.options"
local process = require "spec.support.process"

local RESUM = { "lua" .. _VERSION:match("%d%.%d"), process.ROOT .. "/lua/bin/resum" }

local function run(...)
  local command = { RESUM[1], RESUM[2], "--audit", ... }
  command[#command + 1] = "192.0.2.1"
  return process.run({ command = command, seconds = 20 })
end

-- One line, which begins so.
local function assert_says(beginning, said)
  assert.equal(2, said.code)
  assert.equal("resum: --audit_checks has " .. beginning, said.stderr:sub(1, #beginning + 26))
  assert.matches("^[^\n]+\n$", said.stderr)
end

describe("--audit_checks", function()
  for _, id in ipairs(audit.intrusive_ids()) do
    it("takes " .. id .. " with --intrusive alone", function()
      assert_says(id .. ", which is intrusive: add --intrusive", run("--audit_checks", "ems," .. id))
      assert.equal(0, run("--audit_checks", id, "--intrusive", "--dry_run").code)
      assert.has_error(function() options.check_together({ audit = true, audit_checks = { id } }, 1) end)
      options.check_together({ audit = true, audit_checks = { id }, intrusive = true }, 1)
    end)
  end

  it("takes others without", function()
    assert.equal(0, run("--audit_checks", "ems,early_data", "--dry_run").code)
    options.check_together({ audit = true, audit_checks = { "ems" } }, 1)
  end)

  it("says which check was meant", function()
    for given, meant in pairs({ bindr = "binder", ["early-dat"] = "early-data", repeats = "ticket-repeats" }) do
      assert_says(("no check '%s'; did you mean '%s'?"):format(given, meant), run("--audit_checks", given))
    end
    assert_says("no check 'foo': there are client-certificate, ", run("--audit_checks", "foo"))
  end)
end)
