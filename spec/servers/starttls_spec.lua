-- Every protocol of STARTTLS against real servers. Beside each stands its true answer, which openssl s_client -starttls
-- confirms in the same run, and the words with which the server took leave of us in its log.

local data = require "spec.support.daemons.data"
local mail = require "spec.support.daemons.mail"
local news = require "spec.support.daemons.news"
local process = require "spec.support.process"
local reference = require "spec.support.reference"
local resum = require "resum"
local servers = require "spec.support.servers"
local talk = require "spec.support.daemons.talk"

local YES = { verdict = "supported" }
local NOT_ISSUED = { verdict = "not_supported", reason = "not_issued" }
local NOT_ACCEPTED = { verdict = "not_supported", reason = "issued_not_accepted" }

local function dovecot(protocol, one_process)
  return function()
    return mail.dovecot({ protocol = protocol, one_process = one_process })
  end
end

local function with(start, options)
  return function()
    return start(options)
  end
end

-- protocol, what, start, session id, ticket, psk; log: what must stand in the log, not_log: what must not; args: more
-- words for s_client (false: it does not know the protocol)
local CASES = {
  { "smtp", "postfix", mail.postfix, YES, YES, YES },
  { "lmtp", "dovecot", dovecot("lmtp", true), YES, NOT_ISSUED, YES, log = "Logged out" },
  { "imap", "dovecot, a process for each connection", dovecot("imap"), NOT_ACCEPTED, NOT_ACCEPTED, NOT_ACCEPTED,
    log = "Aborted login by logging out" },
  { "imap", "dovecot, one process for all", dovecot("imap", true), YES, YES, YES },
  { "pop3", "dovecot, one process for all", dovecot("pop3", true), YES, YES, YES,
    log = "Aborted login by logging out" },
  { "sieve", "dovecot, one process for all", dovecot("sieve", true), YES, YES, YES,
    log = "Aborted login by logging out" },
  { "ftp", "vsftpd", talk.vsftpd, NOT_ACCEPTED, YES, YES },
  { "nntp", "INN's nnrpd, a process for each connection", news.nnrpd, NOT_ACCEPTED, NOT_ACCEPTED, NOT_ACCEPTED },
  { "irc", "inspircd", talk.inspircd, NOT_ACCEPTED, NOT_ISSUED, NOT_ISSUED },
  { "xmpp", "prosody", talk.prosody, NOT_ISSUED, NOT_ISSUED, NOT_ACCEPTED, args = { "-xmpphost", "xmpp.test" } },
  { "xmpp-server", "prosody", with(talk.prosody, { role = "server" }), NOT_ISSUED, NOT_ISSUED, NOT_ACCEPTED,
    args = { "-xmpphost", "xmpp.test" } },
  { "ldap", "slapd", data.slapd, NOT_ACCEPTED, NOT_ISSUED, NOT_ISSUED, log = "UNBIND" },
  { "postgres", "PostgreSQL", data.postgres, NOT_ISSUED, NOT_ISSUED, NOT_ISSUED, not_log = "ERROR:" },
  { "mysql", "MariaDB", data.mariadb, YES, YES, YES, log = "Access denied for user 'resum'",
    not_log = "without authentication" },
  { "rdp", "xrdp", talk.xrdp, NOT_ACCEPTED, NOT_ACCEPTED, NOT_ACCEPTED, args = false },
}

local function outcome(v)
  return { verdict = v.verdict, reason = v.reason }
end

-- s_client's word for the same.
local function confirm(case, server, mechanism, verdict)
  local args = table.move(case.args or {}, 1, #(case.args or {}), 3, { "-starttls", case[1] })
  local answer = reference.openssl(server.address, mechanism, { args = args })
  assert.is_true(answer.connected, answer.output)
  assert.same({ verdict.reason ~= "not_issued", verdict.verdict == "supported" }, { answer.issued, answer.resumed },
    mechanism .. " according to s_client:\n" .. answer.output)
end

describe("#heavy STARTTLS of", function()
  after_each(servers.stop_all)

  for _, case in ipairs(CASES) do
    it(("%s is true on a real server: %s"):format(case[1], case[2]), function()
      local server = case[3]()
      local domain = case.args and case.args[2] or nil
      local result = assert(resum.scan(server.address, { starttls = case[1], xmpp_to = domain, timeout = 20 }))
      assert.equal("completed", result.status, result.error and result.error.message)
      local support = result.addresses[1].support
      assert.same({ session_id = case[4], ticket = case[5], psk = case[6] },
        { session_id = outcome(support.session_id), ticket = outcome(support.ticket), psk = outcome(support.psk) })
      for mechanism, verdict in pairs(support) do
        assert.equal(0, verdict.errors, mechanism)
      end
      assert.is_truthy(not case.log or process.wait_until(process.PATIENCE, function()
        return server.log():find(case.log, 1, true) -- it may write later than it answers
      end), server.log())
      assert.is_nil(case.not_log and server.log():find(case.not_log, 1, true), server.log())
      if case.args ~= false then
        for mechanism, verdict in pairs(support) do
          confirm(case, server, mechanism, verdict)
        end
      end
    end)
  end

  -- protocol, start, code, message
  for _, case in ipairs({
    { "smtp", with(mail.postfix, { level = "none" }), "STARTTLS not offered" },
    { "imap", with(mail.dovecot, { protocol = "imap", ssl = "no" }), "STARTTLS not offered" },
    { "pop3", with(mail.dovecot, { protocol = "pop3", ssl = "no" }), "STLS not offered" },
    { "sieve", with(mail.dovecot, { protocol = "sieve", ssl = "no" }), "STARTTLS not offered" },
    { "lmtp", with(mail.dovecot, { protocol = "lmtp", ssl = "no" }), "STARTTLS not offered" },
    { "ftp", with(talk.vsftpd, { ssl = "NO" }), 'AUTH TLS refused: "530 Please login with USER and PASS."' },
    { "nntp", with(news.nnrpd, { tls = false }), 'STARTTLS refused: "580 Error initializing TLS"' },
    { "irc", with(talk.inspircd, { starttls = false }), "the answer to STARTTLS did not come in time" }, -- it is silent
    { "xmpp", talk.prosody, "the server does not serve this domain (host-unknown): name another with --xmpp_to" },
    { "ldap", with(data.slapd, { tls = false }), "StartTLS refused: result " },
    { "postgres", with(data.postgres, { ssl = "off" }), "TLS not offered" },
    { "mysql", with(data.mariadb, { ssl = false }), "TLS not offered" },
    { "rdp", with(talk.xrdp, { layer = "rdp" }), "TLS not offered: the server chose standard RDP security" },
    { "imap", mail.postfix, "this is not the greeting: \"220 mail.test ESMTP Postfix" },
  }) do
    it(("%s is told not to be there, in one line: %s"):format(case[1], case[3]), function()
      local result = assert(resum.scan(case[2]().address, { starttls = case[1],
        timeout = case[1] == "irc" and 2 or 20 }))
      local message = ("starttls %s: %s"):format(case[1], case[3])
      assert.same({ "error", message }, { result.status, result.error.message:sub(1, #message) })
    end)
  end
end)

describe("#heavy a server that allows four connections at once from an address", function()
  after_each(servers.stop_all)

  for kind, start in pairs({ postfix = mail.postfix, vsftpd = talk.vsftpd }) do
    local protocol = kind == "postfix" and "smtp" or "ftp"

    it("is not misjudged, and the report speaks of the limit: " .. kind, function()
      local server = start({ limit = 4 })
      local result = resum.rate(server.address,
        { starttls = protocol, mechanisms = { "ticket" }, concurrency = 20, retries = 0 })
      local rate = result.addresses[1].rate.ticket
      assert.same({ 100, 0 }, { rate.resumed + rate.errors, rate.refused })
      assert.is_truthy(({ supported = true, inconclusive = true })[rate.verdict], rate.verdict)
      assert.is_truthy(rate.errors == 0 or rate.error_kinds.unreachable == rate.errors)
      local report = tostring(result):gsub("%s+", " ") -- lines are wrapped
      assert.is_truthy(rate.errors < 10 and not rate.too_many_at_once -- the limit was hardly met
        or report:find("were too many for the server", 1, true)
        or report:find("the server may limit their number. Try --concurrency", 1, true), report)
    end)

    it("is served without an error by four at once: " .. kind, function()
      local server = start({ limit = 4 })
      local rate = resum.rate(server.address,
        { starttls = protocol, mechanisms = { "ticket" }, concurrency = 4 }).addresses[1].rate.ticket
      assert.same({ 100, 0 }, { rate.resumed, rate.errors })
    end)
  end
end)

describe("#heavy MariaDB", function()
  after_each(servers.stop_all)

  -- It keeps count of hosts that it can name: 127.0.0.2 is one for it here.
  local function mariadb()
    return data.mariadb({ hosts = "127.0.0.2 scanner.test\n", sql = "create user 'somebody'@'%';\n",
      args = { "--max-connect-errors=5" } })
  end

  it("does not block us after any number of connections, on whichever engine", function()
    local server = mariadb()
    for _, engine in ipairs({ "handshake", "probe" }) do
      local result = resum.run(server.address, { starttls = "mysql", source = "127.0.0.2", support = true, rate = true,
        attempts = 20, engine = engine })
      for mechanism, rate in pairs(result.addresses[1].rate) do
        assert.same({ 20, 0 }, { rate.resumed, rate.errors }, mechanism)
      end
    end
  end)

  it("would block us if we only hung up", function()
    local server = mariadb()
    local host = resum.host.default()
    local client = resum.attempt.new_client({ address = server.host, port = server.port, source = "127.0.0.2",
      starttls = require("resum.transport.starttls").find("mysql") }, { host = host })
    client.dialer.goodbye = nil
    local outcomes = {}
    for i = 1, 6 do
      local record = client:attempt({ mechanism = "control" })
      outcomes[i] = record.error and record.error.message:match("error %d+") or record.outcome
    end
    assert.same({ "full", "full", "full", "full", "full", "error 1129" }, outcomes)
  end)
end)
