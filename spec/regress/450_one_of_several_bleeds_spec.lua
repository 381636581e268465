--- Of several servers behind one port one leaked memory behind short session IDs (Ticketbleed), and the pool was
-- called good: three answers without a leak were enough, or one that resumed, which were the others'. Each is met
-- twice, as far as chance goes; and where the server of a session was never met, nothing is good.

local audit = require "spec.support.audit"
local faulty = require "spec.support.faulty"
local hello_hook = require "spec.support.hello_hook"
local listener = require "spec.support.listener"
local memory = require "spec.support.memory"
local resum = require "resum"
local ticketbleed = require "resum.audit.checks.ticketbleed"

local SEEDS, SERVERS = 12, 3
local AUDITS = 4 -- chance may keep one server from being met

-- Three servers with keys of their own; choose(number) says which has the connection, and leaks(server, offer) whether
-- it leaks, of the offer with a short session ID that has this number.
local function pool(choose, leaks)
  local members, offers = {}, 0
  for i = 1, SERVERS do
    members[i] = memory.server({ ticket_keys = string.char(64 + i):rep(16) .. ("k"):rep(64) })
  end
  local server = listener.start({}, {
    accepted = function(link)
      link.server = choose(link.number)
      link.connection = members[link.server]:accept()
    end,
    bytes = hello_hook.new(function(hello, link)
      if #hello.session_id == 0 or #hello.session_id == 32 or not hello_hook.ticket_of(hello) then
        return nil
      end
      offers = offers + 1
      return leaks(link.server, offers) and hello_hook.server_hello(hello,
        hello.session_id .. string.char(offers):rep(32 - #hello.session_id)) or nil
    end),
  })
  finally(server.close)
  return server
end

local function in_turns(number)
  return (number - 1) % SERVERS + 1
end

-- What is said of a pool of which TLS 1.3 tickets have shown the three servers.
local function said(server)
  return audit.words((audit.run(ticketbleed, server.port, { seeds = SEEDS, seed_mechanism = "psk" })))
end

describe("Ticketbleed of one of several servers", function()
  it("is found where the server has its first turns late, and only TLS 1.3 tells the servers apart", function()
    for _, late in ipairs({ { 4, 9 }, { 7, 12 } }) do
      local server = pool(in_turns, function(_, offer)
        return offer == late[1] or offer == late[2]
      end)
      assert.equal("bad critical leaks", said(server))
    end
  end)

  it("is not said of a pool that was met as often, and in which nobody leaks", function()
    assert.equal("good - exact_echo", said(pool(in_turns, function() return false end)))
  end)

  it("is not excluded by answers of others, where a session's server was never met", function()
    local function without_the_third(number)
      return number <= SEEDS and in_turns(number) or number % 2 + 1
    end
    local server = pool(without_the_third, function(which) return which == 3 end)
    local found = audit.run(ticketbleed, server.port, { seeds = SEEDS, seed_mechanism = "ticket" })
    assert.equal("inconclusive - not_met", audit.words(found))
  end)

  for _, turns in ipairs({ "strict", "random" }) do
    it(("is found with the share of one of three, turns are %s"):format(turns), function()
      local servers = faulty.listen({ faulty.new({}), faulty.new({ "ticketbleed" }), faulty.new({}) }, turns)
      finally(servers.close)
      local found, verdicts = nil, {}
      while not found and #verdicts < AUDITS do
        local one = resum.audit(servers.address, { audit_checks = { "ticketbleed" }, sni = "a.example" })
          .addresses[1].audit[1]
        found, verdicts[#verdicts + 1] = one.verdict == "bad" and one, one.reason
        assert.not_equal(turns == "strict" and "good" or "", one.verdict)
      end
      assert.is_truthy(found, table.concat(verdicts, ", "))
      assert.is_true(found.share > 0.05 and found.share < 0.75, found.share)
    end)
  end
end)
