-- A cache that is written a moment after the handshake refused our offers, which came at once, and the verdict was
-- "never accepted"; one that loses a session at its client's first request accepted them, as we sent none.

local explanation = require "resum.analysis.explanation"
local listener = require "spec.support.listener"
local memory = require "spec.support.memory"
local resum = require "resum"
local text = require "resum.report.text"
local wire = require "spec.support.wire"

local OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

-- A session ID is known once its client has paused for so many seconds, or never; before that a server answers that
-- knows none. (By the time of day a client that was held up for so long would be known at once.) Returns the server,
-- and the host whose pauses count.
local function start_late(late_s)
  local stranger, unknown, host = memory.server({ max_version = "TLSv1.2", tickets = false }), {}, resum.host.default()
  local server = listener.start({ max_version = "TLSv1.2", tickets = false }, {
    bytes = function(link, bytes)
      if not link.seen then
        link.seen = true
        if unknown[wire.client_hello(bytes:sub(6)).session_id] then
          link.connection = stranger:accept()
        end
      end
      return false
    end,
    established = function(link, bytes)
      link.send(bytes)
      local id = link.connection:facts().session_id
      unknown[id] = unknown[id] == nil or unknown[id]
    end,
  })
  return server, setmetatable({ sleep = function(seconds)
    local made_before = {}
    for id in pairs(unknown) do
      made_before[#made_before + 1] = id
    end
    host.sleep(seconds)
    for _, id in ipairs(seconds >= late_s and made_before or {}) do
      unknown[id] = false
    end
  end }, { __index = host })
end

local function support_of(server, options, host)
  options.host = host
  local entry = assert(resum.scan(server.address, options)).addresses[1]
  server.close()
  return entry.support, entry
end

describe("a cache that is written late", function()
  for _, engine in ipairs({ "handshake", "probe" }) do
    for late_s, usable in pairs({ [0.25] = 0.3, [0.9] = 2 }) do
      it(("is told, and nobody is said to be refused for ever: %g s, engine %s"):format(late_s, engine), function()
        local server, host = start_late(late_s)
        local support, entry = support_of(server, { engine = engine, mechanisms = { "session_id" } }, host)
        local judged = support.session_id
        assert.same({ "partially_supported", "late_cache", usable },
          { judged.verdict, judged.reason, judged.usable_after_s })
        assert.is_truthy(text.address(entry):gsub("%s+", " "):find("the cache is written late", 1, true))
      end)
    end
  end

  it("is no word for one that never accepts a session", function()
    local judged = support_of(start_late(), { mechanisms = { "session_id" } }).session_id
    assert.same({ "not_supported", "issued_not_accepted" }, { judged.verdict, judged.reason })
  end)
end)

describe("sessions that are taken later", function()
  local function records(resumed, refused)
    local list = {}
    for i = 1, resumed + refused do
      list[i] = { outcome = i <= resumed and "resumed" or "refused" }
    end
    return list
  end

  local function reason(later, pairs_records)
    local verdict = { verdict = "not_supported", reason = "issued_not_accepted", resumed = 0 }
    explanation.apply(verdict, { seeds = {}, fixed = records(0, 5), pairs = pairs_records,
      later = { { after_s = 0.3, records = later } } })
    return verdict.reason
  end

  it("were written late where all are, and enough of them", function()
    assert.equal("late_cache", reason(records(14, 0), records(0, 14)))
    assert.equal("late_cache", reason(records(8, 0), records(0, 8)))
    assert.equal("issued_not_always_accepted", reason(records(5, 0), records(0, 5)), "1 in 252")
  end)

  it("were met by their own server where some are", function()
    assert.equal("issued_not_always_accepted", reason(records(13, 1), records(0, 14)))
  end)

  it("are enough, and as many were offered at once", function()
    local server, host = start_late(0.25)
    local judged = support_of(server, { mechanisms = { "session_id" } }, host).session_id
    local at_once, later = 0, 0
    for _, record in ipairs(judged.attempts) do
      at_once = at_once + (record.design == "pairs" and 1 or 0)
      later = later + (record.design == "later" and 1 or 0)
    end
    assert.same({ 14, 14 }, { at_once, later })
  end)
end)

describe("a server that forgets a session when its client sends a request", function()
  local function start(forgets)
    local server
    server = listener.start({ tickets = false }, {
      data = function(link)
        if forgets then
          server.tls:forget()
        end
        link.finish(link.connection:write(OK))
      end,
    })
    return server
  end

  for _, engine in ipairs({ "handshake", "probe" }) do
    it("is met with a request, engine " .. engine, function()
      local support, entry = support_of(start(true), { engine = engine, mechanisms = { "session_id" } })
      local judged = support.session_id
      assert.same({ "partially_supported", "forgotten_at_request" }, { judged.verdict, judged.reason })
      assert.is_truthy(text.address(entry):gsub("%s+", " "):find("as soon as its client has sent a request", 1, true))
      judged = support_of(start(true), { engine = engine, mechanisms = { "psk" } }).psk
      assert.equal("forgotten_at_request", judged.reason)
    end)
  end

  it("is no word for one that keeps it", function()
    local support = support_of(start(false), {})
    assert.same({ "supported", "supported" }, { support.session_id.verdict, support.psk.verdict })
  end)
end)

describe("sessions that were refused, while no fresh one was to be had", function()
  it("are no verdict: an error is no refusal", function()
    local function judged(pairs_outcome)
      local function records(count, outcome)
        local list = {}
        for i = 1, count do
          list[i] = { outcome = outcome, error = outcome ~= "refused" and { stage = "handshake" } or nil }
        end
        return list
      end
      local verdict = { verdict = "not_supported", reason = "issued_not_accepted", resumed = 0 }
      explanation.apply(verdict, { seeds = { { outcome = "full" }, { outcome = "timeout" } },
        fixed = records(5, "refused"), pairs = pairs_outcome and records(5, pairs_outcome) or {} })
      return verdict.verdict, verdict.reason
    end
    assert.same({ "inconclusive", "timeout" }, { judged(nil) })
    assert.same({ "inconclusive", "timeout" }, { judged("timeout") })
    assert.same({ "not_supported", "issued_not_accepted" }, { judged("refused") })
  end)
end)
