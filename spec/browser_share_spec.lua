-- What a browser meets, against servers of which it is known how many tickets they issue.

local browser = require "resum.scan.browser"
local expectation = require "resum.cli.expectation"
local lines = require "resum.scan.line"
local text = require "resum.report.text"
local uv = require "resum.host.uv"

-- A journal whose server issues so many tickets, and takes each once.
local function journal_of(after_full, after_resumed, fails_at)
  local journal = { host = uv, line = lines.new(uv, 10), made = 0, used = {}, cancelled = function() return false end }
  function journal:next_source()
    self.turns = (self.turns or 0) + 1
    return "192.0.2." .. self.turns
  end
  function journal:attempt(options)
    options.place:take()
    assert.equal("192.0.2.1", options.source, "a browser keeps its address")
    local session = options.late()
    self.made = self.made + 1
    local record = { outcome = session and "resumed" or "full", sessions = {} }
    if self.made == fails_at then
      record.outcome = "reset"
    else
      assert.is_nil(session and self.used[session], "a ticket was used twice")
      self.used[session or record] = true
      for i = 1, session and after_resumed or after_full do
        record.sessions[i] = { "ticket" }
      end
      options.on_goodbye(record)
    end
    options.place:give()
    return record
  end
  return journal
end

describe("what a browser meets", function()
  for _, case in ipairs({
    { 2, 0, 8, 2 / 3 }, { 1, 0, 6, 1 / 2 }, { 4, 0, 8, 2 / 3 }, { 2, 1, 11, 11 / 12 }, { 2, 2, 11, 11 / 12 },
    { 1, 1, 11, 11 / 12 },
  }) do
    local after_full, after_resumed, resumed, share = table.unpack(case)
    it(("is %d of 12 where %d tickets come with a full handshake and %d with a resumed one"):format(resumed, after_full,
      after_resumed), function()
      assert.same({ attempted = 12, resumed = resumed, errors = 0, share = share, tickets_after_full = after_full,
        tickets_after_resumed = after_resumed }, browser.run(journal_of(after_full, after_resumed), browser.FULL))
    end)
  end

  it("is 20 of 30 and 29 of 30 in thirty connections", function()
    assert.equal(20, browser.run(journal_of(2, 0), 30).resumed)
    assert.equal(29, browser.run(journal_of(2, 1), 30).resumed)
  end)

  it("is nothing where no ticket comes, and that shows after a few connections", function()
    local journal = journal_of(0, 0)
    assert.is_nil(browser.run(journal, browser.FULL))
    assert.is_true(journal.made <= 4, journal.made)
  end)

  it("counts a connection that failed apart, with the ticket that it used up", function()
    local found = browser.run(journal_of(2, 0, 2), browser.FULL)
    assert.same({ 11, 1 }, { found.attempted, found.errors })
  end)

  it("is what --expect can ask for", function()
    local rule = assert(expectation.parse("browser>=0.9"))
    local function check(share)
      return (expectation.check(rule, { addresses = { { address = "192.0.2.1", status = "completed",
        browser = share and { share = share } } } }))
    end
    assert.same({ true, false, false }, { check(11 / 12), check(8 / 12), check(nil) })
    assert.is_nil(expectation.parse("browser=supported"))
    assert.is_nil(expectation.parse("browser>=2"))
  end)

  it("stands in the report", function()
    local report = text.address({ address = "192.0.2.1", status = "completed",
      browser = browser.run(journal_of(2, 0), browser.FULL) })
    assert.is_truthy(report:gsub("%s+", " "):find("8 of 12 connections in a row resumed; 2 tickets after a full "
      .. "handshake, 0 tickets after a resumed one", 1, true), report)
  end)
end)
