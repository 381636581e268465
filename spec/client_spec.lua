--- One attempt: what its outcome is when things happen late, what is put on the wire at the end, and what clients that
-- share their contexts offer. Most on a machine that only says what a spec wants, so that the moment is certain.

local clients = require "resum.connection.client"
local core = require "resum.core"
local memory = require "spec.support.memory"
local script = require "spec.support.script"
local spending = require "resum.connection.spending"

local ENDPOINT = { address = "192.0.2.1", port = 443, server_name = "a.example" }

-- --- an attempt whose machine and stream go by a script ---

-- The host's streams give these in turn: {after = seconds, bytes}, or {after, nil, why}; then silence. A write of
-- GOODBYE is answered with the end, behind what is left to say, or at once where the host hangs_up. What was written is
-- kept.
local GOODBYE = "close_notify"

local function host_of(events)
  local host = { time = 0, written = {}, parallel = function() end }
  function host.now() return host.time end
  function host.sleep(seconds) host.time = host.time + seconds end
  function host.connect()
    local at, ended = 0, false
    return {
      read = function(_, deadline)
        local event = not (ended and host.hangs_up) and events[at + 1] or nil
        if event and host.time + event.after <= deadline then
          at, host.time = at + 1, host.time + event.after
          return event[1], event[2]
        elseif not event and ended then
          return nil, "eof"
        end
        host.time = math.max(host.time, deadline)
        return nil, "timeout"
      end,
      write = function(_, bytes)
        host.written[#host.written + 1] = bytes
        ended = ended or bytes:find(GOODBYE, 1, true) ~= nil
        return true
      end,
      close = function() end,
    }
  end
  return host
end

-- A machine that takes each word for what it says.
local function machine_of(facts)
  local all = { tickets = {}, alerts = {}, session_id = "", session_id_sent = "", psk_identities_sent = 1,
    version = "TLSv1.3", reused = false, finished = false }
  for name, value in pairs(facts) do
    all[name] = value
  end
  local says = {
    finished = function()
      all.finished = true
      return "established", "Finished"
    end,
    ticket = function()
      all.tickets[#all.tickets + 1] = { ticket = "t", lifetime_s = 300 }
      return "established", ""
    end,
    alert = function()
      return nil, "", "handshake: the server sent the alert internal_error (80)", "alert"
    end,
  }
  return {
    step = function(_, bytes)
      if not bytes then
        return "want", "ClientHello"
      end
      return says[bytes]()
    end,
    eof = function()
      return all.finished and "closed" or nil, "", "handshake: the server ended the connection in the middle", "closed"
    end,
    write = function(_, bytes) return bytes end,
    shutdown = function() return GOODBYE end,
    facts = function() return all end,
    sessions = function() return {} end,
    transcript = function() return {} end,
    close = function() end,
  }
end

describe("an attempt", function()
  local make, next_facts = core.handshake, nil
  before_each(function()
    core.handshake = function() return machine_of(next_facts) end
  end)
  after_each(function()
    core.handshake = make
  end)

  local function client_of(events, options)
    options = options or {}
    options.host = host_of(events)
    return clients.new_client(ENDPOINT, options), options.host
  end

  local SESSION
  before_each(function()
    SESSION = setmetatable({}, { __name = "session" })
  end)

  -- new_client checks that a session is one; the machine here looks at none.
  local function offer(client, facts, options)
    local all = { mechanism = "psk", engine = "handshake" }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    next_facts = facts
    return require("resum.connection.attempt").connect(client, all, "handshake")
  end

  it("that resumed has resumed, also when an alert comes after it", function()
    for _, wants in ipairs({ true, false }) do
      local client = client_of({ { after = 0, "finished" }, { after = 0, "alert" } })
      local record = offer(client, { reused = true }, { session = {}, want_tickets = wants })
      assert.same({ "resumed", nil }, { record.outcome, record.error })
    end
    local client = client_of({ { after = 0, "finished" }, { after = 0, "alert" } })
    assert.equal("resumed", offer(client, { reused = true, certificate_request = true,
      alerts = { { from = "server", code = 116 } } }, { session = SESSION }).outcome)
  end)

  it("that showed no certificate where one was asked for was turned away by an alert after its Finished", function()
    for _, session in ipairs({ SESSION, false }) do
      local client = client_of({ { after = 0, "finished" }, { after = 0, "alert" } })
      local record = offer(client, { certificate_request = true, alerts = { { from = "server", code = 116 } } },
        { session = session or nil })
      assert.same({ "alert", "alert" }, { record.outcome, record.error.code })
    end
  end)

  it("whose full handshake is complete stays so, whatever alert ends the connection then", function()
    local client = client_of({ { after = 0, "finished" }, { after = 0, "alert" } })
    assert.equal("full", offer(client, {}).outcome)
    client = client_of({ { after = 0, "finished" }, { after = 0, "alert" } })
    assert.equal("refused", offer(client, {}, { session = SESSION }).outcome)
  end)

  it("is refused where a full handshake answers the offer, and full where nothing was offered", function()
    local client = client_of({ { after = 0, "finished" } })
    assert.equal("refused", offer(client, {}, { session = SESSION }).outcome)
    assert.equal("full", offer(client, {}).outcome)
    assert.equal("resumed", offer(client, { reused = true }, { session = SESSION }).outcome)
  end)

  it("gives its place at the address away when it has said goodbye, unless its server is known to stay", function()
    local function ends(options, silent)
      local log, client, host = {}
      local function note(what)
        return function()
          log[#log + 1] = ("%s, %s"):format(what, host.written[#host.written])
        end
      end
      client, host = client_of({ { after = 0, "finished" } }, {
        admit = function() return note("closed"), note("left") end,
      })
      for _ = 1, silent or 0 do
        spending.finish(client.ends, { engine = "handshake", outcome = "full", sessions = {}, ending = "silent" }, {},
          spending.begin(client.ends))
      end
      offer(client, {}, options)
      return log
    end
    local last = "Finished" .. GOODBYE
    assert.same({ "left, " .. last, "closed, " .. last }, ends({}))
    assert.same({ "closed, " .. last }, ends({ stays = true }))
    assert.same({ "closed, " .. last }, ends({}, 1))
  end)

  it("tells resets, ends, silence and closed doors apart", function()
    local function outcome(event)
      return offer(client_of({ event }), {}).outcome
    end
    assert.equal("reset", outcome({ after = 0, nil, "reset" }))
    assert.equal("closed", outcome({ after = 0, nil, "eof" }))
    assert.equal("timeout", outcome({ after = 100, "finished" }))
    assert.equal("alert", outcome({ after = 0, "alert" }))
    local client, host = client_of({})
    for code, expected in pairs({ refused = "unreachable", unreachable = "unreachable", timeout = "timeout",
      reset = "reset" }) do
      host.connect = function() return nil, "connect: " .. code, code end
      assert.equal(expected, offer(client, {}).outcome)
    end
  end)

  it("ends with close_notify, or servers would forget the session", function()
    for _, facts in ipairs({ { reused = true }, {} }) do
      local client, host = client_of({ { after = 0, "finished" } })
      offer(client, facts, { session = SESSION })
      assert.equal("ClientHelloFinished" .. GOODBYE, table.concat(host.written))
    end
  end)

  it("waits for a ticket after a resumption as long as this server's tickets take", function()
    local client, host = client_of({ { after = 0, "finished" }, { after = 0.3, "ticket" } })
    host.hangs_up = true
    assert.equal(1, #offer(client, {}, { want_tickets = true }).facts.tickets)
    local record = offer(client, { reused = true }, { session = SESSION, want_tickets = true })
    assert.equal(1, #record.facts.tickets)
  end)

  it("waits no longer after a resumption than for some of this server's tickets", function()
    local client, host = client_of({ { after = 0, "finished" }, { after = 0.02, "ticket" } })
    offer(client, {}, { want_tickets = true })
    local silent = host_of({ { after = 0, "finished" } })
    host.connect, silent.time = silent.connect, 0
    local before = silent.time
    client.host = silent
    client.dialer.host = silent
    offer(client, { reused = true }, { session = SESSION, want_tickets = true })
    assert.is_true(silent.time - before <= 0.2, silent.time - before)
  end)
end)

-- --- clients that share their contexts, on real handshakes ---

describe("clients that share their contexts", function()
  -- The records of two clients of one server; `change` is done to the first.
  local function records(server_options, change)
    local host, contexts = script.host({}, { tls_server = memory.server(server_options) }), {}
    local list = {}
    for i = 1, 2 do
      local client = clients.new_client(ENDPOINT, { host = host, contexts = contexts })
      if i == 1 then
        change(client)
      end
      list[i] = client:attempt({ mechanism = "control" })
    end
    return list[1], list[2]
  end

  it("don't offer the application protocols that another one's server wants", function()
    local first, second = records({ alpn = { "h2" } }, function(client) client:offer_more({ alpn = { "h2" } }) end)
    assert.same({ "h2", nil }, { first.facts.alpn, second.facts.alpn })
  end)

  it("don't offer the suites that another one's server wants", function()
    local first, second = records({ ciphers = "ECDHE-ECDSA-CAMELLIA128-SHA256", max_version = "TLSv1.2" },
      function(client) client:offer_more({ ciphers = "ALL:COMPLEMENTOFALL:!aNULL:!eNULL:!PSK:!SRP" }) end)
    assert.same({ "full", "alert" }, { first.outcome, second.outcome })
  end)

  it("don't keep to the version that another one's server can bear", function()
    local first, second = records({}, function(client) client:limit_version("TLSv1.2") end)
    assert.same({ "TLSv1.2", "TLSv1.3" }, { first.version, second.version })
  end)

  it("share what is the same: it is made once", function()
    local made = 0
    local host, contexts = script.host({}, { tls_server = memory.server() }), {}
    for _ = 1, 2 do
      local client = clients.new_client(ENDPOINT, { host = host, contexts = contexts, identity = function(offer)
        made = made + 1
        return core.context(offer)
      end })
      client:attempt({ mechanism = "control" })
      client:attempt({ mechanism = "control" })
    end
    assert.equal(1, made)
  end)
end)
