--- A server that answers early data behind its own Finished, and closes, all in one write: its answer counts. (nginx
-- does so. What it says decides how grave it is that it takes the same bytes again: 425 is for the client to repeat.)

local faulty = require "spec.support.faulty"
local resum = require "resum"

describe("an answer that comes with the end of the connection", function()
  for said, kinds in pairs({
    ["early-data bad medium replayed HTTP 425"] = { "replay", "answers_at_once" },
    ["early-data bad high replayed HTTP 200"] = { "replay" },
  }) do
    it("is read: " .. said, function()
      local server = faulty.start(table.unpack(kinds))
      finally(server.close)
      local one = assert(resum.audit(server.address, { audit_checks = { "early-data" }, intrusive = true,
        sni = "a.example" })).addresses[1].audit[1]
      assert.equal(said, table.concat({ one.id, one.verdict, one.severity, one.reason, one.evidence.answer }, " "))
      assert.same({}, server.errors())
    end)
  end
end)
