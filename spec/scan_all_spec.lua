-- resum.scan_all and resum.help, as a caller meets them; where the targets are, nobody listens.

local process = require "spec.support.process"
local resum = require "resum"
local tables = require "resum.util.tables"

local QUICK = { mechanisms = { "ticket" }, attempts = 1, retries = 0 }

local function scan(targets, more)
  local results = {}
  local counts, message, code = resum.scan_all(targets, tables.merged(QUICK, more), function(result, number)
    results[number] = result
  end)
  return results, counts, message, code
end

describe("resum.scan_all", function()
  local closed

  setup(function()
    closed = "127.0.0.1:" .. process.closed_port()
  end)

  it("scans what a list or a function names, each once, and counts", function()
    local list = { closed, "a.example:0", assert(resum.target.parse(closed)) }
    local number = 0
    for _, targets in ipairs({ list, function()
      number = number + 1
      return list[number]
    end }) do
      local results, counts = scan(targets)
      assert.same({ targets = 3, completed = 0, unreachable = 2, error = 1 }, counts)
      assert.same({ "unreachable", "error", "unreachable" },
        { results[1].status, results[2].status, results[3].status })
      assert.same({ closed, "usage" }, { results[1].target.text, results[2].error.code })
      assert.equal("target: 'a.example:0': the port must be a number from 1 to 65535", tostring(results[2]))
      assert.matches("connection refused", tostring(results[1]))
    end
  end)

  it("keeps to the limits that all share, and asks for no target before there is room", function()
    local open, most, begun, ended = 0, 0, 0, 0
    local host = setmetatable({ connect = function(...)
      open = open + 1
      most = math.max(most, open)
      resum.host.default().sleep(0.01)
      open = open - 1
      return resum.host.default().connect(...)
    end }, { __index = resum.host.default() })
    local counts = resum.scan_all(function()
      begun = begun + 1
      assert(begun - ended <= 4, "too many at once")
      return begun <= 20 and closed or nil
    end, tables.merged(QUICK, { host = host, max_connections = 4, concurrency = 3 }), function()
      ended = ended + 1
    end)
    assert.same({ 20, 20, 3 }, { counts.targets, ended, most })
  end)

  it("ends when it is cancelled", function()
    local seen = 0
    local one_at_once = tables.merged(QUICK, { max_connections = 1, cancelled = function()
      return seen >= 3
    end })
    local counts = resum.scan_all(function() return closed end, one_at_once, function()
      seen = seen + 1
    end)
    assert.equal(3, counts.targets)
  end)

  it("raises what its caller's functions raise, and begins nothing after it", function()
    local asked = 0
    local function targets()
      asked = asked + 1
      return closed
    end
    assert.has_error(function()
      resum.scan_all(targets, tables.merged(QUICK, { max_connections = 1 }), function() error("mine", 0) end)
    end, "mine")
    assert.equal(1, asked)
    assert.has_error(function()
      resum.scan_all(function() error({ "mine" }, 0) end, QUICK, function() end)
    end, { "mine" })
  end)

  it("tells misuse at the caller's line", function()
    local function nothing() end
    for message, call in pairs({
      ["scan_all takes a function or a list of targets, not a string"] = function()
        resum.scan_all("a.example", {}, nothing)
      end,
      ["scan_all needs a function to be called with each result, not nil"] = function()
        resum.scan_all({}, {})
      end,
      ["the options must be a table, not a number"] = function()
        resum.scan_all({}, 5, nothing)
      end,
      ["there is no option 'atempts'; did you mean 'attempts'?"] = function()
        resum.scan_all({}, { atempts = 3 }, nothing)
      end,
      ["the option max_connections takes a whole number from 1 to 100000"] = function()
        resum.scan_all({}, { max_connections = 0.5 }, nothing)
      end,
      ["a target is a string such as host:port, or what resum.target.parse gave, and number 1 is neither"] = function()
        resum.scan_all({ 5 }, {}, nothing)
      end,
    }) do
      local good, problem = pcall(call)
      assert.is_false(good)
      assert.is_truthy(problem:find("^spec/scan_all_spec.lua:%d+: resum: ") or problem:find("scan_all_spec", 1, true))
      assert.is_truthy(problem:find(message, 1, true), problem)
    end
  end)

  it("says what the world has against the options, as all verbs do", function()
    assert.same({ nil, "tls: ticket does not belong to TLS 1.3", "usage" },
      { resum.scan_all({}, tables.merged(QUICK, { tls = "1.3" }), function() end) })
  end)

  it("takes bounded memory", function()
    local number, before, most = 0, nil, 0
    resum.scan_all(function()
      number = number + 1
      if number % 500 == 0 then
        collectgarbage()
        before = before or collectgarbage("count")
        most = math.max(most, collectgarbage("count"))
      end
      return number <= 3000 and "a b" or nil
    end, QUICK, function() end)
    assert.is_true(most - before < 512, ("%d KiB"):format(most - before))
  end)
end)

describe("resum.help", function()
  local function printed(...)
    local lines, real = {}, print
    _G.print = function(text) lines[#lines + 1] = text end -- luacheck: ignore
    local returned = table.pack(resum.help(...))
    _G.print = real -- luacheck: ignore
    assert.equal(0, returned.n)
    return table.concat(lines, "\n")
  end

  it("names every verb, in lines that fit a wide terminal", function()
    local text = printed()
    for name, value in pairs(resum) do
      local is_shown = type(value) == "string" or text:find("resum." .. name, 1, true)
      assert.is_truthy(is_shown, name)
    end
    for line in text:gmatch("[^\n]+") do
      assert.is_true(#line <= 120, line)
    end
  end)

  it("shows one verb, with or without the module's name", function()
    local text = printed("rate")
    assert.is_truthy(text:find('resum.rate("localhost:443", {attempts = 50})', 1, true), text)
    assert.is_truthy(text:find("quick = true", 1, true))
    assert.is_nil(text:find("resum.scan_all", 1, true))
    assert.equal(text, printed("resum.rate"))
    for name, value in pairs(resum) do
      assert.is_true(type(value) == "string" or printed(name):find("resum." .. name, 1, true) ~= nil, name)
    end
  end)

  it("says what there is where the name is none", function()
    assert.matches("^There is no help on that; did you mean 'scan_all'%? resum%.help%(%) lists what there is: scan, ",
      printed("scanall"))
    assert.matches("^There is no help on that. ", printed("xyzzy"))
  end)

  it("has examples that are Lua", function()
    for line in printed():gmatch("[^\n]+") do
      local code = line:match("^(.-)  ")
      if line:find("resum%.") then
        assert.is_truthy(code and (load(code) or load("return " .. code)), line)
      end
    end
  end)
end)
