-- Both engines against the same libssl server: whatever the version, cipher suite, group, mechanism and the server's
-- ways, and however its bytes are cut, they give the same verdict and see the same on the wire.

local core = require "resum.core"
local memory = require "spec.support.memory"
local pair = require "spec.support.pair"
local rerecord = require "spec.support.rerecord"

local TLS13 = "TLSv1.3"

-- What an answer is made of, apart from what each connection draws at random.
local SEEN = { "version", "cipher", "group", "extended_master_secret", "encrypt_then_mac", "session_ticket",
  "server_key_share", "selected_identity", "hello_retry", "certificate", "ticket_offered", "psk_identities_sent",
  "reused" }

local WORDS = { established = { [true] = "resumed", [false] = "refused" }, refused = { [false] = "refused" } }

-- Runs a machine to its end and takes down what it saw. How the flights are cut: nil, "byte", "halves" (in time), or a
-- way of rerecord.
local function outcome(machine, server, cut)
  local connection = server:accept()
  local is_chunk = cut == "byte" or cut == "halves"
  local result = pair.run(machine, connection, { chunk = is_chunk and cut or nil,
    change = cut and not is_chunk and rerecord.change(cut) or nil })
  local facts, seen = machine:facts(), {}
  for _, name in ipairs(SEEN) do
    seen[name] = facts[name]
  end
  if facts.version == TLS13 then
    seen.ticket_offered = nil -- libssl sends the empty extension in TLS 1.3, too
  end
  seen.verdict = (WORDS[result.client] or {})[facts.reused] or result.message
  seen.renewed = facts.version ~= TLS13 and facts.reused and #facts.tickets
  if seen.verdict == "resumed" then
    seen.server = connection:facts().reused
    pair.close(machine, connection)
  else -- a probe stops where a full handshake begins
    seen.group, seen.certificate = nil, nil
    connection:close()
  end
  return seen
end

local function handshake(case, session)
  return core.handshake(core.context { min_version = case.version, max_version = case.version,
    tickets = case.tickets, ciphers = case.server.ciphers, ciphersuites = case.server.ciphersuites },
    { session = session })
end

local function probe(_, session)
  return assert(core.probe { session = session })
end

-- Gives a function that runs these machines one after another, with the same session, so that each meets what the one
-- before left behind; it returns what all of them saw.
local function asker(case)
  local server = memory.server(case.server)
  local visit = memory.visit(server, { context = { min_version = case.version, max_version = case.version,
    tickets = case.tickets } })
  local asked = case.other and memory.server(case.other) or server
  return function(machines, cut)
    local first
    for i, start in ipairs(machines) do
      local seen = outcome(start(case, visit.session), asked, cut)
      first = first or seen
      assert.same(first, seen, (cut or "whole") .. ", machine " .. i)
    end
    assert.equal(case.verdict, first.verdict)
    return first
  end
end

local function merged(...)
  local all = {}
  for _, from in ipairs { ... } do
    for name, value in pairs(from) do
      all[name] = value
    end
  end
  return all
end

-- Adds the ways in which a server does not accept: another server, and one that only issues.
local function add_refusals(cases, case, issuing)
  cases[#cases + 1] = merged(case, { name = case.name .. ", another server", verdict = "refused", other = case.server })
  cases[#cases + 1] = merged(case, { name = case.name .. ", " .. next(issuing), verdict = "refused",
    server = merged(case.server, issuing) })
end

local OLD_CIPHERS = {
  ["TLSv1.2"] = { "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES256-SHA384" },
  ["TLSv1.1"] = { "ECDHE-ECDSA-AES128-SHA" },
  ["TLSv1.0"] = { "ECDHE-ECDSA-AES256-SHA" },
}

local function old_cases(version)
  local cases = {}
  for _, cipher in ipairs(OLD_CIPHERS[version]) do
    for _, ems in ipairs { true, false } do
      for _, way in ipairs { "session id", "ticket", "renewed ticket" } do
        local tickets = way ~= "session id"
        local case = { name = ("%s, %s, %s"):format(cipher, way, ems and "EMS" or "no EMS"), version = version,
          tickets = tickets, verdict = "resumed", renewed = way == "renewed ticket" and 1 or 0,
          server = { max_version = version, ciphers = cipher, extended_master_secret = ems, tickets = tickets,
            renew_tickets = way == "renewed ticket" } }
        cases[#cases + 1] = case
        add_refusals(cases, case, tickets and { accept_tickets = false } or { forgetful = true })
      end
    end
  end
  return cases
end

local SUITES = { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256" }
local GROUPS = { ["X25519"] = false, ["P-256"] = true, ["P-384"] = true, ["P-521"] = true } -- which take a retry

local function new_cases()
  local cases = {}
  for _, suite in ipairs(SUITES) do
    for group, retries in pairs(GROUPS) do
      for _, way in ipairs { "stateless ticket", "stateful ticket" } do
        local case = { name = ("%s, %s, %s"):format(suite, group, way), version = TLS13, verdict = "resumed",
          retries = retries, server = { min_version = TLS13, ciphersuites = suite, groups = group,
            tickets = way == "stateless ticket" } }
        cases[#cases + 1] = case
        add_refusals(cases, case, way == "stateless ticket" and { accept_tickets = false } or { forgetful = true })
      end
    end
  end
  return cases
end

local CUTS = { resumed = { "byte", "halves", "together", "apart", "pieces" }, refused = { "halves", "pieces" } }

local CASES = { [TLS13] = new_cases() }
for version in pairs(OLD_CIPHERS) do
  CASES[version] = old_cases(version)
end

for version, cases in pairs(CASES) do
  describe("both engines agree in " .. version, function()
    for _, case in ipairs(cases) do
      it(case.name, function()
        local ask = asker(case)
        local whole = ask { handshake, probe, handshake, probe }
        assert.equal(case.retries or false, whole.hello_retry)
        if case.verdict == "resumed" and version ~= TLS13 then
          assert.equal(case.renewed, whole.renewed)
        end
        for _, cut in ipairs(CUTS[case.verdict]) do
          assert.same(whole, ask({ handshake, probe }, cut))
        end
      end)
    end
  end)
end

describe("both engines agree", function()
  it("where the server splits what it sends over small records", function()
    for _, options in ipairs { { max_version = "TLSv1.2" }, { min_version = TLS13 } } do
      for verdict, accepting in pairs { resumed = true, refused = false } do
        asker { version = options.max_version or TLS13, verdict = verdict, server = merged(options,
          { identity = "rsa", accept_tickets = accepting, max_send_fragment = 512 }) } { handshake, probe }
      end
    end
  end)
end)
