-- Attempts and whole scans over a way in that is more than a connection: what is said before TLS and inside it, and
-- what happens when the door is shut for a moment. The peer is a script and a TLS server in memory.

local attempt = require "resum.connection.client"
local memory = require "spec.support.memory"
local resum = require "resum"
local script = require "spec.support.script"
local starttls = require "resum.transport.starttls"

local SMTP = { "S: 220 hi\r\n", "C: EHLO resum.invalid\r\n", "S: 250-a\r\n250 STARTTLS\r\n", "C: STARTTLS\r\n",
  "S: 220 go\r\n" }
local POSTGRES = { "C: \0\0\0\8\4\210\22\47", "S: S" }
local BUSY = { "S: 421 too many\r\n" }

local function client_of(host, protocol, options)
  local endpoint, asked = { address = "192.0.2.1", port = 25, starttls = protocol and starttls.find(protocol) }, {}
  for name, value in pairs(options or {}) do
    local one = (name == "port" or name == "server_name") and endpoint or asked
    one[name] = value
  end
  asked.host = host
  return attempt.new_client(endpoint, asked)
end

describe("an attempt behind STARTTLS", function()
  it("resumes, and says goodbye in the protocol before it closes TLS", function()
    for _, chunk in ipairs({ 1, 100000 }) do
      local host = script.host(SMTP, { tls_server = memory.server(), chunk = chunk })
      local client = client_of(host, "smtp", { server_name = "a.example" })
      local first = client:attempt({ mechanism = "psk", want_tickets = true })
      assert.same({ "full", 2 }, { first.outcome, #first.sessions })
      local second = client:attempt({ mechanism = "psk", session = first.sessions[1] })
      assert.equal("resumed", second.outcome)
      for _, stream in ipairs(host.streams) do
        local facts = stream.connection:facts()
        assert.same({ "QUIT\r\n", true, "a.example" }, { stream.heard, facts.got_close_notify, facts.server_name })
      end
    end
  end)

  it("draws a late ticket out with the protocol's own words", function()
    local host = script.host(SMTP, {
      tls_server = memory.server({ num_tickets = 0 }),
      on_data = function(connection, heard)
        return heard == "NOOP\r\n" and connection:issue_ticket() or ""
      end,
    })
    local record = client_of(host, "smtp"):attempt({ mechanism = "psk", want_tickets = true })
    assert.same({ "full", 1 }, { record.outcome, #record.sessions })
    assert.equal("NOOP\r\nQUIT\r\n", host.streams[1].heard)
  end)

  it("says nothing where the protocol has no words without a login", function()
    local host = script.host(POSTGRES, { tls_server = memory.server({ num_tickets = 0 }) })
    local record = client_of(host, "postgres"):attempt({ mechanism = "psk", want_tickets = true })
    assert.same({ "full", 0, "" }, { record.outcome, #record.sessions, host.streams[1].heard })
    assert.is_true(host.streams[1].connection:facts().got_close_notify)
  end)

  it("takes nothing for TLS that comes in the clear behind the go-ahead, however late", function()
    local host = script.host(SMTP, { tls_server = memory.server() })
    local connect = host.connect
    function host.connect(...)
      local stream = connect(...)
      stream.to_say = "250 injected\r\n"
      return stream
    end
    local record = client_of(host, "smtp"):attempt({ mechanism = "ticket" })
    assert.same({ "protocol_error", 'not a TLS server: it said "250 injected"', "not_tls" },
      { record.outcome, record.error.message, record.error.code })
  end)

  it("has patience with servers that greet slowly, unless somebody has less", function()
    local function try(options)
      local host = script.host(SMTP, { tls_server = memory.server(), pause = 4 })
      return client_of(host, "smtp", options):attempt({ mechanism = "ticket" })
    end
    assert.equal("timeout", try({ timeout = 5 }).outcome)
    local patient = try({})
    assert.same({ "full", 12 }, { patient.outcome, patient.timing.connect_s })
  end)

  it("tells at which stage it failed", function()
    local refused = client_of(script.host({ "S: 220 hi\r\n", "C: EHLO resum.invalid\r\n", "S: 250 a\r\n" }), "smtp")
      :attempt({ mechanism = "control" })
    assert.same({ "no_starttls", { message = "starttls smtp: STARTTLS not offered", code = "no_starttls",
      stage = "starttls" } }, { refused.outcome, refused.error })
    local busy = client_of(script.host(BUSY), "smtp"):attempt({ mechanism = "control" })
    assert.same({ "unreachable", "busy", "starttls" }, { busy.outcome, busy.error.code, busy.error.stage })
    local late = client_of(script.host({ "S: 220 hi\r\n", SMTP[2] }), "smtp"):attempt({ mechanism = "control" })
    assert.same({ "timeout", "timeout", "starttls" }, { late.outcome, late.error.code, late.error.stage })
  end)
end)

describe("an attempt without STARTTLS", function()
  local function heard_at(port)
    local host = script.host({}, { tls_server = memory.server({ num_tickets = 0 }) })
    client_of(host, nil, { port = port }):attempt({ mechanism = "psk", want_tickets = true })
    return host.streams[1].heard
  end

  it("asks in HTTP for a late ticket, and on a port of another protocol in that", function()
    assert.is_truthy(heard_at(443):find("^HEAD / HTTP/1.1\r\nHost: 192.0.2.1\r\n"))
    assert.equal("r3 NOOP\r\n", heard_at(993))
    assert.equal("NOOP\r\n", heard_at(465))
  end)
end)

describe("the sessions of an attempt", function()
  it("are taken, unless nobody is to offer them", function()
    local client = client_of(script.host({}, { tls_server = memory.server() }))
    local first = client:attempt({ mechanism = "psk", want_tickets = true })
    local again = client:attempt({ mechanism = "psk", session = first.sessions[1], want_tickets = true })
    local last = client:attempt({ mechanism = "psk", session = again.sessions[1], want_tickets = true,
      take_sessions = false })
    assert.same({ 2, "resumed", 1, "resumed", {}, 1 },
      { #first.sessions, again.outcome, #again.sessions, last.outcome, last.sessions, #last.facts.tickets })
  end)

  it("are gone when the support scan has its verdict", function()
    local host = script.host({}, { tls_server = memory.server(), names = { ["a.example"] = { "192.0.2.1" } } })
    local entry = resum.scan("a.example:443", { host = host }).addresses[1]
    assert.same({}, entry.control.sessions)
    for mechanism, verdict in pairs(entry.support) do
      assert.same({ "supported", 7 }, { verdict.verdict, #verdict.attempts }, mechanism)
      for _, record in ipairs(verdict.attempts) do
        assert.same({}, record.sessions)
      end
    end
  end)
end)

describe("a door that is shut for a moment", function()
  -- Busy on the connections with these numbers.
  local function host_busy_on(...)
    local busy = {}
    for _, number in ipairs({ ... }) do
      busy[number] = true
    end
    return script.host(function(number)
      return busy[number] and BUSY or SMTP
    end, { tls_server = memory.server() })
  end

  it("is tried again, later each time, once the server had let us in", function()
    local host = host_busy_on(2, 3)
    local client = client_of(host, "smtp", { retries = 2 })
    assert.equal("full", client:attempt({ mechanism = "ticket" }).outcome)
    assert.equal("full", client:attempt({ mechanism = "ticket" }).outcome)
    assert.same({ 4, { 0.25, 0.5 } }, { #host.connected, host.slept })
  end)

  it("is given up after the retries", function()
    local host = host_busy_on(2, 3, 4)
    local client = client_of(host, "smtp", { retries = 2 })
    client:attempt({ mechanism = "ticket" })
    assert.equal("unreachable", client:attempt({ mechanism = "ticket" }).outcome)
    assert.equal(4, #host.connected)
  end)

  it("is not tried again when it never was open, when nobody wants to, or when the scan was cancelled", function()
    local host = host_busy_on(1)
    client_of(host, "smtp", { retries = 2 }):attempt({ mechanism = "ticket" })
    assert.equal(1, #host.connected)
    host = host_busy_on(2)
    local client = client_of(host, "smtp")
    client:attempt({ mechanism = "ticket" })
    client:attempt({ mechanism = "ticket" })
    assert.equal(2, #host.connected)
    host = host_busy_on(2)
    client = client_of(host, "smtp", { retries = 2, cancelled = function() return #host.connected > 1 end })
    client:attempt({ mechanism = "ticket" })
    client:attempt({ mechanism = "ticket" })
    assert.equal(2, #host.connected)
    assert.equal("interrupted", client:attempt({ mechanism = "ticket" }).outcome)
    assert.equal(2, #host.connected)
  end)

  it("is not tried again when the reason will last, nor after the ClientHello", function()
    local host = script.host(function(number)
      return number == 1 and SMTP or { "S: 554 go away\r\n" }
    end, { tls_server = memory.server() })
    local client = client_of(host, "smtp", { retries = 2 })
    client:attempt({ mechanism = "ticket" })
    client:attempt({ mechanism = "ticket" })
    assert.equal(2, #host.connected)
    host = script.host(SMTP, { tls_server = memory.server({ min_version = "TLSv1.3" }) })
    client = client_of(host, "smtp", { retries = 2 })
    client:attempt({ mechanism = "psk" })
    assert.equal("alert", client:attempt({ mechanism = "ticket" }).outcome)
    assert.equal(2, #host.connected)
  end)

  it("is not shut where the connection breaks behind the ClientHello: that is for the scans to count", function()
    for _, ending in ipairs({ "reset", "eof" }) do
      local host = script.host(SMTP, { tls_server = memory.server() })
      local client = client_of(host, "smtp", { retries = 2 })
      assert.equal("full", client:attempt({ mechanism = "ticket" }).outcome)
      local connect = host.connect
      host.connect = function(...)
        local stream = connect(...)
        local read = stream.read
        stream.read = function(self, deadline)
          if self:done() then
            return nil, ending
          end
          return read(self, deadline)
        end
        return stream
      end
      local record = client:attempt({ mechanism = "ticket" })
      assert.same({ ending == "eof" and "closed" or "reset", "handshake", 2 },
        { record.outcome, record.error.stage, #host.connected })
    end
  end)

  it("is not tried again by the scan when it stayed shut through all retries", function()
    local host = script.host(function(number)
      return number == 1 and SMTP or BUSY
    end, { tls_server = memory.server(), names = { ["mail.example"] = { "192.0.2.1" } } })
    local result = resum.scan("mail.example", { host = host, starttls = "smtp", mechanisms = { "ticket" } })
    local ticket = result.addresses[1].support.ticket
    assert.same({ "inconclusive", 1 + 3 }, { ticket.verdict, #host.connected })
  end)

  it("gets a moment after a reset in the handshake, too, before the scan tries again", function()
    local host = script.host(function(number)
      return number == 2 and { "reset" } or {}
    end, { tls_server = memory.server(), names = { ["a.example"] = { "192.0.2.1" } } })
    local ticket = resum.scan("a.example", { host = host, mechanisms = { "ticket" } }).addresses[1].support.ticket
    local long = {} -- the moments between two starts are shorter
    for _, seconds in ipairs(host.slept) do
      long[#long + 1] = seconds > 0.01 and seconds or nil
    end
    assert.same({ "supported", { 0.25 } }, { ticket.verdict, long })
  end)

  it("gives its place to others while it waits", function()
    local host, held, most = host_busy_on(2), 0, 0
    local client = client_of(host, "smtp", { retries = 2, admit = function()
      held = held + 1
      most = math.max(most, held)
      return function() held = held - 1 end
    end })
    local sleep = host.sleep
    host.sleep = function(seconds)
      assert.equal(0, held)
      sleep(seconds)
    end
    client:attempt({ mechanism = "ticket" })
    client:attempt({ mechanism = "ticket" })
    assert.same({ 0, 1, 1 }, { held, most, #host.slept })
  end)
end)

describe("a scan behind STARTTLS", function()
  local function scan(text, host, options)
    options.host = host
    return assert(resum.scan(text, options))
  end

  it("finds what it would find without it, at the protocol's own port", function()
    local host = script.host(SMTP, { tls_server = memory.server(), names = { ["mail.example"] = { "192.0.2.1" } } })
    local result = scan("mail.example", host, { starttls = "smtp" })
    assert.same({ text = "mail.example", host = "mail.example", port = 25, sni = "mail.example", starttls = "smtp" },
      result.target)
    local support = result.addresses[1].support
    assert.same({ "supported", "supported", "supported" },
      { support.session_id.verdict, support.ticket.verdict, support.psk.verdict })
    assert.equal("192.0.2.1 25", host.connected[1])
    assert.same({ "mail.example:25: Resumption by session ID, ticket and TLS 1.3 ticket works.",
      "  (at 192.0.2.1, STARTTLS of smtp)" }, { tostring(result):match("^([^\n]*)\n([^\n]*)") })
  end)

  it("goes by the port when it is told so", function()
    local names = { ["a.example"] = { "192.0.2.1" } }
    local host = script.host(POSTGRES, { tls_server = memory.server(), names = names })
    assert.equal("postgres", scan("a.example:5432", host, { starttls = "auto" }).target.starttls)
    host = script.host({}, { tls_server = memory.server(), names = names })
    local result = scan("a.example", host, { starttls = "auto" })
    assert.same({ "completed", 443 }, { result.status, result.target.port })
    assert.is_nil(result.target.starttls)
  end)

  it("asks on some connections, not for ever, when it is told that there is none", function()
    local host = script.host({ "S: 220 hi\r\n", "C: EHLO resum.invalid\r\n", "S: 250 a\r\n" },
      { names = { ["mail.example"] = { "192.0.2.1" } } })
    local result = scan("mail.example", host, { starttls = "smtp" })
    assert.same({ "error", "starttls smtp: STARTTLS not offered. Asked on 8 connections. Is it another protocol "
      .. "(--starttls), or TLS from the first byte (no --starttls)?" }, { result.status, result.error.message })
    assert.equal(8, #host.connected)
    assert.same({ connections = 8, no_starttls = 8 }, result.addresses[1].before_tls)
  end)
end)

describe("the rate behind STARTTLS", function()
  local GREETING = "\10" .. "10.11.6-MariaDB\0" .. "\8\0\0\0" .. "12345678\0" .. "\254\255" .. ("\0"):rep(44)
  local MYSQL = { "S: " .. ("<I3B"):pack(#GREETING, 0) .. GREETING,
    "C: \32\0\0\1\1\138\8\0\255\255\255\0\33" .. ("\0"):rep(23) }

  -- The engines that offered sessions, and the last words of the last connection.
  local function measure(protocol, steps, engine)
    local host = script.host(steps, { tls_server = memory.server(), names = { ["a.example"] = { "192.0.2.1" } } })
    local engines = {}
    local result = resum.rate("a.example", { host = host, starttls = protocol, engine = engine, attempts = 8,
      mechanisms = { "ticket" }, on_event = function(event)
        if event.record and event.record.design == "fixed" then
          engines[event.record.engine] = true
        end
      end })
    assert.equal(8, result.addresses[1].rate.ticket.resumed)
    return engines, host.streams[#host.streams].heard
  end

  it("runs on libssl, which says goodbye", function()
    local engines, heard = measure("smtp", SMTP)
    assert.same({ { handshake = true }, "QUIT\r\n" }, { engines, heard })
  end)

  it("runs on the probe when somebody wants that, or there is no goodbye to say", function()
    assert.is_true(measure("smtp", SMTP, "probe").probe)
    assert.is_true(measure("postgres", POSTGRES).probe)
  end)

  it("runs on libssl whatever somebody wants where the server would hold it against us", function()
    local engines, heard = measure("mysql", MYSQL, "probe")
    assert.same({ handshake = true }, engines)
    assert.is_truthy(heard:find("resum\0\0mysql_native_password\0\0\0\0\4$"))
  end)

  -- The designs of a rate scan of two servers that share nothing, in turns.
  local function designs_of(protocol, steps)
    local pool = { memory.server(), memory.server() }
    local host = script.host(steps, {
      tls_server = function(number)
        return pool[number % 2 + 1]
      end,
      names = { ["a.example"] = { "192.0.2.1" } },
    })
    local designs = {}
    resum.rate("a.example", { host = host, starttls = protocol, attempts = 40, mechanisms = { "psk" },
      on_event = function(event)
        if event.record then
          designs[event.record.design] = event.record.engine
        end
      end })
    return designs
  end

  it("makes no probe there even where it looks behind a balancer", function()
    assert.equal("probe", designs_of("smtp", SMTP).identities)
    for design, engine in pairs(designs_of("mysql", MYSQL)) do
      assert.equal("handshake", engine, design)
    end
  end)
end)

describe("a scan through a proxy", function()
  local TUNNEL = { "C: CONNECT www.example:443 HTTP/1.1\r\nHost: www.example:443\r\n"
    .. "Proxy-Authorization: Basic dXNlcjpzM2NyZXQ=\r\n\r\n", "S: HTTP/1.1 200 OK\r\n\r\n" }
  local URL = "http://user:s3cret@proxy.example:3128"
  local NAMES = { ["proxy.example"] = { "192.0.2.9" } }

  local function scan(host, options)
    options.host, options.proxy = host, options.proxy or URL
    return assert(resum.scan("www.example", options))
  end

  it("that looks up names says so, and shows no credentials anywhere", function()
    local host = script.host(TUNNEL, { tls_server = memory.server(), names = NAMES })
    local result = scan(host, {})
    local entry = result.addresses[1]
    assert.same({ "completed", "www.example", "proxy", "http://proxy.example:3128" },
      { result.status, entry.address, entry.resolved_by, result.target.proxy })
    assert.same({ "www.example:443: Resumption by session ID, ticket and TLS 1.3 ticket works.",
      "  (through http://proxy.example:3128, the name is looked up by the proxy)" },
      { tostring(result):match("^([^\n]*)\n([^\n]*)") })
    local json = require("resum.report.json").line(result)
    assert.is_truthy(json:find('"resolved_by":"proxy"', 1, true))
    for _, shown in ipairs({ tostring(result), json }) do
      assert.is_nil(shown:find("s3cret") or shown:find("dXNlcjpzM2NyZXQ", 1, true))
    end
  end)

  it("that gives no tunnel has not reached the target", function()
    local host = script.host({ TUNNEL[1], "S: HTTP/1.1 407 No\r\n\r\n" }, { names = NAMES })
    local result = scan(host, {})
    local message = 'proxy http://proxy.example:3128: it does not accept the credentials: "HTTP/1.1 407 No"'
    assert.same({ "unreachable", message }, { result.status, result.error.message })
    assert.equal(1, #host.connected)
  end)

  it("that does not look up names is asked for each address", function()
    local names = { ["proxy.example"] = { "192.0.2.9" }, ["www.example"] = { "192.0.2.1", "192.0.2.2" } }
    local asked = {}
    local host = script.host({ "C: \5\1\0", "S: \5\255" }, { names = names })
    local result = scan(host, { proxy = "socks5://proxy.example" })
    for i, entry in ipairs(result.addresses) do
      asked[i] = entry.address
      assert.is_nil(entry.resolved_by)
    end
    assert.same({ "192.0.2.1", "192.0.2.2" }, asked)
  end)

  it("can't be told a family when it looks up the names", function()
    local result, message, code = resum.scan("www.example", { proxy = URL, family = "inet6" })
    assert.same({ nil, "usage" }, { result, code })
    assert.equal("family: the proxy http://proxy.example:3128 looks up names, so the family can't be chosen here",
      message)
  end)
end)

describe("the server name", function()
  local function sent(options)
    local server = memory.server()
    local host = script.host({}, { tls_server = server, names = { ["a.example"] = { "192.0.2.1" } } })
    options.host = host
    local result, message = resum.scan(options.target or "a.example", { host = host, sni = options.sni,
      no_sni = options.no_sni })
    return result and host.streams[1].connection:facts().server_name, message
  end

  it("is the host's, another one, or none", function()
    assert.equal("a.example", sent({}))
    assert.equal("xn--bcher-kva.example", sent({ sni = "bücher.example" }))
    assert.is_nil(sent({ no_sni = true }))
    assert.is_nil((sent({ target = "a.example{192.0.2.1}", no_sni = true })))
  end)

  it("must be one, and not two things", function()
    assert.same({ nil, "sni: a host name may contain only letters, digits, '.', '-' and '_'" },
      { sent({ sni = "a b" }) })
    assert.same({ nil, "sni and no_sni exclude each other" }, { sent({ sni = "a", no_sni = true }) })
  end)
end)

describe("the delay", function()
  it("lies between the starts of two connections to an address", function()
    local host = script.host({}, { tls_server = memory.server(), names = { ["a.example"] = { "192.0.2.1" } } })
    local starts = {}
    local connect = host.connect
    host.connect = function(...)
      starts[#starts + 1] = host.now()
      return connect(...)
    end
    resum.scan("a.example", { host = host, delay = 3, mechanisms = { "ticket" } })
    assert.equal(8, #starts)
    for i = 2, #starts do
      assert.is_true(starts[i] - starts[i - 1] >= 3)
    end
  end)
end)
