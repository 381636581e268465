--- Binders that are not checked: by what a server answers to each of the four offers. libssl's answers are in
-- audit_zero_secret_spec.

local audits = require "spec.support.audit"
local binder = require "resum.audit.checks.binder"
local contexts = require "resum.audit.context"
local core = require "resum.core"
local evidences = require "spec.support.evidence"
local finding = require "resum.audit.finding"
local wire = require "spec.support.wire"

-- answers: of "binder", "modes", "last", "none": an outcome, or a list of the outcomes one after another.
local function found(answers, dies_after)
  local controls = 0
  local context = setmetatable({ evidence = evidences.of(0), budget = 100, options = { retries = 0 }, clients = {},
    kept = {}, begun_at = 0 }, getmetatable(contexts.new({ client = { connections = 0 } }, 0)))
  context.client = { connections = 0, cancelled = function() return false end }
  function context.resumes() return true end
  function context.session() return { derive = function() return {} end } end
  function context.attempt(_, options)
    local offer = options.offer
    if options.mechanism == "control" then
      controls = controls + 1
      return { outcome = controls == dies_after and "timeout" or "full" }
    end
    local name = offer.binders and "none" or offer.alter_binder and "binder"
      or #offer.extensions == 7 and "modes" or "last"
    local answer = answers[name] or "alert"
    if type(answer) == "table" then
      answer = #answer > 1 and table.remove(answer, 1) or answer[1]
    end
    if answer == "selected" then
      return { outcome = "protocol_error", facts = { violation = "psk_dhe_ke", selected_identity = 0 } }
    end
    return { outcome = answer, facts = {} }
  end
  local fine, list = pcall(binder.run, context)
  if not fine then
    local reason, evidence = contexts.stopped(list)
    return ("stopped %s after %s"):format(reason, evidence.after)
  end
  local words = {}
  for i, one in ipairs(list) do
    one = finding.make(binder, one)
    words[i] = ("%s %s %s"):format(one.verdict, one.severity, one.reason)
  end
  return table.concat(words, ", ")
end

describe("the check binder", function()
  it("finds nothing where each ends in an alert", function()
    assert.equal("good info checked", found({}))
  end)

  it("finds what is taken, each as grave as it is, and wants it twice", function()
    assert.equal("bad critical not_checked", found({ binder = "resumed" }))
    assert.equal("bad medium resumes_without_modes", found({ modes = "resumed" }))
    assert.equal("bad medium resumes_without_modes", found({ modes = "selected" }))
    assert.equal("bad low full_without_modes", found({ modes = "refused" }))
    assert.equal("bad high resumes_misplaced", found({ last = "resumed" }))
    assert.equal("bad critical no_binder", found({ none = "resumed" }))
    assert.equal("good info checked", found({ none = "refused" }))
    assert.equal("inconclusive info mixed_answers", found({ binder = { "resumed", "alert" } }))
    assert.equal("bad critical not_checked", found({ binder = { "resumed", "alert", "resumed" } }))
    assert.equal("good info checked", found({ binder = "refused" }))
  end)

  it("makes nothing of failures", function()
    assert.equal("inconclusive info connection_failed", found({ binder = "timeout" }))
    assert.equal("inconclusive info connection_failed", found({ binder = { "timeout", "resumed" } }))
    assert.equal("inconclusive info connection_failed", found({ binder = "unknown" }))
  end)

  it("takes an end for an answer where it comes again and again, and else for chance", function()
    assert.equal("good info checked", found({ binder = "closed" }))
    assert.equal("bad critical not_checked", found({ binder = { "closed", "reset", "closed", "resumed" } }))
  end)

  it("says after what a server went away, and stops there", function()
    assert.equal("stopped server_went_away after a wrong binder", found({ last = "resumed" }, 1))
    assert.equal("stopped server_went_away after no psk_key_exchange_modes", found({}, 2))
    assert.equal("the server stopped answering plain full handshakes while it was checked, after a wrong binder",
      finding.make(binder, { verdict = "inconclusive", reason = "server_went_away",
      evidence = { after = "a wrong binder" } }).message)
  end)

  it("writes offers that have each fault and no other", function()
    local session = core.session({ version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256", secret = ("p"):rep(32),
      ticket = ("t"):rep(64) })
    local seen = {}
    local context = { evidence = evidences.of(0), resumes = function() return true end, hear_out = audits.hear_out,
      options = { retries = 0 },
      session = function() return session end,
      stay_sure = function() end, keep = function() end }
    function context.attempt(_, options)
      local offer = { session = options.session, sessions = options.sessions }
      for name, value in pairs(options.offer) do
        offer[name] = value
      end
      local _, bytes = core.probe(offer):step()
      seen[#seen + 1] = wire.client_hello(bytes:sub(6)).extensions
      return { outcome = "alert" }
    end
    binder.run(context)
    local modes, psk = wire.EXTENSION.psk_key_exchange_modes, wire.EXTENSION.pre_shared_key
    assert.same({ true, false, true }, { seen[1][modes] ~= nil, seen[2][modes] ~= nil, seen[3][modes] ~= nil })
    assert.same({ nil, nil, "" }, { seen[1][0xfafa], seen[2][0xfafa], seen[3][0xfafa] })
    local identities, position = (">s2"):unpack(seen[4][psk])
    assert.equal(2, wire.psk_identities(seen[4][psk]))
    assert.is_truthy(identities:find(("t"):rep(64), 1, true))
    assert.equal(1 + 32, #(">s2"):unpack(seen[4][psk], position)) -- one binder, with its length
    assert.is_true(seen[1][psk] ~= nil and seen[2][psk] ~= nil and seen[3][psk] ~= nil)
  end)
end)
