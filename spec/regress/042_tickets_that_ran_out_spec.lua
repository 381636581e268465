--- Tickets of a short lifetime ran out while they were offered, and the server was said to have renewed its keys or
-- restarted, though the name of its key stayed the same.

local balance = require "resum.analysis.pool"

local KEY = ("A"):rep(16)

local function add(entries, design, from, outcome)
  local order = #entries + 1
  local shown = outcome == "full" or nil
  entries[order] = {
    order = order, mechanism = "ticket", design = design, from = from, outcome = outcome, started = 2 * order - 1,
    ended = 2 * order, issued = shown, ticket = shown and KEY, ticket_length = shown and 176,
  }
end

describe("a ticket that ran out", function()
  it("is forgotten, and no key changed", function()
    local entries = {}
    add(entries, "seed", nil, "full")
    for i = 1, 60 do
      add(entries, "fixed", 1, i <= 40 and "resumed" or "refused")
    end
    for _ = 1, 15 do
      add(entries, "pairs", nil, "full")
      add(entries, "pairs", #entries, "resumed")
    end
    local summary = balance.analyse(entries, { mechanisms = { "ticket" } })
    assert.same({ "all_shared", "forgets" }, { summary.verdict, summary.findings[1].code })
  end)
end)
