-- Of servers that have one ticket key and refuse each other's sessions the report said "connections do not show what
-- differs", and two lines below that their cipher suites differ. That some ask for a client certificate, which parts
-- sessions as well, it did not say at all.

local concluded = require "spec.support.concluded"
local findings = require "resum.analysis.pool.findings"
local sighting = require "resum.analysis.pool.sighting"
local words = require "resum.analysis.pool_words"

local function told(attribute, list)
  return table.concat(select(2, words.of({ verdict = "differs", attribute = attribute, findings = list })), " ")
end

local function differs(property)
  return { code = "mixed_configuration", property = property }
end

describe("servers of one ticket key that refuse each other's sessions", function()
  it("are not said to show no difference where they show one", function()
    local sentences = told(nil, { differs("cipher") })
    assert.is_nil(sentences:find("Connections do not show what differs", 1, true))
    assert.truthy(sentences:find("It may be for what the servers are seen to differ in, or for clocks", 1, true))
    assert.truthy(sentences:find("the cipher suite differs", 1, true))
  end)

  it("are where they show none", function()
    local sentences = told(nil, { { code = "group_came" } })
    assert.truthy(sentences:find("Connections do not show what differs", 1, true))
    assert.truthy(sentences:find("or the software", 1, true)) -- nginx and Apache with one file of keys
  end)

  it("are said to refuse for what parts them, where the offers show it", function()
    assert.truthy(told("cipher", { differs("cipher"), differs("lifetime_s") })
      :find("Sessions are refused where the cipher suite differs.", 1, true))
  end)
end)

describe("a client certificate that some servers ask for", function()
  local function found(asked)
    local sequence = {}
    for i, one in ipairs(asked) do
      local entry = { order = i, mechanism = "psk" }
      sighting.read(entry, { outcome = one.outcome or "full", mechanism = "psk", engine = one.engine or "handshake",
        facts = { certificate_request = one.asks, tickets = {} } })
      sequence[i] = entry
    end
    local all = { psk = concluded.evidence({ sequence = sequence }) }
    for _, finding in ipairs(findings.of({ results = {}, all = all, verdict = "differs" })) do
      if finding.property == "client_certificate" then
        return true
      end
    end
    return false
  end

  local ASKS, ASKS_NOT = { asks = true }, { asks = false }

  it("is told, where full handshakes show both, each twice", function()
    assert.is_true(found({ ASKS, ASKS_NOT, ASKS, ASKS_NOT }))
    assert.same({ false, false, false }, { found({ ASKS, ASKS_NOT, ASKS_NOT }), found({ ASKS, ASKS }),
      found({ ASKS_NOT, ASKS_NOT }) })
    assert.equal("Some of the servers ask for a client certificate, and others do not.",
      told(nil, { differs("client_certificate") }):match("Some of .*$"))
  end)

  it("is not, by connections that can't show it: resumed ones, and the probe's", function()
    local resumed = { asks = false, outcome = "resumed" }
    local probe = { asks = false, engine = "probe", outcome = "refused" }
    assert.is_false(found({ ASKS, ASKS, resumed, resumed, probe, probe }))
  end)
end)
