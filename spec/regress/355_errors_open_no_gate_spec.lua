-- An error of ours behind a scan, in a report or where expectations are held against a result, was swallowed with the
-- job that met it: nothing was said, nothing was written, and the exit code was 0, so that a gate opened.

local run = require "resum.cli.run"

-- Runs the command on targets of these names, side by side, with a sink that does as told.
local function go(named, write, more)
  local said, at, time = {}, 0, 0
  local function next_text()
    at = at + 1
    return named[at], true
  end
  local sink = { write = write, finish = function()
    return true
  end }
  local one = run.new({
    parsed = { expect = more and more.expect or {} },
    targets = { next = next_text, next_argument = next_text, skipped = 0 },
    at_once = 2,
    sinks = { as_they_come = more and more.in_order and {} or { sink }, in_order = more and more.in_order and { sink }
      or {} },
    progress = { clear = function() end, finished = function() end, event = function() end, close = function() end },
    host = {
      name = "scripted",
      now = function()
        time = time + 1
        return time
      end,
      parallel = function(next_job) -- as a host has it: what a job raises is kept, and others go on
        local problems, number = {}, 0
        for job in next_job do
          number = number + 1
          local fine, problem = pcall(job)
          problems[number] = not fine and problem or nil
        end
        return problems
      end,
    },
    scanner = {
      parse = function(_, text)
        return { text = text, host = text, port = 443 }
      end,
      run = function(_, parsed)
        return { status = "completed", target = parsed, addresses = more and more.addresses or {} }
      end,
    },
  })
  one.complain = function(_, format, ...)
    said[#said + 1] = format:format(...)
  end
  return one:go(), said
end

describe("an error behind a scan", function()
  it("is said, and ends the run with 4, wherever results go", function()
    for _, in_order in ipairs({ false, true }) do
      local code, said = go({ "a" }, function()
        error("no such field", 0)
      end, { in_order = in_order })
      assert.same({ 4, { "internal error: no such field" } }, { code, said })
    end
  end)

  it("ends it for those that would come behind, which are told as not scanned", function()
    local told = {}
    local code, said = go({ "a", "b", "c" }, function(_, result)
      told[#told + 1] = result.status
      if result.status == "completed" or result.target.text == "b" then
        error("no such field", 0)
      end
      return true
    end)
    assert.same({ 4, { "completed", "error", "error" } }, { code, told })
    assert.equal(2, #said)
  end)

  it("opens no gate where it is in what was expected", function()
    local code = go({ "a" }, function()
      return true
    end, { expect = { { text = "psk=supported", mechanism = "psk", verdict = "supported" } },
      addresses = { setmetatable({}, { __index = function()
        error("broken", 0)
      end }) } })
    assert.equal(4, code)
  end)

  it("is none where there is none", function()
    assert.same({ 0, {} }, { go({ "a", "b" }, function()
      return true
    end) })
  end)
end)
