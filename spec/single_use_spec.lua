-- Tickets that are good for one connection: when a server is said to issue such, from few offers and from many.

local single_use = require "resum.analysis.single_use"

-- A letter for each offer, of the sessions in turn: R resumed, n refused, t an error.
local OUTCOMES = { R = "resumed", n = "refused", t = "timeout" }

local function records(letters)
  local list = {}
  for letter in letters:gmatch(".") do
    list[#list + 1] = { outcome = OUTCOMES[letter] }
  end
  return list
end

local function sequence(...)
  local list = {}
  for seed, letters in ipairs({ ... }) do
    for _, record in ipairs(records(letters)) do
      list[#list + 1] = { seed = seed, record = record }
    end
  end
  return list
end

describe("tickets may be good once", function()
  local cases = {
    { "where a session was offered twice, and resumed once", { "Rn" }, true },
    { "where half of the sessions resumed", { "Rn", "nn" }, true },
    { "and not where fewer did", { "Rn", "nn", "nn" }, false },
    { "and not where one resumed twice", { "RnR", "Rn" }, false },
    { "and not where each was offered once", { "R", "R" }, false },
    { "and not where none was offered", {}, false },
    { "also where some were offered once", { "Rn", "n", "n" }, true },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      assert.equal(case[3], single_use.may_be(sequence(table.unpack(case[2]))))
    end)
  end
end)

describe("tickets are good once", function()
  it("where fresh ones do better than by chance, and not where they only seem to", function()
    local fixed = { resumed = 10, refused = 15, seeds = 12 }
    assert.is_false(single_use.is(fixed, { resumed = 14, refused = 11 }))
    assert.is_true(single_use.is(fixed, { resumed = 24, refused = 1 }))
  end)

  it("where every session resumed once and every fresh one does", function()
    assert.is_true(single_use.is({ resumed = 1, refused = 1, seeds = 1 }, { resumed = 1, refused = 0 }))
    assert.is_false(single_use.is({ resumed = 1, refused = 1, seeds = 1 }, { resumed = 0, refused = 0 }))
    assert.is_false(single_use.is({ resumed = 1, refused = 3, seeds = 2 }, { resumed = 1, refused = 0 }))
  end)

  it("where none of them resumed twice, with a chance below 0.002", function()
    -- The chance that nine resumptions among so many offers hit nine sessions: 0.0022 of 45, 0.0019 of 54.
    assert.is_false(single_use.is({ resumed = 9, refused = 36, seeds = 9 }, { resumed = 1, refused = 1 }))
    assert.is_true(single_use.is({ resumed = 9, refused = 45, seeds = 9 }, { resumed = 1, refused = 1 }))
  end)

  it("only where fresh ones resume more often than old ones", function()
    assert.is_false(single_use.is({ resumed = 20, refused = 20, seeds = 20 }, { resumed = 5, refused = 5 }))
    assert.is_false(single_use.is({ resumed = 20, refused = 20, seeds = 20 }, { resumed = 1, refused = 5 }))
  end)
end)

describe("whether tickets are good once", function()
  it("is asked no further once forty fresh ones fared as old ones do", function()
    local fixed = { resumed = 12, refused = 87, seeds = 33 } -- as often as not two of them are of one session
    assert.is_true(single_use.may_still_be(fixed, { resumed = 0, refused = 39 }))
    assert.is_false(single_use.may_still_be(fixed, { resumed = 4, refused = 36 })) -- no better
    assert.is_false(single_use.may_still_be(fixed, { resumed = 8, refused = 32 })) -- a little, as happens
    assert.is_true(single_use.may_still_be(fixed, { resumed = 12, refused = 28 }))
  end)

  it("is asked to the end where no chance lets each of the old ones resume once", function()
    local fixed = { resumed = 26, refused = 73, seeds = 33 }
    assert.is_true(single_use.may_still_be(fixed, { resumed = 10, refused = 30 })) -- the last sixty may be better
    assert.is_true(single_use.is(fixed, { resumed = 30, refused = 70 }))
  end)
end)

describe("what it means that sessions are good for one connection", function()
  local function resumed(renewed, others)
    local list = {}
    for i = 1, renewed + others do
      list[i] = { outcome = "resumed", facts = { alerts = {}, tickets = i <= renewed and { {} } or {} } }
    end
    return list
  end

  local function failed(outcome, count)
    local list = {}
    for i = 1, count do
      list[i] = { outcome = outcome, facts = { alerts = { { description = "internal_error" } }, tickets = {} } }
    end
    return list
  end

  local function explained(mechanism, again, once)
    local verdict = { verdict = "supported" }
    single_use.explain(verdict, mechanism, again, once)
    return verdict
  end

  it("depends, up to TLS 1.2, on whether half of the resumed connections bring another", function()
    assert.equal("single_use_tickets", explained("ticket", {}, resumed(5, 5)).reason)
    assert.same({ verdict = "partially_supported", reason = "single_use_not_renewed" },
      explained("ticket", {}, resumed(4, 5)))
    assert.equal("single_use_not_renewed", explained("session_id", {}, resumed(0, 5)).reason)
    assert.same({ verdict = "supported", reason = "single_use_tickets" }, explained("psk", {}, resumed(0, 5)))
  end)

  it("names what the spent ones meet, where that is more than one accident and no full handshake", function()
    assert.equal("reset", explained("psk", failed("reset", 2), resumed(0, 5)).again)
    assert.same({ verdict = "supported", reason = "single_use_tickets", again = "alert", alert = "internal_error" },
      explained("psk", failed("alert", 2), resumed(0, 5)))
    assert.is_nil(explained("psk", failed("reset", 1), resumed(0, 5)).again)
    local both = failed("reset", 2)
    table.move(failed("refused", 2), 1, 2, 3, both)
    assert.is_nil(explained("psk", both, resumed(0, 5)).again)
  end)

  it("says nothing where fresh ones were refused, too", function()
    local verdict = { verdict = "partially_supported", reason = "issued_not_always_accepted" }
    single_use.explain(verdict, "ticket", {}, resumed(0, 5))
    assert.equal("issued_not_always_accepted", verdict.reason)
  end)

  it("halves what a client gets that keeps coming back", function()
    assert.equal(0.5, single_use.share_of_returning({ rate = 1, reason = "single_use_not_renewed" }))
    assert.equal(0.2, single_use.share_of_returning({ rate = 0.25, reason = "single_use_not_renewed" }))
    assert.equal(1, single_use.share_of_returning({ rate = 1, reason = "single_use_tickets" }))
    assert.is_nil(single_use.share_of_returning({}))
  end)
end)

describe("a ticket seems to be good once", function()
  local cases = {
    { "Rnn", true }, { "Rn", true }, { "tn", true }, { "Rtn", true },
    { "R", false }, { "nn", false }, { "RnR", false }, { "RR", false }, { "nR", false }, { "tt", false }, { "", false },
  }
  for _, case in ipairs(cases) do
    it(('or not, by the offers "%s"'):format(case[1]), function()
      assert.equal(case[2], single_use.seems_to_be(records(case[1])))
    end)
  end
end)
