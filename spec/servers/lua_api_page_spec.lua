--- docs/lua-api.md: every example runs as it stands there and prints what it says, and the table of options is whole.

local page = require "spec.support.page"
local process = require "spec.support.process"
local resum = require "resum"
local servers = require "spec.support.servers"

local TEXT = page.text("lua-api.md")

-- The examples: their first line's number on the page, their code.
local function examples()
  local list = {}
  for before, code in TEXT:gmatch("()```lua\n(.-)```") do
    local _, line = TEXT:sub(1, before):gsub("\n", "")
    list[#list + 1] = { line = line + 2, code = code }
  end
  return list
end

-- What the code says that it prints, as patterns: "--> TLSv1.2	…".
local function promises(code)
  local list = {}
  for said in code:gmatch("%-%->%s?([^\n]*)") do
    list[#list + 1] = "^" .. said:gsub("%p", "%%%0"):gsub("…", ".*") .. "$"
  end
  return list
end

local function run(example, address)
  local printed = {}
  local environment = setmetatable({
    arg = { address },
    print = function(...)
      local words = table.pack(...)
      for i = 1, words.n do
        words[i] = tostring(words[i])
      end
      printed[#printed + 1] = table.concat(words, "\t")
    end,
  }, { __index = _G })
  assert(load(example.code, "=lua-api.md:" .. example.line, "t", environment))()
  return printed
end

describe("docs/lua-api.md", function()
  local server

  setup(function()
    server = servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" })
  end)

  teardown(function()
    server.stop()
  end)

  for _, example in ipairs(examples()) do
    it("has an example in line " .. example.line .. " that prints what it says", function()
      local printed, promised = run(example, server.address), promises(example.code)
      assert.is_true(#promised > 0)
      assert.equal(#promised, #printed, table.concat(printed, "\n"))
      for i, pattern in ipairs(promised) do
        assert.is_truthy(printed[i]:find(pattern), ("%s is not like %s"):format(printed[i], pattern))
      end
    end)
  end

  it("has an example for each public function", function()
    local all = {}
    for i, example in ipairs(examples()) do
      all[i] = example.code
    end
    all = table.concat(all)
    local count = 0
    local function check(name)
      count = count + 1
      assert.is_truthy(all:find("%f[%w]resum%." .. name:gsub("%.", "%%.") .. "%f[^%w_]"), name)
    end
    for name, value in pairs(resum) do
      if type(value) == "function" and name ~= "help" then
        check(name)
      elseif name == "target" or name == "host" or name == "attempt" then
        for inner in pairs(value) do
          check(name .. "." .. inner)
        end
      end
    end
    for _, name in ipairs({ "core.context", "core.handshake", "core.session" }) do
      check(name)
    end
    assert.is_true(count >= 15, count)
  end)

  it("lists every option with its type, and no other", function()
    local listed = {}
    for name, row in pairs(page.by_heading(TEXT).Options) do
      listed[name] = row.cells[2]
    end
    local source = process.read_file(process.ROOT .. "/lua/resum/options.lua"):match("\nlocal OPTIONS = (%b{})")
    assert.same(load("return " .. source)(), listed)
  end)

  it("has the own flow in about 20 lines", function()
    local code = assert(TEXT:match("<!%-%- own flow %-%->%s*```lua\n(.-)```"))
    local _, lines = code:gsub("\n", "\n")
    assert.is_true(lines <= 30, lines .. " lines")
  end)
end)
