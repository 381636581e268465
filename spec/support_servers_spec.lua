--- The specs' certificates, servers and reference clients, proved on each other: other specs take the truth from here,
-- so this one must not use the module under test.

local pki = require "spec.support.pki"
local plain = require "spec.support.plain"
local process = require "spec.support.process"
local reference = require "spec.support.reference"
local servers = require "spec.support.servers"
local uv = require "luv"

local PATIENCE = process.PATIENCE
local MECHANISMS = { "session_id", "ticket", "psk" }

describe("spec.support #unsanitized", function()
  after_each(process.stop_all)

  describe("pki", function()
    for name, host in pairs { ecdsa = "localhost", rsa = "localhost", other = "other.test" } do
      it("signs a server certificate for " .. host .. ": " .. name, function()
        local result = process.run {
          command = {
            "openssl", "verify", "-CAfile", pki.get("ca").certificate, "-verify_hostname", host,
            pki.get(name).certificate,
          },
        }
        assert.matches(": OK\n$", result.stdout)
      end)
    end

    for _, address in ipairs { "127.0.0.1", "::1" } do
      it("signs for the address " .. address, function()
        local result = process.run {
          command = {
            "openssl", "verify", "-CAfile", pki.get("ca").certificate, "-verify_ip", address,
            pki.get("ecdsa").certificate,
          },
        }
        assert.matches(": OK\n$", result.stdout)
      end)
    end

    it("gives PEM text and a bundle of both", function()
      local client = pki.get("client")
      assert.matches("^%-%-%-%-%-BEGIN CERTIFICATE", client.certificate_pem)
      assert.matches("^%-%-%-%-%-BEGIN PRIVATE KEY", client.key_pem)
      assert.equal(client.certificate_pem .. client.key_pem, process.read_file(client.bundle))
    end)

    it("is made once when several processes make it at the same time", function()
      local folder = process.temporary_directory() .. "/deep/pki"
      local makers = {}
      for i = 1, 4 do
        makers[i] = process.start_lua(("require('spec.support.pki').make(%q)"):format(folder))
      end
      for _, maker in ipairs(makers) do
        assert.equal(0, (maker.wait(PATIENCE)), maker.stderr())
      end
      assert.same({ "pki" }, process.list(folder:match("^(.*)/")))
    end)

    it("is made again when a file is missing", function()
      local folder = process.temporary_directory() .. "/pki"
      pki.make(folder)
      process.remove(folder .. "/rsa.key")
      pki.make(folder)
      assert.truthy(uv.fs_stat(folder .. "/rsa.key"))
    end)

    it("has no identity of another name", function()
      assert.has_error(function() pki.get("nobody") end, "pki: no identity named nobody")
    end)
  end)

  describe("servers", function()
    for host, address in pairs { ["127.0.0.2"] = "127.0.0.2:%d", ["::1"] = process.has_ipv6() and "[::1]:%d" or nil } do
      it("are on the loopback address that was asked for: " .. host, function()
        local server = servers.s_server { host = host, cert = "rsa" }
        assert.equal(address:format(server.port), server.address)
        assert.is_true(reference.openssl(server.address, "psk").resumed)
      end)
    end

    it("are gone after stop, with their files, and their log is still there", function()
      local server = servers.nginx { workers = 2 }
      assert.is_true(process.listening(server.port, server.pid))
      server.stop()
      server.stop()
      assert.is_false(process.exists(server.pid))
      assert.is_false(process.listening(server.port))
      assert.is_string(server.log())
    end)

    it("say what the server said when it does not start", function()
      local started, message = pcall(servers.nginx, { directives = "no_such_directive on;" })
      assert.is_false(started)
      assert.matches("nginx ended with code 1, signal 0; it said:.*unknown directive \"no_such_directive\"", message)
    end)

    it("say so when the port asked for is taken", function()
      local listener = plain.listen()
      local started, message = pcall(servers.balancer, { backends = { 1 }, port = listener.port })
      listener.stop()
      assert.is_false(started)
      assert.matches("address already in use", message)
    end)

    it("take another port when theirs was taken in the meantime", function()
      local listener = plain.listen()
      local free_port = process.free_port
      local tried = 0
      process.free_port = function(host)
        tried = tried + 1
        return tried == 1 and listener.port or free_port(host)
      end
      local started, server = pcall(servers.haproxy)
      process.free_port = free_port
      listener.stop()
      assert.is_true(started, server)
      assert.equal(2, tried)
      assert.not_equal(listener.port, server.port)
    end)

    it("end when the process that started them is killed", function()
      local child = process.start_lua [[
        local servers = require "spec.support.servers"
        print(servers.nginx { workers = 2 }.pid, servers.haproxy().pid, servers.odd { kind = "silent" }.pid)
        io.stdout:flush()
        require("luv").sleep(60000)
      ]]
      local line = assert(process.first_line(child), child.stderr())
      child.kill("sigkill")
      for pid in line:gmatch("%d+") do
        assert.truthy(process.wait_until(PATIENCE, function() return not process.exists(tonumber(pid)) end))
      end
    end)

    it("of nginx that have the same ticket keys in another order resume each other's tickets", function()
      local keys = servers.ticket_keys(2)
      local options = { session_cache = "off" }
      options.ticket_keys = { keys[1], keys[2] }
      local first = servers.nginx(options)
      options.ticket_keys = { keys[2], keys[1] }
      local both = servers.balancer { backends = { first, servers.nginx(options) } }
      for _, mechanism in ipairs { "ticket", "psk" } do
        assert.is_true(reference.openssl(both.address, mechanism).resumed)
      end
    end)
  end)

  -- Each line: what is issued and resumed by session ID, ticket and PSK: "issued resumed", "issued", "none"; "version"
  -- where the server does not speak it.
  local TRUTH = {
    { "s_server", {}, { "resumed", "resumed", "resumed" } },
    { "s_server", { args = { "-no_ticket" } }, { "resumed", "none", "resumed" } },
    { "s_server", { args = { "-no_cache" } }, { "none", "resumed", "resumed" } },
    { "s_server", { args = { "-no_ticket", "-no_cache" } }, { "none", "none", "issued" } },
    { "s_server", { args = { "-tls1_2" } }, { "resumed", "resumed", "version" } },
    { "s_server", { args = { "-tls1_3" } }, { "version", "version", "resumed" } },
    { "s_server", { args = { "-num_tickets", "0" } }, { "resumed", "resumed", "none" } },
    { "s_server", { www = false, args = { "-early_data" } }, { "resumed", "resumed", "resumed" } },
    { "nginx", {}, { "issued", "resumed", "resumed" } },
    { "nginx", { session_cache = "none", session_tickets = "on" }, { "issued", "resumed", "resumed" } },
    { "nginx", { session_cache = "none", session_tickets = "off" }, { "issued", "none", "issued" } },
    { "nginx", { session_cache = "off", session_tickets = "on" }, { "none", "resumed", "resumed" } },
    { "nginx", { session_cache = "off", session_tickets = "off" }, { "none", "none", "issued" } },
    { "nginx", { session_cache = "builtin", session_tickets = "off" }, { "resumed", "none", "resumed" } },
    { "nginx", { session_cache = "shared:SSL:1m", session_tickets = "on" }, { "resumed", "resumed", "resumed" } },
    { "nginx", { session_cache = "shared:SSL:1m", session_tickets = "off" }, { "resumed", "none", "resumed" } },
    { "nginx", { session_cache = "shared:SSL:1m", protocols = "TLSv1.2" }, { "resumed", "resumed", "version" } },
    { "nginx", { session_cache = "shared:SSL:1m", early_data = true }, { "resumed", "resumed", "resumed" } },
    { "haproxy", {}, { "resumed", "resumed", "resumed" } },
    { "haproxy", { global = { "tune.ssl.cachesize 0" } }, { "none", "resumed", "resumed" } },
    { "haproxy", { bind = "no-tls-tickets" }, { "resumed", "none", "resumed" } },
    { "gnutls_serv", {}, { "resumed", "resumed", "resumed" } },
    { "gnutls_serv", { args = { "--noticket" } }, { "resumed", "none", "none" } },
    { "gnutls_serv", { args = { "--nodb" } }, { "issued", "resumed", "resumed" } },
    { "odd", { kind = "ssh" }, { "version", "version", "version" } },
  }

  local function answer_word(answer)
    return not answer.connected and "version" or answer.resumed and "resumed" or answer.issued and "issued" or "none"
  end

  local function describe_options(options)
    local words = {}
    for name, value in pairs(options) do
      words[#words + 1] = name .. "=" .. (type(value) == "table" and table.concat(value, " ") or tostring(value))
    end
    table.sort(words)
    return table.concat(words, ", ")
  end

  describe("reference clients find the known truth about", function()
    for _, case in ipairs(TRUTH) do
      local kind, options, truth = case[1], case[2], case[3]
      it(("%s {%s}"):format(kind, describe_options(options)), function()
        local server = servers[kind](options)
        for _, client in ipairs { "openssl", "gnutls" } do
          local answers = {}
          for i, mechanism in ipairs(MECHANISMS) do
            answers[i] = answer_word(reference[client](server.address, mechanism))
          end
          assert.same(truth, answers, client)
        end
      end)
    end
  end)
end)
