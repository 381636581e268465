--- Behind a rotation with weights 5:1:1 a session of a minor server, refused 27 times by chance, was called dead, and
-- its server a bad member. Only a refusal at home tells that of a session whose server has a name; and where there is
-- no name, more refusals than a small share explains.

local balance = require "resum.analysis.pool"

local ROTATION = "AABACAA"

-- One connection. What it shows: the key of a server; nil where a refusal of the plain figure shows none.
local function add(entries, design, from, outcome, key)
  local order = #entries + 1
  entries[order] = {
    order = order, mechanism = "ticket", design = design, from = from, outcome = outcome, started = 2 * order - 1,
    ended = 2 * order, issued = key and true, ticket = key and key:rep(16), ticket_length = key and 176,
  }
end

-- Seeds of A and C, then offers of each: A's resume in five of seven cases, C's happen never to meet C.
local function plain_figure(entries)
  add(entries, "seed", nil, "full", "A")
  add(entries, "seed", nil, "full", "C")
  for i = 1, 27 do
    add(entries, "fixed", 1, i % 7 < 5 and "resumed" or "refused")
    add(entries, "fixed", 2, "refused")
  end
end

-- Fresh sessions, each offered to the next server of the rotation.
local function fresh_sessions(entries)
  for i = 1, 14 do
    local at = ROTATION:sub((2 * i - 2) % 7 + 1, (2 * i - 2) % 7 + 1)
    local next_one = ROTATION:sub((2 * i - 1) % 7 + 1, (2 * i - 1) % 7 + 1)
    add(entries, "pairs", nil, "full", at)
    add(entries, "pairs", #entries, at == next_one and "resumed" or "refused", at ~= next_one and next_one or nil)
  end
end

describe("a server that takes few of the connections", function()
  it("is no bad member because its sessions were refused elsewhere", function()
    local entries = {}
    plain_figure(entries)
    fresh_sessions(entries)
    local summary = balance.analyse(entries, { mechanisms = { "ticket" } })
    assert.equal("nothing_shared", summary.mechanisms.ticket.supposed or summary.verdict)
    assert.is_nil(summary.member)
  end)
end)
