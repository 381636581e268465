-- Runs on many targets that were stopped and go on, and work that is shared among several runs.

local cjson = require "cjson"
local many = require "spec.support.many"
local process = require "spec.support.process"
local resume = require "resum.cli.resume"
local servers = require "spec.support.servers"
local uv = require "luv"

local MOST_BYTES = 90000 -- that a run writes before it is killed

describe("a run that was stopped", function()
  local server, folder, out

  setup(function()
    server = servers.nginx({ host = "0.0.0.0", session_cache = "shared:SSL:1m" })
  end)

  before_each(function()
    folder = process.temporary_directory()
    out = folder .. "/out.jsonl"
  end)

  teardown(servers.stop_all)

  local function scan(list, ...)
    return many.run(many.to_lines(list, out, ...))
  end

  local function size_of(path)
    local stat = uv.fs_stat(path)
    return stat and stat.size or 0
  end

  -- Starts the command and kills it once its output has grown by so many bytes; returns whether it lived till then.
  local function run_and_kill(bytes, ...)
    local enough = size_of(out) + bytes
    local child = process.start({ command = many.command(...) })
    process.wait_until(many.PATIENCE, function()
      return child.exited or size_of(out) >= enough
    end)
    local killed = not child.exited
    if killed then
      child.kill("sigkill")
      assert.is_truthy(child.wait(many.PATIENCE))
    end
    child.stop()
    return killed
  end

  it("has lost the targets under way and no others, killed at any moment", function()
    math.randomseed(20260607)
    local list = many.addresses(server.port, 150)
    local path = many.write_list(list)
    local kills, whole = 0, 0
    local function killed()
      return run_and_kill(math.random(MOST_BYTES), many.to_lines(path, out, "--resume", out, "--max_connections", "12"))
    end
    while killed() do
      kills = kills + 1
      local lost = 0
      if kills % 2 == 0 and #process.read_file(out) > 0 then
        many.cut_file(out, math.random(200)) -- a system that went down: less than a line is long
        lost = 1
      end
      local left = #many.lines_of(process.read_file(out):match("^(.*\n)") or "")
      assert.is_true(left >= whole - lost, ("%d lines after %d"):format(left, whole))
      whole = left
    end
    assert.is_true(kills >= 3, "killed only " .. kills .. " times")
    many.assert_all_completed(list, out)
  end)

  it("had a torn last line: it is cut, and its target scanned again", function()
    local list = many.addresses(server.port, 3)
    local path = many.write_list(list)
    scan(path)
    many.cut_file(out, 100)
    local again = scan(path, "--resume", out)
    assert.equal(0, again.code)
    assert.matches("^resum: %-%-resume: .*: an incomplete last line of %d+ bytes was cut off\n$", again.stderr)
    many.assert_all_completed(list, out)
  end)

  it("has nothing left to do when all is done", function()
    local path = many.write_list({ ("bücher.example:%d{127.0.0.1}"):format(server.port), "no target \255",
      table.unpack(many.addresses(server.port, 2)) })
    scan(path)
    local before = process.read_file(out)
    local again = scan(path, "--resume", out)
    assert.same({ 0, "" }, { again.code, again.stderr })
    assert.equal(before, process.read_file(out))
  end)

  it("scans again what Ctrl-C interrupted", function()
    local list = many.addresses(server.port, 200)
    local path = many.write_list(list)
    local child = process.start({ command = many.command(many.to_lines(path, out, "--max_connections", "4",
      "--delay", "0.05")) })
    process.wait_until(many.PATIENCE, function()
      return #many.lines_of(process.read_file(out)) > 5
    end)
    child.kill("sigint")
    assert.equal(130, child.wait(many.PATIENCE))
    child.stop()
    local _, count = many.results_of(out)
    assert.is_true(count < 200)
    assert.equal(0, scan(path, "--resume", out).code)
    local last = {}
    for _, line in ipairs(many.lines_of(process.read_file(out))) do
      local result = cjson.decode(line)
      last[result.target.text] = result.status
    end
    for _, text in ipairs(list) do
      assert.equal("completed", last[text], text)
    end
  end)

  it("may keep what is done in a file of its own, beside reports for people", function()
    local list = many.addresses(server.port, 4)
    local state = folder .. "/state"
    local first = many.run("--resume", state, list[1], list[2], table.unpack(many.QUICK))
    assert.equal(0, first.code)
    assert.same({ resume.HEAD, list[1], list[2] }, many.lines_of(process.read_file(state)))
    many.cut_file(state, 3) -- killed while it wrote that
    local second = many.run("--resume", state, "--targets_in", many.write_list(list), table.unpack(many.QUICK))
    assert.is_nil(second.stdout:find(list[1] .. ": ", 1, true))
    for i = 2, 4 do
      assert.is_truthy(second.stdout:find(list[i] .. ": ", 1, true), list[i])
    end
    local done = many.lines_of(process.read_file(state))
    assert.equal(resume.HEAD, table.remove(done, 1))
    table.sort(done)
    assert.same(list, done)
  end)

  it("has not done what it could not show", function()
    local list, state = many.addresses(server.port, 3), folder .. "/state"
    local command = many.command("--resume", state, list[1], list[2], list[3], table.unpack(many.QUICK))
    local ended = many.run(many.join({ "sh", "-c", '"$@" >/dev/full', "sh" }, command))
    assert.same({ 4, "resum: stdout: No space left on device\n", "" },
      { ended.code, ended.stderr, process.read_file(state) })
  end)

  it("may have written to stdout, which the shell appends to a file", function()
    local list = many.addresses(server.port, 3)
    local function append(count)
      local path = many.write_list({ table.unpack(list, 1, count) })
      return many.run(many.join({ "sh", "-c", 'out=$1; shift; "$@" >>"$out"', "sh", out },
        many.command("--resume", out, "--json_lines", "--targets_in", path, table.unpack(many.QUICK))))
    end
    assert.equal(0, append(2).code)
    assert.equal(0, append(3).code)
    many.assert_all_completed(list, out)
  end)

  it("can't go on with a document", function()
    local ended = many.run("--resume", out, "--json_out", out, "a.example")
    assert.same({ 2, "resum: --resume can't go on with a JSON document: add --json_lines\n" },
      { ended.code, ended.stderr })
  end)

  it("may have been one share of the work; the shares together are all of it", function()
    local list = many.addresses(server.port, 60)
    local path = many.write_list(list)
    for index = 0, 2 do
      local ended = scan(path, "--shard", index .. "/3", "--resume", out)
      assert.same({ 0, "" }, { ended.code, ended.stderr })
      local _, count = many.results_of(out)
      assert.is_true(count > 8 * (index + 1) and count <= 60 - 8 * (2 - index), count .. " after " .. index)
    end
    many.assert_all_completed(list, out)
  end)
end)
