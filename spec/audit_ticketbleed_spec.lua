--- ticketbleed: servers that fill up short session IDs with memory, and servers that do not.

local audit = require "spec.support.audit"
local hello_hook = require "spec.support.hello_hook"
local listener = require "spec.support.listener"
local memory = require "spec.support.memory"
local ticketbleed = require "resum.audit.checks.ticketbleed"

local function series(length, tails)
  local list, sent = {}, ("\xa5"):rep(length)
  for i, tail in ipairs(tails) do
    list[i] = { sent = sent, received = tail and sent .. tail }
  end
  return list
end

local function words(all)
  local found = ticketbleed.decide(all)
  return found.verdict .. " " .. found.reason
end

-- Answers TLS 1.2 hellos that offer a ticket with a short session ID as `fill` says.
local function start(fill, options)
  return listener.start(options or { max_version = "TLSv1.2" }, { bytes = hello_hook.new(function(hello, link)
    local id = hello.session_id
    if hello_hook.ticket_of(hello) and #id > 0 and #id < 32 then
      local filled = fill(id, link.number)
      return filled and hello_hook.server_hello(hello, filled)
    end
  end) })
end

describe("ticketbleed", function()
  it("is bad where a session ID comes back longer, with bytes that change", function()
    assert.equal("bad leaks", words({ series(16, { "abcd", "abce", "abcf" }) }))
    assert.equal("bad leaks", words({ series(16, { false, false, false }), series(31, { "a", "b", false }) }))
  end)

  it("is not bad where the bytes are always the same, or were seen once", function()
    assert.equal("inconclusive constant_tail", words({ series(16, { "abcd", "abcd", "abcd" }) }))
    assert.equal("inconclusive constant_tail", words({ series(16, { "abcd", false, false }) }))
  end)

  it("is good where the ID comes back as it was, or another one does, or none", function()
    local new = series(16, { "", "" })
    new[3] = { sent = ("\xa5"):rep(16), received = ("n"):rep(32) }
    new[4] = { sent = ("\xa5"):rep(16), received = "" }
    assert.equal("good exact_echo", words({ new }))
  end)

  it("never decides by one byte, which new IDs begin with by chance", function()
    assert.equal("inconclusive connection_failed", words({ series(16, { false }), series(31, { false }),
      series(1, { "abc", "abd", "abe" }) }))
    assert.equal("inconclusive no_answer", words({ series(16, { false }), series(31, { false }),
      series(1, { false }) }))
  end)

  it("finds a server that leaks", function()
    local server = start(function(id, number)
      return id .. string.char(number):rep(32 - #id)
    end)
    finally(server.close)
    local found, context = audit.run(ticketbleed, server.port)
    assert.equal("bad critical leaks", audit.words(found))
    assert.same({ sent_bytes = 16, more_bytes = 16, connections = 3 }, found[1].evidence)
    assert.equal(10, context:made()) -- all lengths: none was good
  end)

  it("finds one that fills up with the same bytes, and one that leaks, but never shook hands", function()
    local server = start(function(id)
      return id .. ("\0"):rep(32 - #id)
    end)
    finally(server.close)
    assert.equal("inconclusive - constant_tail", audit.words((audit.run(ticketbleed, server.port))))
    local refusing = start(function(id, number)
      return id .. string.char(number):rep(32 - #id)
    end, { min_version = "TLSv1.3" })
    finally(refusing.close)
    assert.equal("bad critical leaks", audit.words((audit.run(ticketbleed, refusing.port))))
  end)

  for _, case in ipairs({
    { "good - exact_echo", { max_version = "TLSv1.2" } }, { "good - exact_echo", { tickets = false } },
    { "not_applicable - no_old_version", { min_version = "TLSv1.3" } },
  }) do
    it(("asks a server of libssl: %s"):format(case[1]), function()
      local server = listener.start(case[2])
      finally(server.close)
      local found, context = audit.run(ticketbleed, server.port)
      assert.equal(case[1], audit.words(found))
      assert.is_true(context:made() <= 10)
      assert.equal(context:made(), server.accepted)
    end)
  end

  it("finds one member of three, and how often it was met", function()
    local members = {}
    for i, name in ipairs({ "A", "B", "C" }) do
      members[i] = memory.server({ max_version = "TLSv1.2", ticket_keys = name:rep(16) .. ("k"):rep(64) })
    end
    local server = listener.start({}, {
      accepted = function(link)
        link.connection = members[(link.number - 1) % 3 + 1]:accept()
      end,
      bytes = hello_hook.new(function(hello, link)
        local is_short = #hello.session_id > 0 and #hello.session_id < 32
        return (link.number - 1) % 3 == 1 and is_short and hello_hook.server_hello(hello,
          hello.session_id .. string.char(link.number):rep(32 - #hello.session_id)) or nil
      end),
    })
    finally(server.close)
    local found = audit.run(ticketbleed, server.port, { seeds = 6, seed_mechanism = "ticket" })
    assert.equal("bad critical leaks", audit.words(found))
    assert.equal(1 / 3, found[1].share)
  end)

  it("says nothing of a server that drops connections", function()
    local server = start(function() return nil end)
    finally(server.close)
    local dropping = listener.start({ max_version = "TLSv1.2" }, { bytes = hello_hook.new(function(hello)
      return #hello.session_id > 0 and "drop" or nil
    end) })
    finally(dropping.close)
    assert.equal("inconclusive - no_answer", audit.words((audit.run(ticketbleed, dropping.port))))
  end)
end)
