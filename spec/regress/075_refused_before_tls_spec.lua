-- Where some servers behind an address do not offer STARTTLS, the first connection decided about the target; and those
-- of a scan counted as breaches of the protocol.

local memory = require "spec.support.memory"
local resum = require "resum"
local script = require "spec.support.script"
local text = require "resum.report.text"

local NAMES = { ["a.example"] = { "192.0.2.1" }, ["192.0.2.1"] = { "192.0.2.1" }, ["p.example"] = { "192.0.2.9" } }

local SMTP = { "S: 220 hi\r\n", "C: EHLO resum.invalid\r\n", "S: 250-a\r\n250 STARTTLS\r\n", "C: STARTTLS\r\n",
  "S: 220 go\r\n" }
local SMTP_LACKS = { "S: 220 hi\r\n", "C: EHLO resum.invalid\r\n", "S: 250 a\r\n" }
local IMAP = { "S: * OK\r\n", "C: r1 CAPABILITY\r\n", "S: * CAPABILITY STARTTLS\r\nr1 OK\r\n", "C: r2 STARTTLS\r\n",
  "S: r2 OK\r\n" }
local IMAP_LACKS = { "S: * OK\r\n", "C: r1 CAPABILITY\r\n", "S: * CAPABILITY IMAP4rev1\r\nr1 OK\r\n" }
local CONNECT = "C: CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n\r\n"
local PROXY = { CONNECT, "S: HTTP/1.1 200 OK\r\n\r\n" }

-- Every n-th connection goes on to TLS, the others end as `lacks` says.
local function scan(every, offers, lacks, options)
  local host = script.host(function(number)
    return number % every == 0 and offers or lacks
  end, { tls_server = memory.server(), names = NAMES })
  options.host, options.mechanisms = host, { "ticket" }
  return assert(resum.scan(options.proxy and "192.0.2.1:443" or "a.example", options)), host
end

local POOLS = {
  { "smtp", 2, SMTP, SMTP_LACKS, { starttls = "smtp" }, "no_starttls", "STARTTLS was refused on" },
  { "imap", 3, IMAP, IMAP_LACKS, { starttls = "imap" }, "no_starttls", "STARTTLS was refused on" },
  { "a proxy's rules", 2, PROXY, { CONNECT, "S: HTTP/1.1 403 No\r\n\r\n" }, { proxy = "http://p.example:3128" },
    "no_tunnel", "The proxy refused a tunnel on" },
  { "a proxy without a way", 2, PROXY, { CONNECT, "S: HTTP/1.1 503 No\r\n\r\n" }, { proxy = "http://p.example:3128" },
    "no_tunnel", "The proxy refused a tunnel on" },
}

describe("what some of the connections meet before TLS", function()
  for _, pool in ipairs(POOLS) do
    it("is told with its share, and is no verdict on resumption: " .. pool[1], function()
      local result = scan(pool[2], pool[3], pool[4], pool[5])
      local entry = result.addresses[1]
      assert.same({ "completed", "supported", 0 },
        { result.status, entry.support.ticket.verdict, entry.support.ticket.errors })
      local refusals = entry.before_tls
      assert.is_true(refusals[pool[6]] >= (pool[2] - 1) / pool[2] * refusals.connections - 1, "the share")
      local told = ("%s %d of %d connections, and not on the others"):format(pool[7], refusals[pool[6]],
        refusals.connections)
      assert.is_truthy(text.address(entry):gsub("%s+", " "):find(told, 1, true))
    end)
  end

  it("is an outcome of its own where all do", function()
    local result, host = scan(100, SMTP, SMTP_LACKS, { starttls = "smtp" })
    assert.same({ "error", "no_starttls", 8 }, { result.status, result.error.code, #host.connected })
  end)

  it("is not asked again where it is our name and password that a proxy refuses", function()
    local refusal = { CONNECT, "S: HTTP/1.1 407 No\r\n\r\n" }
    local result, host = scan(100, PROXY, refusal, { proxy = "http://p.example:3128" })
    assert.same({ "unreachable", "proxy", 1 }, { result.status, result.error.code, #host.connected })
  end)
end)
