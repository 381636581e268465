--- Every code that a result may hold has its words in one place, and no word stands there for a code that nothing says.

local page = require "spec.support.page"
local process = require "spec.support.process"
local vocabulary = require "resum.analysis.vocabulary"

-- Where verdicts and their reasons are found.
local SOURCES = {
  "analysis/verdict.lua", "analysis/counting.lua", "analysis/without_session.lua", "analysis/explanation.lua",
  "analysis/single_use.lua",
  "connection/issuance.lua", "connection/outcome.lua",
  "scan/support.lua", "scan/second_look.lua", "scan/rate.lua", "scan/rate_figures.lua", "scan/obtain_sessions.lua",
}

-- Outcomes of attempts are reasons too, where they are errors (resum.connection.outcome).
local OUTCOMES = {
  timeout = true, reset = true, closed = true, unreachable = true, protocol_error = true, alert = true,
}

local function code_of(path)
  return (process.read_file(process.ROOT .. "/lua/resum/" .. path):gsub("%-%-[^\n]*", ""))
end

local function said()
  local codes = {}
  for _, path in ipairs(SOURCES) do
    for one in code_of(path):gmatch('"(%l[%l_]+)"') do
      codes[one] = true
    end
  end
  return codes
end

describe("the vocabulary", function()
  it("has words for each reason and verdict, and for nothing else", function()
    local codes = said()
    for reason in pairs(vocabulary.reasons) do
      codes[vocabulary.verdict_shown({ verdict = "inconclusive", reason = reason })] = true
      assert.is_true(codes[reason] or OUTCOMES[reason], reason .. " is said nowhere")
    end
    for verdict in pairs(vocabulary.verdicts) do
      assert.is_true(codes[verdict] == true, verdict .. " is said nowhere")
    end
    for outcome in pairs(OUTCOMES) do
      assert.is_truthy(vocabulary.reasons[outcome], outcome)
    end
  end)

  it("has words for whatever stands behind a verdict's name", function()
    for _, path in ipairs(SOURCES) do
      local code = code_of(path)
      for verdict, reason in code:gmatch('"(%l[%l_]*_supported)",[^"\n]*"(%l[%l_]+)"') do
        assert.is_truthy(vocabulary.verdicts[verdict], path .. ": " .. verdict)
        assert.is_truthy(vocabulary.reasons[reason] or vocabulary.verdicts[reason], reason)
      end
      for reason in code:gmatch('\n%s*[%w.]*reason = "(%l[%l_]+)"') do
        assert.is_truthy(vocabulary.reasons[reason], reason)
      end
    end
  end)

  it("says an error without the stage at which it happened, and keeps what stands behind it", function()
    for message, words in pairs({
      ["connect: refused. Is the port right?"] = "connection refused. Is the port right?",
      ["connect: reset"] = "connection reset",
      ["connect: no answer in time. Waited 5 s."] = "no answer in time. Waited 5 s.",
      ["connection: reset by the server"] = "the server reset the connection",
      ["connection: no answer in time"] = "no answer in time",
      ["resolve: no address for a.example"] = "no address for a.example",
      ["handshake: the server took no more bytes"] = "the server took no more bytes",
      ["starttls smtp: STARTTLS not offered"] = "SMTP: STARTTLS not offered",
      ["from 192.0.2.1: connect: refused"] = "from 192.0.2.1: connect: refused",
    }) do
      assert.equal(words, vocabulary.failure(message))
    end
  end)

  it("tells why in words, with the alert's name where it is one", function()
    assert.equal("no session ID is issued", vocabulary.reason("session_id", { reason = "not_issued" }))
    assert.equal("the server ends handshakes with an alert (handshake failure)",
      vocabulary.reason("psk", { reason = "alert", alert = "handshake_failure" }))
    assert.is_nil(vocabulary.reason("psk", {}))
  end)

  -- Values of JSON that reports show: the table of each, and where its words are.
  local SHOWN = { design = "designs", outcome = "outcomes", kind = "kinds", routing = "routings", ["set-up"] = "pools",
    verdict = "verdicts", ["break"] = "breaks" }

  for value, words in pairs(SHOWN) do
    it("has words for every " .. value .. " that JSON may hold, so that no code reaches a person", function()
      local rows = page.by_heading(page.text("json.md"))[value]
      assert.is_truthy(next(rows))
      for code in pairs(rows) do
        local shown = vocabulary[words][code]
        assert.is_truthy(shown, code)
        assert.is_nil(shown:find("_", 1, true), shown)
      end
    end)
  end
end)
