--- What the result of an address means, in sentences: which figure decides, and what is never said of errors.

local conclusion = require "resum.analysis.conclusion"

local function judged(verdict, more)
  local one = { verdict = verdict, attempted = 5, resumed = 5, refused = 0, errors = 0, error_kinds = {},
    concurrency = 10 }
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

local function sentences(entry)
  return table.concat(conclusion.of_mechanisms(entry), " ")
end

local AT_TIMES = "Resumption by ticket works only some of the time: not every server behind this address shares its "
  .. "sessions, or one server forgets them too soon."

describe("the conclusion", function()
  it("goes by the rate, which had more attempts, and not by the support scan", function()
    assert.equal(AT_TIMES, sentences({ support = { ticket = judged("supported") },
      rate = { ticket = judged("partially_supported", { attempted = 100 }) } }))
    assert.equal("Resumption by ticket works.", sentences({ support = { ticket = judged("partially_supported") },
      rate = { ticket = judged("supported", { attempted = 100 }) } }))
  end)

  it("goes by the support scan where the rate had no attempt, or was not measured", function()
    local none = judged("inconclusive", { attempted = 0 })
    assert.equal("Resumption by ticket works.",
      sentences({ support = { ticket = judged("supported") }, rate = { ticket = none } }))
    assert.equal("Resumption by ticket works.", sentences({ support = { ticket = judged("supported") }, rate = {} }))
    assert.equal("Whether resumption by ticket works is not known: there were too many errors.",
      sentences({ rate = { ticket = none } }))
  end)

  it("says that every connection costs a full handshake only where none resumes", function()
    local no, at_times = judged("not_supported"), judged("partially_supported")
    assert.equal("Resumption by TLS 1.3 ticket does not work: every connection costs a full handshake.",
      sentences({ support = { psk = no } }))
    assert.equal("Resumption works by ticket, but not by TLS 1.3 ticket.",
      sentences({ support = { psk = no, ticket = judged("supported") } }))
    assert.equal(AT_TIMES .. " Resumption by TLS 1.3 ticket does not work.",
      sentences({ support = { psk = no, ticket = at_times } }))
  end)

  it("never says of errors that something does not work", function()
    assert.equal("Whether resumption by session ID and TLS 1.3 ticket works is not known: there were too many errors.",
      sentences({ support = { psk = judged("inconclusive"), session_id = judged("inconclusive") } }))
  end)

  it("warns of alerts that any client meets, not of those to the one version that we offer", function()
    local function alerted(alert)
      local psk = judged("not_supported", { reason = "alert_on_resumption", alert = alert })
      return sentences({ support = { psk = psk } })
    end
    assert.equal("Resumption by TLS 1.3 ticket does not work. "
      .. "A client that offers a TLS 1.3 ticket may be turned away with an alert, and has to connect again.",
      alerted("internal_error"))
    assert.equal("Resumption by TLS 1.3 ticket does not work: every connection costs a full handshake.",
      alerted("protocol_version"))
  end)

  describe("suspects a limit on connections", function()
    local LIMIT = "Connections were turned away while up to 10 were open at once"

    local function suspects(turned_away, more, support)
      local rate = judged("supported", { attempted = 100, errors = turned_away, error_kinds = { reset = turned_away } })
      for name, value in pairs(more or {}) do
        rate[name] = value
      end
      return sentences({ rate = { psk = rate }, support = support and { psk = support } }):find(LIMIT, 1, true) ~= nil
    end

    it("from a tenth of connections that were turned away", function()
      assert.same({ true, false, false }, { suspects(10), suspects(9), suspects(0) })
    end)

    it("not where one connection at a time was turned away as well", function()
      assert.is_true(suspects(20, nil, judged("supported")))
      assert.is_false(suspects(20, nil, judged("supported", { errors = 1 })))
      assert.is_false(suspects(20, { concurrency = 1 }))
    end)

    it("not where the connections failed in another way", function()
      assert.is_false(suspects(20, { error_kinds = { protocol_error = 20 } }))
    end)
  end)
end)
