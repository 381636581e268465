-- A wrong session was said to be a wrong argument #2 of a function with one; an age that is no number counted as 0; a
-- session whose ticket does not fit into a ClientHello failed only once a connection was open.

local core = require "resum.core"
local memory = require "spec.support.memory"
local pair = require "spec.support.pair"
local scripted = require "spec.support.scripted"
local duel = require "spec.support.duel"
local wire = require "spec.support.wire"

local SECRETS = { ["TLSv1.2"] = { 0xc02f, ("m"):rep(48) }, ["TLSv1.3"] = { 0x1301, ("p"):rep(32) } }

local function session(version, ticket)
  local cipher, secret = table.unpack(SECRETS[version])
  return assert(core.session { version = version, cipher = cipher, secret = secret, ticket = ticket })
end

local function message_of(options)
  local ran, message = pcall(core.probe, options)
  assert.is_false(ran)
  return message
end

describe("a probe's mistaken option", function()
  local good, closed = session("TLSv1.3", "t"), session("TLSv1.3", "t")
  closed:close()

  for name, case in pairs {
    ["a session that is text"] = { { session = "x" },
      "#1 to 'probe' (option 'session': resum.session expected, got string)" },
    ["a session that is closed"] = { { session = closed }, "(option 'session': the session is closed)" },
    ["a list with something else"] = { { sessions = { good, 7 } },
      "#1 to 'probe' (option 'sessions': entry 2: resum.session expected, got number)" },
    ["a list with a closed one"] = { { sessions = { good, closed } }, "(option 'sessions': entry 2 is closed)" },
    ["an age of text"] = { { session = good, ticket_age_s = "1" }, "(option 'ticket_age_s': number, or list" },
    ["an age in a list of text"] = { { session = good, ticket_age_s = { "x" } }, "(option 'ticket_age_s': number, or" },
    ["too few ages"] = { { sessions = { good, good }, ticket_age_s = { 1 } }, "(option 'ticket_age_s': number, or" },
  } do
    it("is named: " .. name, function()
      local ran, message = pcall(function() core.probe(case[1]) end)
      assert.is_false(ran)
      assert.matches(case[2], message, 1, true)
    end)
  end

  it("is named at once", function()
    assert.matches("option 'sessions': entry 1", message_of { sessions = { "x" } }, 1, true)
  end)
end)

describe("a session whose ticket does not fit", function()
  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("is beyond both constructors: " .. version, function()
      local long = session(version, ("t"):rep(65535))
      assert.same({ nil, "probe: the ClientHello is too long", "unsupported" }, { core.probe { session = long } })
      assert.same({ nil, "handshake: the session's ticket is too long for a ClientHello", "unsupported" },
        { core.handshake(core.context(), { session = long }) })
    end)

    it("is one of the longest only: " .. version, function()
      local large = session(version, ("t"):rep(40000))
      local _, by_probe = assert(core.probe { session = large }):step()
      local _, by_libssl = assert(core.handshake(core.context(), { session = large })):step()
      assert.is_true(#by_probe > 40000 and #by_libssl > 40000)
    end)
  end
end)

describe("the second ClientHello", function()
  local function ages(hello)
    local list, found, position = (">s2"):unpack(hello.extensions[41]), {}, 1
    while position <= #list do
      found[#found + 1] = select(2, (">s2 I4"):unpack(list, position))
      position = select(3, (">s2 I4"):unpack(list, position))
    end
    return found
  end

  -- What a probe says first and after a HelloRetryRequest that comes so many seconds later; how it ended.
  local function hellos(options, elapsed_s)
    local server = scripted.new { version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256", cipher_id = 0x1301,
      secret = duel.SUITES["TLSv1.3"].secret, retry = function() end }
    local machine = assert(core.probe(options))
    local result = pair.run({ step = function(_, bytes) return machine:step(bytes, bytes and elapsed_s) end }, server)
    local list = {}
    for _, message in ipairs(machine:transcript()) do
      if message.type == "client_hello" then
        list[#list + 1] = ages(wire.client_hello(message.bytes))
      end
    end
    return list, result.client
  end

  it("has the tickets' ages of its own moment, and binders that fit", function()
    local first, second = duel.session("ticket"), duel.session("another one")
    local list, state = hellos({ sessions = { first, second }, ticket_age_s = { 5, 2 } }, 1.5)
    assert.same({ { { 5001, 2001 }, { 6501, 3501 } }, "established" }, { list, state })
    assert.same({ { 5001 }, { 5001 } }, (hellos({ session = first, ticket_age_s = 5 }, 0)))
  end)

  it("keeps an age that was given as it is to stand there", function()
    assert.same({ { 77 }, { 77 } }, (hellos({ session = duel.session("ticket"), obfuscated_ticket_age = 77 }, 1.5)))
  end)

  it("is taken by a server that looks at binders", function()
    local session_of = memory.server { min_version = "TLSv1.3", groups = "P-256" }
    local probe = core.probe { session = memory.visit(session_of).session }
    local connection = session_of:accept()
    local result = pair.run({ step = function(_, bytes) return probe:step(bytes, 0.25) end }, connection)
    assert.same({ "established", true, true }, { result.client, probe:facts().hello_retry, connection:facts().reused })
  end)
end)
