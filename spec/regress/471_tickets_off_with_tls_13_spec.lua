-- RabbitMQ and Yaws as they come speak TLS 1.3 and issue no ticket; session IDs resume with TLS 1.2. "Resumption works
-- by session ID … switched off, which is fine if it is intended", said the report: no client of today ever resumed.

local overview = require "resum.analysis.overview"

local OFF = { verdict = "not_supported", reason = "not_issued", resumed = 0, attempted = 0, refused = 0, errors = 0 }
local NEVER = "Clients that speak TLS 1.3, as most do, never resume: no TLS 1.3 ticket is issued."

local function entry(session_id, ticket, psk)
  return { status = "completed", support = { session_id = session_id, ticket = ticket, psk = psk } }
end

local function works()
  return { verdict = "supported", resumed = 5, attempted = 5, refused = 0, errors = 0 }
end

describe("a server that speaks TLS 1.3 and resumes with TLS 1.2 only", function()
  for name, one in pairs({ ["session IDs"] = entry(works(), OFF, OFF), tickets = entry(OFF, works(), OFF),
    both = entry(works(), works(), OFF) }) do
    it("is said to leave out most clients: " .. name, function()
      assert.equal(NEVER, overview.headline(one))
      assert.equal("impaired", overview.severity(one))
      assert.matches("^Let the server issue TLS 1%.3 tickets: ", overview.todo(one))
    end)
  end

  it("is told what else may be off as intended", function()
    assert.matches("Tickets are switched off, which is fine if it is intended", overview.todo(entry(works(), OFF, OFF)))
  end)
end)

describe("a server without TLS 1.3, or not asked for it,", function()
  for name, psk in pairs({ without = { verdict = "not_applicable" }, ["not asked"] = false }) do
    it("is in order: " .. name, function()
      local one = entry(works(), OFF, psk or nil)
      assert.equal("good", overview.severity(one))
      assert.matches("^Tickets are switched off, which is fine", overview.todo(one))
    end)
  end

  it("and one with TLS 1.3 tickets alone is, too", function()
    assert.equal("good", overview.severity(entry(OFF, OFF, works())))
  end)
end)
