--- On an OpenSSL whose configuration leaves things out, as a FIPS one does (spec/support/restricted_provider.c is the
-- default provider without MD5, ChaCha20-Poly1305, X25519 and the like): the module loads, works with what is there,
-- and says what is missing.

local uv = require "luv"
local pki = require "spec.support.pki"
local process = require "spec.support.process"

local CONFIGURATION = [[
openssl_conf = all
[all]
providers = providers
[providers]
restricted = restricted
[restricted]
module = %s
activate = 1
]]

-- Runs a program under that configuration; returns the lines that it prints.
local function run(command)
  local directory = process.temporary_directory()
  local path = directory .. "/openssl.cnf"
  local module = uv.fs_realpath(os.getenv("RESUM_BUILD") .. "/spec/support/restricted_provider.so")
  process.write_file(path, CONFIGURATION:format(module))
  local result = process.run { command = command, seconds = 60, environment = { OPENSSL_CONF = path } }
  process.remove(directory)
  assert.equal(0, result.code, result.stderr)
  return result.stdout
end

local function lua(program, ...)
  return run { uv.exepath(), "-e", program:format(...) }
end

local MISSING = "MD5, MD5-SHA1, ChaCha20-Poly1305"

describe("under an OpenSSL without MD5, ChaCha20 and X25519", function()
  it("the module loads, says what is missing, and leaves nothing in the error queue", function()
    assert.equal(MISSING .. " 0\n", lua [[
      local tls_server = require "spec.support.tls_server"
      tls_server.errors()
      local core = require "resum.core"
      print(table.concat(core.MISSING, ", ") .. " " .. #tls_server.errors())
    ]])
  end)

  it("the command says so, too", function()
    assert.matches("\nOpenSSL, as it is configured here, lacks " .. MISSING .. "\n",
      run { "./lua/bin/resum", "--version" }, 1, true)
  end)

  it("the probe names what a session needs and is not there, and nothing else", function()
    local out = lua [[
      local core = require "resum.core"
      for _, fields in ipairs {
        { version = "TLSv1.3", cipher = 0x1303, secret = ("s"):rep(32), ticket = "t" },
        { version = "TLSv1.2", cipher = 0xcca8, secret = ("s"):rep(48), ticket = "t" },
        { version = "TLSv1.1", cipher = 0xc013, secret = ("s"):rep(48), ticket = "t" },
        { version = "TLSv1.2", cipher = 0xc013, secret = ("s"):rep(48), ticket = "t" },
      } do
        local probe, message, code = core.probe { session = core.session(fields) }
        print(message or tostring(probe), code)
      end
    ]]
    local needs = "probe: OpenSSL, as it is configured, has no %s, which the session needs\tunsupported\n"
    assert.equal(needs:format("ChaCha20-Poly1305"):rep(2) .. needs:format("MD5-SHA1") .. "resum.probe (want)\tnil\n",
      out)
  end)

  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("both engines shake hands and resume with what is there: " .. version, function()
      local identity = pki.get("ecdsa")
      assert.equal("full true true\n", lua([[
        local core, pair, tls_server = require "resum.core", require "spec.support.pair", require "spec.support.tls_server"
        local version, words = %q, {}
        local server = tls_server.new { certificate = %q, private_key = %q, groups = "P-256", max_version = version }
        local function visit(machine)
          local connection = server:accept()
          local result = pair.run(machine, connection)
          assert(result.client == "established", result.message)
          words[#words + 1] = tostring(machine:facts().reused)
          pair.close(machine, connection)
          return machine
        end
        local session = visit(core.handshake(assert(core.context()))):session()
        visit(core.handshake(assert(core.context()), { session = session }))
        visit(assert(core.probe { session = session:copy(), groups = version == "TLSv1.3" and { "secp256r1" } or nil }))
        words[1] = words[1] == "false" and "full" or words[1]
        print(table.concat(words, " "))
      ]], version, identity.certificate_pem, identity.key_pem))
    end)
  end
end)
