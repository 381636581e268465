--- What is advised is true: every block of lines is handed to the server that it is for, the commands that make keys
-- are run, servers that are configured so share their sessions, and what is said of their tickets holds.

local advice = require "resum.analysis.advice"
local configuration = require "resum.analysis.configuration"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local resum = require "resum"
local servers = require "spec.support.servers"
local web = require "spec.support.daemons.web"

-- Where the blocks have a server's folder, the spec has one of its own.
local FOLDERS = { "/etc/nginx", "/etc/haproxy", "/etc/apache2", "/etc/envoy", "/var/run/apache2" }

local function moved(lines, folder)
  return (table.concat(lines, "\n"):gsub("/[%w/]+", function(path)
    for _, from in ipairs(FOLDERS) do
      if path == from or path:find(from .. "/", 1, true) == 1 then
        return folder .. path:sub(#from + 1)
      end
    end
  end))
end

local function shell(command)
  local run = process.run({ command = { "sh", "-c", command }, environment = { LD_PRELOAD = false } })
  assert.equal(0, run.code, command .. "\n" .. run.stdout .. run.stderr)
  return run
end

-- Makes the keys of a block as it says; the old one is the new one at first.
local function prepared(block)
  local folder = process.temporary_directory()
  if block.shell then
    shell(moved(block.shell, folder))
    shell(("[ ! -e %s/ticket-new.key ] || cp %s/ticket-new.key %s/ticket-old.key"):format(folder, folder, folder))
  end
  local identity = pki.get("rsa")
  process.write_file(folder .. "/site.pem", process.read_file(identity.bundle))
  return folder, moved(block.lines, folder)
end

local MODULES = { "mpm_event", "ssl", "socache_shmcb", "socache_memcache", "authz_core" }

-- A configuration around the lines, and the command that checks it.
local CHECKS = {
  nginx = function(folder, lines)
    local identity = pki.get("rsa")
    process.write_file(folder .. "/check.conf", servers.nginx_text(([[
    listen unix:%s/socket ssl;
    ssl_certificate %s;
    ssl_certificate_key %s;
    %s]]):format(folder, identity.certificate, identity.key, lines)))
    return { "nginx", "-t", "-q", "-p", folder, "-e", "stderr", "-c", folder .. "/check.conf" }
  end,
  haproxy = function(folder, lines)
    local is_bind = lines:find("^bind")
    process.write_file(folder .. "/check.cfg", ("global\n%s\ndefaults\n  timeout connect 5s\n  timeout client 5s\n"
      .. "  timeout server 5s\nfrontend check\n  mode http\n  %s\n  http-request return status 200\n"):format(
      is_bind and "" or "  " .. lines:gsub("\n", "\n  "),
      is_bind and lines or ("bind :443 ssl crt %s/site.pem"):format(folder)))
    return { "haproxy", "-c", "-q", "-f", folder .. "/check.cfg" }
  end,
  apache = function(folder, lines)
    local identity = pki.get("rsa")
    local parts = { "ServerRoot " .. folder, "PidFile " .. folder .. "/pid", "ErrorLog /dev/stderr",
      "ServerName localhost", "Listen 127.0.0.1:1" }
    for _, name in ipairs(MODULES) do
      parts[#parts + 1] = ("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so"):format(name, name)
    end
    for _, line in ipairs({ "SSLEngine on", "SSLCertificateFile " .. identity.certificate,
      "SSLCertificateKeyFile " .. identity.key, lines, "" }) do
      parts[#parts + 1] = line
    end
    process.write_file(folder .. "/check.conf", table.concat(parts, "\n"))
    return { "apache2", "-t", "-f", folder .. "/check.conf" }
  end,
}

local TAGS = { apache = " #heavy" }

describe("lines to paste #unsanitized", function()
  for topic, blocks in pairs(configuration.blocks) do
    for _, name in ipairs(configuration.servers) do
      local block = blocks[name]
      if block.lines and CHECKS[name] then
        it(("are what %s takes: %s%s"):format(configuration.titles[name], topic, TAGS[name] or ""), function()
          local folder, lines = prepared(block)
          local run = process.run({ command = CHECKS[name](folder, lines), environment = { LD_PRELOAD = false } })
          assert.equal(0, run.code, run.stdout .. run.stderr)
          assert.is_nil((run.stdout .. run.stderr):lower():find("warning"), run.stdout .. run.stderr)
        end)
      end
    end
  end

  it("are there for every topic and every server, or a note is", function()
    for topic, blocks in pairs(configuration.blocks) do
      for _, name in ipairs(configuration.servers) do
        assert.is_truthy(blocks[name].lines or blocks[name].note, topic .. " " .. name)
        assert.is_true((blocks[name].lines ~= nil) == (blocks[name].where ~= nil))
      end
    end
  end)
end)

local function scanned(server)
  return assert(resum.scan(server.address, { mechanisms = { "ticket", "psk" } })).addresses[1]
end

-- Two servers with the advised keys: what one of them does alone, and what a rotation over both does. How many tickets
-- come with a resumption is a question to one: servers that refuse each other's tickets may resume nothing in turns.
local function measured(start)
  local folder, lines = prepared(start.block)
  local pool = { start.server(folder, lines), start.server(folder, lines) }
  local alone, rotation = scanned(pool[1]), scanned(servers.balancer({ backends = pool }))
  servers.stop_all()
  return alone, rotation
end

describe("servers with the ticket keys that are advised", function()
  local STARTS = {
    { "nginx", 1, function(_, lines)
      return servers.nginx({ directives = lines, session_cache = "off", cert = "rsa" })
    end },
    { "haproxy", 0, function(folder)
      return servers.haproxy({ bind = ("tls-ticket-keys %s/ticket.keys"):format(folder), cert = "rsa" })
    end },
    { "apache", 0, function(folder)
      return web.apache({ key_file = folder .. "/ticket.key", name = "localhost:443" })
    end },
  }

  for _, one in ipairs(STARTS) do
    local name, tickets, server = one[1], one[2], one[3]
    it(("share their sessions, or a note says that they may not: %s%s"):format(name, TAGS[name] or ""), function()
      local block = configuration.blocks.ticket_keys[name]
      local alone, rotation = measured({ block = block, server = server })
      local refuses = block.note:find("refuse the tickets of other servers", 1, true) ~= nil
      for _, mechanism in ipairs({ "ticket", "psk" }) do
        assert.equal("supported", alone.support[mechanism].verdict)
        assert.is_true(refuses or rotation.support[mechanism].verdict == "supported", mechanism)
      end
      assert.equal(tickets, alone.browser.tickets_after_resumed)
      assert.equal(tickets == 0, block.note:find("no new ticket on a resumed TLS 1.3 connection", 1, true) ~= nil)
      -- and where it issues none, that is said of what was measured
      local said = false
      for _, step in ipairs(advice.of(alone)) do
        said = said or step.text:find("issue a new ticket on a resumed connection", 1, true) ~= nil
      end
      assert.equal(tickets == 0, said)
    end)
  end
end)

describe("a server", function()
  after_each(servers.stop_all)

  it("is recognised by what it calls itself", function()
    local entry = assert(resum.scan(servers.nginx({ session_tickets = "on", session_cache = "shared:SSL:1m" }).address))
      .addresses[1]
    assert.matches("^nginx/", entry.server_software)
    assert.same({ "nginx", "nginx", "apache", "apache", "envoy", nil },
      { configuration.recognise(entry.server_software), configuration.recognise("openresty/1.21"),
        configuration.recognise("Apache/2.4.57 (Debian)"), configuration.recognise("Apache"),
        configuration.recognise("envoy"), configuration.recognise("Microsoft-IIS/10.0") })
    assert.is_nil(configuration.recognise(nil))
  end)

  it("gets lines for itself alone; another is chosen by --advice", function()
    local server = servers.nginx({ session_tickets = "off", session_cache = "shared:SSL:1m" })
    local function shown(...)
      local run = process.run({ command = { process.ROOT .. "/lua/bin/resum", "--mechanisms", "session_id,ticket",
        server.address, ... } })
      return run.stdout
    end
    assert.is_nil(shown():find("Configuration to paste", 1, true)) -- switched off is what may be wanted
    server.stop()
    server = servers.nginx({ session_tickets = "off", session_cache = "none" })
    assert.is_truthy(shown():find("ssl_session_cache shared:SSL:10m;", 1, true), shown())
    local chosen = shown("--advice", "apache")
    assert.is_truthy(chosen:find("    SSLSessionTickets on\n", 1, true), chosen)
    assert.is_nil(chosen:find("ssl_session_cache", 1, true))
    assert.is_nil(shown("--advice", "none"):find("Configuration to paste", 1, true))
  end)
end)

describe("the command that is advised", function()
  local options = require "resum.cli.options"

  local function words_of(command)
    local words = {}
    for word in process.run({ command = { "sh", "-c", "for w in " .. command .. "; do printf '%s\\n' \"$w\"; done" } })
      .stdout:gmatch("[^\n]+") do
      words[#words + 1] = word
    end
    return words
  end

  it("is one that can be typed, and reaches the same target", function()
    for _, described in ipairs({
      { text = "a.example", host = "a.example", port = 443, sni = "a.example" },
      { text = "mail.example:25", host = "mail.example", port = 25, sni = "mx.example", starttls = "smtp" },
      { text = "a.example:443{192.0.2.1}", host = "a.example", port = 443, proxy = "socks5h://proxy.example:1080" },
      { text = "[2001:db8::1]:443", host = "2001:db8::1", port = 443, proxy_protocol = 1 },
    }) do
      local words = words_of((advice.command(described, { { text = "Give all servers the same ticket keys." } })))
      assert.equal("resum", table.remove(words, 1))
      local parsed, message = options.parse(words)
      assert.is_truthy(parsed, tostring(message))
      assert.same({ described.text, described.starttls, true },
        { parsed.targets[1], parsed.starttls, parsed.resum_rate })
      assert.equal(described.sni ~= described.host and described.sni or nil, parsed.sni)
    end
  end)
end)
