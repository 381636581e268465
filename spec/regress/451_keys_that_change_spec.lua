--- A server that changes its ticket keys during an audit was several "servers with keys of their own" with a group for
-- each key: most checks said `not_met`, or waited for a key that no server had any more, and what was found had a share
-- of the connections. Keys that come one after another are one server's, unless chance may bring them so; its
-- old sessions are not offered; and where altered tickets are refused by a server that has forgotten the session,
-- nothing is good.

local audit = require "spec.support.audit"
local evidences = require "resum.audit.evidence"
local faulty = require "spec.support.faulty"
local made = require "spec.support.evidence"
local resum = require "resum"
local tampered = require "resum.audit.checks.tampered"

-- Evidence of full handshakes with tickets under keys of these names, by letter.
local function seen(letters)
  local evidence = evidences.new()
  for letter in letters:gmatch(".") do
    evidence:note(made.record("psk", { made.ticket({ name = letter:rep(16) }) }))
  end
  return evidence
end

-- A server with faults that has new keys after so many connections each time.
local function changing(faults, after)
  local server, count = faulty.new(faults), 0
  return { errors = server.errors, accept = function()
    count = count + 1
    if count % after == 0 then
      server.tickets = faulty.new(faults).tickets
    end
    return server:accept()
  end }
end

describe("keys that come one after another", function()
  it("are one server's", function()
    for _, letters in ipairs({ ("A"):rep(10) .. ("B"):rep(6), ("A"):rep(5) .. ("B"):rep(5) .. ("C"):rep(2) }) do
      assert.equal(1, #seen(letters):members("psk"), letters)
    end
  end)

  it("are one server's where it has changed them before, from the first connection on", function()
    assert.equal(1, #seen(("A"):rep(9) .. ("B"):rep(9) .. "C"):members("psk"))
    assert.equal(2, #seen(("A"):rep(18) .. "B"):members("psk")) -- once in ten
  end)

  it("are several servers' where chance may bring them so, or one of them comes again", function()
    assert.equal(2, #seen("AAABBB"):members("psk"))
    assert.equal(2, #seen(("A"):rep(10) .. ("B"):rep(4)):members("psk")) -- once in 500
    assert.equal(2, #seen(("A"):rep(10) .. ("B"):rep(10) .. "AA"):members("psk"))
    assert.equal(2, #seen("B" .. ("A"):rep(30)):members("psk"))
    assert.equal(2, #seen(("AB"):rep(10)):members("psk"))
  end)

  it("leave sessions that are not offered any more", function()
    local evidence = seen(("A"):rep(10) .. ("B"):rep(6))
    assert.same({ true, true, false, false }, { evidence:is_of_old_key("psk", 1), evidence:is_of_old_key("psk", 10),
      evidence:is_of_old_key("psk", 11), evidence:is_of_old_key("psk", 16) })
    assert.is_false(seen(("AB"):rep(10)):is_of_old_key("psk", 1))
  end)
end)

describe("a server that changes its keys", function()
  it("has its fault found, as one server", function()
    local server = faulty.listen(changing({ "unchecked_binder" }, 20))
    finally(server.close)
    local list = resum.audit(server.address, { audit_checks = { "binder", "early-data", "forward-secrecy" },
      intrusive = true, sni = "a.example" }).addresses[1].audit
    local has_found = false
    for _, one in ipairs(list) do
      has_found = has_found or one.reason == "not_checked"
      assert.is_nil(one.share, one.id)
      assert.is_nil(one.group, one.id)
      assert.not_equal("not_met", one.reason, one.id)
    end
    assert.is_true(has_found)
  end)

  it("is not called good when it has forgotten the session whose tickets were altered", function()
    local server = faulty.listen(changing({}, 60))
    finally(server.close)
    local found = audit.run(tampered, server.port, { resuming = { "psk" }, server_name = "a.example" })
    assert.equal("inconclusive - session_ended", audit.words(found))
    local steady = faulty.listen(faulty.new({}))
    assert.equal("good - authenticated", audit.words((audit.run(tampered, steady.port, { resuming = { "psk" },
      server_name = "a.example" }))))
    steady.close()
  end)
end)
