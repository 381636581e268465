-- host.parallel(5) was "attempt to index a number value" in a file of ours; and a server that cannot cope with a usual
-- ClientHello was in order by the first sentence of its report, and a failure in JUnit's.

local findings = require "resum.analysis.findings"
local overview = require "resum.analysis.overview"

describe("host.parallel", function()
  for _, name in ipairs({ "uv", "luasocket", "cqueues" }) do
    it("tells misuse at the caller's line: " .. name, function()
      local host = require("resum.host." .. name)
      for problem, given in pairs({
        ["takes a list of functions, or a function that returns them, not a number"] = { 5 },
        ["takes a list of functions, or a function that returns them, not nil"] = {},
        ["the limit must be a number, not a string"] = { {}, "many" },
      }) do
        local fine, message = pcall(function()
          local errors = host.parallel(given[1], given[2])
          return errors
        end)
        assert.is_false(fine)
        assert.is_truthy(message:find("343_misuse_of_parallel_spec.lua:%d+: host%.parallel"), message)
        assert.is_truthy(message:find(problem, 1, true), message)
      end
    end)
  end
end)

describe("a server that needs a smaller ClientHello", function()
  it("is said to be in every report, first", function()
    local entry = { address = "192.0.2.1", status = "completed",
      support = { psk = { verdict = "supported", resumed = 5, refused = 0, attempted = 5, errors = 0,
        error_kinds = {} } },
      client_hello = { code = "no_hybrid_share", bytes = 300, usual_bytes = 1500, usual_outcome = "timeout" } }
    assert.equal("impaired", overview.severity(entry))
    assert.equal("A client that offers a hybrid key share, as browsers do, does not get in.", overview.headline(entry))
    local found = findings.of({ target = { text = "www.example", host = "www.example", port = 443 },
      addresses = { entry } })
    local bad = {}
    for _, one in ipairs(found) do
      bad[#bad + 1] = one.verdict == "bad" and one.id or nil
    end
    assert.same({ "client_hello" }, bad)
  end)
end)
