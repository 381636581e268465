--- How long sessions live at a real server, which takes half a minute: in TLS 1.2 they die in time, in TLS 1.3 a chain
-- of tickets lives on, as every resumed connection brings a new one.

local cjson = require "cjson"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"
local SECONDS = 10 -- that sessions live: a busy machine may be late by some

describe("--lifetime", function()
  after_each(function()
    servers.stop_all()
  end)

  it("waits and sees at nginx", function()
    local server = servers.nginx({ directives = ("ssl_session_timeout %ds;"):format(SECONDS) })
    local run = process.run({ seconds = 120, command = { LUA, RESUM, "--audit", "--audit_checks", "lifetime",
      "--lifetime", "--json_out", "-", server.address } })
    assert.same({ 0, "" }, { run.code, run.stderr })
    local found = {}
    for _, one in ipairs(cjson.decode(run.stdout).targets[1].addresses[1].audit) do
      found[#found + 1] = ("%s %s"):format(one.reason, one.evidence.mechanism or "")
    end
    -- nginx 1.26 renews a ticket for what is left of its session
    local psk = found[3] == "dies_in_time psk" and found[3] or "prolongable psk"
    assert.same({ "bounded ", "dies_in_time ticket", psk }, found)
  end)
end)
