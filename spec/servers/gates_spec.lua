-- The command as a gate in CI: exit codes, expectations, and what is written for machines.

local process = require "spec.support.process"
local servers = require "spec.support.servers"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"

local function resum(...)
  return process.run({ command = { LUA, RESUM, ... } })
end

local function nginx()
  return servers.nginx({ session_cache = "none", session_tickets = "on" })
end

local function closed()
  return "127.0.0.1:" .. process.closed_port()
end

describe("the exit code", function()
  after_each(servers.stop_all)

  -- { what, options, with a target that is down?, code }
  for _, case in ipairs({
    { "all is scanned and as expected", { "--expect", "ticket=supported" }, false, 0 },
    { "all is scanned, and nothing was expected", {}, false, 0 },
    { "a target is down", { "--expect", "ticket=supported" }, true, 1 },
    { "an expectation is not met", { "--expect", "ticket=not_supported" }, false, 3 },
    { "an expectation is not met, and another target is down", { "--expect", "ticket=not_supported" }, true, 3 },
    { "the quick check finds nothing wrong", { "--resum_rate", "--quick" }, false, 0 },
    { "the quick check finds no resumption", { "--resum_rate", "--quick", "--mechanisms", "session_id" }, false, 3 },
    { "the quick check is as expected",
      { "--resum_rate", "--quick", "--mechanisms", "ticket", "--expect", "balancer=healthy" }, false, 0 },
  }) do
    local what, options, is_down, code = table.unpack(case)
    it(("is %d where %s"):format(code, what), function()
      local words = { "--mechanisms", "ticket", table.unpack(options) }
      words[#words + 1] = nginx().address
      words[#words + 1] = is_down and closed() or nil
      local run = resum(table.unpack(words))
      assert.equal(code, run.code, run.stdout .. run.stderr)
    end)
  end

  it("is 2 where nothing was tested, with a line that says so", function()
    local folder = process.temporary_directory()
    for number, text in ipairs({ "", "# only\n\n  # comments\n" }) do
      local path = folder .. "/list" .. number
      process.write_file(path, text)
      local run = resum("--quiet", "--targets_in", path)
      assert.same({ 2, "", "resum: nothing was tested: the list names no target\n" },
        { run.code, run.stdout, run.stderr })
    end
  end)
end)

describe("what is written for machines", function()
  after_each(servers.stop_all)

  it("comes in all formats from one run, each whole, and metrics by another name until they are", function()
    local folder = process.temporary_directory()
    local server = nginx()
    local words, ends = { "--quiet" }, { junit = "</testsuites>\n", sarif = "]}]}\n", csv = "\r\n",
      openmetrics = "# EOF\n", json = "}\n", html = "</html>\n" }
    for format in pairs(ends) do
      words[#words + 1] = ("--%s_out"):format(format)
      words[#words + 1] = folder .. "/" .. format
    end
    words[#words + 1] = server.address
    local run = resum(table.unpack(words))
    assert.same({ 0, "", "" }, { run.code, run.stdout, run.stderr })
    for format, ending in pairs(ends) do
      local text = process.read_file(folder .. "/" .. format)
      assert.equal(ending, text:sub(-#ending), format)
      assert.is_truthy(text:find(server.address, 1, true), format)
    end
    local left = {}
    for _, name in ipairs(process.list(folder)) do
      left[#left + 1] = ends[name] == nil and name or nil
    end
    assert.same({}, left)
  end)

  it("is the same but for times when a run is repeated: keys have an order", function()
    local server = nginx()
    local function keys()
      local text = resum("--mechanisms", "ticket", "--attempts", "1", "--json_out", "-", server.address).stdout
      return text:gsub(":[^,{}%[%]]+", ":")
    end
    assert.equal(keys(), keys())
  end)

  it("says so when it can't be written", function()
    for _, format in ipairs({ "junit", "sarif", "csv" }) do
      local run = resum("--quiet", ("--%s_out"):format(format), "/dev/full", closed())
      assert.same({ 4, ("resum: --%s_out: No space left on device\n"):format(format) }, { run.code, run.stderr })
    end
  end)
end)
