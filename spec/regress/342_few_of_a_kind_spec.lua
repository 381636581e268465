-- Where a quarter of the few connections of a kind had been disturbed, that was taken for a habit of the server's: of
-- two resumptions one, say, and what its session was refused then counted. Of so few that disturbances explain it, all
-- connections tell; what they do not explain is a habit.

local obtaining = require "resum.scan.obtain_sessions"
local spending = require "resum.connection.spending"

local function ended(outcome, ending, sessions)
  return { engine = "handshake", outcome = outcome, version = "TLSv1.2", ending = ending, sessions = sessions or {} }
end

-- Full handshakes that ended in order; then of `total` resumptions of a session each the first `odd` did not. Gives the
-- outcome of an offer of the first one's session, which is refused.
local function refused_after(odd, total, ending, others)
  local ends, first = spending.nothing_known(), {}
  for _ = 1, others or 12 do
    spending.finish(ends, ended("full", "notify"), {}, spending.begin(ends))
  end
  for i = 1, total do
    spending.finish(ends, ended("resumed", i <= odd and ending or "notify"), { i == 1 and first or {} },
      spending.begin(ends))
  end
  local offer = ended("refused", "notify")
  spending.finish(ends, offer, { first }, spending.begin(ends))
  return offer.outcome
end

describe("of few connections of a kind", function()
  for _, ending in ipairs({ "fin", "silent", "early", "reset" }) do
    it("those that disturbances explain are held against all: " .. ending, function()
      for _, case in ipairs({ { 1, 1 }, { 1, 2 }, { 1, 3 }, { 2, 3 }, { 2, 4 } }) do
        assert.equal("unknown", refused_after(case[1], case[2], ending), table.concat(case, " of "))
      end
    end)

    -- But a reset, beside full handshakes that end in order, is a fault that only offers meet.
    local held_against_all = ending == "reset" and "unknown" or "refused"

    it("those that they do not explain are a habit, unless offers alone meet them: " .. ending, function()
      for _, case in ipairs({ { 2, 2 }, { 3, 3 }, { 3, 4 }, { 4, 8 } }) do
        assert.equal(held_against_all, refused_after(case[1], case[2], ending), table.concat(case, " of "))
      end
    end)

    it("a habit of all is one of theirs: " .. ending, function()
      assert.equal("refused", refused_after(2, 3, ending, 2))
    end)
  end
end)

describe("a session that may have left a small cache", function()
  -- s_server keeps 128 sessions, and up to three come with a connection: 42 of these, with those that are under way.
  local function is_replaced(connections, limit)
    local ends, session, fresh = spending.nothing_known(), {}, {}
    local began = spending.begin(ends)
    for _ = 1, connections do
      spending.begin(ends) -- and goes on
    end
    spending.finish(ends, ended("full", "notify", { session }), {}, began)
    local client = { ends = ends, line = { limit = limit }, expired = function() return false end,
      cancelled = function() return false end, attempt = function()
        return { outcome = "full", sessions = { fresh }, facts = { tickets = {}, session_id = "x" } }
      end }
    return obtaining.keep_young(client, "session_id", session, 0, {}) == fresh
  end

  it("is replaced before: counted are connections begun since, and those that may come before its offer", function()
    assert.is_false(is_replaced(32, 10))
    assert.is_true(is_replaced(33, 10))
    assert.is_false(is_replaced(41, 1))
    assert.is_true(is_replaced(42, 1))
  end)

  it("is kept for some connections all the same where many are made at once", function()
    assert.is_false(is_replaced(21, 100))
    assert.is_true(is_replaced(22, 100))
  end)
end)
