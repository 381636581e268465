-- Bytes were mangled on the way, and a connection broke so that only the server saw it: nginx, whose connections end
-- without close_notify, dropped the session and refused it from then on. One such session in a scan, and session IDs
-- were "partially supported" at a server that takes all of them: 2 of 780 verdicts, later 6 of 942.

local counting = require "resum.analysis.counting"
local lost_session = require "resum.analysis.lost_session"
local second_look = require "resum.scan.second_look"
local spending = require "resum.connection.spending"

local OUTCOMES = { R = "resumed", x = "refused", e = "closed", u = "unknown" }

-- Offers of sessions, one word each, one after the other: R resumed, x refused, e failed, u refused behind a break that
-- was seen.
local function offers_of(...)
  local list, clock = {}, 0
  for number, word in ipairs({ ... }) do
    for mark in word:gmatch(".") do
      local outcome = OUTCOMES[mark]
      list[#list + 1] = { session = number, started = clock + 1, ended = clock + 2, record = { outcome = outcome,
        answer = mark == "u" and "refused" or mark ~= "e" and outcome or nil,
        error = mark == "e" and { stage = "handshake" } or nil } }
      clock = clock + 2
    end
  end
  return list
end

-- All connections: so many that failed in their handshake, of so many.
local function connections(failed, made)
  local list = {}
  for i = 1, made do
    list[i] = i <= failed and { outcome = "closed", error = { stage = "handshake" } } or { outcome = "full" }
  end
  return list
end

local function found(failed, made, ...)
  local list = {}
  for i, one in ipairs(lost_session.find(offers_of(...), connections(failed, made))) do
    list[i] = { one.session, one.refused, #one.counted }
  end
  return list
end

describe("a session that may have been lost unseen", function()
  it("was taken, and refused from then on, while other connections failed", function()
    assert.same({ { 1, 2, 2 } }, found(5, 50, "RRxx", "RR", "R"))
    assert.same({ { 2, 3, 2 } }, found(5, 50, "RRR", "xxeu", "R"))
  end)

  it("is none where no connection failed, or one", function()
    assert.same({}, found(0, 50, "RRxx", "RR", "R"))
    assert.same({}, found(1, 50, "RRxx", "RR", "R"))
    assert.same({ { 1, 2, 2 } }, found(2, 50, "RRxx", "RR", "R"))
  end)

  it("is none where one was taken again", function()
    assert.same({}, found(5, 50, "RxR", "RR", "R"))
    assert.same({}, found(20, 50, "xx", "RxR", "R", "R", "R"))
  end)

  it("is none where there are more than what failed explains", function()
    assert.same({}, found(2, 100, "Rx", "Rx", "Rx", "R", "R", "R", "R", "R", "R"))
    assert.same(3, #found(10, 50, "Rx", "Rx", "Rx", "R", "R", "R", "R", "R", "R"))
  end)

  it("is none where few others are taken", function()
    assert.same({}, found(20, 50, "RRRRxx", "RRRR"))
    assert.same({}, found(20, 50, "x", "x", "x", "R"))
  end)

  it("is no other connection's: a failure to connect, or one that had nothing to do with the way", function()
    local records = connections(0, 50)
    for i = 1, 20 do
      records[i] = { outcome = "unreachable", error = { stage = "connect" } }
    end
    assert.same({}, lost_session.find(offers_of("RRxx", "RR", "R"), records))
  end)

  it("was not refused while it was still taken side by side", function()
    local offers = offers_of("xR", "RR", "R")
    offers[2].started, offers[2].ended = 0, 4 -- it began before the refusal was known
    assert.same(1, #lost_session.find(offers, connections(5, 50)))
  end)
end)

-- A scan's evidence where a session was refused once, and a client to which it is offered further.
local function look_closer(answers)
  local offers, evidence = offers_of("RRRx", "RR", "R"), { fixed = {} }
  local client = { answers = offers, records = connections(5, 50), clock = 100 }
  function client.cancelled()
    return false
  end
  for _, offer in ipairs(offers) do
    offer.mechanism = "session_id"
    evidence.fixed[#evidence.fixed + 1] = offer.record
  end
  function client.attempt(_, options)
    local outcome = OUTCOMES[answers[#client.answers - 6] or answers[1]]
    local record = { outcome = outcome, answer = ({ resumed = outcome, refused = outcome })[outcome],
      error = outcome == "closed" and { stage = "handshake" } or nil }
    client.clock = client.clock + 2
    offers[#offers + 1] = { mechanism = options.mechanism, session = options.session, record = record,
      started = client.clock, ended = client.clock + 1 }
    return record
  end
  second_look.at_losses(client, "session_id", evidence, { engine = "handshake" })
  return counting.count(evidence.fixed), #evidence.fixed
end

describe("the support scan", function()
  it("offers such a session until it is sure, and leaves its refusals out then", function()
    local counts, made = look_closer({ "x" })
    assert.same({ "supported", 6, 0 }, { counting.of_counts(counts), counts.resumed, counts.refused })
    assert.same({ { unseen = lost_session.REFUSALS }, 6 + lost_session.REFUSALS },
      { counts.left_out, made })
  end)

  it("takes the word of a server that takes it after all, as members do that share nothing", function()
    local counts, made = look_closer({ "x", "x", "R" })
    assert.same({ "partially_supported", 7, 3 }, { counting.of_counts(counts), counts.resumed, counts.refused })
    assert.same({ 10 }, { made, counts.left_out })
  end)

  it("is not sure where what it offers fails", function()
    local counts = look_closer({ "e" })
    assert.same({ 1 }, { counts.refused, counts.left_out })
  end)
end)

describe("an offer that is set aside", function()
  it("stays so when its session is weighed again", function()
    local ends, session, doubts = spending.nothing_known(), {}, 0
    local function finish(outcome, sessions, offered)
      local record = { engine = "handshake", outcome = outcome, sessions = sessions, ending = "notify",
        on_doubt = function() doubts = doubts + 1 end }
      if outcome == "closed" then
        record.error, record.ending = { stage = "handshake" }, nil
      end
      spending.finish(ends, record, offered, spending.begin(ends))
      return record
    end
    finish("full", { session }, {})
    local refused = finish("refused", {}, { session })
    spending.set_aside(refused)
    assert.same({ "unknown", "unseen", 1 }, { refused.outcome, refused.doubt, doubts })
    finish("closed", {}, { session })
    assert.same({ "unknown", "unseen", "refused" }, { refused.outcome, refused.doubt, refused.answer })
  end)

  it("is a refusal, and nothing else", function()
    local record = { outcome = "resumed" }
    spending.set_aside(record)
    assert.same({ outcome = "resumed", lost = true }, record)
  end)
end)
