--- single-use: what a client meets that uses each ticket once, at servers that renew tickets and at those that don't.

local audit = require "spec.support.audit"
local evidences = require "resum.audit.evidence"
local fixtures = require "spec.support.evidence"
local listener = require "spec.support.listener"
local single_use = require "resum.audit.checks.single_use"

local function row(count, after_full, after_resumed, more)
  local list, jar = {}, 0
  for i = 1, count do
    if jar > 0 then
      jar = math.min(2, jar - 1 + after_resumed)
      list[i] = { outcome = "resumed", tickets = after_resumed, issuer = 1 }
    else
      jar = math.min(2, after_full)
      list[i] = { outcome = "full", tickets = after_full }
    end
    for name, value in pairs(more and more[i] or {}) do
      list[i][name] = value
    end
  end
  return list
end

local function start(after_full, after_resumed, accepted)
  return listener.start({ min_version = "TLSv1.3", num_tickets = 0 }, {
    accepted = accepted,
    established = function(link, bytes)
      link.send(bytes)
      for _ = 1, link.connection:facts().reused and after_resumed or after_full do
        link.send(link.connection:issue_ticket())
      end
    end,
  })
end

local function words(list)
  local found = single_use.decide(list)
  return found.verdict .. " " .. found.reason, found.evidence
end

describe("single-use", function()
  it("is good where resumed connections bring a ticket", function()
    for _, case in ipairs({ { 2, 1, 11 }, { 1, 1, 11 }, { 2, 2, 11 }, { 4, 1, 11 } }) do
      local said, evidence = words(row(12, case[1], case[2]))
      assert.equal("good renewed", said)
      assert.same({ 12, case[3] }, { evidence.connections, evidence.resumed })
    end
  end)

  it("is bad where they bring none, and says how many of a browser's connections resume then", function()
    for _, case in ipairs({ { 2, 8, 67 }, { 1, 6, 50 }, { 4, 8, 67 } }) do
      local said, evidence = words(row(12, case[1], 0))
      assert.equal("bad not_renewed", said)
      assert.same({ case[2], case[3] }, { evidence.resumed, evidence.steady_percent })
    end
  end)

  it("needs figures that agree with the tickets to within one connection", function()
    assert.equal("bad not_renewed", (words(row(12, 2, 0, { [12] = { outcome = "refused", tickets = 2 } }))))
    assert.equal("inconclusive figures_disagree", (words(row(12, 2, 0, {
      [2] = { outcome = "refused", tickets = 2 }, [3] = { outcome = "refused", tickets = 2 } }))))
  end)

  it("says nothing of a server that issues no ticket, that does not resume, or whose connections fail", function()
    assert.equal("not_applicable no_tickets", (words(row(2, 0, 0))))
    local failing, refusing = {}, {}
    for i = 1, 12 do
      failing[i], refusing[i] = { outcome = "reset", tickets = 0 }, { outcome = "refused", tickets = 2 }
    end
    assert.equal("inconclusive connection_failed", (words(failing)))
    assert.equal("inconclusive seldom_resumes", (words(refusing)))
    refusing[5] = { outcome = "timeout", tickets = 0 }
    assert.equal("inconclusive connection_failed", (words(refusing)))
    refusing[6] = { outcome = "resumed", tickets = 0, issuer = 1 }
    assert.equal("inconclusive connection_failed", (words(refusing)))
  end)

  it("is not misled by one ticket that came too late", function()
    assert.equal("good renewed", (words(row(12, 2, 1, { [2] = { tickets = 0 } }))))
  end)

  it("names the member of a pool that issues none, and its share", function()
    local evidence, list = evidences.new(), {}
    for i, name in ipairs({ "A", "B", "C", "A", "B", "C" }) do
      evidence:note(fixtures.record("psk", { fixtures.ticket({ name = name:rep(16) }) }))
      list[#list + 1] = { outcome = "full", tickets = 2 }
      list[#list + 1] = { outcome = "resumed", tickets = name == "B" and 0 or 1, issuer = i }
    end
    for _, one in ipairs(list) do
      one.group = one.issuer and evidence:group_of({ one.issuer })
    end
    local found = single_use.decide(list)
    assert.equal("bad not_renewed_by_some", found.verdict .. " " .. found.reason)
    local group, share = evidence:group_of(found.connections)
    assert.same({ "B", 1 / 3 }, { group, share })
  end)

  for _, case in ipairs({
    { "good - renewed", 2, 1 }, { "good - renewed", 1, 1 }, { "bad medium not_renewed", 2, 0 },
    { "bad medium not_renewed", 1, 0 }, { "not_applicable - no_tickets", 0, 0 },
  }) do
    local said, after_full, after_resumed = table.unpack(case)
    it(("asks a server with %d tickets, then %d: %s"):format(after_full, after_resumed, said), function()
      local server = start(after_full, after_resumed)
      finally(server.close)
      local found, context = audit.run(single_use, server.port)
      assert.equal(said, audit.words(found))
      assert.equal(after_full == 0 and 2 or after_resumed == 0 and 12 or 6, context:made())
      assert.equal(context:made(), server.accepted)
    end)
  end

  it("makes no connection where no PSK resumes", function()
    local found, context = audit.run(single_use, 1, { resuming = { "ticket" } })
    assert.equal("not_applicable - does_not_resume", audit.words(found))
    assert.equal(0, context:made())
  end)

  it("says the same where the server drops connections", function()
    for after_resumed, said in pairs({ [0] = "bad medium not_renewed", [1] = "good - renewed" }) do
      local server = start(2, after_resumed, function(link)
        if link.number % 4 == 0 then
          link.drop("rst")
        end
      end)
      finally(server.close)
      assert.equal(said, audit.words((audit.run(single_use, server.port))))
    end
  end)
end)
