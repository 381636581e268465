--- The downgrade after HelloRetryRequest: a server that falls into it, made of a HelloRetryRequest by hand and the
-- scripted server of TLS 1.2; ones that don't; and libssl.

local clients = require "resum.connection.client"
local core = require "resum.core"
local evidences = require "spec.support.evidence"
local listener = require "spec.support.listener"
local resum = require "resum"
local scripted = require "spec.support.scripted"
local wire = require "spec.support.wire"
local zero_secret = require "resum.audit.checks.zero_secret"

local RSA = { cipher = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", cipher_id = 0xc02f }

local function record_of(message)
  return "\22\3\3" .. (">s2"):pack(message)
end

local function retry(client)
  local extensions = "\0\43\0\2\3\4" .. "\0\51\0\2\0\29"
  local body = "\3\3" .. wire.HELLO_RETRY_RANDOM .. (">s1"):pack(client.session_id) .. "\x13\1\0"
    .. (">s2"):pack(extensions)
  return record_of("\2" .. (">s3"):pack(body))
end

-- A host whose server answers flight by flight: answer(number, client hello or nil, bytes) -> bytes, or nil and why.
local function host_of(answer)
  local host = { parallel = function() end }
  function host.now() return 0 end
  function host.sleep() end
  function host.connect()
    local number, said, why = 0, nil, nil
    return {
      write = function(_, bytes)
        number = number + 1
        local hello = bytes:byte() == 22 and bytes:byte(6) == 1 and wire.client_hello(bytes:sub(6, 5
          + (">I2"):unpack(bytes, 4))) or nil
        said, why = answer(number, hello, bytes)
        return true
      end,
      read = function()
        local bytes = said
        said = nil
        if bytes == "" or not bytes then
          return nil, why or "timeout"
        end
        return bytes
      end,
      close = function() end,
    }
  end
  return host
end

local function found(answer)
  local client = clients.new_client({ address = "192.0.2.1", port = 443 }, { host = host_of(answer) })
  local context = { client = client, evidence = evidences.of(0), resumes = function() return true end }
  function context.session()
    return core.session({ version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256", secret = ("p"):rep(32),
      ticket = ("t"):rep(64), lifetime_s = 100 })
  end
  function context.converse(_, talk)
    return client:converse(talk)
  end
  local list = zero_secret.run(context)
  return ("%s %s"):format(list[1].verdict, list[1].reason), list[1].evidence, client.connections
end

-- Resumes TLS 1.2 under this secret, with one suite, behind a HelloRetryRequest.
local function downgrading(secret)
  local server
  return function(number, hello, bytes)
    if number == 1 then
      server = scripted.new({ version = "TLSv1.2", cipher = RSA.cipher, cipher_id = RSA.cipher_id, secret = secret })
      return retry(hello)
    elseif hello and hello.ciphers ~= "\xc0\x2f" then
      return "\21\3\3\0\2\2\40"
    end
    return (select(2, server:step(bytes)))
  end
end

describe("the check zero-secret", function()
  it("finds a server that resumes under zeros, by its Finished", function()
    local said, evidence = found(downgrading(("\0"):rep(48)))
    assert.equal("bad zero_secret", said)
    assert.same({ cipher = RSA.cipher }, evidence)
  end)

  it("does not take the ServerHello for a proof", function()
    assert.equal("good refused", (found(downgrading(("x"):rep(48)))))
  end)

  it("sends what the fault needs: both versions and no share, then the session ID alone", function()
    local hellos, server = {}, downgrading(("\0"):rep(48))
    found(function(number, hello, bytes)
      hellos[#hellos + 1] = hello
      return server(number, hello, bytes)
    end)
    local extension = wire.EXTENSION
    assert.equal("\4\3\4\3\3", hellos[1].extensions[extension.supported_versions])
    assert.equal("\0\0", hellos[1].extensions[extension.key_share])
    assert.is_truthy(hellos[1].extensions[extension.pre_shared_key])
    assert.equal(hellos[1].session_id, hellos[2].session_id)
    for _, name in ipairs({ "supported_versions", "pre_shared_key", "key_share" }) do
      assert.is_nil(hellos[2].extensions[extension[name]])
    end
  end)

  it("finds nothing where the second ClientHello ends in an alert", function()
    local said, _, connections = found(function(number, hello)
      return number == 1 and retry(hello) or "\21\3\3\0\2\2\70"
    end)
    assert.same({ "good refused", 2 }, { said, connections })
  end)

  it("takes an end for a refusal only where it comes again", function()
    local function ending(ends)
      local met = 0
      return function(number, hello)
        if number == 1 then
          return retry(hello)
        end
        met = met + 1
        return nil, ends[met] or "eof"
      end
    end
    local said, _, connections = found(ending({}))
    assert.same({ "good refused", 4 }, { said, connections })
    assert.equal("good refused", (found(ending({ "reset", "reset", "reset", "reset" }))))
    assert.equal("inconclusive connection_failed", (found(ending({ "eof", "reset", "eof", "eof" }))))
    assert.equal("inconclusive connection_failed", (found(ending({ "reset", "eof", "eof", "eof" }))))
  end)

  it("has no question without a HelloRetryRequest, and makes nothing of failures", function()
    assert.equal("not_applicable no_retry", (found(function() return "\21\3\3\0\2\2\109" end)))
    local said, _, connections = found(function() return nil, "reset" end)
    assert.same({ "inconclusive connection_failed", 4 }, { said, connections })
  end)

  it("finds nothing at libssl, which lives on", function()
    local server = listener.start({ identity = "rsa" })
    local list = resum.audit(server.address, { audit_checks = { "zero-secret", "binder" }, intrusive = true,
      mechanisms = { "psk" }, retries = 0 }).addresses[1].audit
    assert.same({ "good refused", "good checked" }, { list[1].verdict .. " " .. list[1].reason,
      list[2].verdict .. " " .. list[2].reason })
    server.close()
  end)
end)

describe("a conversation", function()
  it("counts as a connection, hands out what was returned, and closes also where the caller fails", function()
    local closed = 0
    local host = host_of(function() return "heard" end)
    local connect = host.connect
    function host.connect()
      local stream = connect()
      stream.close = function() closed = closed + 1 end
      return stream
    end
    local client = clients.new_client({ address = "192.0.2.1", port = 443 }, { host = host })
    local record = client:converse(function(talk)
      return talk:write("said") and talk:read()
    end)
    assert.same({ "heard", 1, 1 }, { record.result, client.connections, closed })
    assert.has_error(function() client:converse(function() error("mine", 0) end) end, "mine")
    assert.equal(2, closed)
    assert.has_error(function() client:converse() end)
  end)

  it("takes in no more than its bound", function()
    local client = clients.new_client({ address = "192.0.2.1", port = 443 }, { host = host_of(function()
      return ("x"):rep(400000)
    end) })
    local record = client:converse(function(talk)
      for _ = 1, 10 do
        talk:write("more")
        local bytes, code = talk:read()
        if not bytes then
          return code
        end
      end
    end)
    assert.equal("too_much", record.result)
  end)
end)
