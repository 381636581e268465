--- Two watches on one state file went unnoticed: each wrote over what the other one had, and one that was killed in the
-- middle of rewriting left a lock behind that kept all others out for ten minutes.

local files = require "resum.host.private_file"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local resum = require "resum"
local uv = require "luv"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"

describe("a state file", function()
  local folder, path

  before_each(function()
    folder = process.temporary_directory()
    path = folder .. "/state"
  end)

  it("has one holder, by whatever name, until it is released", function()
    local lock = assert(files.hold(path))
    assert.same({ nil, nil }, { files.hold(path) })
    assert(uv.fs_symlink(path, folder .. "/another name"))
    assert.same({ nil, nil }, { files.hold(folder .. "/another name") })
    assert(files.replace(path, 100, function() end, function() end, lock)) -- who has it may go on
    assert.same({ nil, nil }, { files.hold(path) })
    files.release(lock)
    files.release(lock)
    files.release(assert(files.hold(folder .. "/another name")))
    assert.same({ "another name", "state" }, process.list(folder))
  end)

  it("says why it can't be held", function()
    assert.is_truthy(select(2, files.hold(folder .. "/nowhere/state")):find("/nowhere/state: ", 1, true))
    assert.is_truthy(select(2, files.hold(folder)):find("no plain file", 1, true))
  end)

  it("is nobody's when its holder was killed", function()
    local holder = process.start({ command = { LUA, "-e", ([[
      assert(require("resum.host.private_file").hold(%q))
      io.write("held\n")
      io.flush()
      io.read()
    ]]):format(path) }, input = "pipe" })
    assert(process.wait_until(process.PATIENCE, function()
      return holder.exited or holder.stdout():find("held", 1, true)
    end), holder.stderr())
    assert.same({ nil, nil }, { files.hold(path) })
    holder.kill("sigkill")
    holder.wait(process.PATIENCE)
    assert.is_truthy(uv.fs_stat(path .. ".lock"))
    files.release(assert(files.hold(path)))
  end)
end)

describe("a watch", function()
  local server

  setup(function()
    server = servers.nginx({ session_cache = "shared:SSL:1m" })
  end)

  teardown(servers.stop_all)

  local function command(path, ...)
    return { LUA, RESUM, "--watch", "--every", "0.2", "--max_per_minute", "60000", "--state", path, server.address,
      ... }
  end

  it("leaves a state file to the watch that has it, and goes on from one that was killed", function()
    local path = process.temporary_directory() .. "/state"
    local first = process.start({ command = command(path) })
    assert(process.wait_until(process.PATIENCE, function()
      return first.exited or process.read_file(path):find('"session":', 1, true)
    end) and not first.exited, first.stderr())
    local second = process.run({ command = command(path), seconds = process.PATIENCE })
    assert.same({ 2, "", ("resum: --state: %s: another watch has it, and one has it at a time\n"):format(path) },
      { second.code, second.stdout, second.stderr })
    assert.same({ nil, ("state: %s: another watch has it, and one has it at a time"):format(path), "usage" },
      { resum.watch(server.address, { state = path }) })
    first.kill("sigkill")
    first.wait(process.PATIENCE)
    process.pass_a_second()
    local third = process.run({ command = command(path, "--until", "2s"), seconds = process.PATIENCE })
    assert.same({ 0, "" }, { third.code, third.stderr })
    assert.is_truthy(third.stdout:find("nobody watched for", 1, true), third.stdout)
    assert.is_nil(uv.fs_stat(path .. ".lock"))
  end)

  it("lets a state file go when it has ended, however it did", function()
    local path = process.temporary_directory() .. "/state"
    local rounds = 0
    local options = { state = path, every = 0.1, max_per_minute = 60000, cancelled = function() return rounds > 0 end,
      on_round = function() rounds = rounds + 1 end }
    assert(resum.watch(server.address, options))
    function options.on_round()
      error("of the caller's own")
    end
    rounds = 0
    assert.is_truthy(select(2, pcall(resum.watch, server.address, options)):find("of the caller's own", 1, true))
    files.release(assert(files.hold(path)))
  end)
end)
