-- The explicit nonce of GCM and CCM counts from 0 in many implementations, and eight zeros were read as two messages
-- hello_request in every protected stream. Behind change_cipher_spec nothing is read as a message, but in TLS 1.3,
-- where it means nothing; and a ticket is read in the version of the ServerHello before it, not in one that happens to
-- fit.

local core = require "resum.core"
local memory = require "spec.support.memory"
local pair = require "spec.support.pair"
local scripted = require "spec.support.scripted"

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

local CCS = record(20, "\1")
local SERVER_HELLO = "\2" .. (">s3"):pack("\3\3" .. ("r"):rep(32) .. "\0\xc0\x2f\0")
local NEW_SERVER_HELLO = "\2" .. (">s3"):pack("\3\3" .. ("r"):rep(32) .. "\0\x13\1\0" .. "\0\6\0\43\0\2\3\4")
local RETRY = "\2" .. (">s3"):pack("\3\3" .. scripted.RETRY_RANDOM
  .. "\0\x13\1\0" .. "\0\12\0\43\0\2\3\4\0\51\0\2\0\23")
local HELLO = core.client_hello { version = "TLSv1.3" }
local FINISHED = record(22, ("\0"):rep(8) .. ("x"):rep(32))
local ALERT = record(21, ("\0"):rep(7) .. "\1" .. ("y"):rep(18))

describe("parse", function()
  for name, case in pairs {
    ["what a server sends in TLS 1.2"] = { record(22, SERVER_HELLO) .. CCS .. FINISHED .. ALERT,
      "server_hello change_cipher_spec encrypted encrypted" },
    ["what a client sends in TLS 1.2"] = { HELLO .. CCS .. FINISHED .. ALERT,
      "client_hello change_cipher_spec encrypted encrypted" },
    ["a second ClientHello after a change_cipher_spec"] = { HELLO .. CCS .. HELLO .. record(23, "x"),
      "client_hello change_cipher_spec client_hello application_data" },
    ["a ServerHello after a HelloRetryRequest and change_cipher_spec"] = { record(22, RETRY) .. CCS
      .. record(22, NEW_SERVER_HELLO) .. record(23, "x"),
      "hello_retry_request change_cipher_spec server_hello application_data" },
    ["an alert in the clear after TLS 1.3's change_cipher_spec"] = { record(22, NEW_SERVER_HELLO) .. CCS
      .. record(21, "\2\50"), "server_hello change_cipher_spec alert" },
    ["encrypted records one by one"] = { record(22, SERVER_HELLO) .. CCS .. FINISHED .. FINISHED,
      "server_hello change_cipher_spec encrypted encrypted" },
    ["what looks like the start of a ClientHello, and is none"] = { record(22, SERVER_HELLO) .. CCS
      .. record(22, "\1\0\0\4abcd"), "server_hello change_cipher_spec encrypted" },
  } do
    it("reads " .. name, function()
      assert.equal(case[2], types(case[1]))
    end)
  end

  it("reads a second ClientHello of several records", function()
    local long = core.client_hello { version = "TLSv1.3", extensions = { { type = 0xfafa, body = ("x"):rep(40000) } } }
    assert.equal("client_hello change_cipher_spec client_hello", types(HELLO .. CCS .. long))
  end)

  it("finds in real streams just the messages of their transcripts", function()
    for _, cipher in ipairs { "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305",
      "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-CCM" } do
      local server = memory.server { max_version = "TLSv1.2", ciphers = cipher }
      local session = memory.visit(server).session
      for _, machine in ipairs { memory.client(), memory.client { session = session },
        core.probe { session = session } } do
        local connection = server:accept()
        local result = pair.run(machine, connection)
        local sent = { client = result.client_sent, server = result.server_sent }
        sent.client = sent.client .. machine:shutdown()
        for side, stream in pairs(sent) do
          local expected = {}
          for _, message in ipairs(machine:transcript()) do
            if message.from == side and message.type ~= "change_cipher_spec" then -- libssl's side does not tell it
              expected[#expected + 1] = (message.type == "finished" or message.type == "alert") and "encrypted"
                or message.type
            end
          end
          local found = types(stream):gsub(" change_cipher_spec", "")
          assert.equal(table.concat(expected, " "), found)
        end
      end
    end
  end)

  it("reads a ticket in the version that was agreed on", function()
    -- a ticket of TLS 1.2 that has the form of one of TLS 1.3
    local body = "\0\0\1\44" .. (">s2"):pack("ab" .. "\0" .. (">s2"):pack("ticket") .. "\0\0")
    local ticket = "\4" .. (">s3"):pack(body)
    assert.is_number(core.parse(ticket)[1].age_add)
    assert.is_nil(core.parse(ticket, "TLSv1.2")[1].age_add)
    assert.is_nil(core.parse(record(22, SERVER_HELLO) .. record(22, ticket))[2].age_add)
    assert.is_nil(core.parse(SERVER_HELLO .. ticket)[2].age_add)
    assert.is_number(core.parse(NEW_SERVER_HELLO .. ticket)[2].age_add)
    local old = "\4" .. (">s3"):pack("\0\0\1\44" .. (">s2"):pack("ticket"))
    assert.equal("ticket", core.parse(SERVER_HELLO .. old)[2].ticket)
    assert.is_true(core.parse(old, "TLSv1.3")[1].malformed)
    assert.has_error(function() core.parse(old, "1.3") end)
  end)
end)

-- Where a stream was recorded from the middle on, no change_cipher_spec stands before what is protected: an explicit
-- nonce that counts from 0 was read as two messages hello_request, or as one and another of another kind. Behind
-- application data handshake records are as protected as behind change_cipher_spec.

local NOISE = ("\0\255\7x"):rep(8)

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
