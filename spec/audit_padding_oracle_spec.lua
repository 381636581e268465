--- Padding oracles: servers that check the padding of a ticket's last block before anything else, and tell; others
-- whose answers differ for other reasons; and libssl.

local evidences = require "resum.audit.evidence"
local finding = require "resum.audit.finding"
local listener = require "spec.support.listener"
local padding_oracle = require "resum.audit.checks.padding_oracle"
local resum = require "resum"

local ORIGINAL = ("N"):rep(16) .. ("\90"):rep(128)

-- answer(difference, number): difference is what the altered ticket has turned, as a function of the bytes before the
-- ticket's end (1 is the last).
local function found(answer, length, share)
  local ticket, offers = ORIGINAL:sub(1, length or -1), 0
  local context = { controls = 0, client = { expired = function() return false end }, evidence = evidences.new() }
  function context.resuming() return { "psk" } end
  function context.resumes() return true, share or 1 end
  function context.keep() end
  function context.stay_sure() context.controls = context.controls + 1 end
  function context.session()
    return { fields = function() return { ticket = ticket } end, derive = function(_, fields) return fields.ticket end }
  end
  function context.attempt(_, options)
    if type(options.session) == "table" then
      return { outcome = "resumed" } -- it is offered as it is
    end
    offers = offers + 1
    local said = answer(function(from_end)
      local at = #ticket + 1 - from_end
      return options.session:byte(at) ~ ticket:byte(at)
    end, offers)
    if type(said) == "number" then
      return { outcome = "alert", facts = { alerts = { { from = "server", code = said } } } }
    end
    return { outcome = said, facts = said == "protocol_error" and { violation = "finished", certificate = false } }
  end
  local one = finding.make(padding_oracle, padding_oracle.run(context)[1])
  return ("%s %s"):format(one.verdict, one.reason), one, offers, context
end

-- Is the padding right, where the plaintext's last block, in front of a trailer, ended in so many bytes of padding?
local function is_padded(padding, block, trailer, difference)
  local plain = {}
  for i = 1, block do -- from its end
    local byte = i <= padding and padding or 0xe0 + i
    plain[i] = byte ~ difference(trailer + block + i)
  end
  local count = plain[1]
  if count < 1 or count > block then
    return false
  end
  for i = 1, count do
    if plain[i] ~= count then
      return false
    end
  end
  return true
end

-- Other kinds of padding, of the last block in front of a trailer: by its bytes from the end.
local OTHER_KINDS = {
  ["ANSI X9.23"] = { plain = { 5, 0, 0, 0, 0 }, is_right = function(plain)
    for i = 2, plain[1] do
      if plain[i] ~= 0 then
        return false
      end
    end
    return plain[1] >= 1 and plain[1] <= 16
  end },
  ["as in TLS records"] = { plain = { 4, 4, 4, 4, 4 }, is_right = function(plain)
    for i = 1, plain[1] + 1 do
      if plain[i] ~= plain[1] then
        return false
      end
    end
    return true
  end },
  ["ISO 7816-4"] = { plain = { 0, 0, 0, 128 }, is_right = function(plain)
    for _, byte in ipairs(plain) do
      if byte ~= 0 then
        return byte == 128
      end
    end
    return false
  end },
  length = { plain = { 9 }, is_right = function(plain)
    return plain[1] >= 1 and plain[1] <= 16
  end },
}

local function is_right(kind, trailer, difference)
  local plain = {}
  for i = 1, 16 do
    plain[i] = (kind.plain[i] or 0xe0 + i) ~ difference(trailer + 16 + i)
  end
  return kind.is_right(plain)
end

describe("the check padding-oracle", function()
  for name, kind in pairs(OTHER_KINDS) do
    for _, trailer in ipairs({ 0, 32 }) do
      it(("finds one of padding of another kind (%s), %d bytes before the end"):format(name, trailer), function()
        local said, one, offers = found(function(difference)
          return is_right(kind, trailer, difference) and 20 or 50
        end)
        local expected = name == "length" and "bad last_byte" or "bad oracle"
        assert.same({ expected, name ~= "length" and name or nil, name == "length" and "high" or "critical" },
          { said, one.evidence.padding, one.severity })
        assert.equal(#ORIGINAL - trailer - 17, one.evidence.offset)
        assert.is_true(offers <= padding_oracle.connections({ mechanisms = { "psk" } }))
      end)
    end
  end

  it("knows a server that ends the connection where the padding is wrong, or right", function()
    for _, told in ipairs({ { "refused", "closed" }, { "reset", "refused" }, { "protocol_error", "refused" } }) do
      local said = found(function(difference)
        return is_padded(4, 16, 0, difference) and told[1] or told[2]
      end)
      assert.equal("bad oracle", said)
    end
  end)

  for _, case in ipairs({ { 4, 16, 0 }, { 16, 16, 32 }, { 2, 16, 48 }, { 8, 8, 20 }, { 3, 16, 16 } }) do
    local padding, block, trailer = table.unpack(case)
    local name = "finds one behind %d bytes of padding, in blocks of %d, %d bytes before the end"
    it(name:format(padding, block, trailer), function()
      for _, told in ipairs({ { 20, 50 }, { "refused", 51 }, { 20, "refused" } }) do
        local said, one, offers = found(function(difference)
          if difference(trailer + block + 1) == 0 and difference(trailer + block + 2) == 0 then
            return "resumed" -- nothing was altered
          end
          return is_padded(padding, block, trailer, difference) and told[1] or told[2]
        end)
        assert.equal("bad oracle", said)
        assert.equal(#ORIGINAL - trailer - block - 1, one.evidence.offset)
        assert.is_true(offers <= padding_oracle.connections({ mechanisms = { "psk" } }))
      end
    end)
  end

  it("finds nothing where all is answered in one way", function()
    local said, one, offers, context = found(function() return "refused" end)
    assert.equal("good no_oracle", said)
    local all = 14 * 17 + 2 * (255 - 17) -- all ways at two places
    assert.same({ all, all, all // 64 }, { one.evidence.offers, offers, context.controls })
    assert.is_true(offers < 1000 - 256) -- CVE-2024-2511; 256 for the altered tickets of `tampered`
  end)

  it("takes no other odd answer for padding: one that came once, nor one that stays without two bytes of it", function()
    assert.equal("good no_oracle", (found(function(_, number) return number == 5 and 20 or 50 end)))
    assert.equal("good no_oracle", (found(function(difference)
      return difference(17) == 5 and difference(18) == 0 and 20 or 50 -- only what one byte of it would be
    end)))
    assert.equal("good no_oracle", (found(function(difference)
      return difference(17) == 1 and 20 or 50 -- a mask that no padding explains
    end)))
    assert.equal("good no_oracle", (found(function(difference)
      return difference(17) & 4 == 4 and 20 or 50
    end)))
  end)

  it("asks nothing where other servers answer in between", function()
    local said, _, offers = found(function() return "refused" end, nil, 0.5)
    assert.same({ "inconclusive mixed_answers", 0 }, { said, offers })
  end)

  it("makes nothing of failures", function()
    assert.equal("inconclusive connection_failed", (found(function(difference, number)
      return number % 3 == 0 and "timeout" or is_padded(4, 16, 0, difference) and 20 or 50
    end)))
  end)

  it("leaves names of a cache alone", function()
    assert.equal("not_applicable names_only", (found(function() return "refused" end, 32)))
  end)

  it("finds nothing at libssl", function()
    local server = listener.start({})
    local list = resum.audit(server.address, { audit_checks = { "padding-oracle" }, intrusive = true,
      mechanisms = { "psk" }, retries = 0 }).addresses[1].audit
    assert.same({ "good", "no_oracle" }, { list[1].verdict, list[1].reason })
    server.close()
  end)
end)
