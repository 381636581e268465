--- What was meant by a slip of the finger was asked in several forms ("; did you mean --timeout?", ". Did you mean
-- 'binder'?"), and for the values of an option not at all. It is one question, and what is in quotes can be typed.

local endpoints = require "resum.transport.endpoint"
local help = require "resum.help"
local mechanisms = require "resum.connection.mechanism"
local options = require "resum.cli.options"
local process = require "spec.support.process"

local function refusal(...)
  local parsed, message = options.parse({ ... })
  assert.is_nil(parsed)
  return message
end

describe("a slip of the finger", function()
  for meant, words in pairs({
    ["--resum_rate"] = { "--resum_rte", "a" },
    ["--timeout"] = { "--time_out=3", "a" },
    ["early-data"] = { "--audit", "--audit_checks", "early-dat", "a" },
    ["psk=supported"] = { "--expect", "pks=supported", "a" },
    probe = { "--engine", "prob", "a" },
    handshake = { "--engine=handshak", "a" },
    nginx = { "--advice", "ngnix", "a" },
    json = { "--progress=jsn", "a" },
    smtp = { "--starttls", "smpt", "a" },
    ticket = { "--mechanisms", "psk,tikcet", "a" },
  }) do
    it(("is answered with the question in its one form: %s"):format(table.concat(words, " ")), function()
      assert.is_truthy(refusal(table.unpack(words)):find(("; did you mean '%s'? (resum --help"):format(meant), 1, true),
        refusal(table.unpack(words)))
    end)
  end

  it("is answered so in Lua", function()
    assert.matches("; did you mean 'rate'%? ", help.text("rat"))
    assert.matches("; did you mean 'psk'%?$", (select(2, mechanisms.read_list({ "pks" }))))
    assert.matches("; did you mean 'imap'%?$", (select(2, endpoints.new({ starttls = "imp" }))))
  end)

  it("is asked nothing where nothing is like it", function()
    for _, words in ipairs({ { "--engine", "steam", "a" }, { "--starttls", "gopher", "a" }, { "--bogus", "a" } }) do
      assert.is_nil(refusal(table.unpack(words)):find("did you mean", 1, true))
    end
  end)

  it("is worded in one place", function()
    local asked = process.run({ command = { "grep", "-rliE", "you mean [^a-z]*%s", process.ROOT .. "/lua" } })
    assert.equal(process.ROOT .. "/lua/resum/util/suggestion.lua\n", asked.stdout)
  end)
end)
