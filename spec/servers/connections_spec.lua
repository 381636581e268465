--- How many connections a scan makes: what auditors quote when they ask for permission. docs/method.md has the figures;
-- this counts, at a server where all resumes and at a balancer where nothing is shared.

local page = require "spec.support.page"
local resum = require "resum"
local servers = require "spec.support.servers"

local LOW, HIGH, SLACK = 0.85, 1.05, 6 -- by chance there are fewer or more; on a busy machine some are tried again

local function figures(scan)
  local row = page.by_heading(page.text("method.md"))["How many connections"][scan]
  return tonumber(row.cells[2]), tonumber(row.cells[3])
end

local function count(address, options)
  local made = 0
  options.on_event = function(event)
    made = made + (event.kind == "attempt" and 1 or 0)
  end
  local result = assert(resum.run(address, options))
  assert.equal("completed", result.status)
  return made
end

local function assert_about(wanted, made, what)
  assert.is_true(made >= LOW * wanted - SLACK and made <= HIGH * wanted + SLACK,
    ("%s: %d, not %d"):format(what, made, wanted))
end

describe("the number of connections", function()
  local good, balancer
  local members = {}

  setup(function()
    for i = 1, 3 do
      members[i] = servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on" })
    end
    good, balancer = members[1], servers.balancer { backends = members }
  end)

  teardown(function()
    balancer.stop()
    for _, member in ipairs(members) do
      member.stop()
    end
  end)

  for scan, options in pairs({
    ["--resum"] = { support = true },
    ["--resum_rate"] = { rate = true },
    ["--resum_rate --no_balancer"] = { rate = true, balancer = false },
    ["--resum_rate --quick"] = { rate = true, quick = true },
  }) do
    it("is what docs/method.md says for " .. scan, function()
      local healthy, broken = figures(scan)
      assert_about(healthy, count(good.address, options), "all resumes")
      assert_about(broken, count(balancer.address, options), "nothing is shared")
    end)
  end
end)
