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

  for _, text in ipairs({ "", "psk", "psk=", "psk=yes", "psk>0.5", "psk>=2", "psk==supported", "rsa=supported" }) do
    it("is not '" .. text .. "'", function()
      local rule, message = expectation.parse(text)
      assert.is_nil(rule)
      assert.equal("--expect takes rules such as ticket=supported, psk>=95%, browser>=90%, "
        .. "balancer=all_shared or no-finding>=medium, and with --watch key-age<7d or no-event=server_down, not '"
        .. text .. "'", message)
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
end)
