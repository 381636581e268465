-- The command's options that say how a server is reached and as whom, as a user gives them. No secret comes out of it.

local cjson = require "cjson"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local starttls_peer = require "spec.support.starttls_peer"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"

local resum = process.resum

-- The only target of a run that writes JSON.
local function target_of(...)
  local run = resum("--json_lines", "--mechanisms", "ticket", ...)
  return cjson.decode(run.stdout), run
end

describe("the command reaches a server", function()
  after_each(servers.stop_all)

  it("by STARTTLS", function()
    local peer = starttls_peer.listen("smtp", servers.s_server())
    local run = resum("--starttls", "smtp", "--mechanisms", "psk", "127.0.0.1:" .. peer.port)
    peer.stop()
    assert.same({ 0, "" }, { run.code, run.stderr })
    assert.equal(([[
127.0.0.1:%d: Resumption by TLS 1.3 ticket works.
  (STARTTLS of smtp)

What to do
  Nothing to do.

Is resumption supported?
  TLS 1.3 ticket (PSK)  supported            TLS 1.3, 5 of 5 resumed; 2 tickets,
                                             lifetime 7200 s

What does a browser get? (It uses each ticket once.)
  75 %%: 3 of 4 connections in a row resumed; 2 tickets after a full handshake, 1
  ticket after a resumed one. The first connection has nothing to offer.
]]):format(peer.port), run.stdout)
  end)

  it("and says so when there is no STARTTLS", function()
    local peer = starttls_peer.listen("smtp_without", servers.s_server())
    local target, run = target_of("--starttls", "smtp", "127.0.0.1:" .. peer.port)
    peer.stop()
    assert.same({ 1, "error", "no_starttls", "starttls" },
      { run.code, target.status, target.error.code, target.error.stage })
    assert.matches("^starttls smtp: STARTTLS not offered%. Asked on %d+ connections%. ", target.error.message)
  end)

  it("at the protocol's port where none is given", function()
    for protocol, port in pairs({ smtp = 25, ["xmpp-server"] = 5269, xmpp_server = 5269, auto = 443 }) do
      local target = target_of("--starttls", protocol, "--timeout", "0.01", "--retries", "0", "127.0.0.1{127.0.0.99}")
      assert.equal(port, target.target.port)
    end
  end)

  it("with another server name, in letters of any kind, or with none", function()
    local address = servers.s_server().address
    assert.equal("xn--bcher-kva.example", target_of("--sni", "bücher.example", address).target.sni)
    local port = address:match("%d+$")
    assert.equal("a.example", target_of(("a.example:%d{127.0.0.1}"):format(port)).target.sni)
    assert.is_nil(target_of("--no_sni", ("a.example:%d{127.0.0.1}"):format(port)).target.sni)
  end)

  it("over one address family", function()
    local port = servers.s_server().port
    local v4, v6 = ("a.example:%d{127.0.0.1}"):format(port), ("a.example:%d{::1}"):format(port)
    for message, target in pairs({ ["::1 is not an IPv4 address"] = target_of("-4", v6),
      ["127.0.0.1 is not an IPv6 address"] = target_of("-6", v4) }) do
      assert.same({ "unreachable", "resolve: " .. message .. ". Leave out -4 or -6." },
        { target.status, target.error.message })
    end
    assert.equal("completed", target_of("-4", v4).status)
    if process.has_ipv6() then
      servers.s_server({ host = "::1", port = port })
      assert.equal("completed", target_of("-6", v6).status)
    end
  end)

  it("in one version of TLS", function()
    local server = servers.s_server()
    local run = resum("--json_lines", "--tls", "1.1", server.address)
    local support = cjson.decode(run.stdout).addresses[1].support
    assert.is_nil(support)
    server = servers.s_server({ args = { "-cipher", "DEFAULT:@SECLEVEL=0" } })
    support = cjson.decode(resum("--json_lines", "--tls", "1.1", server.address).stdout).addresses[1].support
    assert.same({ "TLSv1.1", "TLSv1.1" }, { support.session_id.version, support.ticket.version })
    assert.is_nil(support.psk)
  end)

  it("with pauses between its connections", function()
    local server = servers.s_server()
    local target = target_of("--delay", "0.2", server.address)
    assert.equal(5, target.addresses[1].support.ticket.resumed)
    assert.is_true(target.elapsed_s >= 6 * 0.2, target.elapsed_s .. " s")
  end)
end)

describe("the command shows a client certificate", function()
  local client, folder, server

  setup(function()
    client, folder = pki.get("client"), process.temporary_directory()
    process.write_file(folder .. "/pass", "s3cret\nsecond line\n")
    local made = process.run({ command = { "openssl", "pkcs12", "-export", "-in", client.certificate, "-inkey",
      client.key, "-passout", "pass:s3cret", "-out", folder .. "/client.p12" } })
    assert.equal(0, made.code, made.stderr)
  end)

  before_each(function()
    server = servers.s_server({
      args = { "-Verify", "1", "-CAfile", pki.get("ca").certificate, "-verify_return_error" },
    })
  end)

  after_each(servers.stop_all)

  -- Runs with this variable in the environment.
  local function try(environment, ...)
    local run = process.run({ command = { LUA, RESUM, "--json_lines", "--mechanisms", "ticket", "--cert",
      folder .. "/client.p12", ... }, environment = environment })
    assert.is_nil((run.stdout .. run.stderr):find("s3cret", 1, true))
    return run
  end

  it("whose passphrase may stand in many places", function()
    for what, how in pairs({
      ["the environment"] = { { RESUM_PASS = "s3cret" } },
      ["a variable of the environment"] = { { MY_PASS = "s3cret" }, "--pass", "env:MY_PASS" },
      ["a file"] = { {}, "--pass", "file:" .. folder .. "/pass" },
      ["the command line"] = { {}, "--pass", "pass:s3cret" },
      ["the command line, plainly"] = { { RESUM_PASS = "wrong" }, "--pass", "s3cret" },
      ["a variable, and the form is named"] = { { RESUM_PASS = "s3cret" }, "--keyform", "p12" },
    }) do
      how[#how + 1] = server.address
      local run = try(table.unpack(how, 1, #how))
      assert.equal(0, run.code, what .. ": " .. run.stderr)
      assert.equal("accepted", cjson.decode(run.stdout).addresses[1].client_certificate)
    end
  end)

  it("and says in one line what is wrong with it", function()
    for message, how in pairs({
      ["--cert: it is encrypted, and no passphrase was given"] = { { RESUM_PASS = false } },
      ["--cert: the passphrase does not open it"] = { { RESUM_PASS = "wrong" } },
      ["--pass: the environment has no variable of that name"] = { {}, "--pass", "env:NO_SUCH_VARIABLE" },
      ["--pass: /no/such/file: No such file or directory"] = { {}, "--pass", "file:/no/such/file" },
      ["--key: it is in another form than the one named"] = { { RESUM_PASS = "s3cret" }, "--keyform", "pem" },
      ["--key: /no/such/file: No such file or directory"] = { {}, "--key", "/no/such/file" },
    }) do
      how[#how + 1] = server.address
      local run = try(table.unpack(how))
      assert.same({ 2, "", "resum: " .. message .. "\n" }, { run.code, run.stdout, run.stderr })
    end
  end)

  it("only where it is asked for, and says when that is needed", function()
    local target = target_of(server.address)
    assert.same({ "error", "required" }, { target.status, target.addresses[1].client_certificate })
  end)
end)

describe("a misuse of these options", function()
  for arguments, expected in pairs({
    ["--starttls gopher a.example"] = "--starttls takes one of auto, smtp, lmtp, imap, pop3, sieve, ftp, nntp, irc, ",
    ["--proxy gopher://user:s3cret@proxy a.example"] = "--proxy: not a proxy: give it as http://host:port, ",
    ["--https_tunnel http://user:s3cret@:3128 a.example"] = "--proxy: the proxy's host or port is invalid: ",
    ["--proxy http://u:s3cret@p -6 a.example"] = "-4, -6: the proxy http://p:80 looks up names, so the family ",
    ["--prox=http://u:s3cret@p a.example"] = "unknown option '--prox'",
    ["--sni a --no_sni a.example"] = "--sni and --no_sni exclude each other",
    ["-4 -6 a.example"] = "-4 and -6 exclude each other",
    ["--tls 1.4 a.example"] = "--tls takes one of '1.0', '1.1', '1.2', '1.3'",
    ["--tls 1.2 --mechanisms psk a.example"] = "--tls: psk does not belong to TLS 1.2",
    ["--delay never a.example"] = "--delay takes a number of seconds from 0 to 3600, not 'never'",
    ["https://user:s3cret@a.example/"] = "target: 'https://...@a.example/': ",
  }) do
    it("is told in one line without a secret: " .. arguments, function()
      local words = {}
      for word in arguments:gmatch("%S+") do
        words[#words + 1] = word
      end
      local run = resum(table.unpack(words))
      assert.same({ 2, "" }, { run.code, run.stdout })
      assert.is_truthy(run.stderr:find("resum: " .. expected, 1, true), run.stderr)
      assert.is_truthy(run.stderr:find("^[^\n]*\n$"), run.stderr)
      assert.is_nil(run.stderr:find("s3cret", 1, true))
    end)
  end
end)
