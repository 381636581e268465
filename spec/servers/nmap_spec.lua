-- The scripts in real nmap, against real servers on loopback.

local balancer = require "spec.support.balancer"
local nmap = require "spec.support.nmap"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local starttls_peer = require "spec.support.starttls_peer"
local uv = require "luv"

local started = {} -- what each test starts

local function start(kind, options)
  local server = servers[kind](options)
  started[#started + 1] = server
  return server
end

after_each(function()
  for _, server in ipairs(started) do
    server.stop()
  end
  started = {}
end)

local function verdicts(result)
  local found = {}
  for mechanism, verdict in pairs(result.support) do
    found[mechanism] = verdict.reason and { verdict.verdict, verdict.reason } or { verdict.verdict }
  end
  return found
end

local function only_script(run)
  assert.equal(0, run.code)
  assert.equal(1, #run.scripts, run.stdout .. run.stderr)
  return run.scripts[1].result
end

describe("make install-nse #unsanitized", function()
  it("puts module, Lua files and scripts where this nmap finds them with an empty environment", function()
    local paths, stage = nmap.paths(), nmap.stage()
    for _, file in ipairs({
      paths.library .. "/resum/core.so",
      paths.share .. "/resum/init.lua",
      paths.share .. "/resum/nse/init.lua",
      paths.scripts .. "/tls-resumption.nse",
      paths.scripts .. "/tls-resumption-rate.nse",
    }) do
      assert.is_truthy(uv.fs_stat(stage.folder .. file), file)
    end
  end)

  it("is undone by make uninstall-nse, down to the folders that it made", function()
    local folder = process.temporary_directory()
    for _, target in ipairs({ "install-nse", "uninstall-nse" }) do
      nmap.make(target, folder .. "/a package")
      assert.equal(target == "install-nse", uv.fs_stat(folder .. "/a package") ~= nil)
    end
  end)
end)

describe("tls-resumption in nmap #unsanitized", function()
  it("tells what resumes, in structure and in words", function()
    local server = start("nginx", { session_cache = "none", session_tickets = "on" })
    local run = nmap.run({ ports = { server.port } })
    local result = only_script(run)
    assert.matches("^\n  Resumption works by ticket and TLS 1%.3 ticket, but not by session ID%.\n", result.output)
    for _, line in ipairs({
      "What to do", "  Session IDs are issued and never accepted: let the server accept them, or",
      "What was found", "Is resumption supported?",
      "  Session ID            not supported        TLS 1.2, 0 of ",
      "  Ticket                supported            TLS 1.2, 5 of 5 resumed;",
      "  TLS 1.3 ticket (PSK)  supported            TLS 1.3, 5 of 5 resumed;",
    }) do
      assert.is_truthy(result.output:find("\n  " .. line, 1, true), line)
    end
    result.output = nil
    local ticket_length = result.support.psk.ticket_length -- grows with the server's name
    assert.same({
      address = "127.0.0.1",
      status = "completed",
      support = {
        session_id = {
          verdict = "not_supported",
          reason = "issued_not_accepted",
          version = "TLSv1.2",
          attempted = "238",
          resumed = "0",
          refused = "238",
          errors = "0",
          session_id_length = "32",
        },
        ticket = {
          verdict = "supported",
          version = "TLSv1.2",
          attempted = "5",
          resumed = "5",
          refused = "0",
          errors = "0",
          ticket_length = "192",
          lifetime_hint_s = "300",
        },
        psk = {
          verdict = "supported",
          version = "TLSv1.3",
          attempted = "5",
          resumed = "5",
          refused = "0",
          errors = "0",
          ticket_length = ticket_length,
          tickets_issued = "2",
          lifetime_s = "300",
        },
      },
      browser = {
        attempted = "4",
        resumed = "3",
        errors = "0",
        share = "0.75",
        tickets_after_full = "2",
        tickets_after_resumed = "1",
      },
    }, result)
    assert.is_nil(run.stdout:find("ERROR", 1, true))
    assert.equal("", run.stderr)
  end)

  it("gives many servers' verdicts in one run, chosen by its own rule", function()
    local expected, ports = {}, {}
    local function serve(kind, options, session_id, ticket, psk)
      local server = start(kind, options)
      ports[#ports + 1] = server.port
      expected[server.port] = { session_id = session_id, ticket = ticket, psk = psk }
    end
    local yes, no = { "supported" }, { "not_supported", "issued_not_accepted" }
    local none, other = { "not_supported", "not_issued" }, { "not_applicable", "version_not_supported" }
    serve("nginx", { session_cache = "off", session_tickets = "off" }, none, none, no)
    serve("nginx", { session_cache = "shared:SSL:1m", session_tickets = "on", protocols = "TLSv1.2" }, yes, yes, other)
    serve("haproxy", {}, yes, yes, yes)
    serve("s_server", { args = { "-no_ticket" } }, yes, none, yes)
    local found = {}
    local run = nmap.run({ ports = ports, script = "tls-resumption" })
    for _, script in ipairs(run.scripts) do
      found[script.port] = verdicts(script.result)
    end
    assert.same(expected, found)
  end)

  it("does what its arguments say, and says what is wrong with one", function()
    local server = start("nginx", { session_tickets = "on" })
    local result = only_script(nmap.run({
      ports = { server.port },
      arguments = "tls-resumption.mechanisms={psk,ticket},tls-resumption.attempts=2,tls-resumption.rate,"
        .. "tls-resumption.concurrency=3",
    }))
    assert.same({ ticket = { "supported" }, psk = { "supported" } }, verdicts(result))
    assert.equal("2", result.support.psk.attempted)
    assert.same({ "2", "3", "##" },
      { result.rate.ticket.attempted, result.rate.ticket.concurrency, result.rate.ticket.sequence })
    for argument, words in pairs({
      ["attempts=0"] = "attempts takes a whole number from 1 to 100000",
      ["mechanisms=quic"] = "mechanisms takes a list of session_id, ticket, psk, not 'quic'",
    }) do
      result = only_script(nmap.run({ ports = { server.port }, arguments = "tls-resumption." .. argument }))
      assert.same({ output = "ERROR: tls-resumption." .. words }, result)
    end
  end)

  it("asks for the name that tls.servername gives, or the target's", function()
    local named = pki.get("ecdsa")
    local server = start("s_server", { args = { "-servername", "localhost", "-servername_fatal", "-cert2",
      named.certificate, "-key2", named.key } })
    local result = only_script(nmap.run({ ports = { server.port }, target = "localhost" }))
    assert.same({ "supported" }, verdicts(result).ticket)
    result = only_script(nmap.run({ ports = { server.port }, arguments = "tls.servername=a..b" }))
    assert.matches("^ERROR: sni: ", result.output)
    local run = nmap.run({ ports = { server.port }, arguments = "tls.servername=other.test" })
    assert.same({}, run.scripts)
    assert.matches("%[tls%-resumption%] handshake: the server sent the alert unrecognized_name", run.stdout)
  end)

  it("copes when it is forced on what is no TLS server", function()
    local ports, words = {}, {
      ssh = 'not a TLS server: it said "SSH%-',
      http = 'not a TLS server: it said "HTTP/1.1 400 Bad Request"',
      reset = "reset by the server",
      garbage = "not a TLS server",
    }
    for kind in pairs(words) do
      ports[#ports + 1] = start("odd", { kind = kind }).port
    end
    local run = nmap.run({ ports = ports })
    assert.same({}, run.scripts)
    assert.is_nil(run.stdout:find("ERROR", 1, true))
    for _, pattern in pairs(words) do
      assert.matches("%[tls%-resumption%] [^\n]*" .. pattern, run.stdout)
    end
  end)

  it("says in one line that the module is missing", function()
    local server, other = start("nginx"), start("nginx")
    local run = nmap.run({ ports = { server.port, other.port }, without_module = true })
    assert.equal(0, run.code)
    assert.same({}, run.scripts)
    local _, lines = run.stdout:gsub("%[tls%-resumption%] needs the Lua module resum: module 'resum.nse' not found", "")
    assert.equal(1, lines)
    assert.is_nil(run.stdout:find("ERROR", 1, true))
  end)

  it("stops at its deadline and tells what it knows by then", function()
    local server = start("nginx", { session_tickets = "on" })
    local slow = start("balancer", { backends = { server }, delay_ms = 60 })
    local result = only_script(nmap.run({
      ports = { slow.port },
      arguments = "tls-resumption.deadline=3s,tls-resumption.attempts=1000",
    }))
    assert.same({ code = "deadline", message = "stopped at the script's deadline of 3 s" }, result.error)
    assert.equal("error", result.status)
    assert.matches("error: stopped at the script's deadline of 3 s\n", result.output)
    local of = result.support.session_id -- each connection takes 0.4 s and more, ten are at once
    assert.same({ "inconclusive", "interrupted" }, { of.verdict, of.reason })
    assert.is_true(tonumber(of.attempted) < 100, "attempted " .. of.attempted)
  end)

  -- Each connection takes three round trips. nmap lets 20 and a few threads have sockets at a time.
  it("scans 40 slow ports side by side", function()
    local server = start("nginx", { session_tickets = "on", workers = 2 })
    local ports = {}
    for i = 1, 40 do
      local slow = assert(balancer.listen({ backends = { server.address }, delay_ms = 100 }))
      ports[i] = slow.port
      started[#started + 1] = { stop = function()
        slow.close()
        uv.run("nowait")
      end }
    end
    local began = uv.hrtime()
    local run = nmap.run({ ports = ports, arguments = "tls-resumption.mechanisms=ticket,tls-resumption.attempts=1" })
    local seconds = (uv.hrtime() - began) / 1e9
    assert.equal(40, #run.scripts)
    for _, script in ipairs(run.scripts) do
      assert.same({ ticket = { "supported" } }, verdicts(script.result))
    end
    local one_after_another = 40 * 3 * 0.3
    assert.is_true(seconds < one_after_another / 2, ("took %.1f s"):format(seconds))
  end)
end)

describe("tls-resumption in nmap, behind STARTTLS #unsanitized", function()
  -- Runs it on a peer for each of the protocols, by name of the dialogue.
  local function scan(protocols)
    local backend = start("nginx", { session_tickets = "on" })
    local ports, names, services = {}, {}, {}
    for dialogue, protocol in pairs(protocols) do
      local peer = starttls_peer.listen(dialogue, backend)
      started[#started + 1] = peer
      ports[#ports + 1], names[peer.port] = peer.port, dialogue
      services[#services + 1] = ("%s %d/tcp 0.1\n"):format(protocol, peer.port)
    end
    -- nmap knows a port's protocol from its list of services.
    local folder = process.temporary_directory()
    process.write_file(folder .. "/nmap-services", table.concat(services))
    return nmap.run({ ports = ports, script = "tls-resumption", more = { "--datadir", folder } }), names
  end

  it("speaks SMTP, IMAP, FTP and PostgreSQL", function()
    local truth = {
      session_id = { "not_supported", "issued_not_accepted" },
      ticket = { "supported" },
      psk = { "supported" },
    }
    local run, names = scan({ smtp = "smtp", imap = "imap", ftp = "ftp", postgresql = "postgresql" })
    local found = {}
    for _, script in ipairs(run.scripts) do
      found[names[script.port]] = verdicts(script.result)
    end
    assert.same({ smtp = truth, imap = truth, ftp = truth, postgresql = truth }, found)
  end)

  it("takes a server without STARTTLS for an error, and shows no result", function()
    local run = scan({ smtp_without = "smtp" })
    assert.same({}, run.scripts)
    assert.matches("%[tls%-resumption%] starttls: ", run.stdout)
  end)
end)

describe("tls-resumption-rate in nmap #unsanitized", function()
  it("measures the share that resumes behind a balancer, and tells what stands behind it", function()
    local backends = {}
    for i = 1, 3 do
      backends[i] = start("nginx", { session_cache = "shared:SSL:1m", session_tickets = "on" })
    end
    local front = start("balancer", { backends = backends, policy = "roundrobin" })
    local result = only_script(nmap.run({
      ports = { front.port },
      script = "+tls-resumption-rate",
      arguments = "tls-resumption-rate.mechanisms=ticket",
    }))
    local ticket = result.rate.ticket
    assert.same({ "100", "0", "partially_supported" }, { ticket.attempted, ticket.errors, ticket.verdict })
    assert.equal(100, #ticket.sequence)
    local _, resumed = ticket.sequence:gsub("#", "")
    assert.equal(tonumber(ticket.resumed), resumed)
    assert.is_true(resumed > 7 and resumed < 62, ticket.resumed) -- a third of them, as in balanced_spec.lua
    assert.equal(resumed / 100, tonumber(ticket.rate))
    assert.is_true(tonumber(ticket.interval_low) < resumed / 100 and resumed / 100 < tonumber(ticket.interval_high))
    assert.is_nil(result.support)
    assert.same({ "nothing_shared", "round_robin", "3", "ticket" },
      { result.balancer.verdict, result.balancer.routing, result.balancer.groups, result.balancer.decided_by })
    assert.equal("nothing_shared", result.balancer.mechanisms.ticket.verdict)
    assert.matches("^\n  The servers behind this address share nothing%.", result.output)
    assert.matches("Up to 100 attempts each", result.output)
  end)
end)

-- Scripts of a user's own, which know nothing of hosts.
describe("resum in a script of one's own in nmap #unsanitized", function()
  local function script(name, code)
    process.write_file(("%s/%s.nse"):format(nmap.stage().scripts, name), [[
      description, categories = "A script of a user's own.", { "safe" }
      local nmap, stdnse = require "nmap", require "stdnse"
      function portrule() return true end
      function action(host, port)
        ]] .. code .. [[

      end
    ]])
    return name
  end

  it("scans with plain resum.scan and resum.open, on nsock", function()
    local server = start("nginx", { session_tickets = "on" })
    local name = script("own-scan", [[
      local resum = require "resum"
      local target = ("%s:%d"):format(host.ip, port.number)
      local result = resum.scan(target, { attempts = 3 })
      local handshake = assert(resum.open(target))
      return { host = resum.host.default().name, psk = result.addresses[1].support.psk.verdict,
        outcome = handshake.outcome, version = handshake.version }
    ]])
    local result = only_script(nmap.run({ ports = { server.port }, script = name }))
    result.output = nil
    assert.same({ host = "nsock", psk = "supported", outcome = "full", version = "TLSv1.3" }, result)
  end)

  it("lets other scripts go on while it waits", function()
    local silent = start("odd", { kind = "silent" })
    local name = script("own-wait", [[
      local resum = require "resum"
      local over = false
      local ticks = 0
      local thread = stdnse.new_thread(function()
        while not over do
          stdnse.sleep(0.05)
          ticks = ticks + 1
        end
      end)
      local result = resum.scan(("%s:%d"):format(host.ip, port.number), { timeout = 1, retries = 0 })
      over = true
      return { code = result.error.code, went_on = ticks > 3 and "yes" or "no" }
    ]])
    local result = only_script(nmap.run({ ports = { silent.port }, script = name }))
    result.output = nil
    assert.same({ code = "timeout", went_on = "yes" }, result)
  end)

  it("refuses the hosts that would hold nmap up, and says what to do", function()
    local server = start("nginx")
    local name = script("own-host", [[
      local said = {}
      for _, name in ipairs({ "uv", "luasocket", "cqueues" }) do
        local loaded, problem = pcall(require, "resum.host." .. name)
        said[name] = not loaded and tostring(problem)
      end
      return said
    ]])
    local result = only_script(nmap.run({ ports = { server.port }, script = name }))
    for _, host in ipairs({ "uv", "luasocket", "cqueues" }) do
      assert.equal(("resum: the host %s can't be used inside nmap, as it would hold up nmap's other scripts: leave the "
        .. "option host out, or give resum.host.nsock"):format(host), result[host])
    end
  end)
end)
