--- What a full handshake costs: medians of libssl's handshakes, who pays, and what is not said.

local cost = require "resum.analysis.cost"

local function record(outcome, handshake_s, bytes, more)
  local one = { mechanism = "ticket", engine = "handshake", outcome = outcome, handshake_bytes = bytes, at_once = 1,
    timing = { handshake_s = handshake_s } }
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

local function fold(...)
  local tally = {}
  for _, one in ipairs({ ... }) do
    cost.note(tally, one)
  end
  return cost.fold(tally)
end

local RESUMED = { record("resumed", 0.01, 600), record("resumed", 0.02, 700), record("resumed", 0.9, 800) }

local function with_resumed(...)
  return fold(RESUMED[1], RESUMED[2], RESUMED[3], ...)
end

describe("what was measured", function()
  it("is folded to medians, each with its number and the load", function()
    local costs = with_resumed(record("refused", 0.03, 1500, { at_once = 9 }), record("refused", 0.05, 1700),
      record("refused", 2, 1600, { at_once = 11 }), record("refused", 0.04, 1800, { at_once = 2 }))
    assert.same({ ticket = { full = { count = 4, handshake_s = 0.045, bytes = 1650, at_once = 5.5 },
      resumed = { count = 3, handshake_s = 0.02, bytes = 700, at_once = 1 } } }, costs)
  end)

  it("holds those who were refused against those who resumed; others only where these are few", function()
    local others = { record("full", 0.1, 900), record("full", 0.1, 900), record("full", 0.1, 900) }
    local refused = record("refused", 0.3, 1500)
    assert.equal(900, with_resumed(others[1], others[2], others[3], refused, refused).ticket.full.bytes)
    assert.equal(1500, with_resumed(others[1], others[2], others[3], refused, refused, refused).ticket.full.bytes)
  end)

  it("is nothing where there were fewer than three of a kind", function()
    local refused = record("refused", 0.3, 1500)
    assert.is_nil(with_resumed(refused, refused))
    assert.is_nil(fold(RESUMED[1], RESUMED[2], refused, refused, refused))
  end)

  it("leaves out the probe, which does less than a client, what failed, and the control", function()
    for _, more in ipairs({ { engine = "probe" }, { outcome = "timeout" }, { mechanism = "control" } }) do
      assert.is_nil(with_resumed(record("refused", 1, 1, more), record("refused", 1, 1, more),
        record("refused", 1, 1, more)))
    end
  end)
end)

local COST = { full = { count = 30, handshake_s = 0.1003, bytes = 4100, at_once = 1 },
  resumed = { count = 12, handshake_s = 0.0503, bytes = 900, at_once = 1 } }

local function said(counts, mechanism, measured, pool)
  local rate = { attempted = counts.resumed + counts.refused, resumed = counts.resumed, refused = counts.refused,
    interval = counts.interval }
  return table.concat(cost.sentences({ rate = { [mechanism] = rate },
    costs = measured and { [mechanism] = measured } or nil,
    balancer = pool and { mechanisms = { [mechanism] = pool } } or nil }), " ")
end

describe("the sentence", function()
  local THIRD = { resumed = 33, refused = 67, interval = { 0.25, 0.43 } }

  it("says who pays, and the price in round trips, time and bytes", function()
    assert.equal("With TLS 1.2 and a ticket, about 2 of 3 returning clients pay a full handshake: +1 round trip, "
      .. "+50 ms here and +3200 bytes (medians of 30 full and 12 resumed handshakes).", said(THIRD, "ticket", COST))
  end)

  it("promises no round trip in TLS 1.3, where both take one", function()
    assert.is_nil(said(THIRD, "psk", COST):find("round trip", 1, true))
    assert.is_nil(said(THIRD, "psk"):find("round trip", 1, true))
    assert.is_truthy(said(THIRD, "ticket"):find("pay a full handshake: +1 round trip.", 1, true))
  end)

  it("says that the times are those of a loaded client where they are", function()
    local loaded = { full = COST.full, resumed = { count = 12, handshake_s = 0.05, bytes = 900, at_once = 7 } }
    assert.is_truthy(said(THIRD, "psk", loaded):find("about 7 connections were under way at once, so times are those "
      .. "of a loaded client", 1, true))
    assert.is_nil(said(THIRD, "psk", COST):find("loaded", 1, true))
  end)

  it("says nothing of a share that was not measured well enough", function()
    assert.matches("^With TLS 1.3, 3 of 5 attempts to resume paid ", said({ resumed = 2, refused = 3 }, "psk"))
    assert.matches("^With TLS 1.3, every returning client pays ", said({ resumed = 0, refused = 100 }, "psk"))
    assert.equal("", said({ resumed = 100, refused = 0 }, "psk", COST))
  end)

  it("takes a fraction of the groups where they are known, and a percentage where no fraction fits", function()
    local fifth = { resumed = 24, refused = 76, interval = { 0.16, 0.35 } }
    assert.matches("about 4 of 5 returning clients pay", said(fifth, "psk", nil, { groups = 5 }))
    assert.matches("about 3 of 4 returning clients pay", said(fifth, "psk"))
    assert.matches("12 %% of returning clients pay", said({ resumed = 880, refused = 120,
      interval = { 0.86, 0.9 } }, "psk"))
    local third = { resumed = 66, refused = 34, interval = { 0.56, 0.75 } }
    assert.matches("about 1 of 3 returning clients pays", said(third, "psk"))
  end)

  it("says a share from thirty answers on, and a fraction of what lies close to it and in the interval", function()
    local wide = { 0.1, 0.9 }
    assert.matches("15 of 29 attempts to resume paid", said({ resumed = 14, refused = 15, interval = wide }, "psk"))
    assert.matches("about 1 of 2 returning clients pays", said({ resumed = 15, refused = 15, interval = wide }, "psk"))
    local function of_two(refused, interval)
      return said({ resumed = 100 - refused, refused = refused, interval = interval }, "psk", nil, { groups = 2 })
    end
    assert.matches("about 1 of 2 returning clients pays", of_two(59, { 0.25, 0.5 }))
    assert.matches("61 %% of returning clients pay", of_two(61, { 0.25, 0.5 }))
    assert.matches("59 %% of returning clients pay", of_two(59, { 0.25, 0.49 }))
    assert.matches("41 %% of returning clients pay", of_two(41, { 0.51, 0.75 }))
  end)

  it("shows times and sizes as far as they were measured", function()
    local function price(seconds, bytes)
      return said(THIRD, "psk", { full = { count = 30, handshake_s = 0.01 + seconds, bytes = 100 + bytes, at_once = 1 },
        resumed = { count = 12, handshake_s = 0.01, bytes = 100, at_once = 1 } }):match("handshake: (.-) %(")
    end
    assert.equal("no measurable time here and +9999 bytes", price(0.00004, 9999))
    assert.equal("+0.1 ms here and +10.0 kB", price(0.00006, 10000))
    assert.equal("+9.9 ms here and -20 bytes", price(0.0099, -20))
    assert.equal("+10 ms here and +12.3 kB", price(0.0102, 12345))
  end)

  it("goes by the rate where there is one, and by the support else", function()
    local function who(rate)
      local support = { attempted = 5, resumed = 2, refused = 3 }
      return cost.sentences({ rate = { psk = rate }, support = { psk = support } })[1]
    end
    assert.matches("3 of 5 attempts", who({ attempted = 0, resumed = 0, refused = 0 }))
    assert.matches("4 of 9 attempts", who({ attempted = 9, resumed = 5, refused = 4 }))
    assert.is_nil(who({ attempted = 9, resumed = 0, refused = 0 }))
  end)

  it("says nothing of session IDs where clients have tickets", function()
    local ids, tickets = { attempted = 5, resumed = 0, refused = 5 }, { attempted = 5, resumed = 5, refused = 0 }
    assert.same({}, cost.sentences({ support = { session_id = ids, ticket = tickets } }))
    assert.equal(1, #cost.sentences({ support = { session_id = ids } }))
  end)
end)
