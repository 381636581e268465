--- resum.handshake against servers that mean harm, or die: garbage, mutated handshakes, ends at every byte, floods. It
-- never crashes, always says what happened, stays within its bounds, and is of use to nobody after a failure.

local core = require "resum.core"
local memory = require "spec.support.memory"
local pair = require "spec.support.pair"
local random = require "spec.support.random"

local SEED = 4242
local CODES = { alert = true, protocol_error = true, closed = true, too_much = true }
local MOST_BYTES_OUT = 16 * 1024 -- a client's handshake is far smaller

local VERSIONS = { "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3" }

local contexts = {}

local function context_of(version)
  contexts[version] = contexts[version] or core.context { min_version = version, max_version = version }
  return contexts[version]
end

-- What holds for a machine in any state. `origin` is printed when it does not.
local function check_sane(client, answer, origin)
  local state, out, message, code = table.unpack(answer, 1, 4)
  assert.is_string(out, origin)
  assert.is_true(#out <= MOST_BYTES_OUT, origin)
  if state == nil then
    assert.is_true(CODES[code], origin .. ": code " .. tostring(code))
    assert.matches("^%a+: .", message, nil, origin)
    assert.same({ nil, "", "handshake: it has failed before", "failed" }, { client:step("more") })
    assert.same({ nil, "", "handshake: it has failed before", "failed" }, { client:eof() })
    assert.equal("", client:shutdown())
    assert.same({ nil, "write: the connection is not established", "state" }, { client:write("x") })
    assert.equal("resum.handshake (failed)", tostring(client))
  else
    assert.is_true(state == "want" or state == "established" or state == "closed", origin)
    assert.is_nil(message)
  end
  assert.is_table(client:facts())
  assert.is_table(client:transcript())
  assert.is_table(client:sessions())
  client:close()
end

local function started(version)
  local client = core.handshake(context_of(version))
  local _, hello = client:step()
  return client, hello
end

describe("a hostile server", function()
  it("that sends garbage is no TLS server", function()
    local garbage = random.new(SEED)
    for round = 1, 500 do
      local client = started(VERSIONS[round % 4 + 1])
      check_sane(client, { client:step(garbage:bytes(garbage:number(1, 600))) }, "seed " .. SEED .. " round " .. round)
    end
  end)

  it("that sends garbage in records is no TLS server either", function()
    local garbage = random.new(SEED)
    for round = 1, 1000 do
      local client = started(VERSIONS[round % 4 + 1])
      local body = garbage:bytes(garbage:number(0, 300))
      if round % 2 == 0 then -- a handshake message of the right length
        body = string.char(garbage:number(0, 25)) .. (">s3"):pack(body)
      end
      local record = string.char(garbage:number(20, 24), 3, garbage:number(0, 4)) .. (">s2"):pack(body)
      check_sane(client, { client:step(record) }, "seed " .. SEED .. " round " .. round)
    end
  end)

  for _, version in ipairs(VERSIONS) do
    for _, resuming in ipairs { false, true } do
      it(("that mutates %s handshakes of %s does no harm"):format(resuming and "resumed" or "full", version), function()
        local garbage = random.new(SEED)
        local server = memory.server { max_version = version, min_version = version }
        local session = resuming and memory.visit(server).session or nil
        local failed = 0
        for round = 1, 150 do
          local client = core.handshake(context_of(version), { session = session })
          local flights, which = 0, garbage:number(1, 2)
          local result = pair.run(client, server:accept(), {
            change = function(from, bytes)
              flights = flights + (from == "server" and 1 or 0)
              return from == "server" and flights == which and garbage:mutate(bytes) or bytes
            end,
          })
          failed = failed + (result.client == nil and 1 or 0)
          local answer = { result.client, "", result.message, result.code }
          check_sane(client, answer, "seed " .. SEED .. " round " .. round)
        end
        assert.is_true(failed > 30, failed .. " of 150 failed")
      end)
    end
  end

  it("that spoils an established connection fails it, and what it gave before stays good", function()
    for _, version in ipairs(VERSIONS) do
      local server = memory.server { min_version = version, max_version = version }
      local visit = memory.connect(server)
      local state, _, _, code = visit.client:step("\23\3\3\0\5hello")
      assert.same({ nil, "protocol_error" }, { state, code })
      visit.connection:shutdown()
      visit.connection:close()
      assert.is_true(memory.visit(server, { session = visit.client:session() }).facts.reused)
    end
  end)

  it("that answers in plain HTTP is named by what libssl saw", function()
    local client = started("TLSv1.2")
    local state, _, message, code = client:step("HTTP/1.1 400 Bad Request\r\n")
    assert.same({ nil, "handshake: wrong version number", "protocol_error" }, { state, message, code })
  end)

  it("that says close_notify in the middle closes the handshake", function()
    local client = started("TLSv1.2")
    assert.same({ "closed", "" }, { client:step("\21\3\3\0\2\1\0") })
    assert.same({ "closed", "" }, { client:step("more") })
    assert.equal("", client:shutdown())
    assert.same({ {}, false }, { client:sessions(), client:facts().reused })
  end)

  it("that sends a ServerHello cut short adds nothing to the facts", function()
    local client = started("TLSv1.2")
    local state = client:step("\22\3\3" .. (">s2"):pack("\2" .. (">s3"):pack("\3\3")))
    assert.is_nil(state)
    local facts = client:facts()
    assert.same({}, { facts.version, facts.cipher, facts.session_id })
  end)
end)

local ENDED = {
  want = "handshake: the server ended the connection in the middle",
  established = "connection: the server ended it without close_notify",
}

describe("an end of the stream", function()
  -- Lets the first `count` bytes of the server arrive, then ends the stream.
  local function cut_after(client, connection, count)
    local left = count
    local result = pair.run(client, connection, {
      change = function(from, bytes)
        if from == "client" then
          return bytes
        end
        local arriving = bytes:sub(1, left)
        left = left - #arriving
        return arriving
      end,
    })
    return result.client, { client:eof() }
  end

  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    for _, resuming in ipairs { false, true } do
      it(("is told at every byte of a %s handshake of %s"):format(resuming and "resumed" or "full", version), function()
        local server = memory.server { min_version = version, max_version = version, num_tickets = 1 }
        local first = memory.connect(server)
        first.connection:shutdown()
        local offered = { session = resuming and first.session or nil }
        local context = context_of(version)
        local total = #memory.connect(server, offered).result.server_sent + 8 -- signatures differ in length
        local states = {}
        for count = 0, total do
          local client = core.handshake(context, offered)
          local state, answer = cut_after(client, server:accept(), count)
          states[state] = (states[state] or 0) + 1
          assert.same({ nil, ENDED[state], "closed" }, { answer[1], answer[3], answer[4] })
          if state ~= "established" then
            assert.same({ {}, false }, { client:sessions(), client:facts().reused })
          end
          check_sane(client, answer, "byte " .. count)
        end
        assert.equal(total + 1, states.want + states.established)
        assert.is_true(states.established >= 2)
      end)
    end
  end

  it("before the first byte is told, and so is one after close_notify", function()
    local client = started("TLSv1.3")
    local state, _, _, code = client:eof()
    assert.same({ nil, "closed" }, { state, code })
    local visit = memory.connect(memory.server())
    visit.client:step(visit.connection:shutdown())
    assert.same({ "closed", "" }, { visit.client:eof() })
  end)
end)

describe("the bound on bytes", function()
  it("lets exactly so many in", function()
    local server = memory.server { max_version = "TLSv1.2", ticket_keys = ("k"):rep(80) }
    local size = #memory.connect(server).result.server_sent
    for _, chunk in ipairs { "byte", "halves", false } do
      -- signatures differ in length by a byte or two
      local enough = memory.connect(server, { max_bytes = size + 8, chunk = chunk or nil })
      assert.equal("established", enough.result.client)
      local short = memory.connect(server, { max_bytes = size - 8, chunk = chunk or nil })
      assert.same({ nil, ("handshake: the server sent more than %d bytes"):format(size - 8), "too_much" },
        { short.result.client, short.result.message, short.result.code })
    end
  end)

  it("is 1 MiB for a server that sends application data without end", function()
    local visit = memory.connect(memory.server())
    local sent, answer = 0, { "established" }
    while answer[1] do
      local bytes = visit.connection:write(("x"):rep(100000))
      sent = sent + #bytes
      answer = { visit.client:step(bytes) }
    end
    assert.equal("too_much", answer[4])
    assert.is_true(sent > 1000000 and sent < 1200000)
    assert.equal(65536, #visit.client:read())
  end)

  it("holds for a server that sends records without content", function()
    local client = started("TLSv1.2")
    local answer = { client:step(("\22\3\3\0\0"):rep(1000)) }
    assert.same({ nil, "protocol_error" }, { answer[1], answer[4] })
  end)
end)
