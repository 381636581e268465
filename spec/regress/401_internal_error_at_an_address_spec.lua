-- A defect of ours that one address met was told by the report alone: with --quiet nothing was said, and beside an
-- address that was scanned the exit code was 0. One in what is shown behind a signal was lost.

local process = require "spec.support.process"
local run = require "resum.cli.run"

local function failed(code, message)
  return { address = "192.0.2.2", status = "error", error = { code = code, message = message } }
end

-- Runs the command on a target of these addresses; returns its exit code and what was said.
local function go(status, addresses, more)
  local said, left = {}, 1
  local function next_text()
    left = left - 1
    return left == 0 and "www.example" or nil, true
  end
  local one = run.new({
    parsed = { expect = {}, quiet = true },
    targets = { next = next_text, next_argument = function() end, skipped = 0 },
    at_once = 2,
    sinks = { as_they_come = {}, in_order = {} },
    progress = { clear = function() end, finished = function() end, event = function() end, close = function() end },
    host = { name = "scripted", now = function() return 0 end, parallel = more and more.parallel or function(next_job)
      next_job()()
      return {}
    end },
    scanner = {
      parse = function(_, text)
        return { text = text, host = text, port = 443 }
      end,
      run = function(_, parsed)
        return { status = status, target = parsed, addresses = addresses, error = addresses[1].error }
      end,
    },
  })
  one.complain = function(_, format, ...)
    said[#said + 1] = format:format(...)
  end
  return one:go(), said
end

local SCANNED = { address = "192.0.2.1", status = "completed" }

describe("a defect of ours that one address met", function()
  it("is told, and opens no gate, whatever the others say", function()
    assert.same({ 1, { "www.example:443: 192.0.2.2: internal error: no such field" } },
      { go("completed", { SCANNED, failed("internal", "no such field") }) })
  end)

  it("is told where there is no other", function()
    assert.same({ 1, { "www.example:443: 192.0.2.2: internal error: no such field" } },
      { go("error", { failed("internal", "no such field") }) })
  end)

  it("is escaped", function()
    local _, said = go("error", { failed("internal", "\27[2J") })
    assert.is_nil(said[1]:find("\27", 1, true))
  end)

  it("is another thing than a server that is down", function()
    assert.same({ 0, { "www.example:443: 192.0.2.2: connection refused" } },
      { go("completed", { SCANNED, failed("refused", "connect: refused") }) })
  end)
end)

describe("what a job of the run itself raises", function()
  it("is told and ends it with 4", function()
    local code, said = go("completed", { SCANNED }, { parallel = function(next_job)
      next_job()()
      return { "no such field" }
    end })
    assert.same({ 4, { "internal error: no such field" } }, { code, said })
  end)

  it("is Ctrl-C, and no defect, where it is that", function()
    assert.same({ 130, {} }, { go("completed", { SCANNED }, { parallel = function(next_job)
      next_job()()
      return { "x.lua:1: interrupted!" }
    end }) })
  end)
end)

describe("where a signal ends the run", function()
  it("a defect in what is shown then is told, and the program ends at once", function()
    local child = process.start_lua([[
      local uv, host = require "luv", require "resum.host.uv"
      require("resum.cli.interrupt").watch(host, { conclude = function()
        error("no such field", 0)
      end })
      uv.kill(uv.os_getpid(), "sigterm")
      host.sleep(30)
    ]])
    assert.same({ 143, "resum: internal error: no such field\n" }, { child.wait(process.PATIENCE), child.stderr() })
  end)
end)
