--- Questions to pools of the faulty server: one of three has the fault, and the finding has its share; where the three
-- have keys of their own, and where they share them.

local faulty = require "spec.support.faulty"
local resum = require "resum"

-- What is found of a pool, one of whose three servers has a fault, in so many audits: reason -> list of findings.
local function audit(fault, check, shares_keys, members)
  local first = faulty.new({})
  local list = { first }
  for i = 2, members or 3 do
    list[i] = faulty.new(i == 2 and fault and { fault } or {}, shares_keys and first or nil)
  end
  local pool = faulty.listen(list)
  local result = assert(resum.audit(pool.address, { audit_checks = { check }, intrusive = true, sni = "a.example" }))
  pool.close()
  assert.same({}, pool.errors())
  return result.addresses[1].audit
end

local function find(list, reason)
  for _, one in ipairs(list) do
    if one.reason == reason then
      return one
    end
  end
end

local CASES = {
  -- without keys in common: whoever shares them, and makes other tickets, takes none of the others'
  { "unauthenticated", "tampered", is_apart = true },
  { "without_exchange", "forward-secrecy" },
  { "unchecked_binder", "binder", "not_checked" },
  { "other_hash", "resume-rules" },
  { "ems_lost", "ems", "loses" },
}

describe("a fault of one of three servers", function()
  for _, case in ipairs(CASES) do
    local fault, check = table.unpack(case)
    local tag = fault == CASES[2][1] and "" or " #heavy" -- one is enough for every day

    it(("is found, with the server and its share, where each has keys of its own: %s%s"):format(fault, tag), function()
      local found
      for _ = 1, 6 do -- by chance a member may never be met with a session of its own
        local one = find(audit(fault, check, false), case[3] or fault)
        if one then
          found = one
          assert.is_string(one.group)
          assert.is_true(one.share > 0 and one.share < 1, one.share) -- of the few full handshakes of these scans
        end
      end
      assert.is_table(found)
    end)

    local it_shared = case.is_apart and function() end or it
    it_shared(("has its share where they share their keys: %s%s"):format(fault, tag), function()
      local found
      for _ = 1, 40 do -- the first offer has to meet the one of three
        local one = find(audit(fault, check, true), case[3] or fault)
        if one and one.share then -- else it was met twice in a row, and is not known to be one of several
          found = one
          assert.is_true(one.share > 0.1 and one.share < 0.8, one.share)
          assert.is_nil(one.group)
        end
        if found then
          break
        end
      end
      assert.is_table(found)
    end)

    it(("is not found where there is none: %s%s"):format(fault, tag), function()
      assert.is_nil(find(audit(nil, check, false), case[3] or fault))
      assert.is_nil(find(audit(nil, check, true), case[3] or fault))
    end)
  end
end)
