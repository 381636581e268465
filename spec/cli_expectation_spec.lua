local expectation = require "resum.cli.expectation"

local function result(support, rate)
  return { addresses = { { address = "192.0.2.1", status = "completed", support = support, rate = rate } } }
end

local function check(rule, ...)
  return { expectation.check(assert(expectation.parse(rule)), result(...)) }
end

describe("an expectation", function()
  it("compares a verdict", function()
    assert.same({ true }, check("ticket=supported", { ticket = { verdict = "supported" } }))
    assert.same({ false, "inconclusive on 192.0.2.1" },
      check("ticket=supported", { ticket = { verdict = "inconclusive" } }))
  end)

  it("holds only where the rate agrees, when both were measured", function()
    assert.same({ false, "partially_supported on 192.0.2.1" }, check("session-id=supported",
      { session_id = { verdict = "supported" } }, { session_id = { verdict = "partially_supported" } }))
    assert.same({ true }, check("session_id=supported", nil, { session_id = { verdict = "supported" } }))
  end)

  it("compares a rate", function()
    assert.same({ true }, check("psk>=0.95", nil, { psk = { rate = 0.95 } }))
    assert.same({ false, "0.94 on 192.0.2.1" }, check("psk>=0.95", nil, { psk = { rate = 0.94 } }))
    assert.same({ false, "no rate on 192.0.2.1" }, check("psk>=0.95", nil, { psk = {} }))
  end)

  it("is not met by what was not measured", function()
    assert.same({ false, "nothing on 192.0.2.1" }, check("psk=supported", {}))
  end)

  it("has to hold on every address that was scanned", function()
    local both = { addresses = {
      { address = "192.0.2.1", status = "completed", support = { psk = { verdict = "supported" } } },
      { address = "192.0.2.2", status = "completed", support = { psk = { verdict = "not_supported" } } },
      { address = "192.0.2.3", status = "unreachable" },
    } }
    local rule = expectation.parse("psk=supported")
    assert.same({ false, "not_supported on 192.0.2.2" }, { expectation.check(rule, both) })
  end)

  for _, text in ipairs({ "", "psk", "psk=", "psk=yes", "psk>=2", "rsa=supported", "key-age=yes" }) do
    it("is not '" .. text .. "'", function()
      local rule, message = expectation.parse(text)
      assert.is_nil(rule)
      assert.equal("--expect takes rules such as ticket=supported, psk>=95%, browser>=90%, "
        .. "balancer=all_shared or no-finding>=medium, and with --watch key-age<7d or no-event=server_down, not '"
        .. text .. "'", message)
    end)
  end

  for text, meant in pairs({ ["psk>0.5"] = "psk>=0.5", ["psk==supported"] = "psk=supported" }) do
    it(("is not '%s', but perhaps '%s'"):format(text, meant), function()
      assert.same({ nil, ("--expect: '%s' is no rule; did you mean '%s'?"):format(text, meant) },
        { expectation.parse(text) })
    end)
  end

  it("takes percent, and what stands behind the address", function()
    local one = { addresses = { { address = "192.0.2.1", status = "completed", rate = { psk = { rate = 0.95 } },
      balancer = { verdict = "nothing_shared" } } } }
    assert.is_true((expectation.check(expectation.parse("psk>=95%"), one)))
    assert.same({ false, "0.95 on 192.0.2.1" }, { expectation.check(expectation.parse("psk >= 95.1%"), one) })
    assert.is_true((expectation.check(expectation.parse("balancer=nothing-shared"), one)))
    assert.same({ false, "nothing_shared on 192.0.2.1" },
      { expectation.check(expectation.parse("balancer=all_shared"), one) })
    for _, text in ipairs({ "psk>=101%", "balancer>=1", "balancer=supported", "ticket=all_shared", "psk>=%" }) do
      assert.is_nil((expectation.parse(text)))
    end
  end)

  it("finds resumption in order where the quick check was certain of it, and nowhere else", function()
    local function quick(verdict)
      return { expectation.is_in_order({ addresses = { { address = "::1", status = "completed",
        balancer = verdict and { verdict = verdict } }, { status = "error" } } }) }
    end
    assert.same({ true }, quick("healthy"))
    for verdict, words in pairs({ inconclusive = "inconclusive", broken = "broken", no_resumption = "no resumption",
      not_applicable = "not applicable", [false] = "inconclusive" }) do
      assert.same({ false, words .. " on ::1" }, quick(verdict))
    end
  end)

  it("takes all of a share and none, and no more", function()
    for _, text in ipairs({ "psk>=0", "psk>=1", "psk>=100%", "browser>=0%", "browser>=1" }) do
      assert.is_table(expectation.parse(text), text)
    end
    assert.is_nil((expectation.parse("psk>=-0.1")))
    assert.is_nil((expectation.parse("browser>=101%")))
    assert.is_nil((expectation.parse("browser=0.5")))
  end)

  it("compares what a browser meets", function()
    local function browser(share)
      return { expectation.check(expectation.parse("browser>=90%"), { addresses = { { address = "192.0.2.1",
        status = "completed", browser = share and { share = share } } } }) }
    end
    assert.same({ true }, browser(0.9))
    assert.same({ false, "0.89 on 192.0.2.1" }, browser(0.89))
    assert.same({ false, "no share on 192.0.2.1" }, browser())
  end)

  it("is met by findings that are less grave, and not by an audit that was not made", function()
    local function audited(rule, ...)
      local list = ... and {} or nil
      for i, severity in ipairs({ ... }) do
        list[i] = severity and { id = "a-check", title = "A check", verdict = "bad", severity = severity }
      end
      return { expectation.check(expectation.parse(rule), { addresses = { { address = "192.0.2.1",
        status = "completed", audit = list } } }) }
    end
    assert.same({ false, "a-check (high) on 192.0.2.1" }, audited("no-finding>=medium", "low", "high"))
    assert.same({ false, "a-check (medium) on 192.0.2.1" }, audited("no_finding>=medium", "medium"))
    assert.same({ true }, audited("no-finding>=medium", "low", "low"))
    assert.same({ false, "no audit on 192.0.2.1" }, audited("no-finding>=medium"))
    for _, text in ipairs({ "no-finding=medium", "no-finding>=grave", "any-finding>=medium" }) do
      assert.is_nil((expectation.parse(text)), text)
    end
    assert.same({ true }, { expectation.check(expectation.parse("no-finding>=info"), { addresses = { {
      address = "192.0.2.1", status = "completed", audit = {} } } }) })
    local open = { id = "a-check", title = "A check", verdict = "inconclusive", severity = "high" }
    assert.same({ true }, { expectation.check(expectation.parse("no-finding>=info"), { addresses = { {
      address = "192.0.2.1", status = "completed", audit = { open } } } }) })
  end)
end)

describe("an expectation of a watch", function()
  local function check_watch(rule, state, events)
    rule = assert(expectation.parse(rule))
    return { expectation.check_watch(rule, state, events or {}) }
  end

  it("is marked as one where it is of nothing else", function()
    for text, of_watch in pairs({ ["key-age<7d"] = true, ["no-event=server_down"] = true,
      ["no_event = server-down"] = true, ["key_age < 12h"] = true, ["psk>=95%"] = false }) do
      assert.equal(of_watch, expectation.parse(text).of_watch == true, text)
    end
    for _, text in ipairs({ "key-age<soon", "key-age>7d", "no-event=rain", "no-event>=server_down" }) do
      assert.is_nil((expectation.parse(text)), text)
    end
  end)

  it("holds while the oldest key that is there is younger", function()
    local function keys(...)
      local state = { now = 100000, keys = {} }
      for i, age in ipairs({ ... }) do
        state.keys[i] = { first = 100000 - age }
      end
      return check_watch("key-age<1h", state)[1]
    end
    assert.is_true(keys())
    assert.is_true(keys(3599, 10))
    assert.is_false(keys(10, 3600, 20))
    assert.same({ false, "60 min" }, check_watch("key-age<1h", { now = 3601, keys = { { first = 1 } } }))
    assert.is_true(check_watch("key-age<1s", { now = 3601, keys = {} })[1])
  end)

  it("holds until there is such an event", function()
    assert.is_true(check_watch("no-event=server_down", {}, { key_new = 3 })[1])
    assert.same({ false, "server_down" }, check_watch("no-event=server_down", {}, { server_down = 1 }))
  end)

  it("holds a share against what was seen from twenty offers on", function()
    local function share(known)
      return check_watch("psk>=0.9", { mechanisms = { psk = known } })
    end
    assert.same({ true }, share())
    assert.same({ true }, share({ offers = 30 }))
    assert.same({ true }, share({ offers = 19, rate = 0.1 }))
    assert.same({ false, "0.89" }, share({ offers = 20, rate = 0.89 }))
    assert.same({ true, "0.90" }, share({ offers = 20, rate = 0.9 }))
  end)
end)
