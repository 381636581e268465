--- ems, resume-rules, ticket-request and sni-rules: what a server may not change, and what it may, when it resumes.

local audit = require "spec.support.audit"
local duel = require "spec.support.duel"
local ems = require "resum.audit.checks.ems"
local listener = require "spec.support.listener"
local resume_rules = require "resum.audit.checks.resume_rules"
local scripted = require "spec.support.scripted"
local sni_rules = require "resum.audit.checks.sni_rules"
local ticket_request = require "resum.audit.checks.ticket_request"

local TELLING_EMS = { 23, "" }
local RENEGOTIATION = { 0xff01, "\0" }

-- A check on a client whose attempts that offer a session have these outcomes, in order; full handshakes work.
local function asked(check, outcomes, sessions, more)
  local client, offers, made = { connections = 0, host = {} }, 0, 0
  function client.cancelled() return false end
  client.more, client.address, client.port = {}, "192.0.2.1", 443
  function client.offer_more(_, given) client.more = given or {} end
  function client.attempt(_, options)
    client.connections = client.connections + 1
    local record = { outcome = "full", facts = { tickets = { { ticket = "t" } }, session_id = "s" }, sessions = {} }
    if options.session then
      offers = offers + 1
      local answer = outcomes[math.min(offers, #outcomes)]
      record.outcome = type(answer) == "table" and "protocol_error" or answer
      record.facts.violation = type(answer) == "table" and answer[1] or nil
      record.facts.certificate, record.facts.cipher = false, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    else
      made = made + 1
      record.facts.tickets[1].lifetime_s = 7200
      record.sessions[1] = sessions(options, client.more, made)
    end
    return record
  end
  for name, value in pairs(more or {}) do
    client[name] = value
  end
  local found, context = audit.run(check, 0, { client = client, options = { intrusive = true } })
  return audit.words(found), context, offers, found
end

describe("ems", function()
  local function session_of(_, more)
    return duel.session("ticket", "TLSv1.2"):derive({ extended_master_secret = more.extended_master_secret ~= false })
  end

  for _, case in ipairs({
    -- a session without (where that gets a full handshake: and one as it is), and one that has gained it
    { "good - keeps", { "alert", "refused" }, 2 },
    { "good - keeps", { "alert", "alert" }, 2 },
    { "info - falls_back", { "refused", "resumed", "refused" }, 3 },
    { "not_applicable - does_not_resume", { "refused", "refused" }, 2 },
    { "bad medium loses", { "resumed", "resumed", "refused" }, 3 },
    { "bad medium gains", { "alert", "resumed", "resumed" }, 3 },
    { "bad medium gains", { "alert", { "ems_mismatch" }, "resumed", { "ems_mismatch" }, "resumed" }, 5 },
    { "inconclusive - mixed_answers", { "alert", "resumed", "refused" }, 13 }, -- once of twelve
    { "inconclusive - unclear", { "reset", "reset", "timeout", "timeout", "timeout", "refused" }, 6 },
    { "good - keeps", { "reset", "closed", "reset", "alert", "refused" }, 5 },
    { "good - keeps", { "reset", "closed", "reset", "closed", "refused" }, 5 }, -- it says no word
    { "info - falls_back, inconclusive - unclear", { "refused", "resumed", "timeout" }, 5 },
    { "inconclusive - unclear", { "alert", { "extension_not_offered" } }, 2 },
  }) do
    it(("is %s"):format(case[1]), function()
      local said, context, offers = asked(ems, case[2], session_of)
      assert.same({ case[1], case[3] }, { said, offers })
      assert.same({}, context.client.more)
    end)
  end

  it("is nothing to ask of a server that does not know it", function()
    assert.equal("info - not_spoken", (asked(ems, { "refused" }, function()
      return duel.session("ticket", "TLSv1.2"):derive({ extended_master_secret = false })
    end)))
  end)

  it("takes a server's Finished for proof, also under a session that lost or gained it", function()
    local function ask(session, extensions, echoed)
      local answer = duel.ask("probe", "TLSv1.2", { hello = function(fields)
        fields.extensions = echoed and { RENEGOTIATION, TELLING_EMS } or { RENEGOTIATION }
      end }, { sessions = nil, session = session, extensions = extensions })
      return answer.verdict == "resumed" and "resumed" or answer.machine:facts().violation
    end
    local with = duel.session("ticket", "TLSv1.2")
    local without = with:derive({ extended_master_secret = false })
    local list = { "server_name", "session_ticket", "renegotiation_info" }
    assert.equal("resumed", ask(without, list, false))
    assert.equal("extension_not_offered", ask(without, list, true))
    assert.equal("resumed", ask(without, nil, false))
    assert.equal("ems_mismatch", ask(without, nil, true))
    assert.equal("resumed", ask(with, nil, true))
  end)

  for said, options in pairs({ ["good - keeps"] = {}, ["info - not_spoken"] = { extended_master_secret = false } }) do
    it(("asks a server: %s"):format(said), function()
      options.max_version = "TLSv1.2"
      local server = listener.start(options)
      finally(server.close)
      local found, context = audit.run(ems, server.port, { resuming = { "ticket" } })
      assert.equal(said, audit.words(found))
      assert.is_true(context:made() <= 5)
    end)
  end
end)

describe("resume-rules", function()
  local function session_of(options)
    return duel.session("ticket", options.mechanism == "ticket" and "TLSv1.2" or "TLSv1.3")
  end

  for _, case in ipairs({
    { "good - keeps", { "refused" } }, { "good - keeps", { "alert" } },
    { "info - other_cipher", { { "cipher_not_offered" }, { "cipher_not_offered" }, "refused" } },
    -- what a ServerHello says may be an echoed session ID, and a full handshake
    { "bad low cipher_changed", { { "cipher_changed" }, "resumed", { "cipher_changed" }, "resumed", "refused" } },
    { "inconclusive - nothing_told", { { "cipher_changed" }, "refused", { "cipher_changed" }, "refused" } },
    { "bad medium other_hash", { "refused", { "psk_selected" }, "resumed", "refused" } },
    { "inconclusive - mixed_answers", { "refused", { "psk_selected" }, "refused" } }, -- once, and not again
    { "bad medium old_as_new", { "refused", "refused", "resumed", "resumed", "refused" } },
    { "inconclusive - nothing_told", { "timeout" } },
    { "inconclusive - nothing_told", { "refused", "reset", "timeout", "timeout", "timeout", "refused" } },
    { "good - keeps", { "refused", "reset", "reset", "refused" } },
    { "good - keeps", { "refused", "reset", "reset", "reset", "reset", "refused" } }, -- it says no word
    { "inconclusive - nothing_told", { { "ems_mismatch" }, { "ems_mismatch" }, "refused" } },
    { "bad medium old_as_new", { "refused", "refused", { "ems_mismatch" } } },
  }) do
    it(("is %s"):format(case[1]), function()
      assert.equal(case[1], (asked(resume_rules, case[2], session_of)))
    end)
  end

  it("asks in four ways, of which one needs a secret of 48 bytes, and once for what goes with a certificate", function()
    assert.equal(3 + 1, select(3, asked(resume_rules, { "refused" }, session_of)))
    local server = listener.start() -- where small faults are not asked for
    finally(server.close)
    assert.is_true(select(2, audit.run(resume_rules, server.port)):made() <= 8)
    local long = function(options)
      local session = session_of(options)
      return options.mechanism == "ticket" and session
        or session:derive({ cipher = "TLS_AES_256_GCM_SHA384", secret = ("p"):rep(48) })
    end
    assert.equal("bad medium new_as_old", (asked(resume_rules, { "refused", "refused", "refused", "resumed" }, long)))
    assert.equal("bad medium new_as_old", (asked(resume_rules, { "refused", "refused", "refused", { "ems_mismatch" } },
      long)))
  end)

  it("asks under another protocol where the server agrees to one, and blames resumption only", function()
    local function of_protocol(chosen, answers)
      return asked(resume_rules, answers, function(options, more)
        local protocol = more.alpn and more.alpn[1]
        local session = session_of(options)
        local fields = session:fields()
        fields.alpn = protocol and chosen(protocol)
        return setmetatable({ fields = function() return fields end, derive = function(_, more_fields)
          return session:derive(more_fields)
        end }, { __index = session })
      end)
    end
    local kept = { "refused", "refused", "refused", { "alpn_not_offered" }, { "alpn_not_offered" }, "refused" }
    assert.equal("bad low other_protocol", (of_protocol(function(name)
      return name == "http/1.1" and name or nil
    end, kept)))
    assert.equal("info - protocol_not_offered", (of_protocol(function() return "http/1.1" end, kept)))
    assert.equal("good - keeps", (of_protocol(function(name) return name end, { "refused" })))
    assert.equal("good - keeps", (of_protocol(function() return nil end, { "refused" })))
  end)

  it("reads resumed ServerHellos for server_name, and for what goes with a certificate", function()
    local function connection(version, outcome, extensions)
      return { version = version, outcome = outcome, facts = { extensions = extensions } }
    end
    local bad = connection("TLSv1.2", "resumed", { 65281, 0 })
    local found = resume_rules.read_handshakes({ bad, bad, connection("TLSv1.2", "full", { 0 }) })
    assert.equal("bad low server_name_repeated", audit.words(found))
    assert.same({}, resume_rules.read_handshakes({ bad, connection("TLSv1.3", "resumed", { 0 }),
      connection("TLSv1.2", "full", { 0 }), connection("TLSv1.2", "resumed", { 23 }) }))
    local stapled, stamped = connection("TLSv1.2", "resumed", { 5 }), connection("TLSv1.2", "resumed", { 18, 5 })
    assert.equal("info - status_repeated", audit.words(resume_rules.read_handshakes({ stapled, stamped, bad })))
  end)

  it("asks a server in order", function()
    local server = listener.start()
    finally(server.close)
    local found, context = audit.run(resume_rules, server.port, { options = { intrusive = true } })
    assert.equal("good - keeps", audit.words(found))
    assert.is_true(context:made() >= 6 and context:made() <= 14, context:made())
    assert.equal("not_applicable - does_not_resume", audit.words((audit.run(resume_rules, 1, { resuming = {} }))))
  end)
end)

describe("ticket-request", function()
  it("tells from EncryptedExtensions and the number of tickets", function()
    local function decide(outcome, extensions, tickets)
      return audit.words({ ticket_request.decide({ outcome = outcome, facts = { extensions = extensions,
        tickets = tickets } }) })
    end
    assert.equal("info - honoured", decide("resumed", { 43, 58 }, { {}, {}, {} }))
    assert.equal("info - said_only", decide("resumed", { 58 }, { {} }))
    assert.equal("info - ignored", decide("resumed", { 43 }, { {}, {}, {} }))
    assert.equal("inconclusive - unclear", decide("refused", { 58 }, {}))
  end)

  it("is understood by our own engine where a server answers", function()
    local answer = duel.ask("probe", "TLSv1.3", { messages = function(list)
      list[1] = scripted.encrypted_extensions({ { 58, "\3" } })
    end }, { session = duel.session("ticket"), extensions = { "supported_groups", "signature_algorithms",
      "supported_versions", "psk_key_exchange_modes", "key_share", { type = 58, body = "\5\3" }, "pre_shared_key" } })
    assert.equal("resumed", answer.verdict)
    local seen = {}
    for _, kind in ipairs(answer.machine:facts().extensions) do
      seen[kind] = true
    end
    assert.is_true(seen[58])
  end)

  it("is ignored by libssl", function()
    local server = listener.start()
    finally(server.close)
    local found, context = audit.run(ticket_request, server.port)
    assert.equal("info - ignored", audit.words(found))
    assert.equal(2, context:made())
  end)
end)

describe("sni-rules", function()
  it("tells what happens under each name, for each mechanism", function()
    local server = listener.start()
    finally(server.close)
    local found, context = audit.run(sni_rules, server.port, { server_name = "a.example" })
    assert.equal("info - by_name, info - by_name, info - by_name", audit.words(found))
    assert.same({ mechanism = "ticket", other = "resumes", none = "resumes", capitals = "resumes" }, found[2].evidence)
    assert.equal(server.accepted, context:made())
  end)

  it("sends these names", function()
    assert.same({ "resumption-test.invalid", false, "A.EXAMPLE" }, { sni_rules.WAYS[1].of("a.example"),
      sni_rules.WAYS[2].of("a.example"), sni_rules.WAYS[3].of("a.example") })
  end)

  local function of_offers(outcomes)
    return asked(sni_rules, outcomes, function()
      return duel.session("psk", "TLSv1.3")
    end, { server_name = "a.example", expired = function() return false end })
  end

  it("wants each resumption twice, and tells the share of the servers that do", function()
    local function repeated(text, count)
      local list = {}
      for i = 1, count do
        list[i] = text
      end
      return table.unpack(list)
    end
    local said, context, offers = of_offers({ "resumed", "resumed", "refused", "alert" })
    assert.equal("info - by_name, info - by_name, info - by_name", said) -- of three mechanisms
    assert.equal(2 + 1 + 1 + 3 + 3, offers)
    assert.is_true(context:made() <= sni_rules.connections(context.options))
    assert.matches("^inconclusive %- mixed_answers", (of_offers({ "resumed", repeated("refused", 40) })))
  end)

  it("has the share of an offer that some servers take", function()
    local list = {}
    for i = 1, 12 do
      list[i] = i % 3 == 1 and "resumed" or "refused"
    end
    list[13], list[14] = "refused", "alert"
    local _, _, _, found = of_offers(list)
    assert.same({ mechanism = "session_id", other = "resumes", other_share = 1 / 3, none = "full handshake",
      capitals = "alert" }, found[1].evidence)
    assert.equal("under another name: resumes (33 %); without a name: full handshake; in capitals: alert",
      found[1].message)
  end)

  it("says nothing where connections fail, or there is no name", function()
    local found = sni_rules.decide("psk", { other = "resumed", none = "alert", capitals = "reset" })
    assert.equal("inconclusive - connection_failed", audit.words({ found }))
    assert.equal("info - by_name", audit.words({ sni_rules.decide("psk", { other = "refused", none = "alert",
      capitals = "resumed" }) }))
    assert.equal("not_applicable - no_name", audit.words((audit.run(sni_rules, 1))))
  end)
end)
