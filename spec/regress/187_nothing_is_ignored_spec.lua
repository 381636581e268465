--- Verbs took options that they ignored: resum.scan measured no rate with rate = true, "quick" and "audit_checks" did
-- nothing without a rate or an audit, of "source" and "sources" one was dropped, a key without its certificate was not
-- used; and a host that is none failed in the middle of a module of ours.

local process = require "spec.support.process"
local resum = require "resum"

local NOBODY = "127.0.0.1:1"
local HOST = resum.host.default()

-- Each verb that scans, called with options from this file's lines.
local VERBS = {
  scan = function(options) local _ = resum.scan(NOBODY, options) end,
  rate = function(options) local _ = resum.rate(NOBODY, options) end,
  run = function(options) local _ = resum.run(NOBODY, options) end,
  audit = function(options) local _ = resum.audit(NOBODY, options) end,
  prepare = function(options) local _ = resum.prepare(options) end,
  check = function(options) local _ = resum.check(options) end,
  scan_all = function(options) local _ = resum.scan_all({}, options, print) end,
  watch = function(options) local _ = resum.watch(NOBODY, options) end,
  open = function(options) local _ = resum.open(NOBODY, options) end,
  hello = function(options) local _ = resum.hello(NOBODY, options) end,
  probe = function(options) local _ = resum.probe(NOBODY, options) end,
}

local function raised(verb, options)
  local fine, message = pcall(VERBS[verb], options)
  assert.is_false(fine, verb)
  return message:match("187_nothing_is_ignored_spec%.lua:%d+: resum: (.*)$") or message
end

describe("an option that does nothing without another one", function()
  -- option, value, what it is about, verbs that have that already
  for _, case in ipairs({
    { "quick", true, "rate", "rate" }, { "balancer", true, "rate", "rate" },
    { "audit_checks", { "ems" }, "audit", "audit" }, { "audit_names", { "a.example" }, "audit", "audit" },
    { "intrusive", true, "audit", "audit" }, { "lifetime", true, "audit", "audit" },
    { "state", "/tmp/none", "audit", "audit" }, { "forget", 3, "state" }, { "private_key", "key", "certificate" },
    { "key_form", "pem", "certificate" }, { "passphrase", "secret", "certificate" },
  }) do
    local option, value, need, but = table.unpack(case)
    it("is raised at the caller's line: " .. option, function()
      for _, verb in ipairs({ "scan", "rate", "run", "audit", "prepare", "check", "scan_all" }) do
        if verb ~= but then
          assert.equal(("the option %s does nothing without the option %s"):format(option, need),
            raised(verb, { [option] = value }))
        end
      end
    end)
  end

  it("is none where it asks for what is done anyway", function()
    assert.is_true((resum.check({ quick = false, balancer = false, intrusive = false, lifetime = false })))
    assert.is_true((resum.check({ rate = true, quick = true, balancer = false })))
    assert.is_true((resum.check({ audit = true, intrusive = true, audit_checks = { "ems" } })))
  end)
end)

describe("an option that says the opposite of the verb", function()
  it("leads to the verb that takes it", function()
    assert.equal("resum.scan does not take rate = true; resum.run does", raised("scan", { rate = true }))
    assert.equal("resum.scan does not take support = false; resum.run does", raised("scan", { support = false }))
    assert.equal("resum.rate does not take support = true; resum.run does", raised("rate", { support = true }))
    assert.equal("resum.audit does not take audit = false; resum.run does", raised("audit", { audit = false }))
  end)

  it("is none where it says the same", function()
    local host = setmetatable({ resolve = function() return nil, "nobody", "unreachable" end }, { __index = HOST })
    assert.equal("unreachable", resum.scan("a.example", { support = true, rate = false, host = host }).status)
  end)
end)

it("a domain is asked of XMPP servers only", function()
  for starttls, fine in pairs({ xmpp = true, ["xmpp-server"] = true, auto = true, smtp = false }) do
    local options = { xmpp_to = "a.example", starttls = starttls }
    if fine then
      assert.is_true((resum.check(options)))
    else
      assert.equal("the option xmpp_to does nothing unless starttls is xmpp, xmpp-server or auto",
        raised("check", options))
    end
  end
  for verb in pairs(VERBS) do
    assert.matches("^the option xmpp_to does nothing", raised(verb, { xmpp_to = "a.example" }))
  end
end)

it("of a source and sources neither is dropped", function()
  for _, verb in ipairs({ "run", "check", "scan_all" }) do
    assert.equal("the options source and sources exclude each other",
      raised(verb, { source = "127.0.0.1", sources = { "127.0.0.2" } }))
    assert.equal("the option sources takes a list of local addresses, and this one is empty",
      raised(verb, { sources = {} }))
  end
end)

describe("a host that is none", function()
  it("is told with the verb that it lacks, by every verb of ours", function()
    for verb in pairs(VERBS) do
      assert.equal("the option host takes a host module, and this table has no function 'now'",
        raised(verb, { host = {} }), verb)
    end
    local half = { now = HOST.now, sleep = HOST.sleep, resolve = HOST.resolve, connect = HOST.connect }
    assert.equal("the option host takes a host module, and this table has no function 'parallel'",
      raised("scan", { host = half }))
  end)
end)

describe("a misuse of the verbs below", function()
  local function told(call)
    local fine, message = pcall(call)
    assert.is_false(fine)
    return message:match("187_nothing_is_ignored_spec%.lua:%d+: resum: (.*)$") or message
  end

  local client = resum.attempt.new_client({ address = "127.0.0.1", port = 1 }, { host = HOST })
  local scanner = resum.prepare()
  for said, call in pairs({
    ["the fields of an endpoint must be a table, not nil"] = function() local _ = resum.attempt.new_client() end,
    ["the options of a client must be a table, not a number"] = function()
      local _ = resum.attempt.new_client({ address = "::1", port = 1 }, 5)
    end,
    ["the option timeout of a client must be a number, not a string"] = function()
      local _ = resum.attempt.new_client({ address = "::1", port = 1 }, { host = HOST, timeout = "5" })
    end,
    ["the option host of a client takes a host module, and this table has no function 'now'"] = function()
      local _ = resum.attempt.new_client({ address = "::1", port = 1 }, { host = {} })
    end,
    ["the options of an attempt must be a table, not nil"] = function() client:attempt() end,
    ["the option session of an attempt must be a session, not a number"] = function()
      client:attempt({ mechanism = "psk", session = 1 })
    end,
    ["there is no engine 'libssl'"] = function() client:attempt({ mechanism = "psk", engine = "libssl" }) end,
    ["what resum.target.parse gave has a label, and this is something else"] = function()
      local _ = resum.target.label("a.example")
    end,
    ["a host name is a string, not nil"] = function() local _ = resum.target.host() end,
    ["an address is a string, not a table"] = function() local _ = resum.target.is_address({}) end,
    ["call it with a colon: scanner:run(…)"] = function() local _ = scanner.run("a.example") end,
    ["call it with a colon: scanner:parse(…)"] = function() local _ = scanner.parse("a.example") end,
    ["the number of addresses is a whole number"] = function() local _ = scanner:connections("3") end,
    ["the option hello: unknown option 'x'"] = function() local _ = resum.hello(NOBODY, { hello = { x = 1 } }) end,
    ["the option session must be a session, and this is something else"] = function()
      local _ = resum.open(NOBODY, { session = io.stdout })
    end,
    ["the option sessions is a list of sessions, and number 1 is none"] = function()
      local _ = resum.probe(NOBODY, { sessions = { 1 } })
    end,
  }) do
    it("is told in our words: " .. said, function()
      assert.equal(said, told(call))
    end)
  end

  it("a name that is none is nil, a message and a code, as of a target", function()
    assert.same({ nil, "the host is missing", "usage" }, { resum.target.host("") })
    assert.equal(1, select("#", resum.target.host("a.example")), "printed, it is the name alone")
  end)
end)

describe("the command", function()
  local function resum_command(...)
    return process.run({ command = { "lua" .. _VERSION:match("%d%.%d"), process.ROOT .. "/lua/bin/resum", ... },
      environment = { RESUM_PASS = "secret" } })
  end

  it("refuses them in a line of its own, or has no use for them", function()
    for _, words in ipairs({ { "--quick" }, { "--no_balancer" }, { "--audit_checks", "ems" }, { "--intrusive" },
      { "--lifetime" }, { "--state", "x" }, { "--forget", "3" }, { "--key", "x" }, { "--keyform", "pem" },
      { "--xmpp_to", "a.example" }, { "--xmpp_to", "a.example", "--starttls", "smtp" } }) do
      local run = resum_command(NOBODY, table.unpack(words))
      assert.equal(2, run.code, words[1] .. ": " .. run.stderr)
      assert.matches("^resum: %-%-", run.stderr)
      assert.is_nil(run.stderr:find("internal", 1, true), run.stderr)
    end
    assert.equal(1, resum_command("--retries", "0", NOBODY).code)
  end)
end)
