--- On a terminal of 40 columns the table of a summary was 56 wide, and its lines broke anywhere. It is a list there.

local summaries = require "resum.analysis.summary"
local text = require("resum.report.text.summary").text

local function result(name, verdict)
  local judged = { verdict = verdict, attempted = 5, resumed = verdict == "supported" and 5 or 2, refused = 0,
    errors = 0, error_kinds = {} }
  return { target = { text = name, host = name, port = 443 }, status = "completed", addresses = { {
    status = "completed", address = "192.0.2.1", support = { ticket = judged, psk = judged },
  } } }
end

local function summary()
  local all = summaries.new()
  all:add(result("a.example", "supported"))
  all:add(result("b.example", "partially_supported"))
  return all:fold()
end

describe("a summary", function()
  it("fits the width, whatever it is", function()
    for width = 40, 100 do
      for line in text(summary(), width):gmatch("[^\n]+") do
        assert.is_true(#line <= width, ("%d: %s"):format(width, line))
      end
    end
  end)

  it("is a list where the table would not fit", function()
    assert.is_truthy(text(summary(), 50):find("\n  Session ID: none\n  Ticket: 1 supported, 1 partially supported\n"
      .. "  TLS 1.3 ticket: 1 supported, 1 partially\n    supported\n", 1, true), text(summary(), 50))
    assert.is_truthy(text(summary(), 80):find("\n  supported                     0       1               1\n", 1,
      true))
  end)
end)
