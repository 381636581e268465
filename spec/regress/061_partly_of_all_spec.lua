-- Where an old session was refused at times and fresh ones never, only the fresh ones were counted: "partially
-- supported, 5 of 5 resumed". And a session ID that is good for one connection was called a ticket.

local listener = require "spec.support.listener"
local resum = require "resum"
local text = require "resum.report.text"

local FORGETS_AT = 5 -- the control, a full handshake, two offers, and then

local function start_forgetful()
  local server
  server = listener.start({ max_version = "TLSv1.2", tickets = false }, {
    accepted = function(link)
      if link.number == FORGETS_AT then
        server.tls:forget()
      end
    end,
  })
  return server
end

describe("a server that forgets in the middle of the scan", function()
  it("resumes so many of all that was offered", function()
    local server = start_forgetful()
    local result = resum.scan(server.address, { mechanisms = { "session_id" }, concurrency = 1 })
    server.close()
    local found = result.addresses[1].support.session_id
    assert.same({ "partially_supported", 10, 7, 3 }, { found.verdict, found.attempted, found.resumed, found.refused })
    local report = tostring(result)
    assert.is_truthy(report:find("partially supported  TLS 1.2, 7 of 10 resumed\n", 1, true), report)
  end)
end)

describe("a session ID that is good for one connection", function()
  it("is not called a ticket", function()
    local report = text.address({ address = "192.0.2.1", status = "completed", support = { session_id = {
      verdict = "supported", reason = "single_use_tickets", attempted = 5, resumed = 5, refused = 0, errors = 0,
      error_kinds = {}, version = "TLSv1.2" } } })
    local words = "5 of 5 resumed; each session ID is good for one connection"
    assert.is_truthy(report:gsub("%s+", " "):find(words, 1, true), report)
  end)
end)
