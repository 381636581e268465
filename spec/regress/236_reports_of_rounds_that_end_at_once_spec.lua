--- Rounds of two targets that ended at once wrote the metrics and the page to one unfinished file: the one gave
-- it its name, and the other, which did not find it any more, ended the watch with 4.

local process = require "spec.support.process"
local servers = require "spec.support.servers"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"
local TARGETS = 24

describe("a watch of many targets", function()
  teardown(servers.stop_all)

  it("writes what is known as often as rounds end, and never two at once", function()
    local server, folder = servers.nginx({ session_cache = "shared:SSL:1m" }), process.temporary_directory()
    local command = { LUA, RESUM, "--watch", "--every", "0.1", "--max_per_minute", "60000", "--until", "4s",
      "--openmetrics_out", folder .. "/metrics", "--html_out", folder .. "/page" }
    for i = 1, TARGETS do
      command[#command + 1] = ("name%d.example:%d{127.0.0.1}"):format(i, server.port)
    end
    local ran = process.run({ command = command, seconds = process.PATIENCE })
    assert.same({ 0, "" }, { ran.code, ran.stderr })
    local _, up = process.read_file(folder .. "/metrics"):gsub("\nresum_up{", "")
    local _, articles = process.read_file(folder .. "/page"):gsub("<article", "")
    assert.same({ TARGETS, TARGETS }, { up, articles })
    assert.same({ "metrics", "page" }, process.list(folder))
  end)
end)
