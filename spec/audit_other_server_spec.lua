--- Sessions that open other servers: two ports on libssl that have one ticket key and two certificates, and others that
-- are in order.

local balancer = require "spec.support.balancer"
local core = require "resum.core"
local listener = require "spec.support.listener"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local resum = require "resum"

local KEYS = ("K"):rep(80)

local function responder(status, body)
  return function(link, data)
    if data:find("\r\n\r\n") then
      link.finish(link.connection:write(("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s"):format(status, #body, body)))
    end
  end
end

local function start(options, status, body)
  local all = { ticket_keys = KEYS }
  for name, value in pairs(options or {}) do
    all[name] = value
  end
  return listener.start(all, { data = type(status) == "function" and status or responder(status or "200 OK",
    body or "the page of " .. (all.identity or "localhost")) })
end

-- The target is localhost; sessions are offered at the other one.
local function audit(target, other, options)
  local all = { audit_checks = { "other-server" }, audit_names = { "other.test:" .. other.port .. "{127.0.0.1}" },
    sni = "localhost", retries = 0, mechanisms = { "psk" } }
  for name, value in pairs(options or {}) do
    all[name] = value or nil
  end
  local words = {}
  for i, one in ipairs(assert(resum.audit(target.address, all)).addresses[1].audit) do
    words[i] = ("%s %s %s %s"):format(one.evidence.mechanism or "-", one.verdict, one.severity, one.reason)
    words.first = words.first or one
  end
  return table.concat(words, ", "), words.first
end

describe("the check other-server", function()
  local target

  before_each(function()
    target = start({}, "200 OK", "the target's page")
  end)

  after_each(function()
    target.close()
  end)

  local function with(other, wanted, options)
    assert.equal(wanted, audit(target, other, options))
    other.close()
  end

  it("finds one that has the key, another certificate and another page, in each mechanism, twice in a row", function()
    for _ = 1, 2 do
      with(start({ identity = "other" }), "ticket bad high other_page, psk bad high other_page",
        { mechanisms = { "session_id", "ticket", "psk" } })
    end
  end)

  it("finds nothing where the keys differ", function()
    with(start({ identity = "other", ticket_keys = KEYS:lower() }), "- good info not_resumed")
  end)

  it("takes a certificate that is valid for the target, and the same page, for servers that share", function()
    with(start({ identity = "rsa" }), "psk info info shared")
    with(start({ identity = "other" }, "200 OK", "the target's page"), "psk info info shared")
  end)

  it("calls a server that has nothing under the name a small fault", function()
    with(start({ identity = "other" }, "404 Not Found"), "psk bad low default_server")
    with(start({ identity = "other" }, "421 Misdirected Request"), "psk bad low default_server")
  end)

  it("says so where no answer tells", function()
    with(start({ identity = "other" }, function() end), "psk bad medium no_telling_answer", { timeout = 0.5 })
  end)

  it("compares status and title where pages change by themselves", function()
    target.close()
    local count = 0
    local function changing(title)
      return function(link, data)
        count = count + 1
        responder("200 OK", ("<title>%s</title>%d"):format(title, count))(link, data)
      end
    end
    target = start({}, changing("one site"))
    with(start({ identity = "other" }, changing("one site")), "psk info info shared")
    with(start({ identity = "other" }, changing("another")), "psk bad high other_page")
  end)

  it("makes nothing of a server that speaks no TLS, or of a target whose page can't be seen", function()
    with(balancer.listen({ odd = "ssh" }), "psk inconclusive info connection_failed")
    target.close()
    target = start({}, function(link, data)
      if link.connection:facts().reused then
        return responder("200 OK", "the target's page")(link, data)
      end
      link.drop("fin")
    end)
    with(start({ identity = "other" }, "200 OK", "the other's page"), "psk inconclusive info connection_failed")
  end)

  it("wants more than one resumption", function()
    local other = start({ identity = "other" }, "200 OK", "the other's page")
    local apart = start({ identity = "other", ticket_keys = KEYS:lower() })
    local turns = { other.address }
    for i = 2, 12 do
      turns[i] = apart.address
    end
    local pool = balancer.listen({ backends = turns })
    assert.equal("psk inconclusive info mixed_answers", (audit(target, { port = pool.port })))
    pool.close()
    other.close()
    apart.close()
  end)

  it("finds what the sessions of one of three open, with its share", function()
    local servers, addresses = {}, {}
    for i = 1, 3 do
      servers[i] = start({ ticket_keys = i == 2 and KEYS or ("%d"):format(i):rep(80) }, "200 OK", "the target's page")
      addresses[i] = servers[i].address
    end
    local pool = balancer.listen({ backends = addresses })
    local other = start({ identity = "other" }, "200 OK", "the other's page")
    local words, found = audit({ address = "127.0.0.1:" .. pool.port }, other)
    assert.equal("psk bad high other_page", words)
    assert.is_string(found.group)
    assert.is_true(found.share > 0 and found.share < 1, found.share)
    pool.close()
    other.close()
    for _, server in ipairs(servers) do
      server.close()
    end
  end)

  it("has nothing to ask without another server, or where nothing resumes", function()
    with(start(), "- not_applicable info nothing_else", { audit_names = false })
    target.close()
    target = start({ accept_tickets = false })
    with(start(), "- not_applicable info does_not_resume", { mechanisms = { "ticket" } })
  end)
end)

describe("core.certificate_fits", function()
  local function der_of(name)
    return process.run({ command = { "openssl", "x509", "-in", pki.get(name).certificate, "-outform", "DER" } }).stdout
  end

  it("goes by the names in it", function()
    assert.is_true(core.certificate_fits(der_of("ecdsa"), "localhost"))
    assert.is_true(core.certificate_fits(der_of("ecdsa"), "127.0.0.1"))
    assert.is_false(core.certificate_fits(der_of("ecdsa"), "other.test"))
    assert.is_true(core.certificate_fits(der_of("other"), "other.test"))
    assert.is_false(core.certificate_fits(der_of("other"), "127.0.0.1"))
  end)

  it("takes nothing else for one", function()
    assert.same({ nil, "certificate: not the DER of one", "invalid" }, { core.certificate_fits("0", "a.example") })
    assert.has_error(function() core.certificate_fits(("0"):rep(200000), "a") end)
    assert.has_error(function() core.certificate_fits("0") end)
  end)
end)
