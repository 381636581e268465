--- resum.scan took any number for an option: with attempts = -1 a server that resumes was "not supported", with
-- retries = -1 the scan ended in an internal error. On the command line "--attempts -1" was called an unknown option.

local process = require "spec.support.process"
local resum = require "resum"

describe("a number that no scan can work with", function()
  for _, case in ipairs {
    { "attempts", -1, "takes a whole number from 1 to 100000" },
    { "attempts", 1.5, "takes a whole number from 1 to 100000" },
    { "attempts", 0 / 0, "takes a whole number from 1 to 100000" },
    { "concurrency", 0, "takes a whole number from 1 to 1000" },
    { "retries", -1, "takes a whole number from 0 to 100" },
    { "timeout", -1, "takes a number of seconds from 0.01 to 3600" },
    { "delay", math.huge, "takes a number of seconds from 0 to 3600" },
  } do
    local name, value, takes = table.unpack(case)
    it(("is a misuse: %s = %s"):format(name, value), function()
      for _, verb in ipairs { "scan", "rate", "run", "open" } do
        assert.has_error(function() resum[verb]("127.0.0.1:1", { [name] = value }) end,
          ("resum: the option %s %s, not %s"):format(name, takes, value))
      end
    end)
  end

  it("is one by way of an empty list of mechanisms, too", function()
    assert.has_error(function() resum.scan("127.0.0.1:1", { mechanisms = {} }) end,
      "resum: the option mechanisms takes a list of session_id, ticket, psk, and this one is empty")
  end)

  it("is told from an option on the command line, where it has a sign", function()
    for given, said in pairs {
      ["--attempts -1"] = "--attempts takes a whole number from 1 to 100000, not '-1'",
      ["--max_connections -4"] = "--max_connections takes a whole number from 1 to 100000, not '-4'",
      ["--delay -.5"] = "--delay takes a number of seconds from 0 to 3600, not '-.5'",
    } do
      local words = { "lua" .. _VERSION:match("%d%.%d"), process.ROOT .. "/lua/bin/resum", "127.0.0.1:1" }
      for word in given:gmatch("%S+") do
        words[#words + 1] = word
      end
      local run = process.run { command = words }
      assert.same({ 2, ("resum: %s (resum --help lists the options)\n"):format(said) }, { run.code, run.stderr })
    end
  end)
end)
