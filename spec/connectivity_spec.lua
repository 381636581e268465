-- The control handshake: which servers it gives up on, what it tries instead, what it says of client certificates.

local attempt = require "resum.connection.client"
local control = require "resum.connection.connectivity"
local memory = require "spec.support.memory"
local pki = require "spec.support.pki"
local resum = require "resum"
local script = require "spec.support.script"

local function client_of(host, options)
  options = options or {}
  options.host = host
  return attempt.new_client({ address = "192.0.2.1", port = 443 }, options)
end

-- A host whose server drops whoever offers a newer version than this in the ClientHello's version field (RFC 5246,
-- section 7.4.1.2), or its supported_versions extension at all.
local function intolerant(server, newest)
  return script.host({}, { tls_server = server, gate = function(stream, bytes, flight)
    if flight == 1 and ((">I2"):unpack(bytes, 10) > newest or bytes:find("\0\43\0\3\2\3\4", 1, true)
      or bytes:find("\0\43\0\9\8\3\4", 1, true)) then
      stream.ended = "reset"
      return true
    end
  end })
end

describe("the control", function()
  it("is one full handshake where all is well", function()
    local host = script.host({}, { tls_server = memory.server() })
    local record = control.run(client_of(host), 2)
    assert.same({ "full", "TLSv1.3", 1 }, { record.outcome, record.version, #host.connected })
  end)

  it("offers less where a ClientHello of today is too much, down to TLS 1.0", function()
    for _, case in ipairs({ { "TLSv1.2", 0x303 }, { "TLSv1.0", 0x301 } }) do
      local host = intolerant(memory.server({ max_version = case[1] }), case[2])
      local client = client_of(host)
      local record = control.run(client, 0)
      assert.same({ "full", case[1] }, { record.outcome, record.version })
      local again = client:attempt({ mechanism = "ticket" })
      assert.same({ "full", case[1] }, { again.outcome, again.version })
    end
  end)

  it("lets the scans test what such a server speaks", function()
    local host = intolerant(memory.server({ max_version = "TLSv1.0" }), 0x301)
    host.resolve = function()
      return { "192.0.2.1" }
    end
    local support = resum.scan("a.example", { host = host }).addresses[1].support
    assert.same({ "supported", "TLSv1.0", "supported", "TLSv1.0", "not_applicable" }, { support.session_id.verdict,
      support.session_id.version, support.ticket.verdict, support.ticket.version, support.psk.verdict })
  end)

  it("keeps to a version that is pinned", function()
    local host = script.host({}, { tls_server = memory.server() })
    host.resolve = function()
      return { "192.0.2.1" }
    end
    local entry = resum.scan("a.example", { host = host, tls = "1.1" }).addresses[1]
    assert.same({ "TLSv1.1", "TLSv1.1", "TLSv1.1" },
      { entry.control.version, entry.support.session_id.version, entry.support.ticket.version })
    assert.is_nil(entry.support.psk)
    entry = resum.scan("a.example", { host = host, tls = "1.3" }).addresses[1]
    assert.same({ psk = "supported" }, { psk = entry.support.psk.verdict, ticket = entry.support.ticket })
  end)

  it("says so when the server does not speak the version that is pinned", function()
    local host = script.host({}, { tls_server = memory.server({ min_version = "TLSv1.3" }) })
    host.resolve = function()
      return { "192.0.2.1" }
    end
    local result = resum.scan("a.example", { host = host, tls = "1.2", retries = 0 })
    assert.same({ "error", "handshake: the server sent the alert protocol_version (70). It speaks none of the versions "
      .. "that are offered here: leave out --tls." },
      { result.status, result.error.message })
    for _, stream in ipairs(host.streams) do
      assert.is_false(stream.connection:facts().finished)
    end
  end)

  it("does not leave the versions that are pinned when it offers less", function()
    local host = script.host({}, { tls_server = memory.server({ max_version = "TLSv1.1" }) })
    local client = client_of(host, { versions = { min_version = "TLSv1.2", max_version = "TLSv1.3" } })
    assert.is_true(client:limit_version("TLSv1.2"))
    assert.equal("protocol_error", client:attempt({ mechanism = "control" }).outcome)
    assert.is_false(client:limit_version("TLSv1.1"))
  end)

  it("goes back to what it offers usually where neither less nor more has helped", function()
    local hellos, core = {}, require "resum.core"
    local host = script.host({})
    function host.connect()
      local answer = "\21\3\3\0\2\2\40" -- handshake_failure
      return {
        write = function(_, bytes)
          hellos[#hellos + 1] = core.parse(bytes)[1]
          return true
        end,
        read = function()
          local bytes = answer
          answer = nil
          return bytes, not bytes and "eof" or nil
        end,
        close = function() end,
      }
    end
    local client = client_of(host)
    control.run(client, 0)
    client:attempt({ mechanism = "control" })
    local first, last, most, fewest = hellos[1], hellos[#hellos], 0, math.huge
    local function offered(hello)
      local types = {}
      for i, extension in ipairs(hello.extensions) do
        types[i] = extension.type .. (extension.type == "supported_versions" and extension.body or "")
      end
      return { #hello.ciphers, types }
    end
    for _, hello in ipairs(hellos) do
      most, fewest = math.max(most, #hello.ciphers), math.min(fewest, #hello.extensions)
    end
    assert.is_true(most > #first.ciphers) -- it had offered more
    assert.is_true(fewest < #first.extensions) -- and less
    assert.same(offered(first), offered(last))
  end)

  it("gives a server a moment before it tries again, where the reason may pass", function()
    local host = script.host({ "reset" })
    local record = control.run(client_of(host), 2)
    assert.equal("reset", record.outcome)
    assert.same({ 0.25, 0.5 }, { host.slept[1], host.slept[2] }) -- before it offers less
  end)

  it("does not wait for ever for who is silent: it asks twice", function()
    local host = script.host({ "deaf" })
    control.run(client_of(host), 9)
    assert.equal(2, #host.connected)
  end)

  it("stops when the scan is cancelled", function()
    local host = script.host({ "reset" })
    control.run(client_of(host, { cancelled = function() return #host.connected > 0 end }), 2)
    assert.equal(1, #host.connected)
  end)
end)

describe("a client certificate", function()
  local client = pki.get("client")

  local function find(server_options, options)
    local host = script.host({}, { tls_server = memory.server(server_options) })
    host.resolve = function()
      return { "192.0.2.1" }
    end
    options.host = host
    local result = resum.scan("a.example", options)
    return result.addresses[1].client_certificate, result.status, tostring(result), #host.connected
  end

  for _, version in ipairs({ "TLSv1.2", "TLSv1.3" }) do
    it("is told to be asked for, needed, or neither: " .. version, function()
      local kinds = {}
      for kind, server in pairs({ none = {}, asked = { request_certificate = true },
        needed = { require_certificate = true } }) do
        server.max_version = version
        kinds[kind] = { find(server, {}) }
      end
      assert.same({ nil, "completed" }, { kinds.none[1], kinds.none[2] })
      assert.same({ "optional", "completed" }, { kinds.asked[1], kinds.asked[2] })
      assert.same({ "required", "error" }, { kinds.needed[1], kinds.needed[2] })
      assert.is_truthy(kinds.asked[3]:find("Client certificate: asked for; the handshake passes without", 1, true))
      assert.is_truthy(kinds.needed[3]:find("Client certificate: required: the handshake fails without one", 1, true))
      assert.equal(1, kinds.needed[4])
    end)

    it("may be needed or not where the server hangs up when it has asked: " .. version, function()
      local server = memory.server({ require_certificate = true, max_version = version })
      local host = script.host({}, { tls_server = server, gate = function(stream, _, flight)
        stream.ended = flight > 1 and "eof" or nil
        return flight > 1
      end })
      local record = control.run(client_of(host), 0)
      local outcome = version == "TLSv1.3" and "full" or "closed" -- in TLS 1.3 we are through before the server is
      assert.same({ outcome, "asked" }, { record.outcome, control.client_certificate(record, false) })
    end)

    it("of ours is taken where it is asked for: " .. version, function()
      local kind, status = find({ require_certificate = true, max_version = version },
        { certificate = client.certificate_pem, private_key = client.key_pem })
      assert.same({ "accepted", "completed" }, { kind, status })
    end)
  end
end)
