--- Resumption without a key exchange, and key shares that come again: libssl with and without psk_ke, and records made
-- by hand.

local audits = require "spec.support.audit"
local evidences = require "spec.support.evidence"
local finding = require "resum.audit.finding"
local forward_secrecy = require "resum.audit.checks.forward_secrecy"
local listener = require "spec.support.listener"
local resum = require "resum"

local function words(list)
  local all = {}
  for i, one in ipairs(list) do
    all[i] = ("%s %s %s"):format(one.verdict, one.severity, one.reason)
  end
  return table.concat(all, ", ")
end

local function audit(options, more)
  local server = listener.start(options)
  local all = { audit_checks = { "forward-secrecy" }, mechanisms = { "psk" }, retries = 0 }
  for name, value in pairs(more or {}) do
    all[name] = value
  end
  local list = assert(resum.audit(server.address, all)).addresses[1].audit
  server.close()
  return words(list), list
end

describe("the check forward-secrecy", function()
  it("finds a server that resumes without a key exchange, twice in a row, and none in one that does not", function()
    for _ = 1, 2 do
      assert.equal("bad medium without_exchange", (audit({ psk_ke = true })))
    end
    local said, list = audit({})
    assert.equal("good info fresh", said)
    assert.is_true(list[1].evidence.shares >= 10)
  end)

  it("names how old the key of these tickets is at least, where earlier runs have seen it", function()
    local context = { evidence = evidences.of(0) }
    function context.resumes(_, mechanism) return mechanism == "ticket" end
    for hours, age in pairs({ [0] = "", [1] = "; it has been in use for at least 1 hour",
      [72] = "; it has been in use for at least 3 days" }) do
      context.evidence.key_age_hours = hours
      local list = forward_secrecy.run(context)
      assert.equal("TLS 1.2 connections that tickets resume can be read by whoever gets the ticket key later: by design"
        .. age, finding.make(forward_secrecy, list[#list]).message)
    end
  end)

  it("says that tickets of TLS 1.2 have none, and sees the key shares of full handshakes there", function()
    local said, list = audit({ max_version = "TLSv1.2" }, { mechanisms = { "ticket" } })
    assert.equal("good info fresh_shares, info info by_ticket_key", said)
    assert.is_true(list[1].evidence.shares >= 2)
    said = audit({ max_version = "TLSv1.2", ciphers = "DHE-RSA-AES128-GCM-SHA256", dh_group = "ffdhe2048",
      identity = "rsa" }, { mechanisms = { "ticket" } })
    assert.equal("good info fresh_shares, info info by_ticket_key", said)
  end)

  it("finds key shares that come again, of each version by itself, and names the group of servers", function()
    local function connection(version, share, name)
      local mechanism = version == "TLSv1.3" and "psk" or "ticket"
      local record = evidences.record(mechanism, { evidences.ticket({ name = name }) })
      record.facts.server_share, record.version = share, version
      return record
    end
    local evidence = evidences.of(0)
    local A, B = ("A"):rep(16), ("B"):rep(16)
    for i = 1, 6 do
      evidence:note(connection("TLSv1.3", i % 2 == 0 and ("s"):rep(32) or evidences.fresh(32), i % 2 == 0 and A or B))
      evidence:note(connection("TLSv1.2", evidences.fresh(65), A))
    end
    evidence:note(connection("TLSv1.2", "short", A))
    evidence:note(connection("TLSv1.2", "short", A))
    local context = { evidence = evidence, resumes = function() return false end }
    local list = forward_secrecy.run(context)
    assert.equal(1, #list)
    local one = finding.make(forward_secrecy, list[1])
    assert.same({ "share_reused", "medium", "B", 0.5 }, { one.reason, one.severity, one.group, one.share })
    assert.same({ version = "TLSv1.3", equal = 2, shares = 6 }, one.evidence)
  end)

  -- By what a server answers to (psk_ke alone, both): "without", "with", "alert", "timeout".
  local function found(alone, both)
    local answers = { alone, both }
    local context = { evidence = evidences.of(0), hear_out = audits.hear_out, options = { retries = 0 } }
    function context.resumes(_, mechanism) return mechanism == "psk" end
    function context.session() return {} end
    function context.attempt(_, options)
      local answer = answers[#options.offer.psk_modes]
      if type(answer) == "table" then
        answer = #answer > 1 and table.remove(answer, 1) or answer[1]
      end
      local resumed = answer == "with" or answer == "without"
      return { outcome = resumed and "resumed" or answer, facts = { server_key_share = answer == "with" } }
    end
    return words((function()
      local list = {}
      for i, one in ipairs(forward_secrecy.run(context)) do
        list[i] = finding.make(forward_secrecy, one)
      end
      return list
    end)())
  end

  it("calls it graver where a key exchange was offered", function()
    assert.equal("bad high prefers_none", found("without", "without"))
    assert.equal("not_applicable info nothing_seen", found("alert", "without")) -- which no server does
    assert.equal("bad medium without_exchange", found("without", "with"))
    assert.equal("not_applicable info nothing_seen", found("alert", "with"))
  end)

  it("wants it twice, and makes nothing of failures", function()
    assert.equal("inconclusive info mixed_answers", found({ "without", "alert" }, "with"))
    assert.equal("inconclusive info connection_failed", found("timeout", "with"))
    assert.equal("inconclusive info connection_failed", found("unknown", "with"))
    assert.equal("bad high prefers_none, inconclusive info connection_failed", found("timeout", "without"))
    assert.equal("bad medium without_exchange, inconclusive info connection_failed", found("without", "timeout"))
  end)

  it("takes an end for an answer where it comes again and again, and else for chance", function()
    assert.equal("not_applicable info nothing_seen", found("closed", "with"))
    assert.equal("bad medium without_exchange", found({ "closed", "reset", "closed", "without" }, "with"))
    assert.equal("bad medium without_exchange", found("without", "reset"))
  end)
end)
