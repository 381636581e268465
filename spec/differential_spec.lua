--- The probe's answers held against libssl's: real flights with true keys, of which one message is changed, extension
-- by extension and byte by byte. What libssl would not take is never a verdict of the probe; and what it would take the
-- probe takes, but for the kinds that are named here: then libssl is asked.

local duel = require "spec.support.duel"
local hex = require "spec.support.hex"
local scripted = require "spec.support.scripted"

-- What both machines offer beyond the usual, so that both may get it back.
local OFFER = { server_name = "a.example", alpn = { "h2", "http/1.1" } }

local TYPES = { 0, 1, 5, 10, 11, 13, 14, 16, 18, 21, 22, 23, 35, 41, 42, 43, 44, 45, 47, 49, 50, 51, 0xff01, 0x4242 }

-- Bodies that make sense somewhere, and such that do not.
local BODIES = { "", "\0", "\1", "\0\0", "\1\0", "\1\1", "\2\0\1", "\0\29", "\3\4", "\3\3", "\0\0\0\1", "\0\2\0\29",
  "\0\1x", "\0\3\2h2", "\0\3\2h3", "\0\4\2h2x", "\0\6\2h2\2h2", "\0\1\0", "\0\3\2h2x", "\0\11\8http/1.1x",
  "\0\9\8http/1.1", "\0\12\0\0\9a.example", "\0\29\0\0", "\0\0\0\0", ("x"):rep(5) }

-- A scripted server that can't go on has met a client with other keys, or none: that one has not resumed.
local function verdict(engine, version, hooks)
  local ran, answer = pcall(duel.ask, engine, version, hooks, OFFER)
  if not ran then
    assert.matches("scripted", answer)
    return "not", { code = "protocol_error", message = answer }
  end
  return answer.verdict == "resumed" and "resumed" or "not", answer
end

-- Asks both; says which of the two was stricter, if one was.
local function compare(version, hooks, origin)
  local probe, answer = verdict("probe", version, hooks)
  local libssl = verdict("handshake", version, hooks)
  if probe == "resumed" and libssl ~= "resumed" then
    error(("%s: the probe takes what libssl does not"):format(origin), 2)
  elseif probe ~= libssl then
    assert(answer.code == "protocol_error" or answer.code == "unsupported", origin .. ": " .. tostring(answer.code))
    return "stricter", answer.message
  end
  return probe
end

local function hello_with(kind, body, in_retry)
  return { [in_retry and "retry" or "hello"] = function(fields)
    for i = #fields.extensions, 1, -1 do
      if fields.extensions[i][1] == kind then
        table.remove(fields.extensions, i)
      end
    end
    table.insert(fields.extensions, { kind, body })
  end }
end

local function encrypted_with(kind, body)
  return { messages = function(list) list[1] = scripted.encrypted_extensions { { kind, body } } end }
end

local PLACES = {
  { "ServerHello of TLS 1.2", "TLSv1.2", hello_with },
  { "ServerHello of TLS 1.3", "TLSv1.3", hello_with },
  { "HelloRetryRequest", "TLSv1.3", function(kind, body) return hello_with(kind, body, true) end },
  { "EncryptedExtensions", "TLSv1.3", encrypted_with },
}

-- Where the probe goes by the RFC, and libssl does not look: messages of its failures.
local STRICTER = {
  ["handshake: the server sent an extension that was not offered"] = true, -- of a type that libssl does not know
  ["handshake: the server chose TLS 1.3 with a legacy_version that is none"] = true, -- newer than 1.2, or 0
  ["handshake: the server chose an application protocol that was not offered"] = true, -- it looks since CVE-2024-5535
}
local MAY_BE_STRICTER = { [16] = true, [0x4242] = true } -- types: ALPN, and one that nobody knows

describe("an extension in the", function()
  for _, place in ipairs(PLACES) do
    it(place[1] .. " counts as it does to libssl", function()
      local taken = 0
      for _, kind in ipairs(TYPES) do
        for _, body in ipairs(BODIES) do
          local origin = ("extension %d with %q"):format(kind, body)
          local outcome, message = compare(place[2], place[3](kind, body), origin)
          if outcome == "stricter" then
            assert.is_true(STRICTER[message] and MAY_BE_STRICTER[kind], origin .. ": " .. message)
          end
          taken = taken + (outcome == "resumed" and 1 or 0)
        end
      end
      assert.is_true(taken > 0 and taken < #TYPES * #BODIES, taken)
    end)
  end
end)

describe("a NewSessionTicket of TLS 1.3", function()
  -- How many sessions each engine has of it.
  local function sessions(engine, ticket)
    local machine = duel.ask(engine, "TLSv1.3", { flight = function(flight)
      flight[#flight + 1] = { content = scripted.HANDSHAKE, bytes = scripted.message(4, ticket), by = "application" }
    end }, { tickets = true }).machine
    assert.is_true(machine:facts().reused)
    return #machine:sessions()
  end

  local function ticket_with(extensions)
    return (">I4 I4 s1 s2 s2"):pack(7200, 1, "n", "ticket", extensions)
  end

  it("is one where libssl takes it for one, with every extension", function()
    local counts = { [0] = 0, [1] = 0 }
    for _, kind in ipairs(TYPES) do
      for _, body in ipairs(BODIES) do
        local ticket = ticket_with((">I2 s2"):pack(kind, body))
        local libssl = sessions("handshake", ticket)
        assert.equal(libssl, sessions("probe", ticket), ("extension %d with %q"):format(kind, body))
        counts[libssl] = counts[libssl] + 1
      end
    end
    assert.is_true(counts[0] > 0 and counts[1] > 0)
  end)

  it("is one where libssl takes it for one, byte by byte", function()
    local ticket = ticket_with((">I2 s2"):pack(42, "\0\0\16\0"))
    assert.equal(1, sessions("handshake", ticket))
    for position = 1, #ticket do
      for _, way in ipairs { 0x01, 0x80, 0xff } do
        local turned = ticket:sub(1, position - 1) .. string.char(ticket:byte(position) ~ way)
          .. ticket:sub(position + 1)
        assert.equal(sessions("handshake", turned), sessions("probe", turned),
          ("byte %d ~ %d"):format(position, way))
      end
    end
    for _, odd in ipairs { "", ticket .. "x", ticket:sub(1, -2), (">I4 I4 s1 s2 s2"):pack(7200, 1, "n", "", "") } do
      assert.equal(sessions("handshake", odd), sessions("probe", odd), odd)
    end
  end)
end)

-- What a hello says apart from its extensions.
local FIELDS = {
  legacy_version = { 0, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x0305, 0x7f1c, 0xffff, 0xfefd },
  session_id = { "", "x", ("x"):rep(31), ("x"):rep(32), ("x"):rep(33), ("x"):rep(255) },
  compression = { 0, 1, 64 },
  cipher = { 0, 0x002f, 0x1301, 0x1302, 0x1303, 0x1304, 0xc02b, 0xc02c, 0xc02f, 0xc030, 0xffff },
  random = { ("s"):rep(24) .. "DOWNGRD\1", ("s"):rep(24) .. "DOWNGRD\0", ("\0"):rep(32), scripted.RETRY_RANDOM },
}

describe("a field of a ServerHello", function()
  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    for name, values in pairs(FIELDS) do
      it(("counts as it does to libssl: %s, %s"):format(name, version), function()
        for _, value in ipairs(values) do
          local origin = ("%s %q"):format(name, value)
          local outcome, message = compare(version, { hello = function(fields) fields[name] = value end }, origin)
          local by_rule = STRICTER[message] and name == "legacy_version" and (value == 0 or value > 0x0303)
          assert.is_true(outcome ~= "stricter" or by_rule, origin .. ": " .. tostring(message))
        end
      end)
    end
  end
end)

-- Every byte of a message turned in several ways.
local WAYS = { 0x01, 0x80, 0xff }

local function turn(bytes, position, way)
  return bytes:sub(1, position - 1) .. string.char(bytes:byte(position) ~ way) .. bytes:sub(position + 1)
end

local MESSAGES = {
  { "ServerHello of TLS 1.2", "TLSv1.2", {}, function(edit) return { bytes = edit } end },
  { "ServerHello of TLS 1.3", "TLSv1.3", {}, function(edit) return { bytes = edit } end },
  { "EncryptedExtensions", "TLSv1.3", {}, function(edit)
    return { messages = function(list)
      list[1] = edit(scripted.encrypted_extensions { { 0, "" }, { 10, "\0\2\0\29" }, { 16, "\0\3\2h2" } })
    end }
  end },
  { "NewSessionTicket of TLS 1.2", "TLSv1.2", {}, function(edit)
    return { hello = function(fields) table.insert(fields.extensions, { 35, "" }) end,
      messages = function(list) list[1] = edit(scripted.old_ticket("new ticket")) end }
  end },
}

describe("each byte of the", function()
  for _, case in ipairs(MESSAGES) do
    it(case[1] .. " counts as it does to libssl", function()
      local length
      assert.equal("resumed", compare(case[2], case[4](function(bytes)
        length = #bytes
        return bytes
      end), "as it is"))
      local outcomes = { resumed = 0, ["not"] = 0 }
      for position = 1, length do
        for _, way in ipairs(WAYS) do
          local origin = ("byte %d ~ %d"):format(position, way)
          local outcome, message = compare(case[2], case[4](function(bytes)
            return turn(bytes, position, way)
          end), origin)
          if outcome == "stricter" then
            assert.is_true(STRICTER[message], origin .. ": " .. tostring(message))
          else
            outcomes[outcome] = outcomes[outcome] + 1
          end
        end
      end
      assert.is_true(outcomes["not"] > 0)
    end)
  end
end)

describe("a key share of X25519", function()
  local P = "\xed" .. ("\xff"):rep(30) .. "\x7f"

  -- The number, as 32 bytes, of a point that is p + offset.
  local function beside_prime(offset)
    return string.char(P:byte() + offset) .. P:sub(2)
  end

  local LOW_ORDER = { ("\0"):rep(32), "\1" .. ("\0"):rep(31), beside_prime(-1), P, beside_prime(1),
    hex.bytes("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    hex.bytes("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157") }

  local function share(edit)
    return { hello = function(fields)
      for _, extension in ipairs(fields.extensions) do
        if extension[1] == 51 then
          extension[2] = "\0\29\0\32" .. edit(extension[2]:sub(-32))
        end
      end
    end }
  end

  -- The answer of a probe that offered the base point: which alert it sends.
  local function alert(edit)
    return duel.ask("probe", "TLSv1.3", share(edit)).verdict
  end

  it("of low order is refused, as libssl does, with its topmost bit or without", function()
    for _, point in ipairs(LOW_ORDER) do
      for _, bit in ipairs { 0, 0x80 } do
        local function bytes()
          return point:sub(1, 31) .. string.char(point:byte(32) | bit)
        end
        assert.equal(47, alert(bytes), hex.digits(bytes()))
        assert.equal("not", compare("TLSv1.3", share(bytes), hex.digits(bytes())))
      end
    end
  end)

  it("is read without its topmost bit, as libssl does", function()
    assert.equal("resumed", compare("TLSv1.3", share(function(bytes) return turn(bytes, 32, 0x80) end), "its top bit"))
  end)
end)
