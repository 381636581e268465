-- The public face, on a host that answers as a script says: names, addresses, options. No connection is made.

local resum = require "resum"

-- A host on which every name has these addresses, and connections to them fail as told ({message, code}).
local function host(addresses, failures)
  local connected = {}
  return {
    name = "scripted",
    connected = connected,
    now = function()
      return 0
    end,
    sleep = function() end,
    resolve = function(name, family)
      if not addresses then
        return nil, "resolve: no address for " .. name, "unreachable"
      end
      assert(family == nil)
      return addresses
    end,
    connect = function(address, port)
      connected[#connected + 1] = address .. " " .. port
      local failure = failures[address]
      if failure == "error" then
        error("a defect of the host", 0)
      end
      return nil, failure[1], failure[2]
    end,
    parallel = function(jobs)
      local errors = {}
      for i, job in ipairs(jobs) do
        local ran, problem = pcall(job)
        errors[i] = not ran and problem or nil
      end
      return errors
    end,
  }
end

local REFUSED = { "connect: refused", "refused" }
local TIMEOUT = { "connect: no answer in time", "timeout" }

describe("resum.scan", function()
  it("tries every address, and says of each what is wrong", function()
    local one = host({ "192.0.2.1", "2001:db8::1" }, { ["192.0.2.1"] = REFUSED, ["2001:db8::1"] = TIMEOUT })
    local result = resum.scan("a.example:99", { host = one })
    assert.equal("unreachable", result.status)
    assert.same({ text = "a.example:99", host = "a.example", port = 99, sni = "a.example" }, result.target)
    local shown = {}
    for i, entry in ipairs(result.addresses) do
      shown[i] = { entry.address, entry.status, entry.error.message, entry.error.code, entry.support }
    end
    assert.same({
      { "192.0.2.1", "unreachable", "connect: refused. Is the port right?", "refused" },
      { "2001:db8::1", "unreachable",
        "connect: no answer in time. Waited 5 s on 2 connections; --timeout waits longer.",
        "timeout" },
    }, shown)
    assert.same({ "192.0.2.1 99", "192.0.2.1 99", "2001:db8::1 99", "2001:db8::1 99" }, one.connected)
  end)

  it("tries only the address that stands in braces", function()
    local one = host(nil, { ["192.0.2.7"] = REFUSED })
    local result = resum.scan("a.example{192.0.2.7}", { host = one })
    assert.equal("a.example", result.target.sni)
    assert.equal("192.0.2.7", result.addresses[1].address)
  end)

  it("asks for no server name when the host is an address", function()
    for _, text in ipairs({ "192.0.2.1", "[2001:db8::1]:443" }) do
      local parsed = resum.target.parse(text)
      local result = resum.scan(text, { host = host({ parsed.host }, { [parsed.host] = REFUSED }) })
      assert.is_nil(result.target.sni)
    end
    local one = host({ "192.0.2.1" }, { ["192.0.2.1"] = REFUSED })
    local named = resum.scan("192.0.2.1", { sni = "b.example", host = one })
    assert.equal("b.example", named.target.sni)
  end)

  it("says so when a name has no address", function()
    local result = resum.scan("a.example", { host = host(nil, {}) })
    assert.same({ "unreachable", "resolve: no address for a.example. Is the name right?", "unreachable", {} },
      { result.status, result.error.message, result.error.code, result.addresses })
  end)

  it("keeps the other addresses when one meets a defect", function()
    local result = resum.scan("a.example", {
      host = host({ "192.0.2.1", "192.0.2.2" }, { ["192.0.2.1"] = "error", ["192.0.2.2"] = REFUSED }),
    })
    assert.same({ "error", "internal", "unreachable" },
      { result.addresses[1].status, result.addresses[1].error.code, result.addresses[2].status })
  end)

  it("prints itself", function()
    local result = resum.scan("a.example", { host = host(nil, {}) })
    assert.equal("a.example:443: unreachable: no address for a.example. Is the name right?\n",
      tostring(result))
  end)

  it("tells of a target or a certificate that can't be used", function()
    assert.same({ nil, "target: 'a:0': the port must be a number from 1 to 65535", "usage" }, { resum.scan("a:0") })
    local result, message, code = resum.rate("a.example", { certificate = "none", private_key = "none" })
    assert.same({ nil, "usage" }, { result, code })
    assert.is_truthy(message:find("^certificate: "))
  end)

  it("tells of options that do not fit together", function()
    for message, options in pairs({
      ["tls: must be one of 1.0, 1.1, 1.2, 1.3"] = { tls = "1.4" },
      ["tls: psk does not belong to TLS 1.2"] = { tls = "1.2", mechanisms = { "ticket", "psk" } },
      ["family: must be inet or inet6"] = { family = "ipv4" },
      ["xmpp_to: the host is missing"] = { starttls = "xmpp", xmpp_to = "" },
      ["xmpp_to: a host name may contain only"] = { starttls = "xmpp", xmpp_to = "a' b='c" },
      ["starttls: must be one of auto, smtp"] = { starttls = "gopher" },
      ["proxy: not a proxy: "] = { proxy = "ftp://user:s3cret@host" },
    }) do
      local result, found, code = resum.scan("a.example", options)
      assert.same({ nil, "usage" }, { result, code })
      assert.equal(message, found:sub(1, #message))
      assert.is_nil(found:find("s3cret"))
    end
  end)

  it("does not scan an address of the other family", function()
    local one = host({ "192.0.2.1" }, {})
    local result = resum.scan("a.example{192.0.2.1}", { family = "inet6", host = one })
    assert.same({ "unreachable", "resolve: 192.0.2.1 is not an IPv6 address. Leave out -4 or -6.", {} },
      { result.status, result.error.message, one.connected })
  end)

  it("raises what is a mistake of the caller", function()
    assert.has_error(function() resum.scan("a.example", { atempts = 3 }) end,
      "resum: there is no option 'atempts'; did you mean 'attempts'?")
    assert.has_error(function() resum.scan("a.example", { attempts = "3" }) end,
      "resum: the option attempts must be a number, not a string")
    assert.has_error(function() resum.scan(443) end, "resum: a target is a string such as host:port, not a number")
    assert.has_error(function() resum.scan({}) end,
      "resum: a target is a string such as host:port, or what resum.target.parse gave")
    assert.has_error(function() resum.scan("a.example", { mechanisms = { "control" } }) end,
      "resum: the option mechanisms takes a list of session_id, ticket, psk, not 'control'")
  end)
end)

describe("what a caller gives", function()
  local HERE = "spec/init_spec.lua:%d+: " -- it is told at the caller's line

  local function told(misuse, problem)
    local fine, message = pcall(misuse)
    assert.is_false(fine)
    assert.matches("^[^\n]*" .. HERE .. "resum: " .. problem, message)
  end

  it("must be a table where options are meant, in every verb", function()
    for _, verb in ipairs({ "run", "scan", "rate", "open" }) do
      told(function() resum[verb]("a.example", 5) end, "the options must be a table, not a number")
    end
    told(function() resum.prepare("fast") end, "the options must be a table, not a string")
    told(function() resum.check(true) end, "the options must be a table, not a boolean")
  end)

  it("may be for one target what a scanner's run takes, and nothing else", function()
    local scanner = resum.prepare({ host = host({}, {}) })
    told(function() scanner:run("a.example", 5) end, "the options must be a table, not a number")
    told(function() scanner:run("a.example", { attempts = 3 }) end, "the option attempts can't be used here")
    told(function() scanner:run("a.example", { on_event = "loud" }) end,
      "the option on_event must be a function, not a string")
    told(function() scanner:run(443) end, "a target is a string such as host:port, not a number")
  end)

  it("is looked at where single attempts are made, too", function()
    local one = host({}, {})
    local endpoint = { address = "192.0.2.1", port = 443 }
    told(function() resum.attempt.new_client("192.0.2.1", {}) end, "the fields of an endpoint must be a table")
    told(function() resum.attempt.new_client({ address = "192.0.2.1" }, { host = one }) end, "the endpoint has no port")
    told(function() resum.attempt.new_client({ adress = "x", port = 1 }, { host = one }) end,
      "there is no field of an endpoint 'adress'; did you mean 'address'?")
    told(function() resum.attempt.new_client(endpoint, {}) end, "a client needs the option host")
    told(function() resum.attempt.new_client(endpoint, { host = one, timout = 1 }) end,
      "there is no option of a client 'timout'; did you mean 'timeout'?")
    local client = resum.attempt.new_client(endpoint, { host = one })
    told(function() client:attempt({ mechanism = "psk", want_tikets = true }) end,
      "there is no option of an attempt 'want_tikets'; did you mean 'want_tickets'?")
    told(function() client:attempt({ mechanism = "tickets" }) end,
      "there is no mechanism 'tickets'; did you mean 'ticket'?")
    told(function() client:attempt({ mechanism = "psk", session = "x" }) end,
      "the option session of an attempt must be a session, not a string")
    told(function() client:attempt(5) end, "the options of an attempt must be a table, not a number")
  end)

  it("leaves no secret where it can be read: neither in a client nor in a scanner", function()
    local pki = require "spec.support.pki"
    local one = host({}, {})
    local own = pki.get("client")
    local secret = own.key_pem
    local function search(value, seen)
      if value == secret then
        return true
      elseif type(value) ~= "table" or seen[value] then
        return false
      end
      seen[value] = true
      for name, field in pairs(value) do
        if search(name, seen) or search(field, seen) then
          return true
        end
      end
      return false
    end
    local options = { host = one, certificate = own.certificate_pem, private_key = secret }
    local client = resum.attempt.new_client({ address = "192.0.2.1", port = 443 }, options)
    assert.is_false(search(client, {}))
    assert.is_false(search(resum.prepare(options), {}))
    assert.is_true(search(options, {}))
  end)
end)

describe("resum.prepare", function()
  it("scans many targets as resum.run scans each, and makes what is offered to them once", function()
    local core = require "resum.core"
    local real, made = core.context, 0
    core.context = function(...)
      made = made + 1
      return real(...)
    end
    local one = host({ "192.0.2.1" }, { ["192.0.2.1"] = REFUSED })
    local scanner = resum.prepare({ host = one })
    local made_first = made
    for i = 1, 5 do
      local text = ("%d.example:99"):format(i)
      assert.same(resum.run(text, { host = one }), scanner:run(text))
    end
    local of_runs = 5 -- each makes its own
    core.context = real
    assert.same({ 1, 1 + of_runs }, { made_first, made })
  end)

  it("takes for one target what concerns it alone", function()
    local one = host({ "192.0.2.1" }, { ["192.0.2.1"] = REFUSED })
    local events = {}
    local result = resum.prepare({ host = one }):run("a.example", {
      on_event = function(event)
        events[#events + 1] = event.kind
      end,
      cancelled = function()
        return #one.connected > 0
      end,
    })
    assert.same({ { "started", "attempt" }, 1 }, { events, #one.connected })
    assert.equal("refused", result.addresses[1].error.code)
  end)

  it("says what is not usable: an option at once, a target when it comes", function()
    local scanner, message, code = resum.prepare({ tls = "1.4" })
    assert.is_nil(scanner)
    assert.same({ "tls: must be one of 1.0, 1.1, 1.2, 1.3", "usage" }, { message, code })
    local result, problem, kind = resum.prepare():run("a.example:0")
    assert.is_nil(result)
    assert.same({ "target: 'a.example:0': the port must be a number from 1 to 65535", "usage" }, { problem, kind })
    assert.has_error(function()
      resum.prepare({ atempts = 1 })
    end, "resum: there is no option 'atempts'; did you mean 'attempts'?")
  end)
end)
