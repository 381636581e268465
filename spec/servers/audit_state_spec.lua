--- The state file on the command line: made, read by the next run, refused where it is another's, cut with --forget.

local cjson = require "cjson"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local uv = require "luv"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"
local KEY_CHECKS = { "--audit", "--audit_checks", "key-age,key-sharing", "--json_out", "-" }

local function resum(...)
  local command = { LUA, RESUM }
  for _, list in ipairs({ KEY_CHECKS, { ... } }) do
    table.move(list, 1, #list, #command + 1, command)
  end
  return process.run({ command = command, seconds = 60 })
end

local function findings(run)
  local words = {}
  for _, found in ipairs(cjson.decode(run.stdout).targets[1].addresses[1].audit) do
    words[#words + 1] = found.id .. " " .. found.reason
  end
  return table.concat(words, ", ")
end

describe("--state", function()
  local folder, path

  before_each(function()
    folder = process.temporary_directory()
    path = folder .. "/keys"
  end)

  after_each(function()
    process.remove(folder)
    servers.stop_all()
  end)

  it("remembers from run to run", function()
    local server = servers.nginx()
    local first = resum("--state", path, server.address)
    assert.same({ 0, "" }, { first.code, first.stderr })
    assert.equal("key-age seen_once, key-sharing not_shared", findings(first))
    assert.equal("600", ("%o"):format(uv.fs_stat(path).mode % 512))
    -- as a run ten days ago would have left it
    local long_ago = ("%d"):format(os.time() - 10 * 86400)
    local aged = process.read_file(path):gsub('("first":)%d+', "%1" .. long_ago):gsub('("last":)%d+', "%1" .. long_ago)
    process.write_file(path, aged)
    local second = resum("--state", path, "--forget", "30", server.address)
    assert.equal("key-age old_key, key-sharing not_shared", findings(second))
    process.write_file(path, aged)
    assert.equal("key-age seen_once, key-sharing not_shared", findings(resum("--state", path, "--forget", "9",
      server.address)))
    assert.equal(1, select(2, process.read_file(path):gsub("\n", "\n")))
  end)

  it("leaves another's file alone, says so in a line, and exits with 2", function()
    process.write_file(path, "important\n")
    for _, more in ipairs({ {}, { "--forget", "1" } }) do
      local run = resum("--state", path, table.unpack(more, 1, 2))
      assert.equal(2, run.code)
      run = resum("127.0.0.1:1", "--state", path, table.unpack(more, 1, 2))
      assert.equal(2, run.code)
      assert.equal(("resum: --state: %s: it is no state file of resum, and is left as it is\n"):format(path),
        run.stderr)
      assert.equal("important\n", process.read_file(path))
    end
  end)

  it("is not touched by a dry run, nor written by a run without the checks", function()
    assert.equal(0, resum("--state", path, "--dry_run", "127.0.0.1:1").code)
    assert.is_nil((uv.fs_stat(path)))
    assert.equal(0, resum("--state", path, "--forget", "1", "--dry_run", "127.0.0.1:1").code)
    assert.is_nil((uv.fs_stat(path)))
  end)

  it("needs the audit, and is needed by --forget", function()
    for _, case in ipairs({ { { "--state", path }, "add --audit" }, { { "--audit", "--forget", "3" }, "add --state" },
      { { "--audit", "--state", path, "--forget", "0" }, "from 1 to 36500" },
      { { "--audit", "--state", path, "--json_out", path }, "name one file" } }) do
      local command = { LUA, RESUM, "127.0.0.1:1" }
      table.move(case[1], 1, #case[1], #command + 1, command)
      local run = process.run({ command = command, seconds = 60 })
      assert.equal(2, run.code)
      assert.is_truthy(run.stderr:find(case[2], 1, true), run.stderr)
    end
  end)
end)
