-- A Diffie-Hellman group of 10,000 bits cost 0.8 s of CPU inside one step, during which no other connection of the
-- process went on. What is larger than the limit is not computed; what the server does without it is asked next.

local client_of = require "resum.connection.client"
local connectivity = require "resum.connection.connectivity"
local core = require "resum.core"
local memory = require "spec.support.memory"
local pair = require "spec.support.pair"
local random = require "spec.support.random"
local resum = require "resum"
local script = require "spec.support.script"

local DHE = "DHE-RSA-AES128-GCM-SHA256"
local LIMIT = "handshake: the server's Diffie-Hellman group is larger than %d bits, the most that is computed"
local MESSAGE = LIMIT:format(4096)

-- A number of so many bits that may pass for a prime where nobody looks.
local function prime(bits)
  local garbage = random.new(bits)
  return "\255" .. garbage:bytes(bits // 8 - 2) .. "\255"
end

local function server(options, ciphers)
  options.identity, options.max_version, options.server_preference = "rsa", "TLSv1.2", true
  options.ciphers = ciphers or DHE
  return memory.server(options)
end

local function ends(tls_server, context)
  local client = core.handshake(core.context(context))
  local result = pair.run(client, tls_server:accept())
  return { result.client, result.message, result.code }
end

describe("a Diffie-Hellman group", function()
  for name, case in pairs {
    ["of 4096 bits"] = { { dh_group = "ffdhe4096" }, { "established" } },
    ["of one's own of 4096 bits"] = { { dh_prime = prime(4096) }, { "established" } },
    ["of one's own of 4104 bits"] = { { dh_prime = prime(4104) }, { nil, MESSAGE, "dh_too_large" } },
    ["of 6144 bits"] = { { dh_group = "ffdhe6144" }, { nil, MESSAGE, "dh_too_large" } },
    ["of one's own of 10,000 bits"] = { { dh_prime = prime(10000) }, { nil, MESSAGE, "dh_too_large" } },
    ["of 6144 bits, where the limit is another one"] = { { dh_group = "ffdhe6144" }, { "established" },
      { max_dh_bits = 6144 } },
    ["of 3072 bits, where the limit is a lower one"] = { { dh_group = "ffdhe3072" },
      { nil, LIMIT:format(2048), "dh_too_large" }, { max_dh_bits = 2048 } },
  } do
    it(name .. (case[2][1] and " is computed" or " is not"), function()
      assert.same(case[2], ends(server(case[1]), case[3]))
    end)
  end

  it("is not offered beyond the limit in TLS 1.3 either", function()
    for group, state in pairs { ffdhe4096 = "established", ffdhe6144 = false, ffdhe8192 = false } do
      local result = memory.connect(memory.server { min_version = "TLSv1.3", groups = group }).result
      assert.equal(state or nil, result.client)
      if not state then
        assert.equal("alert", result.code)
      end
    end
  end)

  it("is none where those suites are not wanted", function()
    assert.same({ nil, "handshake: the server sent the alert handshake_failure (40)", "alert" },
      ends(server { dh_group = "ffdhe2048" }, { dhe = false }))
    assert.same({ "established" }, ends(server({ dh_group = "ffdhe2048" }, "ECDHE-RSA-AES128-SHA"), { dhe = false }))
  end)
end)

describe("a server with a group beyond the limit", function()
  local function host_of(tls_server)
    local host = script.host({}, { tls_server = tls_server })
    host.resolve = function()
      return { "192.0.2.1" }
    end
    return host
  end

  it("is asked again without such suites, and from then on", function()
    local host = host_of(server({ dh_prime = prime(8192) }, DHE .. ":ECDHE-RSA-AES128-GCM-SHA256"))
    local client = client_of.new_client({ address = "192.0.2.1", port = 443 }, { host = host })
    local record = connectivity.run(client, 0)
    assert.same({ "full", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "dh_too_large", 2 },
      { record.outcome, record.cipher, record.instead_of.error.code, #host.connected })
    local again = client:attempt({ mechanism = "ticket" })
    assert.same({ "full", nil, 3 }, { again.outcome, again.instead_of, #host.connected })
  end)

  it("has its verdict all the same", function()
    local result = resum.scan("a.example", { host = host_of(server({ dh_prime = prime(10000) },
      DHE .. ":ECDHE-RSA-AES128-GCM-SHA256")) })
    local support = result.addresses[1].support
    assert.same({ "completed", "supported", "supported" },
      { result.status, support.session_id.verdict, support.ticket.verdict })
  end)

  it("and nothing else has that for its reason, not an alert, and is asked twice", function()
    local host = host_of(server({ dh_prime = prime(8192) }))
    local result = resum.scan("a.example", { host = host, retries = 0 })
    assert.same({ "error", MESSAGE, "dh_too_large" }, { result.status, result.error.message, result.error.code })
    local asked = { dhe = 0, other = 0 }
    for _, stream in ipairs(host.streams) do
      local alert = stream.connection:facts().alert_sent
      local kind = alert and "other" or "dhe"
      asked[kind] = asked[kind] + 1
    end
    assert.same({ dhe = 1, other = 1 }, asked)
  end)
end)
