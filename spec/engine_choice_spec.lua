-- Which engine has the last word: scripted connections, no network.

local engine = require "resum.connection.engine_choice"
local random = require "resum.util.random"

local SESSION = {}

-- A connect() that answers as the script says: a function(engine, number of the connection) -> outcome, more fields.
local function scripted(answer)
  local seen = { probe = 0, handshake = 0, order = {} }
  local function connect(_, _, name)
    seen[name] = seen[name] + 1
    seen.order[#seen.order + 1] = name
    local outcome, more = answer(name, #seen.order)
    local record = { engine = name, outcome = outcome, facts = {} }
    if outcome ~= "resumed" and outcome ~= "refused" then
      record.error = { message = outcome .. " met", code = outcome }
    end
    for key, value in pairs(more or {}) do
      record[key] = value
    end
    return record
  end
  return connect, seen
end

local function attempts(client, connect, count, options)
  local outcomes = {}
  for i = 1, count do
    local given = { mechanism = "ticket", session = SESSION, engine = "probe" }
    for name, value in pairs(options or {}) do
      given[name] = value
    end
    outcomes[i] = engine.attempt(client, given, connect)
  end
  return outcomes
end

local function new_client(fields)
  local host = { parallel = function(jobs)
    for _, job in ipairs(jobs) do
      job()
    end
    return {}
  end }
  local client = { host = host, engines = {}, cancelled = function() return false end }
  for name, value in pairs(fields or {}) do
    client[name] = value
  end
  return client
end

local function count(records, field, value)
  local n = 0
  for _, record in ipairs(records) do
    n = n + (record[field] == value and 1 or 0)
  end
  return n
end

describe("an attempt", function()
  before_each(function()
    math.randomseed(20260611) -- which attempts are compared is drawn by lot: the same ones every day
    random.seed(20260611)
  end)

  it("runs on libssl unless the probe was asked for and something is offered", function()
    local connect, seen = scripted(function() return "resumed" end)
    attempts(new_client(), connect, 1, { engine = "handshake" })
    engine.attempt(new_client(), { mechanism = "ticket", engine = "probe" }, connect)
    assert.same({ "handshake", "handshake" }, seen.order)
  end)

  it("on the probe is compared with libssl at first, and then now and then", function()
    local connect, seen = scripted(function() return "resumed" end)
    local client = new_client()
    local records = attempts(client, connect, 400)
    assert.same({ "probe", "handshake" }, { seen.order[1], seen.order[2] })
    assert.equal(401, #seen.order)
    local sampled = count(records, "engine", "handshake")
    assert.is_true(sampled >= 3 and sampled <= 60, "sampled " .. sampled)
    assert.is_nil(engine.moved(client, "ticket"))
  end)

  it("moves to libssl when the first answers differ by more than chance", function()
    for _, case in ipairs({ { "refused", "resumed" }, { "resumed", "refused" } }) do
      local connect, seen = scripted(function(name) return name == "probe" and case[1] or case[2] end)
      local client = new_client()
      local records = attempts(client, connect, 50)
      assert.equal(50, count(records, "outcome", case[2]))
      assert.equal(8, seen.probe)
      assert.is_truthy(engine.moved(client, "ticket"):find("^the probe resumed [08] of 8, libssl [08] of 8$"))
      assert.is_nil(engine.moved(client, "psk"))
    end
  end)

  it("hardly ever moves because a server changes in the middle of the comparison", function()
    local moved = 0
    for seed = 1, 50 do
      random.seed(seed)
      -- The first answers differ; then seven connections resume, and from there on none.
      local connect = scripted(function(_, number)
        return (number == 1 or (number > 2 and number <= 9)) and "resumed" or "refused"
      end)
      local client = new_client()
      attempts(client, connect, 1)
      moved = moved + (engine.moved(client, "ticket") and 1 or 0)
    end
    assert.is_true(moved <= 1, moved .. " of 50 moved")
  end)

  it("that the probe can't read is asked of libssl, also when the probe is known to work", function()
    local connect = scripted(function(name, number)
      return name == "probe" and number % 5 == 0 and "protocol_error" or "resumed"
    end)
    local records = attempts(new_client(), connect, 20)
    assert.equal(20, count(records, "outcome", "resumed"))
    local instead = 0
    for _, record in ipairs(records) do
      instead = instead + (record.instead_of and record.instead_of.outcome == "protocol_error" and 1 or 0)
    end
    assert.is_true(instead >= 1)
  end)

  it("moves to libssl when the sample of later answers differs", function()
    local connect, seen = scripted(function(name, number)
      return (number <= 2 or name == "handshake") and "resumed" or "refused"
    end)
    local client = new_client()
    attempts(client, connect, 1000)
    assert.is_truthy(engine.moved(client, "ticket"))
    assert.is_true(seen.probe < 500, seen.probe .. " probes before it was seen")
  end)

  -- Where tickets are good for one connection, the first offer spends one: libssl's first answers are refusals.
  it("does not move because one engine met more offers of another design", function()
    local design = "fixed"
    local connect = scripted(function(_, number)
      return (number == 1 or design == "fresh") and "resumed" or "refused", { design = design }
    end)
    local client = new_client()
    attempts(client, connect, 1, { design = design })
    design = "fresh"
    attempts(client, connect, 200, { design = design })
    assert.is_nil(engine.moved(client, "ticket"))
    design = "fixed"
    local differs = scripted(function(name) return name == "probe" and "refused" or "resumed", { design = design } end)
    attempts(client, differs, 1000, { design = design })
    assert.is_truthy(engine.moved(client, "ticket"))
  end)

  it("hardly ever moves because of a balancer that rotates over two or three servers, or chooses at random", function()
    local moved = 0
    for round = 1, 600 do
      local servers = 2 + round % 2
      local connect = scripted(function(_, number)
        local server = round % 3 == 0 and math.random(servers) or number % servers
        return server == 1 and "resumed" or "refused"
      end)
      local client = new_client()
      attempts(client, connect, 100)
      moved = moved + (engine.moved(client, "ticket") and 1 or 0)
    end
    assert.is_true(moved <= 6, moved .. " of 600")
  end)

  it("that the probe could not decide is decided by libssl, and says so", function()
    local connect = scripted(function(name) return name == "probe" and "protocol_error" or "refused" end)
    local client = new_client()
    local record = attempts(client, connect, 1)[1]
    assert.same({ "handshake", "refused" }, { record.engine, record.outcome })
    assert.same({ engine = "probe", outcome = "protocol_error", error = { message = "protocol_error met",
      code = "protocol_error" } }, record.instead_of)
    attempts(client, connect, 2)
    assert.equal("the probe can't be used: protocol_error met", engine.moved(client, "ticket"))
  end)

  it("that ends with an alert on both engines costs two connections once only", function()
    local connect, seen = scripted(function() return "alert" end)
    local records = attempts(new_client({ key_share = "random" }), connect, 10)
    assert.equal(10, count(records, "outcome", "alert"))
    assert.same({ 10, 1 }, { seen.probe, seen.handshake })
  end)

  it("that ends with an alert at one server of a rotation counts as that, whichever engine meets it", function()
    for servers = 2, 4 do
      for first = 1, servers do
        local connect = scripted(function(_, number)
          return (number + first) % servers == 0 and "alert" or "resumed"
        end)
        local client = new_client({ key_share = "random" })
        local records = attempts(client, connect, 100)
        local alerts = count(records, "outcome", "alert")
        assert.is_true(alerts >= 90 // servers, ("%d alerts of %d servers"):format(alerts, servers))
        assert.is_nil(engine.moved(client, "ticket"))
      end
    end
  end)

  it("that only the probe can't make runs on libssl, also where one of several servers is such", function()
    local connect = scripted(function(name, number)
      return name == "probe" and number % 3 == 0 and "alert" or "resumed"
    end)
    local client = new_client({ key_share = "random" })
    assert.equal(100, count(attempts(client, connect, 100), "outcome", "resumed"))
    assert.equal("the probe can't be used: alert met", engine.moved(client, "ticket"))
  end)

  it("shows a random key share where the base point meets an alert", function()
    local client = new_client()
    local connect, seen = scripted(function(name)
      if name == "probe" and client.key_share ~= "random" then
        return "alert", { facts = { key_share = "base_point" } }
      end
      return "resumed"
    end)
    assert.equal(5, count(attempts(client, connect, 5), "outcome", "resumed"))
    assert.equal("random", client.key_share)
    assert.is_true(seen.probe >= 2)
    assert.is_nil(engine.moved(client, "ticket"))
  end)

  it("shows a random key share, too, where the base point met an alert while others learnt the same", function()
    local client = new_client()
    local connect, seen = scripted(function(_, number)
      client.key_share = "random" -- as another attempt had it meanwhile
      if number <= 1 then
        return "alert", { facts = { key_share = "base_point" } }
      end
      return "resumed"
    end)
    assert.equal("resumed", attempts(client, connect, 1)[1].outcome)
    assert.same({ "probe", "probe", "handshake" }, seen.order) -- the last one compares
  end)

  describe("with a server whose groups are hybrid", function()
    local HYBRID = "X25519MLKEM768"

    local function scripted_server(client, meanwhile)
      return scripted(function(name)
        if name == "handshake" then
          return "resumed", { facts = { group = HYBRID } }
        elseif client.groups and client.groups[1] == HYBRID and not meanwhile then
          return "resumed"
        end
        meanwhile = meanwhile and meanwhile()
        return "alert"
      end)
    end

    it("offers the group that libssl met where the usual ones meet an alert", function()
      local client = new_client({ key_share = "random" })
      local connect = scripted_server(client)
      assert.equal("full", (engine.attempt(client, { mechanism = "psk" }, function(...)
        local record = connect(...)
        record.outcome = "full"
        return record
      end)).outcome)
      assert.equal(20, count(attempts(client, connect, 20, { mechanism = "psk" }), "outcome", "resumed"))
      assert.same({ HYBRID, "x25519", "secp256r1", "secp384r1", "secp521r1" }, client.groups)
      assert.is_nil(engine.moved(client, "psk"))
    end)

    it("does so for an offer that was on its way when another attempt learnt it", function()
      local client = new_client({ key_share = "random" })
      client.engines.psk = { checked = true, helped = 0, hybrid_group = HYBRID, answers = {} }
      local connect, seen = scripted_server(client, function()
        client.groups = { HYBRID }
      end)
      attempts(client, connect, 1, { mechanism = "psk", compare = false })
      assert.same({ "probe", "probe" }, seen.order)
    end)

    it("offers none that libssl did not meet", function()
      local client = new_client({ key_share = "random" })
      local connect = scripted(function() return "alert" end)
      attempts(client, connect, 5, { mechanism = "psk" })
      assert.is_nil(client.groups)
    end)
  end)

  it("whose connection is dropped is an error and no reason to ask again, once the probe is known to work", function()
    local connect, seen = scripted(function(_, number) return number % 10 == 0 and "reset" or "resumed" end)
    local records = attempts(new_client(), connect, 100)
    assert.equal(101, #seen.order)
    assert.is_true(count(records, "outcome", "reset") >= 9)
  end)

  it("asks libssl when the probe's first connection is dropped", function()
    local connect = scripted(function(name) return name == "probe" and "closed" or "resumed" end)
    local client = new_client()
    assert.equal(20, count(attempts(client, connect, 20), "outcome", "resumed"))
    assert.equal("the probe can't be used: closed met", engine.moved(client, "ticket"))
  end)
end)
