--- The audit at a server of the project's own, with each fault by itself: each is found, by the check that looks for it
-- and by the whole audit, twice in a row; and without a fault nothing is.

local faulty = require "spec.support.faulty"
local resum = require "resum"

-- Fault -> what is said of it, in order; where it is not bad, the verdict stands for the severity. What else it takes:
-- kinds of spec.support.faulty, options of the audit.
local FAULTS = {
  clear = { "ticket-content critical secret", "tampered critical unauthenticated" },
  known_key = { "known-key critical known_key" },
  keystream = { "ticket-repeats high keystream" },
  same_ticket = { "ticket-repeats medium equal_tickets" },
  addresses = { "ticket-content high addresses" },
  text = { "ticket-content medium text" },
  unauthenticated = { "tampered critical unauthenticated" },
  padding_oracle = { "padding-oracle critical oracle", "tampered critical unauthenticated",
    "unknown-ticket low fails_on_odd_lengths" },
  age_add = { "ticket-repeats low equal_age_add" },
  nonce = { "ticket-repeats low equal_nonce" },
  lifetime = { "lifetime low outlives_certificate", "lifetime medium long", "ticket-repeats low long_lifetime" },
  unbounded_early_data = { "ticket-repeats low unbounded_early_data" },
  across_names = { "ticket-repeats info across_names" },
  no_supply = { "single-use medium not_renewed" },
  unchecked_binder = { "binder critical not_checked" },
  missing_binder = { "binder critical no_binder" },
  no_modes = { "binder medium resumes_without_modes" },
  misplaced_psk = { "binder high resumes_misplaced" },
  dies_of_binder = { "binder inconclusive server_went_away" },
  dies_without_modes = { "binder inconclusive server_went_away" },
  without_exchange = { "forward-secrecy medium without_exchange" },
  prefers_none = { "forward-secrecy high prefers_none" },
  share = { "forward-secrecy medium share_reused" },
  zero_secret = { "zero-secret critical zero_secret" },
  replay = { "early-data high replayed" },
  age = { "early-data low age_not_checked" },
  early_other_protocol = { "early-data medium other_protocol" },
  early_other_name = { "early-data info other_name" },
  early_too_much = { "early-data info more_than_allowed" },
  unknown_alert = { "unknown-ticket high fails" },
  unknown_end = { "unknown-ticket high fails" },
  ticketbleed = { "ticketbleed critical leaks" },
  ems_lost = { "ems medium loses" },
  ems_gained = { "ems medium gains" },
  other_cipher = { "resume-rules info other_cipher" },
  other_hash = { "resume-rules medium other_hash" },
  old_as_new = { "resume-rules medium old_as_new", kinds = { "sha384" } },
  new_as_old = { "resume-rules medium new_as_old", kinds = { "sha384" } },
  kept_protocol = { "resume-rules low other_protocol" },
  fixed_protocol = { "resume-rules info protocol_not_offered" },
  status_repeated = { "resume-rules info status_repeated" },
  server_name_repeated = { "resume-rules low server_name_repeated" },
  predictable_id = { "id-entropy high predictable", checks = { "id-entropy" } },
}
-- What a server in order is told of as well.
local KNOWN = { ["early-data info accepted_once"] = true, ["forward-secrecy info by_ticket_key"] = true }
local TOLD = { inconclusive = true, info = true }

local function words_of(result)
  local list, seen = {}, {}
  for _, one in ipairs(result.addresses[1].audit) do
    local text = ("%s %s %s"):format(one.id, one.verdict == "bad" and one.severity or one.verdict, one.reason)
    if (one.verdict == "bad" or TOLD[one.verdict]) and not seen[text] then
      seen[text], list[#list + 1] = true, text
    end
  end
  return list, seen
end

local function audit(address, checks)
  local result = assert(resum.audit(address, { intrusive = true, sni = "a.example", audit_checks = checks }))
  assert(result.status == "completed", tostring(result.error and result.error.message))
  return result
end

local function start(fault)
  local names = { fault }
  for _, kind in ipairs(FAULTS[fault].kinds or {}) do
    names[#names + 1] = kind
  end
  return faulty.start(table.unpack(names))
end

local function ids_of(case)
  local ids = {}
  for i, text in ipairs(case) do
    ids[i] = text:match("^%S+")
  end
  return ids
end

describe("the audit, at a faulty server,", function()
  it("knows every fault that the server has", function()
    for fault in pairs(faulty.FAULTS) do
      assert.is_table(FAULTS[fault], fault)
    end
    for fault in pairs(FAULTS) do
      assert.is_string(faulty.FAULTS[fault], fault)
    end
  end)

  for fault, case in pairs(FAULTS) do
    it(("finds, by the checks that look for it: %s"):format(fault), function()
      local server = start(fault)
      finally(server.close)
      local result = audit(server.address, ids_of(case))
      local _, seen = words_of(result)
      for _, text in ipairs(case) do
        assert.is_true(seen[text], ("%s: %s"):format(text, table.concat(words_of(result), ", ")))
      end
      assert.same({}, server.errors())
    end)
  end

  it("keeps what it found before the server died", function()
    local server = faulty.start("unchecked_binder", "dies_without_modes")
    finally(server.close)
    local list = words_of(audit(server.address, { "binder" }))
    assert.same({ "binder critical not_checked", "binder inconclusive server_went_away" }, list)
  end)

  for _, kinds in ipairs({ {}, { "stateful" }, { "no_tickets" }, { "no_early_data" }, { "no_ems" }, { "sha384" } }) do
    it(("finds nothing where there is nothing, twice in a row: %s"):format(table.concat(kinds)), function()
      local server = faulty.start(table.unpack(kinds))
      finally(server.close)
      for _ = 1, 2 do
        for _, one in ipairs(audit(server.address).addresses[1].audit) do
          local text = ("%s %s %s"):format(one.id, one.verdict, one.reason)
          assert.is_true(one.verdict ~= "bad" and one.verdict ~= "inconclusive", text .. ": " .. one.message)
        end
      end
      assert.same({}, server.errors())
    end)
  end
end)

-- What it wants is found, and nothing else is bad.
local function check_whole_audit(fault, case)
  local wanted, server = {}, start(fault)
  for _, text in ipairs(case) do
    wanted[text] = true
  end
  local list, seen = words_of(audit(server.address))
  server.close()
  for _, text in ipairs(list) do
    local bad = not text:find(" info ", 1, true) and not text:find(" inconclusive ", 1, true)
    assert.is_true(wanted[text] or KNOWN[text] or not bad, text)
  end
  for _, text in ipairs(case.checks and {} or case) do
    assert.is_true(seen[text], ("%s: %s"):format(text, table.concat(list, ", ")))
  end
  assert.same({}, server.errors())
end

describe("the whole audit #heavy", function()
  for fault, case in pairs(FAULTS) do
    it("finds, and no other: " .. fault, function()
      check_whole_audit(fault, case)
    end)
  end
end)

describe("the whole audit, again and again, #hours", function()
  for fault, case in pairs(FAULTS) do
    it("finds, and no other: " .. fault, function()
      for _ = 1, 5 do
        check_whole_audit(fault, case)
      end
    end)
  end
end)
