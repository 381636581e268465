-- The command itself, as a user runs it: output, JSON and exit code on real servers, on bad input, and on what is no
-- TLS server at all.

local balancer = require "spec.support.balancer"
local cjson = require "cjson"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"

local resum = process.resum

local QUICK, PATIENT = "0.5", tostring(process.PATIENCE) -- timeouts: for who never answers, and for who does

local function lines(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

local function nginx()
  return servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" })
end

-- A port on which nobody listens.
local function refused()
  return { address = "127.0.0.1:" .. process.closed_port() }
end

describe("the command", function()
  after_each(servers.stop_all)

  it("scans several targets, and says about those that can't be scanned why", function()
    local good, ssh, closed = nginx(), servers.odd({ kind = "ssh" }), refused()
    local run = resum("--mechanisms", "ticket,psk", good.address, ssh.address, "127.0.0.1:70000", closed.address)
    local shown = run.stdout:gsub("%s+", " ")
    for _, words in ipairs({
      "^" .. good.address .. ": Resumption by ticket and TLS 1.3 ticket works. What to do Nothing to do. ",
      " supported%? Ticket supported TLS 1.2, 5 of 5 resumed; 192%-byte ticket, lifetime hint 300 s TLS",
      " TLS 1.3 ticket %(PSK%) supported TLS 1.3, 5 of 5 resumed; 2 tickets, lifetime 300 s ",
      ssh.address .. ': error: not a TLS server: it said "SSH%-2.0[^"]*". That is SSH, which does not use TLS: ',
      ": name another port %(HOST:PORT%)%. ",
      closed.address .. ": unreachable: connection refused%. Is the port right%? $",
    }) do
      assert.matches(words, shown)
    end
    assert.same({ "resum: target: '127.0.0.1:70000': the port must be a number from 1 to 65535" }, lines(run.stderr))
    assert.equal(2, run.code)
  end)

  it("gives text, JSON and exit code that agree", function()
    local server = servers.s_server({ args = { "-no_ticket" } })
    local text, json = resum("--resum", "--resum-rate", server.address),
      resum("--resum", "--resum_rate", "--json-out", "-", server.address)
    assert.same({ 0, 0, "", "" }, { text.code, json.code, text.stderr, json.stderr })
    local run = cjson.decode(json.stdout)
    assert.equal(1, run.schema)
    assert.is_truthy(run.started_at:find("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$"))
    local address = run.targets[1].addresses[1]
    local expected = {
      session_id = { "supported", "Session ID            supported            TLS 1.2," },
      ticket = { "not_supported", "Ticket                not supported        TLS 1.2" },
      psk = { "supported", "TLS 1.3 ticket (PSK)  supported            TLS 1.3," },
    }
    for mechanism, words in pairs(expected) do
      assert.equal(words[1], address.support[mechanism].verdict, mechanism)
      assert.equal(words[1], address.rate[mechanism].verdict, mechanism)
      assert.is_truthy(text.stdout:find(words[2], 1, true), words[2])
    end
    assert.equal(100, #address.rate.psk.sequence)
    assert.equal(0, #address.rate.ticket.sequence)
    assert.equal(8, #address.support.psk.attempts)
  end)

  it("writes one JSON object a line for each target, and a file where it is told to", function()
    local folder = process.temporary_directory()
    local path = folder .. "/out.json"
    local server, closed = nginx(), refused()
    local run = resum("--json_lines", "--json_out", path, "--mechanisms=psk", server.address, closed.address)
    assert.equal(1, run.code)
    assert.is_truthy(run.stdout:find("Resumption by TLS 1.3 ticket works", 1, true))
    local statuses = {}
    for _, line in ipairs(lines(process.read_file(path))) do
      local target = cjson.decode(line)
      statuses[target.target.text] = target.status
    end
    assert.same({ [server.address] = "completed", [closed.address] = "unreachable" }, statuses)
  end)

  it("keeps an unusable target among the JSON results", function()
    local run = resum("--json_out", "-", "127.0.0.1:0")
    assert.equal(2, run.code)
    local only = cjson.decode(run.stdout).targets[1]
    assert.same({ "127.0.0.1:0", "error", "usage" }, { only.target.text, only.status, only.error.code })
  end)

  it("ends with 3 when an expectation is not met, and says which", function()
    local server = servers.s_server({ args = { "-no_ticket" } })
    local met = resum("--quiet", "--expect", "psk=supported", server.address)
    assert.same({ 0, "", "" }, { met.code, met.stdout, met.stderr })
    local missed = resum("--quiet", "--expect", "psk=supported", "--expect", "ticket=supported", server.address)
    assert.same({ 3, "", { ("resum: %s: expected ticket=supported, found not_supported on 127.0.0.1"):format(
      server.address) } }, { missed.code, missed.stdout, lines(missed.stderr) })
  end)

  it("gives the same verdicts on LuaSocket", function()
    local server = servers.s_server({ args = { "-no_cache" } })
    local verdicts = {}
    for _, host in ipairs({ "uv", "luasocket" }) do
      local run = cjson.decode(resum("--host", host, "--json_out", "-", server.address).stdout)
      verdicts[host] = {}
      for mechanism, v in pairs(run.targets[1].addresses[1].support) do
        verdicts[host][mechanism] = { v.verdict, v.reason, v.resumed, v.refused, v.errors }
      end
    end
    assert.same({ "supported", nil, 5, 0, 0 }, verdicts.uv.psk)
    assert.same(verdicts.uv, verdicts.luasocket)
  end)

  for family, host in pairs({ IPv4 = "127.0.0.2", IPv6 = process.has_ipv6() and "::1" or nil }) do
    it("takes a literal address, and one address of a name: " .. family, function()
      local server = servers.s_server({ host = host })
      local run = resum("--mechanisms", "psk", server.address, ("a.example:%d{%s}"):format(server.port, host))
      assert.same({ 0, "" }, { run.code, run.stderr })
      assert.equal(2, select(2, run.stdout:gsub("5 of 5 resumed", "")))
    end)
  end

  it("works through a symbolic link from anywhere", function()
    local folder = process.temporary_directory()
    local link = folder .. "/resum link"
    assert(require("luv").fs_symlink(RESUM, link))
    local run = process.run({ command = { LUA, link, "--version" }, working_directory = folder })
    assert.same({ 0, "" }, { run.code, run.stderr })
    assert.is_truthy(run.stdout:find("^resum %d+%.%d+%.%d+, OpenSSL 3", 1))
  end)

  it("shows a client certificate", function()
    local pki = require "spec.support.pki"
    local ca, client = pki.get("ca"), pki.get("client")
    local server = servers.s_server({ args = { "-Verify", "1", "-CAfile", ca.certificate, "-verify_return_error" } })
    local without = resum("--mechanisms", "psk", server.address)
    assert.equal(1, without.code)
    assert.is_truthy(without.stdout:find("error: .*certificate"), without.stdout)
    local with = resum("--mechanisms", "psk", "--cert", client.certificate, "--key", client.key, server.address)
    assert.equal(0, with.code, with.stdout)
    assert.is_truthy(with.stdout:find("%(PSK%) .* supported"), with.stdout)
  end)
end)

describe("what is no TLS server", function()
  after_each(servers.stop_all)

  for kind, expected in pairs({
    ssh = { PATIENT, 'not a TLS server: it said "SSH%-2%.0' },
    http = { PATIENT, 'not a TLS server: it said "HTTP/1%.%d 400' },
    silent = { QUICK, "no answer in time" },
    reset = { PATIENT, "the server reset the connection" },
    garbage = { PATIENT, "not a TLS server" },
    endless = { QUICK, "" },
    endless_records = { QUICK, "" },
    drip = { QUICK, "" },
  }) do
    it("is told in one line, in bounded time: " .. kind, function()
      local server = servers.odd({ kind = kind })
      local run = resum("--timeout", expected[1], server.address)
      local shown = run.stdout:gsub("%s+", " "):match("^" .. server.address .. ": error: (.*)$")
      assert.is_truthy(shown and shown:find("^" .. expected[2]), run.stdout)
      assert.is_true(#shown > 10, shown)
      assert.is_nil(run.stdout:find("[^\n\32-\126]"))
      assert.is_nil(run.stdout:find("not supported", 1, true))
      assert.same({ 1, "" }, { run.code, run.stderr })
    end)
  end

  it("is a name that does not exist, too", function()
    local run = process.run({ command = { LUA, RESUM, "no-such-host.invalid" }, seconds = 5 * process.PATIENCE })
    assert.equal(1, run.code)
    local shown = lines(run.stdout)
    assert.matches("^no%-such%-host%.invalid:443: unreachable: no address for ", shown[1])
  end)
end)

describe("a misuse", function()
  for arguments, expected in pairs({
    ["--bogus a.example"] = "unknown option '--bogus' (resum --help lists the options)",
    ["--rate a.example"] = "unknown option '--rate'; did you mean '--resum_rate'?",
    ["--json a.example"] = "unknown option '--json'; did you mean '--json_out'?",
    ["--time_out 3 a.example"] = "unknown option '--time_out'; did you mean '--timeout'?",
    ["--no_balancer a.example"] = "--no_balancer is about a rate: add --resum_rate",
    ["--pass env:X a.example"] = "--pass needs --cert",
    ["--keyform pem a.example"] = "--keyform needs --cert",
    ["--json_out - --csv_out - a.example"] = "--json_out and --csv_out can't both go to stdout",
    ["--junit_out ./one --sarif_out one a.example"] = "--junit_out and --sarif_out name one file",
    [""] = "no target: name one or more as host:port",
    ["--attempts 0 a.example"] = "--attempts takes a whole number from 1 to 100000, not '0'",
    ["--attempts 1.5 a.example"] = "--attempts takes a whole number from 1 to 100000, not '1.5'",
    ["--timeout never a.example"] = "--timeout takes a number of seconds from 0.01 to 3600, not 'never'",
    ["--mechanisms psk,rsa a.example"] = "--mechanisms takes a list of session_id, ticket, psk, not 'rsa'",
    ["--engine steam a.example"] = "--engine takes one of 'probe', 'handshake'",
    ["--expect psk a.example"] = "--expect takes rules such as",
    ["--expect psk>=0.5 a.example"] = "--expect psk>=0.5 is about a rate: add --resum_rate",
    ["--cert /no/such/file a.example"] = "--cert: /no/such/file: No such file or directory",
    ["--cert /etc/passwd a.example"] = "--cert: there is no certificate in it that OpenSSL can read",
    ["--key /etc/passwd a.example"] = "--key needs --cert",
    ["--json_out /no/such/folder/file a.example"] = "--json_out: /no/such/folder/file: No such file or directory",
    ["--sni"] = "option '--sni' requires an argument",
    ["--concurrency"] = "option '--concurrency' requires an argument",
  }) do
    it("is one line and exit code 2: resum " .. arguments, function()
      local words = {}
      for word in arguments:gmatch("%S+") do
        words[#words + 1] = word
      end
      local run = resum(table.unpack(words))
      assert.equal(2, run.code)
      assert.equal("", run.stdout)
      assert.equal(1, #lines(run.stderr), run.stderr)
      assert.is_truthy(run.stderr:find("resum: " .. expected, 1, true), run.stderr)
    end)
  end
end)

describe("Ctrl-C", function()
  after_each(servers.stop_all)

  for _, case in ipairs({ { "text", "sigint", 130 }, { "JSON", "sigint", 130 }, { "JSON", "sigterm", 143 } }) do
    local format, signal, code = table.unpack(case)
    it(("shows what is known so far and ends with %d: %s, %s"):format(code, format, signal), function()
      local good, silent = nginx(), servers.odd({ kind = "silent" })
      local folder = process.temporary_directory()
      local json = folder .. "/out.json"
      local child = process.start({ command = { LUA, RESUM, "--timeout", "60", "--mechanisms", "psk",
        "--json_out", json, good.address, silent.address } })
      process.wait_until(process.PATIENCE, function()
        return child.stdout():find("Resumption by TLS 1.3 ticket works", 1, true)
      end)
      child.kill(signal)
      assert.equal(code, child.wait(process.PATIENCE))
      if format == "text" then
        local shown = lines(child.stdout())
        assert.equal(good.address .. ": Resumption by TLS 1.3 ticket works.", shown[1])
        assert.equal(silent.address .. ": The scan was stopped early.", shown[#shown])
      else
        local targets = cjson.decode(process.read_file(json)).targets
        assert.same({ "completed", "error", "interrupted" },
          { targets[1].status, targets[2].status, targets[2].error.code })
      end
      child.stop()
    end)
  end

  it("keeps the attempts of a rate that was stopped", function()
    local server = assert(balancer.listen({ backends = servers.addresses({ nginx() }), delay_ms = 20 }))
    local folder = process.temporary_directory()
    local json = folder .. "/out.json"
    local child = process.start({ command = { LUA, RESUM, "--resum_rate", "--attempts", "100000", "--concurrency", "2",
      "--mechanisms", "psk", "--json_out", json, server.address } })
    assert.is_true(process.wait_until(process.PATIENCE, function()
      return server.accepted > 60 -- some 20 are full handshakes, which obtain sessions
    end))
    child.kill("sigint")
    assert.equal(130, child.wait(process.PATIENCE))
    server.close()
    local address = cjson.decode(process.read_file(json)).targets[1].addresses[1]
    local rate = address.rate.psk
    assert.equal("interrupted", address.error.code)
    assert.is_true(rate.attempted > 5 and rate.attempted < 100000, "attempted " .. rate.attempted)
    assert.same({ rate.attempted, 0 }, { rate.resumed, rate.errors })
    child.stop()
  end)
end)

describe("on a terminal", function()
  after_each(servers.stop_all)

  local function on_terminal(environment, address)
    local command = ("%s '%s' --mechanisms psk --resum_rate --delay 0.02 %s"):format(LUA, RESUM,
      address) -- slow enough to be seen, whatever the machine
    return process.run({ command = process.on_terminal(command), environment = environment }).stdout
  end

  it("there is a progress line and colour; NO_COLOR takes the colour away", function()
    local server = nginx()
    local coloured = on_terminal({ TERM = "xterm", NO_COLOR = false }, server.address)
    assert.is_truthy(coloured:find("resum: looking up the address, 0 of 145 to", 1, true), coloured)
    assert.matches("resum: TLS 1%.3 ticket %(PSK%): [%l ]+, %d+ of 145 to %d+ connections made, about %d+ s left",
      coloured)
    assert.is_truthy(coloured:find("\27[1;32m", 1, true))
    local plain = on_terminal({ TERM = "xterm", NO_COLOR = "1" }, server.address)
    assert.is_nil(plain:find("\27[1;32m", 1, true))
    assert.is_truthy(plain:find("resum: looking up the address, 0 of 145 to", 1, true))
  end)

  it("and without one there is neither", function()
    local run = resum("--mechanisms", "psk", "--resum_rate", nginx().address)
    assert.is_nil((run.stdout .. run.stderr):find("[\27\r]"))
  end)
end)
