--- Lines of a state file that could not be read were left out and counted, and nobody was told: of a watch and of an
-- audit nothing was said at all, and of a merge neither which file nor where; a last line without its end, and lines of
-- the file to compare with, were not even counted. What is left out is told now, with its file and its first line.

local cjson = require "cjson"
local fleet = require "resum.fleet"
local files = require "resum.host.private_file"
local html = require "resum.report.html"
local process = require "spec.support.process"
local states = require "resum.audit.keys.state"
local unreadables = require "resum.util.unreadable"
local watch_states = require "resum.watch.state"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"
local KEY = '{"resum_state":1,"key":"112a3b4c5d6e7f8091a2b3c4d5e60718","layout":"name16","address":"192.0.2.%d",'
  .. '"port":443,"first":7,"last":7,"runs":1,"returned":0}'
local EVENT = '{"resum_watch":1,"place":"a","event":{"kind":"server_down","time":1,"since":1}}'

local NO_SESSION = '{"resum_watch":1,"place":"a",'
  .. '"session":{"id":1,"der":"00","issued":1,"promise":0,"mechanism":"psk"}}'

local function write(text)
  local path = process.temporary_directory() .. "/a state"
  process.write_file(path, text)
  return path
end

describe("lines that can't be read", function()
  it("are told with their number, and where the first one stands", function()
    local lines = unreadables.new("x")
    lines:pass()
    assert.is_nil(lines:words())
    lines:pass()
    lines:note()
    assert.equal("x: line 2 can't be read and is left out", lines:words())
    lines:pass()
    lines:pass()
    lines:note()
    assert.equal("x: 2 lines can't be read and are left out, the first of them is line 2", lines:words())
  end)

  it("are told by a watch: what is no line, a session that is none, and knowledge that is none", function()
    for text, said in pairs({
      [EVENT .. "\n"] = false,
      [EVENT .. "\n{\n"] = "line 2 can't be read and is left out",
      [EVENT .. "\n\n" .. EVENT:sub(1, -9)] = "line 3 can't be read and is left out", -- torn: it gets its end first
      [EVENT .. "\n" .. NO_SESSION .. '\n{"resum_watch":1,"place":"a","watch":{"watch":[],"time":1}}\n']
        = "2 lines can't be read and are left out, the first of them is line 2",
    }) do
      local path, problems = write(text), {}
      local store = assert(watch_states.open(path, { files = files, on_problem = function(problem)
        problems[#problems + 1] = problem
      end }))
      store:close()
      assert.same({ said and path .. ": " .. said or nil }, problems)
    end
  end)

  it("are not the last word of a watch: what was whole before counts", function()
    local path = write('{"resum_watch":1,"place":"a","watch":{"watch":{"mechanisms":{},"counts":{},"worked_at":0},'
      .. '"time":77}}\n{"resum_watch":1,"place":"a","watch":{"watch":5,"time":99}}\n')
    local store = assert(watch_states.open(path, { files = files }))
    assert.equal(77, store:left("a").time)
    store:close()
  end)

  it("are told by the audit, beside what else it leaves out", function()
    local path = write(KEY:format(1) .. "\nx\n" .. KEY:format(2):gsub(':1,"key"', ':2,"key"') .. "\n")
    local store = assert(states.open(path, { files = files, now = os.time }))
    assert.same({ path .. ": line 2 can't be read and is left out",
      path .. ": lines of a newer resum are left out: 1" }, store:problems())
    local run = process.run({ command = { LUA, RESUM, "--audit", "--audit_checks", "key-age", "--state", path,
      "--timeout", "1", "127.0.0.1:1" }, seconds = process.PATIENCE })
    assert.is_truthy(run.stderr:find(("resum: --state: %s: line 2 can't be read and is left out\n"):format(path), 1,
      true), run.stderr)
  end)

  it("are told by a merge file by file, also of the one that it compares with, and stand in the JSON", function()
    local good, torn = write(KEY:format(1) .. "\n"), write(KEY:format(2) .. "\n" .. KEY:format(3):sub(1, 60))
    local before = write(KEY:format(1) .. "\n!\n" .. KEY:format(2) .. "\n!\n")
    local run = process.run({ command = { LUA, RESUM, "--merge", "--quiet", "--json_out", "-", good, torn, "--compare",
      before }, seconds = process.PATIENCE })
    assert.same({ 1, ("resum: %s: line 2 can't be read and is left out\nresum: %s: 2 lines can't be read and are left "
      .. "out, the first of them is line 2\n"):format(torn, before) }, { run.code, run.stderr })
    assert.same({ { file = torn, lines = 1, first_line = 2 }, { file = before, lines = 2, first_line = 2 } },
      cjson.decode(run.stdout).fleet.unreadable)
    for paths, shown in pairs({ [{ good }] = false, [{ good, torn }] = true }) do
      local map = assert(fleet.map(files, paths))
      assert.equal(shown, #map.unreadable == 1)
      assert.equal(shown, html.fleet({ version = "x", started_at = "y" }, map):find("What is left out", 1, true) ~= nil)
      map:close()
    end
  end)

  it("do not hide which file is of another kind, or empty", function()
    local good, foreign, empty = write(KEY:format(1) .. "\n"), write("hello\n"), write("")
    for other, said in pairs({
      [foreign] = "--merge takes files of results or state files, not both: "
        .. ("%s is a state file, and %s is none"):format(good, foreign),
      [empty] = empty .. ": there is no such file, or nothing in it",
    }) do
      for _, order in ipairs({ { good, other }, { other, good } }) do
        local run = process.run({ command = { LUA, RESUM, "--merge", table.unpack(order) },
          seconds = process.PATIENCE })
        assert.same({ 2, ("resum: %s\n"):format(said), "" }, { run.code, run.stderr, run.stdout })
      end
    end
  end)
end)
