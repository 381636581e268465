-- HAProxy in front of three real nginx: the verdict is the set-up.

local pools = require "spec.support.real_pool"
local servers = require "spec.support.servers"

local SOURCES = { "127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.14", "127.0.0.15", "127.0.0.16" }

local function check_groups(summary)
  assert.same({ 3, 3, 3, 3 }, { summary.groups, #summary.labels, table.unpack(summary.groups_interval) })
  assert.equal(3, summary.routing_evidence.period)
  assert.same({ 0, 0 }, { summary.designs.pairs.resumed, summary.designs.chain.resumed })
end

local function check_member(summary)
  local member = summary.mechanisms.ticket.member
  assert.equal("issues_nothing", member.how)
  assert.is_true(member.interval[1] < 1 / 3 and 1 / 3 < member.interval[2], "share " .. member.share)
end

local function check_weights(summary)
  assert.equal(3, summary.groups)
  -- of some fifty connections
  assert.is_true(math.abs(summary.effective_groups - 49 / 27) < 0.8, "effective " .. summary.effective_groups)
end

-- A set-up, the balancer, the verdicts (the whole, session_id, ticket, psk, the routing), and more that holds.
local CASES = {
  { "nothing", { balance = "roundrobin" },
    { "nothing_shared", "nothing_shared", "nothing_shared", "nothing_shared", "round_robin" }, check_groups },
  { "keys", { balance = "roundrobin" },
    { "keys_shared_caches_not", "nothing_shared", "all_shared", "all_shared", "round_robin" } },
  { "member_off", { balance = "roundrobin" },
    { "bad_member", "bad_member", "bad_member", "bad_member", "round_robin" }, check_member },
  { "nothing", { balance = "source", sources = SOURCES },
    { "sticky_source", "sticky_source", "sticky_source", "sticky_source", "sticky" } },
  { "nothing", { balance = "roundrobin", stick_on_session_id = true },
    { "sticky_session_id", "sticky_session_id", "nothing_shared", "nothing_shared", "sticky" } },
}

-- The rest of the cross product takes its time.
local HEAVY_CASES = {
  { "keys_without_caches", { balance = "roundrobin" },
    { "all_shared", "no_resumption", "all_shared", "all_shared", "unknown" } },
  { "nothing", { balance = "roundrobin", weights = { 5, 1, 1 } },
    { "nothing_shared", "nothing_shared", "nothing_shared", "nothing_shared", "round_robin" }, check_weights },
  { "two_of_three", { balance = "roundrobin" },
    { "mixed_groups", "nothing_shared", "mixed_groups", "mixed_groups", "round_robin" } },
  -- The fewest connections: in turns while it idles, by lot while it works.
  { "nothing", { balance = "leastconn" },
    { "nothing_shared", "nothing_shared", "nothing_shared", "nothing_shared" } },
  { "nothing", { balance = "random" },
    { "nothing_shared", "nothing_shared", "nothing_shared", "nothing_shared", "random" } },
  { "keys", { balance = "leastconn" },
    { "keys_shared_caches_not", "nothing_shared", "all_shared", "all_shared" } },
  { "keys", { balance = "random" },
    { "keys_shared_caches_not", "nothing_shared", "all_shared", "all_shared", "unknown" } },
  { "keys", { balance = "source", sources = SOURCES },
    { "keys_shared_caches_not", "sticky_source", "all_shared", "all_shared", "sticky" } },
  -- Session IDs are led back, tickets resume everywhere: nothing tells it from a pool that shares all.
  { "keys", { balance = "roundrobin", stick_on_session_id = true },
    { "all_shared", "all_shared", "all_shared", "all_shared", "unknown" } },
  { "keys_without_caches", { balance = "leastconn" },
    { "all_shared", "no_resumption", "all_shared", "all_shared", "unknown" } },
  { "keys_without_caches", { balance = "random" },
    { "all_shared", "no_resumption", "all_shared", "all_shared", "unknown" } },
  { "keys_without_caches", { balance = "source", sources = SOURCES },
    { "all_shared", "no_resumption", "all_shared", "all_shared", "unknown" } },
  { "keys_without_caches", { balance = "roundrobin", stick_on_session_id = true },
    { "all_shared", "no_resumption", "all_shared", "all_shared", "unknown" } },
  { "member_off", { balance = "leastconn" }, { "bad_member", "bad_member", "bad_member", "bad_member" } },
  { "member_off", { balance = "random" }, { "bad_member", "bad_member", "bad_member", "bad_member", "random" } },
  -- what issues no session ID is met by those that nothing leads anywhere; and turns are taken by these only
  { "member_off", { balance = "roundrobin", stick_on_session_id = true },
    { "bad_member", { "bad_member", "unexplained", "inconclusive" }, "bad_member", "bad_member", "round_robin" },
    nil, { round_robin = true, unknown = true } },
  { "nothing", { balance = "leastconn", weights = { 5, 1, 1 } },
    { "nothing_shared", "nothing_shared", "nothing_shared", "nothing_shared" } },
  { "nothing", { balance = "random", weights = { 5, 1, 1 } },
    { "nothing_shared", "nothing_shared", "nothing_shared", "nothing_shared", "random" } },
}

local function name_of(case)
  local options = case[2]
  return ("%s behind %s%s%s"):format(case[1]:gsub("_", " "), options.balance,
    options.weights and ", weights " .. table.concat(options.weights, ":") or "",
    options.stick_on_session_id and ", persistence by session ID" or "")
end

local function check(case)
  local options = case[2]
  local balancer = servers.haproxy({ backends = pools.start(case[1]), balance = options.balance,
    weights = options.weights, stick_on_session_id = options.stick_on_session_id })
  local summary = pools.assert_verdicts(function()
    return pools.judge(balancer, options.sources)
  end, function(found)
    local expected = { table.unpack(case[3]) }
    if not expected[5] or (expected[5] == "random" and found.routing == "unknown") then
      expected[5] = found.routing -- of three servers a lot can't always be told from turns that others disturb
    end
    expected[5] = (case[5] or {})[found.routing] and found.routing or expected[5]
    for _, verdict in ipairs(type(expected[2]) == "table" and expected[2] or {}) do
      expected[2] = verdict == found.mechanisms.session_id.verdict and verdict or expected[2]
    end
    return expected
  end)
  if case[4] then
    case[4](summary)
  end
end

describe("behind HAProxy, three nginx are called what they are:", function()
  after_each(servers.stop_all)

  for _, case in ipairs(CASES) do
    it(name_of(case), function()
      check(case)
    end)
  end

  for _, case in ipairs(HEAVY_CASES) do
    it(name_of(case) .. " #heavy", function()
      check(case)
    end)
  end
end)

describe("behind HAProxy's source hash", function()
  after_each(servers.stop_all)

  it("everything is hidden from one address, and the report says so", function()
    local balancer = servers.haproxy({ backends = pools.start("nothing"), balance = "source" })
    local summary = pools.judge(balancer)
    assert.equal("all_shared", summary.verdict)
    assert.is_truthy(table.concat(summary.evidence, " "):find("All attempts came from one address", 1, true))
  end)
end)
