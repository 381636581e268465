-- resum.open made its handshake as usual, and gave up, where scans find out what a server bears: nothing newer than
-- TLS 1.2, suites that hardly anybody takes, the names of HTTP, no ticket extension.

local memory = require "spec.support.memory"
local resum = require "resum"
local script = require "spec.support.script"

local NEW = "\0\43\0" -- supported_versions
local TICKET = "\0\35\0" -- session_ticket

-- A host before whose server stands who resets, or answers with an alert, what is not borne.
local function picky(is_borne, server, alert)
  local host
  host = script.host({}, { tls_server = server, names = { ["a.example"] = { "192.0.2.1" } },
    gate = function(stream, bytes, flight)
      if flight == 1 and not is_borne(bytes, #host.connected) then
        stream.to_say = alert and "\21\3\3\0\2\2" .. string.char(alert) or ""
        stream.ended = alert and "eof" or "reset"
        return true
      end
    end })
  return host
end

local CASES = {
  ["nothing newer than TLS 1.2"] = {
    bears = function(hello) return not hello:find(NEW, 1, true) end,
    server = { max_version = "TLSv1.2" },
    field = "version_limit", value = "TLSv1.2", words = "TLS 1.2 at most",
  },
  ["suites that hardly anybody takes"] = {
    bears = function(hello) return hello:find("\0\x9c", 1, true) and #resum.parse(hello)[1].ciphers > 60 end,
    server = { max_version = "TLSv1.2" }, alert = 40,
    field = "offered_more", value = "ciphers", words = "every cipher suite",
  },
  ["the names of HTTP"] = {
    bears = function(hello) return hello:find("http/1.1", 1, true) end,
    server = {}, alert = 120,
    field = "offered_more", value = "alpn", words = "h2 and http/1.1 (ALPN)",
  },
  ["no ticket extension"] = {
    bears = function(hello) return not hello:find(TICKET, 1, true) end,
    server = { max_version = "TLSv1.2" },
    field = "without_tickets", value = true, words = "no ticket extension",
  },
}

describe("resum.open, as scans do, offers a server", function()
  for name, case in pairs(CASES) do
    it(name .. ", says so, and offers a session with it", function()
      local host = picky(case.bears, memory.server(case.server), case.alert)
      local first = assert(resum.open("a.example", { host = host }))
      assert.same({ "full", case.value }, { first.outcome, first[case.field] })
      assert.is_truthy(tostring(first):find("offered: " .. case.words .. "; the usual ClientHello fails", 1, true))
      assert.equal("completed", resum.scan("a.example", { host = host, attempts = 1 }).status)
      local again = assert(resum.open("a.example", { host = host, session = first:session() }))
      assert.same({ "resumed", case.value }, { again.outcome, again[case.field] })
    end)
  end

  it("nothing else where it bears the usual, and only not the session", function()
    for _, alert in ipairs({ 40, false }) do
      local refuses
      local host = picky(function(_, number)
        return number ~= refuses
      end, memory.server(), alert or nil)
      local first = assert(resum.open("a.example", { host = host }))
      refuses = #host.connected + 1
      local again = assert(resum.open("a.example", { host = host, session = first:session() }))
      assert.equal(alert and "alert" or "reset", again.outcome)
      assert.is_true(#host.connected > refuses) -- the usual once more; where it has a hybrid share, also without
      assert.same({}, { again.version_limit, again.offered_more, again.without_tickets })
    end
  end)

  it("nothing else by chance: what is answered when it is tried again", function()
    local host = picky(function(_, number)
      return number > 2
    end, memory.server())
    local handshake = assert(resum.open("a.example", { host = host }))
    assert.same({ "full", "TLSv1.3", 3, 3 }, { handshake.outcome, handshake.version, handshake.tries, #host.connected })
    assert.is_nil(tostring(handshake):find("offered:", 1, true))
  end)

  it("no end of connections: the failure of the usual is shown where nothing helps", function()
    local host = picky(function() return false end, memory.server(), 40)
    local handshake = assert(resum.open("a.example", { host = host }))
    assert.equal("alert", handshake.outcome)
    assert.is_true(#host.connected <= 12, #host.connected)
    assert.is_true(resum.parse(handshake.transcript[1].bytes)[1].type == "client_hello")
  end)

  it("nothing where the probe is to say what it is told to", function()
    local host = picky(function(_, number) return number == 1 end, memory.server())
    local session = assert(resum.open("a.example", { host = host })):session()
    local probe = assert(resum.probe("a.example", { host = host, session = session }))
    assert.equal("reset", probe.outcome)
    assert.equal(3, #host.connected) -- libssl has the last word: with the session, as the probe
  end)
end)
