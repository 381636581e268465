-- With OpenSSL 3.5 a ClientHello takes two segments. A server that waits for ever then was reported as "no answer in
-- time", and one that hangs up was scanned with TLS 1.2 alone, without a word: both resume without the hybrid share.
-- The kind: what the size of our own ClientHello does taken for what the server does; and who is slow, or fails at
-- times, must not be taken for one that can't bear the size.

local cjson = require "cjson"
local clients = require "resum.connection.client"
local connectivity = require "resum.connection.connectivity"
local core = require "resum.core"
local findings = require "resum.analysis.findings"
local json = require "resum.report.json"
local memory = require "spec.support.memory"
local nse = require "resum.report.nse"
local html_page = require "resum.report.html"
local resum = require "resum"
local script = require "spec.support.script"
local smaller_hello = require "resum.connection.smaller_hello"

local ALERT = "\21\3\3\0\2\2\80" -- internal_error

-- What becomes of a connection whose ClientHello is not answered.
local FATES = {
  timeout = function() end,
  reset = function(stream)
    stream.ended = "reset"
  end,
  closed = function(stream)
    stream.ended = "eof"
  end,
  alert = function(stream)
    stream.to_say, stream.ended = ALERT, "eof"
  end,
}

describe("a ClientHello that is too large", function()
  local large

  setup(function()
    package.loaded["spec.support.large_hello"] = nil
    large = require "spec.support.large_hello"
  end)

  teardown(function()
    large.undo()
  end)

  -- A host before whose server stands who decides, by number and size of a connection's ClientHello, what becomes of
  -- it: fate(number, is_large) gives one of FATES, or nil, and the server hears it. host.sizes are those of all.
  local function gate(fate, server)
    local sizes = {}
    local host = script.host({}, { tls_server = server or memory.server(), gate = function(stream, bytes, flight)
      if flight == 1 then
        sizes[#sizes + 1] = #bytes
        local chosen = fate(#sizes, #bytes >= large.USUAL)
        stream.is_deaf = chosen ~= nil
        if chosen then
          FATES[chosen](stream)
        end
      end
      return stream.is_deaf
    end })
    host.sizes = sizes
    host.resolve = function()
      return { "192.0.2.1" }
    end
    return host
  end

  local function intolerant(outcome)
    return gate(function(_, is_large)
      return is_large and outcome or nil
    end)
  end

  local function scan(host, options)
    options.host = host
    return assert(resum.run("a.example", options))
  end

  -- As letters: L for a large one, s for a small one.
  local function sequence(sizes)
    local letters = {}
    for i, size in ipairs(sizes) do
      assert.is_true(size >= large.USUAL or size <= large.SMALL, size .. " bytes")
      letters[i] = size >= large.USUAL and "L" or "s"
    end
    return table.concat(letters)
  end

  -- A silent server has its second try with the small one; the others are tried three times as they are.
  for outcome, first in pairs({
    timeout = "LsLLLss", reset = "LLLsLLLss", closed = "LLLsLLLss", alert = "LLLsLLLss",
  }) do
    for name, options in pairs({
      ["support scan"] = { support = true },
      ["support scan on the probe"] = { support = true, engine = "probe" },
      ["rate scan"] = { rate = true, attempts = 12 },
      ["rate scan on libssl"] = { rate = true, attempts = 12, engine = "handshake" },
      ["quick check"] = { rate = true, quick = true },
    }) do
      it(("is left out of the %s from then on: %s"):format(name, outcome), function()
        local host = intolerant(outcome)
        local result = scan(host, options)
        local entry = result.addresses[1]
        assert.same({ "completed", "full", "TLSv1.3" }, { result.status, entry.control.outcome, entry.control.version })
        local hello = entry.client_hello
        assert.same({ "no_hybrid_share", outcome }, { hello.code, hello.usual_outcome })
        assert.same({ host.sizes[1], host.sizes[#first] }, { hello.usual_bytes, hello.bytes })
        local all = sequence(host.sizes)
        assert.equal(first, all:sub(1, #first))
        assert.is_nil(all:find("L", #first + 1))
        for _, mechanism in ipairs({ "ticket", "psk" }) do
          local judged = (entry.support or entry.rate or entry.balancer.quick)[mechanism]
          assert.is_true(judged.verdict == "supported" or judged.verdict == "healthy", mechanism .. judged.verdict)
        end
      end)
    end
  end

  for _, outcome in ipairs({ "timeout", "reset", "closed", "alert" }) do
    it("is left out by open as scans do: " .. outcome, function()
      local server = memory.server()
      local host = gate(function(number, is_large)
        return (is_large or number == 8) and outcome or nil -- the eighth has a session
      end, server)
      local first = assert(resum.open("a.example", { host = host }))
      assert.same({ "full", "TLSv1.3" }, { first.outcome, first.version })
      assert.same({ "no_hybrid_share", outcome }, { first.smaller_hello.code, first.smaller_hello.usual_outcome })
      assert.equal("LsLLLss", sequence(host.sizes))
      assert.equal("client_hello", first.transcript[1].type)
      local again = assert(resum.open("a.example", { host = host, session = first:session() }))
      assert.equal("resumed", again.outcome)
      assert.equal("no_hybrid_share", again.smaller_hello.code)
      assert.equal("sLLLsss", sequence(host.sizes):sub(9))
    end)
  end

  it("is not asked for by open where only a session's connection failed", function()
    local host = gate(function(number)
      return number == 2 and "reset" or nil
    end)
    local first = assert(resum.open("a.example", { host = host }))
    local again = assert(resum.open("a.example", { host = host, session = first:session() }))
    assert.same({ "reset" }, { again.outcome, again.smaller_hello })
  end)

  it("is none where open wants TLS 1.2, which has no share", function()
    local host = gate(function()
      return "reset"
    end)
    assert.equal("reset", assert(resum.open("a.example", { host = host, mechanism = "ticket" })).outcome)
    assert.matches("^s+$", sequence(host.sizes)) -- what else may help is tried
  end)

  it("is told in words, on the page, in JSON, as a finding and to nmap", function()
    local result = scan(intolerant("reset"), { support = true })
    local hello = result.addresses[1].client_hello
    local words = ("ClientHello: without a hybrid key share (%d bytes); with one (%d bytes), as browsers have it, the "
      .. "connection is reset"):format(hello.bytes, hello.usual_bytes)
    local meaning = ("can't cope with a ClientHello of %d bytes"):format(hello.usual_bytes)
    local flat = tostring(result):gsub("%s+", " ")
    assert.is_truthy(flat:find(" " .. words, 1, true), flat) -- wrapped, where there is little room
    assert.is_truthy(flat:find(meaning, 1, true))
    local new = html_page.new({ version = "9.9.9", started_at = "2001-02-03T04:05:06Z", command = "resum a.example" })
    new:add(result)
    local html = new:finish({ elapsed_s = 1 }):gsub("&#39;", "'"):gsub("%s+", " ")
    assert.is_truthy(html:find(words, 1, true))
    assert.is_truthy(html:find(meaning, 1, true))
    local written = cjson.decode(json.line(result)).addresses[1]
    assert.same({ code = "no_hybrid_share", bytes = hello.bytes, usual_bytes = hello.usual_bytes,
      usual_outcome = "reset" }, written.client_hello)
    local found = {}
    for _, finding in ipairs(findings.of(result)) do
      found[finding.id] = finding.verdict .. " " .. finding.code
    end
    assert.equal("bad no_hybrid_share", found.client_hello)
    assert.equal("no_hybrid_share", nse.address(result.addresses[1], function() return {} end).client_hello)
  end)

  it("is not told where the usual one is answered", function()
    local result = scan(gate(function() end), { support = true })
    assert.is_nil(result.addresses[1].client_hello)
    assert.is_nil(tostring(result):find("ClientHello", 1, true))
    assert.is_nil(json.line(result):find("client_hello", 1, true))
  end)

  it("is asked for again by a server that is only slow, and stays", function()
    for _, outcome in ipairs({ "timeout", "reset", "closed", "alert" }) do
      local host = gate(function(number)
        return number == 1 and outcome or nil
      end)
      local result = scan(host, { support = true, retries = 0 })
      local entry = result.addresses[1]
      assert.same({ "full", "supported", "LsLLL" },
        { entry.control.outcome, entry.support.psk.verdict, sequence(host.sizes):sub(1, 5) })
      assert.is_nil(entry.client_hello)
      local _, small = sequence(host.sizes):gsub("s", "")
      assert.is_true(small > 1) -- session IDs and tickets, in TLS 1.2
      assert.is_truthy(sequence(host.sizes):find("L", 6, true)) -- TLS 1.3
    end
  end)

  it("is not to blame where one server of several is down, whatever its turn", function()
    for period = 2, 6 do
      for dead = 1, period - 1 do
        for turn = 0, period - 1 do
          for retries = 0, 2 do
            local host = gate(function(number)
              return (number + turn) % period < dead and "timeout" or nil
            end)
            local _, hello = connectivity.run(clients.new_client({ address = "192.0.2.1", port = 443 },
              { host = host }), retries)
            assert.is_nil(hello, ("%d of %d, turn %d, %d retries"):format(dead, period, turn, retries))
          end
        end
      end
    end
  end)

  -- What the comment on the two numbers promises: one sequence of the 64 that may follow.
  it("is to blame after one sequence of answers only", function()
    local host = gate(function() end)
    local client = clients.new_client({ address = "192.0.2.1", port = 443 }, { host = host })
    local blamed = {}
    for pattern = 0, 63 do
      local number, letters = 0, ""
      client:leave_out_hybrid(false)
      local first = { outcome = "timeout", error = { stage = "handshake" }, facts = {}, tries = 1 }
      local record = smaller_hello.run(client, first, function()
        local answers = pattern >> number & 1 == 1
        number = number + 1
        letters = letters .. (answers and "A" or "F")
        return answers and { outcome = "full", version = "TLSv1.3", facts = {} }
          or { outcome = "timeout", error = { stage = "handshake" }, facts = {} }
      end)
      blamed[#blamed + 1] = record.smaller_hello and letters or nil
      assert.equal(record.smaller_hello ~= nil, client.hybrid == false)
    end
    assert.same({ "AFFFAA" }, blamed)
  end)

  it("leaves a silent server's message as it is: asked twice, and waited for twice", function()
    for retries, connections in pairs({ [0] = 2, [1] = 2, [2] = 2, [9] = 2 }) do
      local host = gate(function() return "timeout" end)
      local result = scan(host, { support = true, retries = retries })
      assert.same({ "error", "timeout", connections }, { result.status, result.error.code, #host.connected })
      assert.is_truthy(result.error.message:find("Waited 5 s on 2 connections", 1, true), result.error.message)
      assert.is_nil(result.addresses[1].client_hello)
    end
  end)

  it("is not asked about where no version with key shares is offered", function()
    local host = gate(function() return "timeout" end)
    scan(host, { support = true, tls = "1.2" })
    assert.equal("ss", sequence(host.sizes))
  end)

  it("is not asked about where it would be smaller by a few bytes only", function()
    local host = gate(function() return "timeout" end)
    local function identity(offer)
      return core.context({ groups = offer.hybrid == false and "X25519" or "X25519:P-256:P-384:P-521" })
    end
    connectivity.run(clients.new_client({ address = "192.0.2.1", port = 443 }, { host = host, identity = identity }), 2)
    assert.same({ "ss", host.sizes[1] }, { sequence(host.sizes), host.sizes[2] })
  end)

  it("is not to blame for what comes after a ServerHello", function()
    local host = gate(function() end, memory.server({ require_certificate = true, max_version = "TLSv1.2" }))
    local result = scan(host, { support = true })
    assert.same({ "required", "L" }, { result.addresses[1].client_certificate, sequence(host.sizes) })
  end)

  it("may hide that the server wants a certificate", function()
    local server = memory.server({ require_certificate = true, max_version = "TLSv1.2" })
    local result = scan(gate(function(_, is_large)
      return is_large and "timeout" or nil
    end, server), { support = true })
    assert.same({ "required", "no_hybrid_share" },
      { result.addresses[1].client_certificate, result.addresses[1].client_hello.code })
  end)

  it("is made no more once the scan is cancelled", function()
    local host = gate(function() return "timeout" end)
    local client = clients.new_client({ address = "192.0.2.1", port = 443 }, { host = host, cancelled = function()
      return #host.sizes > 0
    end })
    connectivity.run(client, 2)
    assert.equal("L", sequence(host.sizes))
  end)

  -- The last one: what stands in for a share is taken away.
  it("is that of libssl, and asked about where libssl has hybrid groups alone", function()
    large.undo()
    local host = gate(function() return "timeout" end)
    scan(host, { support = true })
    assert.equal(large.HAS_HYBRID and "Ls" or "ss", sequence(host.sizes))
  end)
end)
