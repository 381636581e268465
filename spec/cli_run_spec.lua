--- A run of the command on targets that are only tables: its exit code, and what reaches the sinks, in which order.

local run = require "resum.cli.run"

local function completed(more)
  local result = { status = "completed", target = { text = "good", host = "good", port = 443 },
    addresses = { { address = "192.0.2.1", status = "completed", support = { psk = { verdict = "supported" } } } } }
  for name, value in pairs(more or {}) do
    result[name] = value
  end
  return result
end

local UNREACHABLE = { status = "unreachable", error = { message = "connect: refused", code = "refused" },
  addresses = {} }

-- What a scan of these finds. "bad" can't be read.
local RESULTS = {
  good = function() return completed() end,
  dead = function() return completed(UNREACHABLE) end,
  broken = function() error("broken", 0) end,
  interrupted = function() error("interrupted!", 0) end,
}

local function targets_of(named, list)
  local targets = { at = 0 }
  function targets.next_argument(self)
    self.at = self.at + 1
    return named[self.at]
  end
  function targets.next(self)
    local text = self:next_argument()
    if text then
      return text, true
    end
    targets.line = (targets.line or 0) + 1
    return table.remove(list, 1), false, targets.line
  end
  return targets
end

-- A sink; `fails_at`: so many results are written, and no more.
local function sink(fields)
  local one = { written = {}, finished = 0 }
  for name, value in pairs(fields or {}) do
    one[name] = value
  end
  function one.write(self, result)
    if self.fails_at and #self.written >= self.fails_at then
      return nil, "disk full"
    end
    self.written[#self.written + 1] = result.target.text .. (result.error and " " .. result.error.code or "")
    return true
  end
  function one.finish(self)
    self.finished = self.finished + 1
    return true
  end
  return one
end

-- Runs the command on `named` targets and a list; jobs end in the order of `ends` (numbers), where that is given.
local function go(named, options)
  options = options or {}
  local said, time = {}, 0
  local list = options.list or {}
  local sinks = { as_they_come = options.as_they_come or {}, in_order = options.in_order or {} }
  local plan = {
    parsed = { expect = options.expect or {}, targets_in = "list.txt" },
    targets = targets_of(named, list),
    at_once = 10,
    sinks = sinks,
    progress = { clear = function() end, finished = function() end, event = function() end, close = function() end },
    host = {
      name = "scripted",
      now = function()
        time = time + 1
        return time
      end,
      parallel = function(next_job)
        local jobs = {}
        for job in next_job do
          jobs[#jobs + 1] = job
          if not options.ends then
            job()
          end
        end
        for _, number in ipairs(options.ends or {}) do
          jobs[number]()
        end
        return {}
      end,
    },
    scanner = {
      parse = function(_, text)
        if text:find("^bad") then
          return nil, "target: '" .. text .. "' is none"
        end
        return { text = text }
      end,
      run = function(_, parsed, more)
        more.on_event({ kind = "started", result = { target = parsed, addresses = {} } })
        local result = RESULTS[parsed.text:match("^%a+")]()
        result.target = { text = parsed.text, host = parsed.text, port = 443 }
        return result
      end,
    },
  }
  local one = run.new(plan)
  one.complain = function(_, format, ...) said[#said + 1] = format:format(...) end
  plan.targets.problem = options.problem
  if options.broken_line then
    plan.targets.on_problem(7, options.broken_line)
  end
  return one:go(), said, one
end

local NEVER = { text = "psk=not_supported", mechanism = "psk", verdict = "not_supported" }

describe("the exit code", function()
  it("is that of the gravest fault, whichever came first", function()
    local cases = {
      { {}, 0 }, { { "good" }, 0 },
      { { "dead" }, 1 }, { { "good", "dead" }, 1 }, { { "dead", "good" }, 1 },
      { { "bad" }, 2 }, { { "bad", "dead", "good" }, 2 }, { { "dead", "bad", "good" }, 2 },
      { { "broken", "good" }, 1 },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], (go(case[1])), table.concat(case[1], " "))
    end
    assert.equal(3, (go({ "good" }, { expect = { NEVER } })))
    for _, order in ipairs({ { "good", "dead" }, { "dead", "good" } }) do
      assert.equal(3, (go(order, { expect = { NEVER } }))) -- a target that is down must not mask a gate
    end
    for _, order in ipairs({ { "good", "bad" }, { "bad", "good" } }) do
      assert.equal(2, (go(order, { expect = { NEVER } })))
    end
  end)

  it("is 1, not 2, for a line of a list that is no target", function()
    assert.equal(1, (go({}, { list = { "good", "bad line", "good" } })))
    assert.equal(2, (go({ "bad" }, { list = { "good" } })))
  end)

  it("is 1 for what can't be read in a list, which is told with file and line", function()
    local code, said = go({}, { list = { "good", "bad line" }, broken_line = "no address" })
    assert.same({ 1, "list.txt: line 7: no address; it is left out", "list.txt: line 2: target: 'bad line' is none" },
      { code, said[1], said[2] })
  end)

  it("is 4 where results can't be written, or the list can't be read to its end", function()
    assert.equal(4, (go({ "good", "dead", "bad" }, { in_order = { sink({ fails_at = 0 }) } })))
    local code, said = go({ "good" }, { problem = "Is a directory" })
    assert.same({ 4, "--targets_in: list.txt: Is a directory" }, { code, said[1] })
  end)

  it("is 130 where it was interrupted, whatever was found before", function()
    for _, order in ipairs({ { "interrupted" }, { "dead", "interrupted" }, { "bad", "interrupted", "good" } }) do
      assert.equal(130, (go(order)))
    end
  end)
end)

describe("a run", function()
  it("tells results in the order of the targets, whichever ends first", function()
    local ordered, lines = sink(), sink()
    go({ "good1", "dead2", "good3" }, { ends = { 3, 1, 2 }, in_order = { ordered }, as_they_come = { lines } })
    assert.same({ "good1", "dead2 refused", "good3" }, ordered.written)
    assert.same({ "good3", "good1", "dead2 refused" }, lines.written)
    assert.same({ 1, 1 }, { ordered.finished, lines.finished })
  end)

  it("marks what was under way and what was never begun when it is interrupted", function()
    local lines = sink()
    go({ "good1", "interrupted2", "good3", "bad4" }, { as_they_come = { lines } })
    assert.same({ "good1", "interrupted2 interrupted", "good3 interrupted", "bad4 usage" }, lines.written)
  end)

  it("notes nothing as done once a result is lost, and begins no further target", function()
    local lines, done = sink({ fails_at = 1 }), sink({ notes_done = true })
    local code, said = go({ "good1", "good2", "good3" }, { as_they_come = { lines, done } })
    assert.same({ 4, { "good1" }, { "good1" }, { "disk full" } }, { code, lines.written, done.written, said })
  end)

  it("goes on after an error in one target, and tells it", function()
    local lines = sink()
    local _, said = go({ "broken1", "good2" }, { as_they_come = { lines } })
    assert.same({ { "broken1 internal", "good2" }, { "internal error: broken" } }, { lines.written, said })
  end)
end)
