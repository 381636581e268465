--- The help is one that can be read: it fits a terminal, its first screen is what most people need, the rest stands in
-- groups; and a word that is no option leads to the one that was meant.

local options = require "resum.cli.options"
local parsers = require "resum.cli.parser"

local WIDTH, SCREEN = 80, 24

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("(.-)\n") do
    lines[#lines + 1] = line
  end
  return lines
end

describe("--help", function()
  local help = parsers.new():get_help()

  it("fits 80 columns", function()
    for _, line in ipairs(lines_of(help)) do
      assert.is_true(#line <= WIDTH, line)
    end
  end)

  it("has on its first screen what most people need, in commands that can be used", function()
    local screen = table.concat(lines_of(help), "\n", 1, SCREEN)
    local count = 0
    for command in screen:gmatch("\n   resum ([^\n]-)   ?[^\n ]") do
      local words = {}
      for word in command:gmatch("%S+") do
        words[#words + 1] = word:find("^www") and "127.0.0.1" or word
      end
      local parsed, message = options.parse(words)
      assert.is_truthy(parsed, command .. ": " .. tostring(message))
      count = count + 1
    end
    assert.is_true(count >= 6, count .. " commands")
    assert.is_truthy(screen:find("Targets:\n", 1, true))
  end)

  it("writes options as all pages and messages do", function()
    assert.is_nil(help:match("%-%-%l+%-%l[%l-]*"))
    assert.is_truthy(help:find("\n   --resum_rate ", 1, true))
    assert.is_truthy(help:find("no-finding>=medium", 1, true), "what is no option stays as it is")
  end)

  it("has its options in groups, each of them in one", function()
    local groups = {}
    for title in help:gmatch("\n\n(%u[%l ]+):\n") do
      groups[#groups + 1] = title
    end
    assert.same({ "Targets", "What to measure", "The audit", "Watching", "How to connect", "Output", "Many targets",
      "About resum" }, groups)
  end)
end)

describe("an option that is none", function()
  for word, meant in pairs({
    rate = "resum_rate", json = "json_out", html = "html_out", junit = "junit_out", balancer = "no_balancer",
    ["time-out"] = "timeout", ["targets"] = "targets_in", checks = "audit_checks", advise = "advice",
    ["resum-rates"] = "resum_rate", connections = "max_connections",
  }) do
    it(("leads to the one that was meant: --%s to --%s"):format(word, meant), function()
      local _, message = options.parse({ "--" .. word, "a.example" })
      assert.is_truthy(message:find("did you mean '--" .. meant .. "'?", 1, true), message)
    end)
  end

  it("leads nowhere where nothing is like it", function()
    local _, message = options.parse({ "--bogus", "a.example" })
    assert.equal("unknown option '--bogus' (resum --help lists the options)", message)
  end)
end)
