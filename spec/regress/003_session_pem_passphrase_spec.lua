--- A session's PEM that says that it is encrypted made OpenSSL ask for a passphrase at the terminal: the program hung.

local uv = require "luv"
local process = require "spec.support.process"

local ENCRYPTED = [[
-----BEGIN SSL SESSION PARAMETERS-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF

QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB
-----END SSL SESSION PARAMETERS-----
]]

describe("a session from an encrypted PEM", function()
  it("is invalid, and nobody is asked for a passphrase", function()
    local program = ("print(require('resum.core').session { pem = %q })"):format(ENCRYPTED)
    local result = process.run { command = { uv.exepath(), "-e", program }, input = "a passphrase\n" }
    assert.same({ 0, "nil\tsession: not the PEM of a session\tinvalid\n", "" },
      { result.code, result.stdout, result.stderr })
  end)
end)
