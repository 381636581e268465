-- The picture of an address: which servers it has, with which shares, an arrow exactly where a session of one was
-- accepted by another, and which server is unlike the others.

local picture = require "resum.report.html.picture"
local simulation = require "spec.support.simulation"
local topology = require "resum.report.html.topology"

-- Attempts as resum.analysis.pool.analyse gives them: "A>B ticket resumed" is a session of A, offered to B.
local function summary_of(verdict, shown, offers, more)
  local summary = { verdict = verdict, routing = "round_robin", routing_evidence = { period = 3 }, attempts = {},
    mechanisms = {} }
  local order = 0
  local function add(attempt)
    order = order + 1
    attempt.order = order
    summary.attempts[order] = attempt
    return order
  end
  for name, labels in pairs(shown) do
    local list = {}
    for i, one in ipairs(labels) do
      list[i] = { name = one[1], kind = one[3] or "ticket_key", value = one[3] == nil and "key " .. one[1] or nil,
        connections = one[2], group = one[1] }
    end
    summary.mechanisms[name] = { verdict = verdict, labels = list, designs = {} }
  end
  for _, offer in ipairs(offers) do
    local from, at, mechanism, outcome = offer:match("^(.)>(.) (%S+) (%S+)$")
    local seed = add({ mechanism = mechanism, design = "seed", outcome = "full", label = from })
    add({ mechanism = mechanism, design = "fixed", outcome = outcome, from = seed, label = at })
  end
  for key, value in pairs(more or {}) do
    summary[key] = value
  end
  return { balancer = summary }
end

-- { ticket = "A>B B>A" }: the arrows of each column, by the servers' names.
local function arrows(model)
  local found = {}
  for _, lane in ipairs(model.lanes) do
    local list = {}
    for i, one in ipairs(lane.arrows) do
      list[i] = model.servers[one.from].name .. ">" .. model.servers[one.at].name
    end
    found[lane.mechanism] = table.concat(list, " ")
  end
  return found
end

local function names(model, field)
  local list = {}
  for _, server in ipairs(model.servers) do
    list[#list + 1] = (not field or server[field]) and server.name or nil
  end
  return table.concat(list, " ")
end

local THREE = { { "A", 10 }, { "B", 10 }, { "C", 20 } }

describe("the topology", function()
  it("has an arrow where a session was accepted by another server, and nowhere else", function()
    local model = topology.of(summary_of("one_way", { ticket = THREE, psk = THREE }, {
      "A>A ticket resumed", "A>B ticket resumed", "A>B ticket refused", "B>A ticket refused", "B>B ticket resumed",
      "C>C ticket refused", "C>A ticket alert", "B>C psk resumed", "C>B psk resumed",
    }))
    assert.same({ ticket = "A>B", psk = "B>C C>B" }, arrows(model))
    local lane = model.lanes[1]
    assert.same({ { from = 1, at = 2, resumed = 1, answered = 2 } }, lane.arrows)
    assert.same({ { from = 2, at = 1, answered = 1 } }, lane.refused)
    assert.same({ true, true, false }, lane.own)
    assert.same({ A = { A = { resumed = 1, answered = 1 }, B = { resumed = 1, answered = 2 } },
      B = { A = { resumed = 0, answered = 1 }, B = { resumed = 1, answered = 1 } },
      C = { C = { resumed = 0, answered = 1 } } }, lane.cells)
  end)

  it("has a share for each server, of all connections that showed one", function()
    local model = topology.of(summary_of("nothing_shared", { ticket = THREE, psk = { { "A", 10 }, { "C", 30 } } }, {}))
    local shares = {}
    for i, server in ipairs(model.servers) do
      shares[i] = server.share
      assert.is_true(server.interval[1] < server.share and server.share < server.interval[2])
    end
    assert.same({ 20 / 80, 10 / 80, 50 / 80 }, shares)
    assert.same({ routing = "round_robin", period = 3 }, model.balancer)
  end)

  it("takes a session ID that two servers accepted for common to both, whoever issued it", function()
    local entry = summary_of("caches_shared_keys_not", { session_id = { { "?", 30, "unnamed" } }, ticket = THREE }, {
      "?>A session_id resumed" })
    local attempts = entry.balancer.attempts
    for _, one in ipairs({ { "B", "resumed" }, { "C", "refused" }, { "?", "resumed" } }) do
      attempts[#attempts + 1] = { order = #attempts + 1, mechanism = "session_id", design = "marked", from = 1,
        label = one[1], outcome = one[2] }
    end
    local model = topology.of(entry)
    assert.same({ session_id = "A>B B>A", ticket = "" }, arrows(model))
    assert.same({ { from = 1, at = 3, answered = 1 } }, model.lanes[1].refused)
  end)

  it("does not know which server of several in a group accepted a session, unless it showed itself", function()
    local entry = summary_of("one_way", { ticket = { { "A", 10 }, { "B", 10 } } }, { "A>B ticket resumed" })
    entry.balancer.mechanisms.ticket.labels[2].group = "A"
    local attempts = entry.balancer.attempts
    attempts[#attempts + 1] = { order = #attempts + 1, mechanism = "ticket", design = "fixed", from = 1,
      outcome = "resumed", group = "A" }
    local lane = topology.of(entry).lanes[1]
    assert.same({ A = { B = { resumed = 1, answered = 1 } } }, lane.cells)
    assert.same({}, lane.own)
  end)

  it("marks the member that does not resume: by what it shows in place of a name", function()
    local model = topology.of(summary_of("bad_member", { psk = { { "A", 20 }, { "s", 10, "stateful" } },
      ticket = { { "A", 20 }, { "-", 10, "none" } }, session_id = { { "?", 20, "unnamed" }, { "-", 10, "none" } } }, {
      "A>A psk resumed", "A>s psk refused", "s>s psk refused", "A>- ticket refused" }, { member = { share = 0.3 } }))
    assert.same({ "A -", "-" }, { names(model), names(model, "odd") })
    assert.equal("0.7 0.3", ("%.3g %.3g"):format(model.servers[1].share, model.servers[2].share)) -- as sentences say
    assert.same({ session_id = "", ticket = "", psk = "" }, arrows(model))
    local own = {}
    for i, lane in ipairs(model.lanes) do
      own[i] = lane.own[2]
    end
    assert.same({ "issues_nothing", "issues_nothing", false }, own)
  end)

  it("marks it by its own sessions where it has a name like the others", function()
    local model = topology.of(summary_of("bad_member", { ticket = THREE }, { "A>A ticket resumed", "B>B ticket refused",
      "C>C ticket resumed" }, { member = { share = 0.2, interval = { 0.1, 0.3 } } }))
    assert.equal("B", names(model, "odd"))
    local shares = {}
    for i, server in ipairs(model.servers) do
      shares[i] = ("%.4f"):format(server.share)
    end
    assert.same({ "0.2667", "0.2000", "0.5333" }, shares)
    assert.same({ 0.1, 0.3 }, model.servers[2].interval)
  end)

  it("has a member that is known by dead sessions only", function()
    local model = topology.of(summary_of("bad_member", { session_id = { { "?", 30, "unnamed" } } }, {},
      { member = { share = 0.25 } }))
    assert.same({ "1 ?", "?" }, { names(model), names(model, "odd") })
    assert.same({ 0.75, 0.25 }, { model.servers[1].share, model.servers[2].share })
  end)

  it("gives a server one place, whatever it shows by each mechanism", function()
    local model = topology.of(summary_of("differs", { psk = { { "A", 10 }, { "B", 10 },
      { "x", 10, "other_version" } }, ticket = { { "A", 10 }, { "B", 10 }, { "C", 10 } } }, { "A>x psk refused" }))
    assert.same({ "A B C", "" }, { names(model), names(model, "odd") })
    assert.same({ { from = 1, at = 3, answered = 1 } }, model.lanes[2].refused)
  end)

  it("marks who is left out of what some share", function()
    local model = topology.of(summary_of("mixed_groups", { psk = { { "A", 30 }, { "B", 70 } } }, {}))
    assert.same({ "A", "B" }, { names(model, "odd"), names(model, "several") })
    local joined = summary_of("mixed_groups", { psk = { { "A", 30 }, { "B", 35 }, { "C", 35 } } }, {})
    joined.balancer.mechanisms.psk.labels[3].group = "B" -- these accept each other's: together they are the larger one
    assert.same({ "A", "" }, { names(topology.of(joined), "odd"), names(topology.of(joined), "several") })
    for verdict, shares in pairs({ mixed_groups = { 49, 51 }, nothing_shared = { 30, 70 } }) do
      local other = topology.of(summary_of(verdict, { psk = { { "A", shares[1] }, { "B", shares[2] } } }, {}))
      assert.equal("", names(other, "odd"))
    end
  end)

  it("has as many servers as there are groups where they show the same, and arrows by the verdicts", function()
    local entry = summary_of("keys_shared_caches_not", { session_id = { { "?", 30, "unnamed" } },
      ticket = { { "A", 30 } } }, {}, { groups = 3 })
    entry.balancer.mechanisms.session_id.verdict, entry.balancer.mechanisms.session_id.groups = "nothing_shared", 3
    entry.balancer.mechanisms.ticket.verdict = "all_shared"
    local model = topology.of(entry)
    assert.is_true(model.alike)
    assert.same({ "A A A", 1 / 3 }, { names(model), model.servers[1].share })
    assert.same({ session_id = "", ticket = "A>A A>A A>A A>A A>A A>A" }, arrows(model))
  end)

  it("parts all servers by what is shared by none, though not every pair was tried", function()
    local entry = summary_of("nothing_shared", { psk = THREE }, { "A>A psk resumed", "B>B psk resumed",
      "B>B psk refused", "A>B psk refused", "B>C psk resumed" })
    entry.balancer.mechanisms.psk.labels[3].group = "B"
    local lane = topology.of(entry).lanes[1]
    assert.same({ true, "some", true }, lane.own)
    assert.same({ { from = 2, at = 3, resumed = 1, answered = 1 } }, lane.arrows)
    assert.same({ { from = 1, at = 2, answered = 1 }, { from = 1, at = 3, supposed = true },
      { from = 2, at = 1, supposed = true }, { from = 3, at = 1, supposed = true } }, lane.refused)
  end)

  it("joins all servers by what is shared by all, though not every pair was tried", function()
    local entry = summary_of("all_shared", { psk = { { "A", 30 }, { "B", 30 }, { "C", 30 } } },
      { "A>B psk resumed", "B>A psk resumed" })
    local lane = topology.of(entry).lanes[1]
    assert.equal(6, #lane.arrows)
    assert.same({ true, true, true }, lane.own)
    assert.same({ A = { B = { resumed = 1, answered = 1 } }, B = { A = { resumed = 1, answered = 1 } } }, lane.cells)
  end)

  it("is client and server where nothing was looked for behind the address", function()
    local model = topology.of({ support = { ticket = { verdict = "supported", resumed = 5, refused = 0 },
      session_id = { verdict = "not_supported", reason = "not_issued", resumed = 0, refused = 0 },
      psk = { verdict = "not_supported", reason = "issued_not_accepted", resumed = 0, refused = 5 } } })
    assert.is_nil(model.balancer)
    assert.equal(1, #model.servers)
    assert.same({ "issues_nothing", true, false }, { model.lanes[1].own[1], model.lanes[2].own[1],
      model.lanes[3].own[1] })
  end)

  it("is none where nothing was seen", function()
    assert.is_nil(topology.of({ status = "unreachable" }))
    assert.is_nil(topology.of({ support = {} }))
  end)
end)

-- What is true of simulated servers: who has whose key.
local SET_UPS = {
  { says = "nothing is shared", keys = { "1", "2", "3" }, ticket = 0, odd = 0 },
  { says = "two have each other's keys as well", keys = { "1 2", "2 1", "3" }, ticket = 2, odd = 0 },
  { says = "all have all keys", keys = { "1 2 3", "2 3 1", "3 1 2" }, ticket = 6, odd = 0 },
}

describe("the topology of a simulated pool #unsanitized", function()
  for i, case in ipairs(SET_UPS) do
    it("has the arrows of the servers where " .. case.says, function()
      local servers = simulation.servers(3)
      for j, server in ipairs(servers) do
        server.keys = {}
        for key in case.keys[j]:gmatch("%d") do
          server.keys[#server.keys + 1] = ("key %012d"):format(key)
        end
      end
      local summary = simulation.run({ servers = servers, policy = "random", seed = 40 + i })
      local model = topology.of({ balancer = summary })
      local by_key = {}
      for number, server in ipairs(model.servers) do
        by_key[server.value:match("0*(%d)$") or server.value] = number
      end
      assert.equal(3, #model.servers)
      for _, lane in ipairs(model.lanes) do
        for _, one in ipairs(lane.arrows) do
          local issuer, found = nil, false
          for key, number in pairs(by_key) do
            issuer = number == one.from and key or issuer
          end
          for key, number in pairs(by_key) do
            found = found or number == one.at and case.keys[tonumber(key)]:find(issuer, 1, true) ~= nil
          end
          assert.is_true(lane.mechanism == "session_id" or found)
        end
        if lane.mechanism ~= "session_id" then
          assert.equal(case.ticket, #lane.arrows)
        end
      end
    end)
  end
end)

describe("the picture", function()
  local function drawn(model)
    return picture.of(model, { ticket = "50 %", psk = "7 %" })
  end

  local function count(text, pattern)
    return select(2, text:gsub(pattern, ""))
  end

  it("has a head at whoever accepts, and says who accepts whose", function()
    local model = topology.of(summary_of("one_way", { ticket = THREE }, { "A>B ticket resumed", "B>A ticket refused",
      "C>A ticket resumed", "A>C ticket resumed", "B>C ticket refused" }))
    local text = drawn(model)
    assert.equal(2, count(text, "<title>B accepts a ticket of A %(1 of 1%)</title>"))
    assert.equal(2, count(text, "<title>C accepts a ticket of A %(1 of 1%); A accepts a ticket of C %(1 of 1%)"))
    for group in text:gmatch('<g class="accepts">(.-)</g>') do
      assert.equal(count(group, " accepts a "), count(group, 'class="head"'))
    end
    assert.equal(2, count(text, 'class="barrier"')) -- between B and C, wide and narrow
  end)

  it("has the servers' shares, the balancer's way, and the odd one out marked without colour", function()
    local text = drawn(topology.of(summary_of("mixed_groups", { ticket = { { "A", 30 }, { "B", 70 } } }, {})))
    for _, words in ipairs({ ">30 %%<", ">70 %%<", ">balancer<", ">left out<", ">50 %%<" }) do
      assert.equal(2, count(text, words), words)
    end
    assert.equal(2, count(text, 'class="box odd"'))
  end)

  it("joins neighbours only where more than four accept one another", function()
    local shown, offers = {}, {}
    for i = 1, 6 do
      shown[i] = { string.char(64 + i), 10 }
      for j = 1, 6 do
        offers[#offers + 1] = ("%c>%c ticket resumed"):format(64 + i, 64 + j)
      end
    end
    local model = topology.of(summary_of("nothing_shared", { ticket = shown }, offers))
    assert.equal(30, #model.lanes[1].arrows)
    assert.equal(2 * 5, count(drawn(model), 'class="accepts"'))
    table.remove(model.lanes[1].arrows) -- F no longer has its session accepted by E: pairs of F have to be drawn
    assert.is_true(count(drawn(model), 'class="accepts"') > 2 * 5)
  end)

  it("says how many servers did not fit", function()
    local shown = {}
    for i = 1, 12 do
      shown[i] = { string.char(64 + i), 10 }
    end
    local model = topology.of(summary_of("nothing_shared", { ticket = shown }, {}))
    assert.same({ 12, 8, 4 }, { #model.servers, model.drawn, model.more })
    assert.equal(2 * 8, count(drawn(model), 'class="server"'))
  end)
end)
