--- The audit of real servers: those in order give nothing above info, those with a known fault give that; what arrives
-- is counted at a proxy; and no output has a secret of any connection.

local balancer = require "spec.support.balancer"
local csv = require "resum.report.csv"
local evidences = require "resum.audit.evidence"
local hex = require "spec.support.hex"
local html = require "resum.report.html"
local json = require "resum.report.json"
local junit = require "resum.report.junit"
local openmetrics = require "resum.report.openmetrics"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local resum = require "resum"
local sarif = require "resum.report.sarif"
local secret_of = require "spec.support.secret_of"
local servers = require "spec.support.servers"

local MOST = 40 -- connections above those of the support scan, without a certificate and without other names
local SLACK = 4 -- on a busy machine a connection fails, and is tried again

local function keys_of(byte)
  local path = process.temporary_directory() .. "/ticket.key"
  process.write_file(path, byte:rep(80))
  return { path }
end

local SHARED = "shared:SSL:1m"

local GOOD = {
  ["nginx"] = function() return servers.nginx({ session_cache = SHARED, session_tickets = "on" }) end,
  ["nginx as it comes"] = function() return servers.nginx({}) end,
  ["nginx with a file of random keys"] = function()
    return servers.nginx({ session_cache = "off", session_tickets = "on", ticket_keys = servers.ticket_keys(1) })
  end,
  ["nginx without tickets"] = function()
    return servers.nginx({ session_cache = SHARED, session_tickets = "off" })
  end,
  ["HAProxy"] = function() return servers.haproxy({}) end,
  ["HAProxy without tickets"] = function() return servers.haproxy({ bind = "no-tls-tickets" }) end,
  ["gnutls-serv"] = function() return servers.gnutls_serv({}) end,
  ["s_server"] = function() return servers.s_server({}) end,
  ["s_server with early data"] = function() return servers.s_server({ www = false, args = { "-early_data" } }) end,
}

local BAD = {
  ["nginx with a key file of zeros"] = { "known-key critical known_key, known-key critical known_key", function()
    return servers.nginx({ session_cache = "off", session_tickets = "on", ticket_keys = keys_of("\0") })
  end },
  ["nginx with early data"] = { "early-data high replayed", function()
    return servers.nginx({ session_cache = "off", session_tickets = "on", early_data = true })
  end },
  ["s_server without protection against replay"] = { "early-data high replayed", function()
    return servers.s_server({ www = false, args = { "-early_data", "-no_anti_replay" } })
  end },
  ["s_server that does without a key exchange"] = { "forward-secrecy medium without_exchange", function()
    return servers.s_server({ args = { "-allow_no_dhe_kex" } })
  end },
}

-- Runs an audit, and keeps the secrets of all sessions that it saw, and what is encrypted in their tickets.
local function audit(address, options)
  local secrets, note = {}, nil
  local new = evidences.new
  evidences.new = function()
    local evidence = new()
    note = evidence.note
    evidence.note = function(self, record)
      for _, session in ipairs(record.sessions) do
        secrets[#secrets + 1] = secret_of(session)
      end
      for _, ticket in ipairs(record.facts and record.facts.tickets or {}) do
        if #ticket.ticket > 64 then
          secrets[#secrets + 1] = ticket.ticket:sub(17) -- in front of it stands the key's name, which is shown
        end
      end
      return note(self, record)
    end
    return evidence
  end
  local fine, result = pcall(resum.audit, address, options)
  evidences.new = new
  assert(fine, result)
  return result, secrets
end

local function outputs(result)
  local about = { version = "1", started_at = "2001-02-03T04:05:06Z", elapsed_s = 1 }
  local metrics = openmetrics.new()
  metrics:add(result)
  local page = html.new(about)
  page:add(result)
  return { text = tostring(result), json = json.run(about, { result }), html = page:finish(about),
    junit = junit.target(result), sarif = sarif.head(about) .. sarif.target(result), csv = csv.target(result),
    openmetrics = metrics:text() }
end

-- Any 16 bytes of a secret, raw or in hexadecimal digits.
local function assert_no_secret(result, secrets)
  assert.is_true(#secrets > 0)
  for name, text in pairs(outputs(result)) do
    local lower = text:lower()
    for _, secret in ipairs(secrets) do
      for at = 1, #secret - 15, 16 do
        local part = secret:sub(at, at + 15)
        assert.is_nil(text:find(part, 1, true), name)
        assert.is_nil(lower:find(hex.digits(part), 1, true), name)
      end
    end
  end
end

local function words(result)
  local list = {}
  for _, one in ipairs(result.addresses[1].audit) do
    if one.verdict == "bad" or one.verdict == "inconclusive" then
      list[#list + 1] = ("%s %s %s"):format(one.id, one.verdict == "bad" and one.severity or one.verdict, one.reason)
    end
  end
  return table.concat(list, ", ")
end

describe("the audit", function()
  teardown(servers.stop_all)

  for name, start in pairs(GOOD) do
    it("finds nothing above info at " .. name .. ", and stays within its budget", function()
      local server = start()
      local proxy = assert(balancer.listen({ listen = "127.0.0.1:0", backends = { server.address } }))
      local address = "127.0.0.1:" .. proxy.port
      assert(resum.scan(address))
      local of_scan = proxy.accepted
      local result, secrets = audit(address, {})
      local made = proxy.accepted - 2 * of_scan
      proxy.close()
      server.stop()
      assert.equal("completed", result.status)
      assert.equal("", words(result))
      assert_no_secret(result, secrets)
      assert.is_true(made <= MOST + SLACK, made .. " connections above the scan's")
    end)
  end

  for name, case in pairs(BAD) do
    it("finds the fault of " .. name .. ", twice in a row, and no other", function()
      local server = case[2]()
      for _ = 1, 2 do
        local result, secrets = audit(server.address, { intrusive = true })
        assert.equal(case[1], words(result))
        assert_no_secret(result, secrets)
      end
      server.stop()
    end)
  end

  -- The gravest finding, and every other word that is not "inconclusive".
  local function is_open_or(result, wanted)
    for _, one in ipairs(result.addresses[1].audit) do
      local said = ("%s %s"):format(one.id, one.verdict == "bad" and one.reason or one.verdict)
      assert.is_true(one.verdict ~= "bad" or wanted[said] == true, said)
    end
  end

  it("names the one server of three that has a known key, and its share", function()
    local backends = {}
    for i, keys in ipairs({ keys_of("\0"), servers.ticket_keys(1), servers.ticket_keys(1) }) do
      backends[i] = servers.nginx({ session_cache = "off", session_tickets = "on", ticket_keys = keys }).address
    end
    local proxy = assert(balancer.listen({ listen = "127.0.0.1:0", backends = backends }))
    local result = assert(resum.audit("127.0.0.1:" .. proxy.port, { audit_checks = { "known-key" } }))
    proxy.close()
    local shares = 0
    for _, one in ipairs(result.addresses[1].audit) do
      if one.verdict == "bad" then
        shares = shares + 1
        assert.is_truthy(one.group)
        assert.is_true(one.share > 0.1 and one.share < 0.6, one.share)
      end
    end
    assert.is_true(shares > 0)
    servers.stop_all()
  end)

  for _, fault in ipairs({ "rst:100@2000", "rst:20@2000", "fin:20", "stall:20@1000" }) do
    it("changes nothing but to inconclusive where connections end by themselves: " .. fault, function()
      for _, keys in ipairs({ servers.ticket_keys(1), keys_of("\0") }) do
        local server = servers.nginx({ session_cache = "off", session_tickets = "on", ticket_keys = keys })
        local proxy = assert(balancer.listen({ listen = "127.0.0.1:0", backends = { server.address }, fault = fault }))
        local result = assert(resum.audit("127.0.0.1:" .. proxy.port, { timeout = 2 }))
        proxy.close()
        server.stop()
        is_open_or(result, { ["known-key known_key"] = true })
      end
    end)
  end

  -- nginx with two names on one port; each takes certificates of an authority of its own.
  local function two_names()
    local identity, port = pki.get("other"), process.free_port()
    local function names(name, authority)
      return ("server_name %s; ssl_client_certificate %s; ssl_verify_client on;"):format(name,
        pki.get(authority).certificate)
    end
    return servers.nginx({ port = port, session_cache = SHARED, session_tickets = "on", directives = names("a.example",
      "ca") .. ' location / { return 200 "a\n"; } } server { ' .. ("listen 127.0.0.1:%d ssl; ssl_certificate %s; "
      .. "ssl_certificate_key %s; ssl_protocols TLSv1.2 TLSv1.3; "):format(port, identity.certificate, identity.key)
      .. names("b.example", "other") })
  end

  it("finds nginx in order that has two names with certificates of two authorities", function()
    local server, client = two_names(), pki.get("client")
    local result = assert(resum.audit(server.address, { audit_checks = { "client-certificate", "other-server" },
      sni = "a.example", audit_names = { "b.example{127.0.0.1}" }, certificate = client.certificate_pem,
      private_key = client.key_pem }))
    server.stop()
    assert.equal("", words(result))
    local found = {}
    for _, one in ipairs(result.addresses[1].audit) do
      if one.id == "client-certificate" then
        found[#found + 1] = one.evidence.mechanism .. " " .. one.verdict .. " " .. one.reason
      end
    end
    -- In TLS 1.3 a session goes where no name is said, and there a full handshake with the certificate goes as well.
    assert.same({ "session_id good refused_there", "ticket good refused_there", "psk info nameless" }, found)
  end)

  it("exits with 3 where a finding is as grave as was ruled out", function()
    local server = servers.nginx({ session_cache = "off", session_tickets = "on", ticket_keys = keys_of("\0") })
    local function run(rule)
      return process.run({ command = { "./lua/bin/resum", "--audit", "--audit_checks", "known-key", "--quiet",
        "--expect", rule, server.address }, working_directory = process.ROOT })
    end
    local done = run("no-finding>=medium")
    assert.equal(3, done.code)
    assert.is_truthy(done.stderr:find("expected no-finding>=medium, found known-key (critical)", 1, true))
    server.stop()
    server = servers.nginx({ session_cache = "off", session_tickets = "on" })
    assert.equal(0, run("no-finding>=medium").code)
    server.stop()
  end)
end)
