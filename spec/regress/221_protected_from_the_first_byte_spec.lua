-- Where a stream was recorded from the middle on, no change_cipher_spec stands before what is protected: an explicit
-- nonce that counts from 0 was read as two messages hello_request, or as one and another of another kind. Behind
-- application data handshake records are as protected as behind change_cipher_spec.

local core = require "resum.core"

local NOISE = ("\0\255\7x"):rep(8)

local function record(content, body)
  return string.char(content, 3, 3) .. (">s2"):pack(body)
end

local function types(bytes, version)
  local list = {}
  for i, message in ipairs(assert(core.parse(bytes, version))) do
    list[i] = message.type
  end
  return table.concat(list, " ")
end

describe("parse of a protected stream without its beginning", function()
  for nonce = 0, 260, 13 do
    it("invents no hello_request: explicit nonce " .. nonce, function()
      local protected = record(22, (">I8"):pack(nonce) .. NOISE)
      for _, version in ipairs({ "TLSv1.2", false }) do
        assert.equal("incomplete_or_encrypted", types(protected, version or nil))
        assert.equal("incomplete_or_encrypted application_data encrypted",
          types(protected .. record(23, NOISE) .. protected, version or nil))
      end
    end)
  end

  it("reads hello_request where a server says it", function()
    assert.equal("hello_request", types(record(22, "\0\0\0\0")))
    assert.equal("hello_request hello_request", types(record(22, "\0\0\0\0") .. record(22, "\0\0\0\0")))
    assert.equal("hello_request", types("\0\0\0\0"))
  end)

  it("reads a second ClientHello behind early data", function()
    local hello = core.client_hello({ version = "TLSv1.3" })
    assert.equal("client_hello change_cipher_spec application_data client_hello",
      types(hello .. record(20, "\1") .. record(23, NOISE) .. hello))
  end)
end)
