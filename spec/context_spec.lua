--- resum.context: what each option puts into the ClientHello, and what a value that makes no sense is answered with.

local uv = require "luv"
local core = require "resum.core"
local memory = require "spec.support.memory"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local wire = require "spec.support.wire"

local EXTENSION = wire.EXTENSION
local SIGNATURE_ALGORITHMS = 13
local RENEGOTIATION_INFO = 0xff01

local function hello_of(options)
  local client = memory.client { context = options }
  client:step()
  return wire.client_hello(client:transcript()[1].bytes)
end

-- A list of 16-bit numbers, without the length before it.
local function numbers(bytes)
  local list = {}
  for position = 1, #bytes, 2 do
    list[#list + 1] = ("0x%04x"):format((">I2"):unpack(bytes, position))
  end
  return table.concat(list, " ")
end

local function vector(extension, width)
  return extension and numbers(((">s" .. width):unpack(extension)))
end

local function find_in(list, number)
  return list:find(number, 1, true) ~= nil
end

-- A file of openssl(1), made once.
local function openssl(arguments)
  local result = process.run { command = { "openssl", table.unpack(arguments) } }
  assert.equal(0, result.code, result.stderr)
  return result.stdout
end

describe("a context", function()
  describe("offers", function()
    for _, case in ipairs {
      { name = "all versions by default", expected = "0x0304 0x0303 0x0302 0x0301" },
      { name = "TLS 1.3 alone", options = { min_version = "TLSv1.3" }, expected = "0x0304" },
      { name = "no TLS 1.3", options = { max_version = "TLSv1.2" }, expected = nil },
      { name = "a range of versions", options = { min_version = "TLSv1.2" }, expected = "0x0304 0x0303" },
    } do
      it(case.name, function()
        assert.equal(case.expected, vector(hello_of(case.options).extensions[EXTENSION.supported_versions], 1))
      end)
    end

    for version, number in pairs { ["TLSv1.0"] = 0x0301, ["TLSv1.1"] = 0x0302, ["TLSv1.2"] = 0x0303 } do
      it(version .. " in the old place when it is the highest", function()
        assert.equal(number, hello_of({ max_version = version }).legacy_version)
      end)
    end

    it("the ciphers that it was given, in their order", function()
      local options = { ciphers = "AES256-SHA:ECDHE-RSA-AES128-GCM-SHA256", ciphersuites = "TLS_AES_256_GCM_SHA384" }
      local signalling = "0x00ff" -- TLS_EMPTY_RENEGOTIATION_INFO_SCSV
      assert.equal("0x1302 0x0035 0xc02f " .. signalling, numbers(hello_of(options).ciphers))
    end)

    it("old and new ciphers by default, and none without encryption or authentication", function()
      local offered = numbers(hello_of().ciphers)
      for name, case in pairs {
        TLS_AES_128_GCM_SHA256 = { "0x1301", true },
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = { "0xc02b", true },
        TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA = { "0xc014", true },
        TLS_RSA_WITH_AES_128_CBC_SHA = { "0x002f", true },
        TLS_RSA_WITH_NULL_SHA = { "0x0002", false },
        TLS_ECDH_anon_WITH_AES_128_CBC_SHA = { "0xc018", false },
      } do
        assert.equal(case[2], find_in(offered, case[1]), name)
      end
    end)

    it("the groups that it was given, with a key share for the first", function()
      local extensions = hello_of({ groups = "P-384:X25519" }).extensions
      assert.equal("0x0018 0x001d", vector(extensions[EXTENSION.supported_groups], 2))
      assert.equal(24, (">I2"):unpack(extensions[EXTENSION.key_share], 3))
    end)

    it("the signature algorithms that it was given", function()
      local extensions = hello_of({ sigalgs = "ecdsa_secp256r1_sha256:rsa_pkcs1_sha1" }).extensions
      assert.equal("0x0403 0x0201", vector(extensions[SIGNATURE_ALGORITHMS], 2))
    end)

    it("the names of application protocols that it was given, and none by default", function()
      assert.equal("\0\12\2h2\8http/1.1", hello_of({ alpn = { "h2", "http/1.1" } }).extensions[EXTENSION.alpn])
      assert.is_nil(hello_of({ alpn = {} }).extensions[EXTENSION.alpn])
      assert.is_nil(hello_of().extensions[EXTENSION.alpn])
    end)

    it("an empty ticket extension, and none without tickets", function()
      assert.equal("", hello_of().extensions[EXTENSION.session_ticket])
      assert.is_nil(hello_of({ tickets = false, max_version = "TLSv1.2" }).extensions[EXTENSION.session_ticket])
    end)

    it("the extended master secret, and not where it is not wanted", function()
      assert.equal("", hello_of().extensions[EXTENSION.extended_master_secret])
      assert.is_nil(hello_of({ extended_master_secret = false, max_version = "TLSv1.2" }).extensions[23])
      local server = memory.server { max_version = "TLSv1.2" }
      local visit = memory.visit(server, { context = { extended_master_secret = false } })
      assert.same({ false, false }, { visit.facts.extended_master_secret,
        visit.session:fields().extended_master_secret })
    end)

    it("psk_dhe_ke in the first ClientHello, without which some servers issue no ticket", function()
      assert.equal("\1\1", hello_of().extensions[EXTENSION.psk_key_exchange_modes])
    end)

    it("a small ClientHello but for a hybrid key share, which libssl has had since 3.5", function()
      local has_hybrid = core.context { groups = "X25519MLKEM768" } ~= nil
      for _, case in ipairs { { 512, { groups = "X25519:P-256:P-384:P-521" } }, { has_hybrid and 1700 or 512, {} } } do
        local client = memory.client { context = case[2] }
        local _, bytes = client:step()
        assert.is_true(#bytes < case[1], #bytes .. " bytes")
      end
    end)

    it("what asks for secure renegotiation, in whichever version", function()
      for _, version in ipairs { "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3" } do
        local hello = hello_of { min_version = version, max_version = version }
        local scsv = numbers(hello.ciphers):find("0x00ff", 1, true) ~= nil
        assert.is_true(scsv or hello.extensions[RENEGOTIATION_INFO] == "\0", version)
      end
    end)

    it("the same, whatever another context offers", function()
      local before = hello_of()
      local other = core.context { groups = "P-521", max_version = "TLSv1.2", alpn = { "h2" }, tickets = false }
      local after = hello_of()
      other:close()
      assert.same({ before.ciphers, before.extensions[EXTENSION.supported_groups], before.extensions[EXTENSION.alpn] },
        { after.ciphers, after.extensions[EXTENSION.supported_groups], after.extensions[EXTENSION.alpn] })
    end)
  end)

  describe("with a client certificate", function()
    local client, key_file

    setup(function()
      client = pki.get("client")
      key_file = process.temporary_directory() .. "/key.pem"
      openssl { "pkey", "-in", client.key, "-aes256", "-passout", "pass:secret", "-out", key_file }
    end)

    it("sends it, and its chain behind it", function()
      local chain = client.certificate_pem .. pki.get("ca").certificate_pem
      assert.same({ 1, "established" },
        { memory.certificates_shown { certificate = client.certificate_pem, private_key = client.key_pem } })
      assert.same({ 2, "established" },
        { memory.certificates_shown { certificate = chain, private_key = client.key_pem } })
    end)

    it("sends none when it has none, and learns that one is missing", function()
      local server = memory.server { require_certificate = true }
      local visit = memory.connect(server)
      assert.same({ nil, "alert" }, { visit.result.client, visit.result.code })
      assert.same({ { from = "server", level = "fatal", description = "certificate_required", code = 116 } },
        visit.client:facts().alerts)
    end)

    it("reads an encrypted key with its passphrase only, and asks nobody", function()
      local function make(passphrase)
        return core.context {
          certificate = client.certificate_pem, private_key = process.read_file(key_file), passphrase = passphrase,
        }
      end
      assert.is_not_nil(make("secret"))
      for _, wrong in ipairs { "wrong", "", ("x"):rep(5000) } do
        local context, message, code = make(wrong)
        assert.same({ nil, "invalid" }, { context, code })
        assert.matches("^private_key: ", message)
      end
      assert.same({ nil, "invalid" }, { make(nil), (select(3, make(nil))) })
    end)
  end)

  describe("answers with nil, a message that names the option, and a code", function()
    local good, other, broken

    setup(function()
      good, other = pki.get("client"), pki.get("ecdsa")
      broken = pki.get("ca").certificate_pem:gsub("\n%w%w%w%w", "\n!!!!", 2)
    end)

    for _, case in ipairs {
      { name = "ciphers", options = { ciphers = "NOTHING" }, code = "unsupported" },
      { name = "ciphers", options = { ciphers = "" }, code = "unsupported" },
      { name = "ciphersuites", options = { ciphersuites = "TLS_NOTHING" }, code = "unsupported" },
      { name = "groups", options = { groups = "P-255" }, code = "unsupported" },
      { name = "groups", options = { groups = "" }, code = "unsupported" },
      { name = "groups", options = { groups = "?P-255" }, code = "unsupported" },
      { name = "groups", options = { groups = "brainpoolP256r1", min_version = "TLSv1.3" }, code = "unsupported" },
      { name = "ciphersuites", options = { ciphersuites = "", min_version = "TLSv1.3" }, code = "unsupported" },
      { name = "ciphers", options = { ciphers = "ECDHE-RSA-AES128-GCM-SHA256", max_version = "TLSv1.1" },
        code = "unsupported" },
      { name = "sigalgs", options = { sigalgs = "rsa_md2" }, code = "unsupported" },
      { name = "certificate", certificate = function() return "no PEM", good.key_pem end, code = "invalid" },
      { name = "certificate", certificate = function() return "", good.key_pem end, code = "invalid" },
      { name = "certificate", code = "invalid",
        certificate = function() return good.certificate_pem .. broken, good.key_pem end },
      { name = "private_key", certificate = function() return good.certificate_pem, "no PEM" end, code = "invalid" },
      { name = "private_key", code = "invalid",
        certificate = function() return good.certificate_pem, other.key_pem end },
    } do
      it("when " .. case.name .. " makes no sense", function()
        local options = case.options or {}
        if case.certificate then
          options.certificate, options.private_key = case.certificate()
        end
        local context, message, code = core.context(options)
        assert.same({ nil, case.code }, { context, code })
        assert.matches("^" .. case.name .. ": %w+", message)
      end)
    end
  end)

  describe("raises an error that names the option", function()
    for _, case in ipairs {
      { { min_version = 1.3 }, "option 'min_version': string expected, got number" },
      { { min_version = "1.3" }, "option 'min_version': TLSv1.0, TLSv1.1, TLSv1.2 or TLSv1.3 expected" },
      { { max_version = "SSLv3" }, "option 'max_version': TLSv1.0, TLSv1.1, TLSv1.2 or TLSv1.3 expected" },
      { { min_version = "TLSv1.3", max_version = "TLSv1.2" }, "option 'min_version' is above 'max_version'" },
      { { ciphers = {} }, "option 'ciphers': string expected, got table" },
      { { ciphers = "AES\0" }, "option 'ciphers' has a NUL byte" },
      { { ciphersuites = true }, "option 'ciphersuites': string expected, got boolean" },
      { { groups = 29 }, "option 'groups': string expected, got number" },
      { { sigalgs = {} }, "option 'sigalgs': string expected, got table" },
      { { alpn = "h2" }, "option 'alpn': list of names expected" },
      { { alpn = { 2 } }, "option 'alpn': list of names expected" },
      { { alpn = { "" } }, "option 'alpn': names of 1 to 255 bytes expected" },
      { { alpn = { ("x"):rep(256) } }, "option 'alpn': names of 1 to 255 bytes expected" },
      { { alpn = { ("x"):rep(255), ("y"):rep(255), "z" } }, "option 'alpn': the list is too long" },
      { { tickets = 1 }, "option 'tickets': boolean expected, got number" },
      { { private_key = "PEM" }, "'private_key' needs 'certificate'" },
      { { certificate = "PEM", key_form = "jks" }, "option 'key_form': pem, der or p12 expected" },
      { { certificate = 1, private_key = 1 }, "option 'certificate': string expected, got number" },
      { { passphrase = {} }, "option 'passphrase': string expected, got table" },
      { { cipher = "AES" }, "unknown option 'cipher'; did you mean 'ciphers'?" },
      { { max_versoin = "TLSv1.2" }, "unknown option 'max_versoin'; did you mean 'max_version'?" },
      { { cyphre = "AES" }, "unknown option 'cyphre'" },
      { { "AES" }, "options have names" },
      { "AES", "table expected, got string" },
    } do
      it(case[2], function()
        local raised, message = pcall(core.context, case[1])
        assert.is_false(raised)
        assert.equal("(" .. case[2] .. ")", message:match("^bad argument #1 to '[^']*' (.*)$"))
      end)
    end
  end)

  it("reaches old servers, whatever the distribution's openssl.cnf restricts", function()
    local folder = process.temporary_directory()
    process.write_file(folder .. "/openssl.cnf", [[
openssl_conf = start
[start]
ssl_conf = ssl
[ssl]
system_default = strict
[strict]
MinProtocol = TLSv1.3
CipherString = ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=5
Groups = P-521
SignatureAlgorithms = ed25519
Options = -SessionTicket, -ExtendedMasterSecret, -EncryptThenMac, -UnsafeLegacyServerConnect
]])
    local program = [=[
local memory = require "spec.support.memory"
local wire = require "spec.support.wire"
local server = memory.server { min_version = "TLSv1.0", max_version = "TLSv1.0", identity = "rsa" }
local visit = memory.connect(server, { context = { ciphers = "AES128-SHA" } })
print(visit.facts.version, visit.facts.cipher)
local extensions = wire.client_hello(visit.client:transcript()[1].bytes).extensions
for _, name in ipairs { "session_ticket", "extended_master_secret", "encrypt_then_mac" } do
  print(name, extensions[wire.EXTENSION[name]] ~= nil)
end
]=]
    local result = process.run {
      command = { uv.exepath(), "-e", program }, environment = { OPENSSL_CONF = folder .. "/openssl.cnf" },
    }
    assert.equal("TLSv1.0\tTLS_RSA_WITH_AES_128_CBC_SHA\n"
      .. "session_ticket\ttrue\nextended_master_secret\ttrue\nencrypt_then_mac\ttrue\n", result.stdout, result.stderr)
  end)
end)
