-- Each dialogue against a peer with a script: what leads to the go-ahead, what is a refusal and how that is told.

local dial = require "resum.transport.dialer"
local script = require "spec.support.script"
local starttls = require "resum.transport.starttls"

local TIMEOUT = 5

local function open(protocol, steps, options)
  local host = script.host(steps, options)
  local endpoint = {
    address = "192.0.2.1",
    port = 1,
    name = "a.example",
    xmpp_to = options and options.xmpp_to,
    starttls = assert(starttls.find(protocol)),
  }
  local stream, message, code, stage = dial.open(host, endpoint, TIMEOUT)
  return { stream = stream, message = message, code = code, stage = stage, peer = host.streams[1], host = host }
end

local function hex(text)
  return (text:gsub("%X", ""):gsub("%x%x", function(code)
    return string.char(tonumber(code, 16))
  end))
end

local EHLO, STARTTLS = "C: EHLO resum.invalid\r\n", "C: STARTTLS\r\n"
local LHLO = "C: LHLO resum.invalid\r\n"
local CAPABILITY, TAGGED_STARTTLS = "C: r1 CAPABILITY\r\n", "C: r2 STARTTLS\r\n"
local CAPA, STLS = "C: CAPA\r\n", "C: STLS\r\n"
local CAPABILITIES = "C: CAPABILITIES\r\n"
local AUTH_TLS, AUTH_SSL = "C: AUTH TLS\r\n", "C: AUTH SSL\r\n"
local SIEVE_GREETING = '"IMPLEMENTATION" "x"\r\n"SASL" ""\r\n"starttls"\r\n'
local STREAM = "C: <?xml version='1.0'?><stream:stream to='a.example' version='1.0' xmlns='jabber:%s' "
  .. "xmlns:stream='http://etherx.jabber.org/streams'>"
local XMPP, XMPP_SERVER = STREAM:format("client"), STREAM:format("server")
local STREAM_STARTTLS = "C: <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
local STREAM_HEADER = "S: <?xml version='1.0'?><stream:stream id='1' version='1.0' xmlns='jabber:client' "
  .. "xmlns:stream='http://etherx.jabber.org/streams'>"
local FEATURES = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
  .. "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>"
local PROCEED = "S: <proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
local LDAP = "C: " .. hex "30 1d 02 01 01 77 18 80 16" .. "1.3.6.1.4.1.1466.20037"
local SSL_REQUEST = "C: " .. hex "00 00 00 08 04 d2 16 2f"
local MYSQL_START = "10.11.6-MariaDB\0" .. hex "08 00 00 00 31 32 33 34 35 36 37 38 00"
local MYSQL_REST = hex "2d 02 00 ff 81 15" .. ("\0"):rep(10) .. "abcdefghijkl\0mysql_native_password\0"
local MYSQL_GO = "C: " .. hex "20 00 00 01 01 8a 08 00 ff ff ff 00 21" .. ("\0"):rep(23)
local RDP = "C: " .. hex "03 00 00 13 0e e0 00 00 00 00 00 01 00 08 00 03 00 00 00"

local function postgres(fields)
  return "S: E" .. (">I4"):pack(4 + #fields) .. fields
end

local function mysql(payload)
  return "S: " .. ("<I3B"):pack(#payload, 0) .. payload
end

local function rdp(negotiation)
  local content = hex "d0 00 00 12 34 00" .. negotiation
  return "S: " .. (">BBI2B"):pack(3, 0, 5 + #content, #content) .. content
end

local function ldap(code, diagnosis, long_form)
  local body = "\10\1" .. string.char(code) .. "\4\0" .. "\4" .. string.char(#diagnosis) .. diagnosis
  local response = "\2\1\1\120" .. (long_form and "\132\0\0\0" or "") .. string.char(#body) .. body
  return "S: \48" .. (long_form and "\132\0\0\0" or "") .. string.char(#response) .. response
end

-- protocol, what is special, steps
local GOOD = {
  { "smtp", "one line each", { "S: 220 a.example ESMTP\r\n", EHLO, "S: 250-a.example\r\n250 STARTTLS\r\n", STARTTLS,
    "S: 220 go ahead\r\n" } },
  { "smtp", "long replies", { "S: 220-one\r\n220-two\r\n220 three\r\n", EHLO,
    "S: 250-a.example hello\r\n250-SIZE 1000\r\n250-starttls\r\n250 DSN\r\n", STARTTLS, "S: 220-wait\r\n220 go\r\n" } },
  { "smtp", "bare line feeds, no text", { "S: 220\n", EHLO, "S: 250-a\n250 STARTTLS \n", STARTTLS, "S: 220\n" } },
  { "lmtp", "LHLO", { "S: 220 a LMTP\r\n", LHLO, "S: 250-a\r\n250-PIPELINING\r\n250 STARTTLS\r\n", STARTTLS,
    "S: 220 2.0.0 go\r\n" } },
  { "imap", "capabilities in the greeting as well", { "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", CAPABILITY,
    "S: * CAPABILITY IMAP4rev1 SASL-IR STARTTLS\r\nr1 OK done\r\n", TAGGED_STARTTLS, "S: r2 OK go\r\n" } },
  { "imap", "chatter between the lines", { "S: * OK hi\r\n", CAPABILITY,
    "S: * OK still here\r\n* CAPABILITY IMAP4rev1 STARTTLS\r\nr1 OK done\r\n", TAGGED_STARTTLS,
    "S: * OK wait\r\nr2 ok go\r\n" } },
  { "pop3", "with a list",
    { "S: +OK hello\r\n", CAPA, "S: +OK\r\nTOP\r\nSTLS\r\nUSER\r\n.\r\n", STLS, "S: +OK go\r\n" } },
  { "pop3", "without a list", { "S: +OK hello\r\n", CAPA, "S: -ERR what?\r\n", STLS, "S: +OK\r\n" } },
  { "sieve", "quoted strings", { "S: " .. SIEVE_GREETING .. "OK\r\n", STARTTLS, 'S: OK "go"\r\n' } },
  { "sieve", "a literal that looks like lines", { 'S: "IMPLEMENTATION" {10}\r\nNO\r\nOK\r\nx\r\n"STARTTLS"\r\nOK\r\n',
    STARTTLS, "S: OK {3+}\r\ngo!\r\n" } },
  { "ftp", "a long greeting with anything inside", { "S: 220-hello\r\n  230 not yet\r\nanything\r\n220 ready\r\n",
    AUTH_TLS, "S: 234 go\r\n" } },
  { "ftp", "a delay, and AUTH SSL only",
    { "S: 120 in a minute\r\n220 ready\r\n", AUTH_TLS, "S: 504 what?\r\n", AUTH_SSL,
    "S: 334 go\r\n" } },
  { "nntp", "with a list", { "S: 201 no posting\r\n", CAPABILITIES, "S: 101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n",
    STARTTLS, "S: 382 go\r\n" } },
  { "nntp", "without a list", { "S: 200 welcome\r\n", CAPABILITIES, "S: 500 what?\r\n", STARTTLS, "S: 382 go\r\n" } },
  { "irc", "chatter and a sign of life first", { STARTTLS,
    "S: :irc.example NOTICE * :*** Looking up your host\r\nPING :123\r\n", "C: PONG :123\r\n",
    "S: :irc.example 670 * :go\r\n" } },
  { "xmpp", "the usual", { XMPP, STREAM_HEADER .. FEATURES, STREAM_STARTTLS, PROCEED } },
  { "xmpp", "other prefixes and white space", { XMPP, STREAM_HEADER
    .. " <s:features>\n<t:starttls xmlns:t='urn:ietf:params:xml:ns:xmpp-tls' />\n</s:features>", STREAM_STARTTLS,
    "S: \n<t:proceed xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'></t:proceed>" } },
  { "xmpp-server", "the usual", { XMPP_SERVER, STREAM_HEADER .. FEATURES, STREAM_STARTTLS, PROCEED } },
  { "ldap", "short lengths", { LDAP, ldap(0, "") } },
  { "ldap", "long lengths, as Active Directory has them", { LDAP, ldap(0, "", true) } },
  { "postgres", "yes", { SSL_REQUEST, "S: S" } },
  { "mysql", "yes", { mysql("\10" .. MYSQL_START .. hex "fe ff" .. MYSQL_REST), MYSQL_GO } },
  { "rdp", "TLS", { RDP, rdp(hex "02 1f 08 00 01 00 00 00") } },
  { "rdp", "CredSSP", { RDP, rdp(hex "02 1f 08 00 02 00 00 00") } },
}

-- protocol, code, message behind "starttls PROTOCOL: ", steps
local REFUSALS = {
  { "smtp", "turned_away", 'the server turned us away: "554 no"', { "S: 554 no\r\n" } },
  { "smtp", "busy", 'the server is busy: "421 too many connections"',
    { "S: 421-x\r\n421 too many connections",
    "eof" } },
  { "smtp", "protocol_error", 'this is not the greeting: "SSH-2.0-OpenSSH"', { "S: SSH-2.0-OpenSSH\r\n" } },
  { "smtp", "no_starttls", 'EHLO refused: "502 what?"', { "S: 220 hi\r\n", EHLO, "S: 502 what?\r\n" } },
  { "smtp", "no_starttls", "STARTTLS not offered", { "S: 220 hi\r\n", EHLO, "S: 250-a\r\n250 XSTARTTLS\r\n" } },
  { "smtp", "no_starttls", "STARTTLS not offered", { "S: 220 hi\r\n", EHLO, "S: 250 STARTTLS\r\n" } },
  { "smtp", "busy", 'STARTTLS refused: "454 not now"',
    { "S: 220 hi\r\n", EHLO, "S: 250-a\r\n250 STARTTLS\r\n", STARTTLS,
    "S: 454 not now\r\n" } },
  { "lmtp", "no_starttls", 'STARTTLS refused: "502 no"',
    { "S: 220 hi\r\n", LHLO, "S: 250-a\r\n250 STARTTLS\r\n", STARTTLS,
    "S: 502 no\r\n" } },
  { "imap", "busy", 'the server is busy: "* BYE too many"', { "S: * BYE too many\r\n" } },
  { "imap", "no_starttls", 'the server considers us logged in, and then STARTTLS is not allowed: "* PREAUTH hi"',
    { "S: * PREAUTH hi\r\n" } },
  { "imap", "no_starttls", "STARTTLS not offered", { "S: * OK\r\n", CAPABILITY,
    "S: * CAPABILITY IMAP4rev1 NOSTARTTLS STARTTLSX\r\nr1 OK\r\n" } },
  { "imap", "no_starttls", 'CAPABILITY refused: "r1 BAD no"', { "S: * OK\r\n", CAPABILITY, "S: r1 BAD no\r\n" } },
  { "imap", "no_starttls", 'STARTTLS refused: "r2 NO no"', { "S: * OK\r\n", CAPABILITY,
    "S: * CAPABILITY STARTTLS\r\nr1 OK\r\n", TAGGED_STARTTLS, "S: r2 NO no\r\n" } },
  { "imap", "busy", 'the server ended the conversation: "* BYE going down"', { "S: * OK\r\n", CAPABILITY,
    "S: * BYE going down\r\n" } },
  { "imap", "protocol_error", 'this is not the answer to CAPABILITY: "what?"', { "S: * OK\r\n", CAPABILITY,
    "S: what?\r\n" } },
  { "pop3", "busy", 'the server is busy: "-ERR [SYS/TEMP] later"', { "S: -ERR [SYS/TEMP] later\r\n" } },
  { "pop3", "no_starttls", "STLS not offered", { "S: +OK\r\n", CAPA, "S: +OK\r\nUSER\r\n.\r\n" } },
  { "pop3", "no_starttls", 'STLS refused: "-ERR no"', { "S: +OK\r\n", CAPA, "S: -ERR\r\n", STLS, "S: -ERR no\r\n" } },
  { "pop3", "protocol_error", 'this is not the greeting: "* OK IMAP"', { "S: * OK IMAP\r\n" } },
  { "sieve", "busy", 'the server is busy: "BYE (TRYLATER) "busy""', { 'S: BYE (TRYLATER) "busy"\r\n' } },
  { "sieve", "no_starttls", "STARTTLS not offered", { 'S: "SASL" "STARTTLS"\r\nOK\r\n' } },
  { "sieve", "no_starttls", 'STARTTLS refused: "NO "no""', { "S: " .. SIEVE_GREETING .. "OK\r\n", STARTTLS,
    'S: NO "no"\r\n' } },
  { "sieve", "protocol_error", 'this is not the greeting: "220 mail"', { "S: 220 mail\r\n" } },
  { "ftp", "busy", 'the server is busy: "421 There are too many connections"',
    { "S: 421 There are too many connections\r\n" } },
  { "ftp", "turned_away", 'the server turned us away: "530 no"', { "S: 530 no\r\n" } },
  { "ftp", "no_starttls", 'AUTH TLS refused: "530 Please login"',
    { "S: 220 hi\r\n", AUTH_TLS, "S: 530 Please login\r\n",
    AUTH_SSL, "S: 530 Please login\r\n" } },
  { "ftp", "busy", 'AUTH TLS refused: "431 no resource"', { "S: 220 hi\r\n", AUTH_TLS, "S: 431 no resource\r\n" } },
  { "nntp", "busy", 'the server is busy: "400 later"', { "S: 400 later\r\n" } },
  { "nntp", "turned_away", 'the server turned us away: "502 no"', { "S: 502 no\r\n" } },
  { "nntp", "no_starttls", "STARTTLS not offered", { "S: 200\r\n", CAPABILITIES, "S: 101\r\nREADER\r\n.\r\n" } },
  { "nntp", "no_starttls", 'STARTTLS refused: "580 no"', { "S: 200\r\n", CAPABILITIES, "S: 500\r\n", STARTTLS,
    "S: 580 no\r\n" } },
  { "irc", "no_starttls", 'STARTTLS refused: ":a 451 STARTTLS :Register first"', { STARTTLS,
    "S: :a 451 STARTTLS :Register first\r\n" } },
  { "irc", "no_starttls", 'STARTTLS refused: ":a 691 * :no"', { STARTTLS, "S: :a 691 * :no\r\n" } },
  { "irc", "busy", 'the server ended the conversation: "ERROR :too many"', { STARTTLS, "S: ERROR :too many\r\n" } },
  { "irc", "protocol_error", 'this is not the answer to STARTTLS: ""', { STARTTLS, "S: \r\n" } },
  { "xmpp", "no_starttls", "STARTTLS not offered", { XMPP, STREAM_HEADER .. "<stream:features/>" } },
  { "xmpp", "no_starttls", "STARTTLS not offered",
    { XMPP, STREAM_HEADER .. "<stream:features><bind/></stream:features>" } },
  { "xmpp", "no_starttls", 'STARTTLS refused: "failure"', { XMPP, STREAM_HEADER .. FEATURES, STREAM_STARTTLS,
    "S: <failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>" } },
  { "xmpp", "turned_away", "the server does not serve this domain (host-unknown): name another with --xmpp_to", { XMPP,
    STREAM_HEADER .. "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>" } },
  { "xmpp", "busy", 'the server ended the stream: "resource-constraint"', { XMPP,
    STREAM_HEADER .. "<stream:error><resource-constraint/>" } },
  { "xmpp", "protocol_error", 'this is not the stream\'s features: "HTTP/1.1 400 Bad\\x0d\\x0a\\x0d\\x0ahtml"', { XMPP,
    "S: HTTP/1.1 400 Bad\r\n\r\nhtml>" } },
  { "ldap", "no_starttls", 'StartTLS refused: result 2, "unsupported"', { LDAP, ldap(2, "unsupported") } },
  { "ldap", "busy", 'StartTLS refused: result 52, "later"', { LDAP, ldap(52, "later") } },
  { "ldap", "protocol_error", 'this is not the answer to StartTLS: "HT"', { LDAP, "S: HTTP/1.1 400 Bad Request\r\n" } },
  { "ldap", "protocol_error", 'this is not the answer to StartTLS: "\\x02\\x01\\x01"', { LDAP, "S: \48\3\2\1\1" } },
  { "ldap", "protocol_error", 'this is not the answer to StartTLS: "0\\x80"', { LDAP, "S: \48\128\2\1\1" } },
  { "ldap", "too_much", "the answer to StartTLS has 2147483647 bytes", { LDAP, "S: \48\132\127\255\255\255" } },
  { "postgres", "no_starttls", "TLS not offered", { SSL_REQUEST, "S: N" } },
  { "postgres", "busy", 'the server turned us away: "sorry, too many clients already"', { SSL_REQUEST,
    postgres("SFATAL\0C53300\0Msorry, too many clients already\0\0") } },
  { "postgres", "turned_away", 'the server turned us away: "no"', { SSL_REQUEST, postgres("Mno\0") } },
  { "postgres", "too_much", "the error message has 4294967291 bytes", { SSL_REQUEST, "S: E\255\255\255\255" } },
  { "postgres", "protocol_error", 'this is not the answer to SSLRequest: "H"', { SSL_REQUEST, "S: HTTP/1.1" } },
  { "mysql", "no_starttls", "TLS not offered", { mysql("\10" .. MYSQL_START .. hex "fe f7" .. MYSQL_REST) } },
  { "mysql", "no_starttls", "TLS not offered", { mysql("\10" .. "5.0\0") } },
  { "mysql", "busy", 'the server turned us away: error 1040, "Too many connections"',
    { mysql("\255\16\4#08004Too many connections") } },
  { "mysql", "turned_away", 'the server turned us away: error 1129, "Host is blocked"',
    { mysql("\255\105\4Host is blocked") } },
  { "mysql", "protocol_error", 'this is not the greeting: "\\x09x"', { mysql("\9x") } },
  { "mysql", "too_much", "the greeting has 16777215 bytes", { "S: \255\255\255\0" } },
  { "rdp", "no_starttls", "TLS not offered: the server knows no negotiation", { RDP, rdp("") } },
  { "rdp", "no_starttls", "TLS not offered: the server chose standard RDP security", { RDP,
    rdp(hex "02 00 08 00 00 00 00 00") } },
  { "rdp", "no_starttls", "TLS refused: it has no certificate (failure 3)",
    { RDP, rdp(hex "03 00 08 00 03 00 00 00") } },
  { "rdp", "no_starttls", "TLS refused: unknown (failure 99)", { RDP, rdp(hex "03 00 08 00 63 00 00 00") } },
  { "rdp", "protocol_error", 'this is not the answer to the connection request: "HTTP"', { RDP, "S: HTTP/1.1 400" } },
}

describe("STARTTLS", function()
  for _, case in ipairs(GOOD) do
    it(("of %s gets to the go-ahead in packets of any size: %s"):format(case[1], case[2]), function()
      for _, chunk in ipairs({ 1, 7, 100000 }) do
        local one = open(case[1], case[3], { chunk = chunk })
        assert.is_nil(one.message)
        assert.equal(one.peer, one.stream)
        assert.is_true(one.peer:done())
      end
    end)
  end

  for _, case in ipairs(REFUSALS) do
    it(("of %s tells of a refusal in packets of any size: %s"):format(case[1], case[3]), function()
      for _, chunk in ipairs({ 1, 7, 100000 }) do
        local one = open(case[1], case[4], { chunk = chunk })
        assert.same({ nil, ("starttls %s: %s"):format(case[1], case[3]), case[2], "starttls" },
          { one.stream, one.message, one.code, one.stage })
        assert.is_true(one.peer.closed)
      end
    end)
  end
end)

-- The steps of the first good case of each protocol, and the number of the step that is the go-ahead.
local function first_cases()
  local cases, seen = {}, {}
  for _, case in ipairs(GOOD) do
    if not seen[case[1]] then
      seen[case[1]] = true
      cases[#cases + 1] = { protocol = case[1], steps = case[3] }
    end
  end
  return cases
end

describe("every dialogue", function()
  local cases = first_cases()

  it("is among them", function()
    local seen = {}
    for i, case in ipairs(cases) do
      seen[i] = case.protocol
    end
    local names = table.move(starttls.names, 1, #starttls.names, 1, {})
    table.sort(seen)
    table.sort(names)
    assert.same(names, seen)
  end)

  for _, case in ipairs(cases) do
    local protocol, steps = case.protocol, case.steps
    local server_steps = {}
    for i, step in ipairs(steps) do
      if step:find("^S: ") then
        server_steps[#server_steps + 1] = i
      end
    end

    -- The script up to the server's n-th word, which is this instead.
    local function cut(n, ...)
      local script_steps = table.move(steps, 1, server_steps[n] - 1, 1, {})
      return table.move({ ... }, 1, select("#", ...), #script_steps + 1, script_steps)
    end

    it("ends at its deadline when the server falls silent, at any place: " .. protocol, function()
      for n in ipairs(server_steps) do
        local one = open(protocol, cut(n))
        assert.same({ nil, "timeout", "starttls", TIMEOUT }, { one.stream, one.code, one.stage, one.host.now() })
        assert.is_truthy(one.message:find("did not come in time$"), one.message)
      end
    end)

    it("ends at its deadline when the server is too slow: " .. protocol, function()
      for n, at in ipairs(server_steps) do
        local one = open(protocol, cut(n, steps[at]:sub(1, 3) .. " " .. steps[at]:sub(4)), { chunk = 1, pause = 6 })
        assert.same({ nil, "timeout" }, { one.stream, one.code })
      end
    end)

    it("tells of an end and of a reset, at any place: " .. protocol, function()
      for n in ipairs(server_steps) do
        for ending, expected in pairs({ eof = "closed", reset = "reset" }) do
          local one = open(protocol, cut(n, ending))
          assert.same({ nil, expected }, { one.stream, one.code })
          assert.is_truthy(one.message:find(("starttls %s: the connection "):format(protocol), 1, true), one.message)
        end
      end
    end)

    it("ends when the server talks without end, or without sense, at any place: " .. protocol, function()
      for n in ipairs(server_steps) do
        for _, noise in ipairs({ "x", "x\r\n", "220-x\r\n", "* OK x\r\n", "\0", "\255", "<a>", "\48\130\255" }) do
          local one = open(protocol, cut(n, "flood " .. noise:rep(1000)))
          assert.is_nil(one.stream)
          assert.is_truthy(({ too_much = true, protocol_error = true, no_starttls = true, turned_away = true,
            busy = true })[one.code], one.code)
          assert.is_true(#one.message < 200)
          assert.is_nil(one.message:find("[^\32-\126]"))
        end
      end
    end)

    it("turns down bytes that come in the clear behind the go-ahead: " .. protocol, function()
      if steps[#steps]:find("^S: ") then
        local more = table.move(steps, 1, #steps, 1, {})
        more[#more] = more[#more] .. "250 injected\r\n"
        local one = open(protocol, more)
        assert.same({ nil, "injected", ("starttls %s: 14 bytes came in the clear after the go-ahead for TLS: "
          .. '"250 injected\\x0d\\x0a"'):format(protocol) }, { one.stream, one.code, one.message })
      end
    end)
  end
end)

describe("the protocols of STARTTLS", function()
  it("are found by name, with - or _, and by port", function()
    local ports = {
      smtp = 25, lmtp = 24, imap = 143, pop3 = 110, sieve = 4190, ftp = 21, nntp = 119, irc = 6667, xmpp = 5222,
      ["xmpp-server"] = 5269, ldap = 389, postgres = 5432, mysql = 3306, rdp = 3389,
    }
    for _, name in ipairs(starttls.names) do
      assert.is_truthy(ports[name], name .. " has no port here")
    end
    for name, port in pairs(ports) do
      assert.equal(port, starttls.find(name).ports[1])
      assert.equal(name, starttls.find("auto", port).name)
    end
    assert.equal("xmpp-server", starttls.find("xmpp_server").name)
    assert.equal("smtp", starttls.find("auto", 587).name)
    assert.is_nil(starttls.find("auto", 443))
    assert.is_nil(starttls.find("gopher"))
  end)

  it("have words for inside TLS, where they know some that need no login", function()
    local endpoint = { address = "192.0.2.1", name = "a.example", xmpp_to = "b.example" }
    assert.equal("NOOP\r\n", starttls.say(starttls.find("smtp"), "request", endpoint))
    assert.is_truthy(starttls.say(starttls.find("xmpp"), "request", endpoint):find("to='b.example'", 1, true))
    assert.is_nil(starttls.say(starttls.find("postgres"), "request", endpoint))
    assert.equal(hex "30 05 02 01 03 42 00", starttls.say(starttls.find("ldap"), "goodbye", endpoint))
    assert.equal(hex "30 2a 02 01 02 63 25 04 00 0a 01 00 0a 01 00 02 01 00 02 01 00 01 01 00 87 0b" .. "objectClass"
      .. hex "30 05 04 03" .. "1.1", starttls.say(starttls.find("ldap"), "request", endpoint))
  end)

  it("of XMPP escape the name that they ask for", function()
    local asked = starttls.say(starttls.find("xmpp"), "request", { address = "a", xmpp_to = "<a'&>" })
    assert.is_truthy(asked:find("to='&lt;a&apos;&amp;&gt;'", 1, true))
  end)
end)
