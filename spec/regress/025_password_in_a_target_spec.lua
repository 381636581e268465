--- A password in what was meant for a target ("https://user:password@host") stood in the JSON, and in the message where
-- it had a slash or no scheme.

local cjson = require "cjson"
local process = require "spec.support.process"
local target = require "resum.target"

local RESUM = { "lua" .. _VERSION:match("%d%.%d"), process.ROOT .. "/lua/bin/resum" }

describe("a password in a target", function()
  it("is shown nowhere", function()
    for _, given in ipairs({ "https://user:s3cret@h.example/", "https://user:s3/cret@h.example", "u:s3cret@h:443" }) do
      local run = process.run({ command = { RESUM[1], RESUM[2], "--json_out", "-", given } })
      assert.equal(2, run.code)
      assert.is_nil((run.stdout .. run.stderr):find("cret", 1, true))
      assert.is_truthy(cjson.decode(run.stdout).targets[1].target.text:find("...@h", 1, true))
    end
  end)

  it("is what stands before the last @, behind a scheme", function()
    for given, shown in pairs({
      ["https://u:p@h:1/"] = "https://...@h:1/", ["u@h"] = "...@h", ["https://u:p@q@h"] = "https://...@h",
      ["h.example:443"] = "h.example:443", ["https://h/"] = "https://h/",
    }) do
      assert.equal(shown, target.without_password(given))
    end
  end)
end)
