--- The verbs that make one connection, as far as no server is needed: what they take, and how they fail.

local resum = require "resum"

local NOBODY = "127.0.0.1:1"

-- What a call raises, and whether it is told at this file's line.
local function raised(call)
  local fine, message = pcall(call)
  assert.is_false(fine)
  assert.matches("one_connection_spec%.lua:%d+: resum: ", message)
  return message:match("resum: (.*)$")
end

describe("one convention: a target that can't be used is nil, a message and a code", function()
  for _, verb in ipairs({ "open", "hello", "scan", "rate", "run", "audit" }) do
    it("of resum." .. verb, function()
      assert.same({ nil, "target: '127.0.0.1:0': the port must be a number from 1 to 65535", "usage" },
        { resum[verb]("127.0.0.1:0") })
    end)
  end

  it("and so is an option that does not fit another", function()
    local none, message, code = resum.open(NOBODY, { tls = "1.4" })
    assert.same({ nil, "string", "usage" }, { none, type(message), code })
  end)
end)

describe("a misuse is raised at the caller's line", function()
  it("by options that the verb would ignore, and by unknown ones", function()
    for _, verb in ipairs({ "open", "hello" }) do
      for option, value in pairs({ support = true, rate = true, mechanisms = { "psk" }, attempts = 3, quick = true }) do
        assert.equal(("the option %s can't be used here"):format(option), raised(function()
          local _ = resum[verb](NOBODY, { [option] = value })
        end))
      end
      local meant = verb == "open" and "; did you mean 'session'?" or ""
      assert.equal("there is no option 'sesion'" .. meant, raised(function()
        local _ = resum[verb](NOBODY, { sesion = 1 })
      end))
      assert.equal("the options must be a table, not a number", raised(function()
        local _ = resum[verb](NOBODY, 5)
      end))
    end
  end)

  it("by a mechanism that is none", function()
    assert.equal("the option mechanism takes any, session_id, ticket, psk, not 'tickets'", raised(function()
      local _ = resum.open(NOBODY, { mechanism = "tickets" })
    end))
  end)

  it("by a probe with nothing to offer, or with two things", function()
    assert.matches("^probe needs the option session", raised(function()
      local _ = resum.probe(NOBODY, {})
    end))
    assert.matches("^probe needs the option session", raised(function()
      local _ = resum.probe(NOBODY)
    end))
  end)

  it("by a field that no ClientHello has", function()
    assert.matches("^the option hello: .*unknown option 'sersion'", raised(function()
      local _ = resum.hello(NOBODY, { hello = { sersion = 1 } })
    end))
  end)
end)

describe("what the network does", function()
  it("is a value that shows itself", function()
    local answer = resum.hello(NOBODY)
    assert.same({ "unreachable", {}, "refused" }, { answer.outcome, answer.messages, answer.error.code })
    assert.equal("127.0.0.1:1\n  error: connect: refused", tostring(answer))
    assert.equal("unreachable", resum.open(NOBODY).outcome)
  end)
end)
