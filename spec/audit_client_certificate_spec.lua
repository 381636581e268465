--- Sessions that lead from one name into another that asks for other certificates: a server on libssl that turns to the
-- other name's settings after it has looked for the session (the root of the published cases), and one that does
-- before.

local balancer = require "spec.support.balancer"
local listener = require "spec.support.listener"
local memory = require "spec.support.memory"
local pki = require "spec.support.pki"
local resum = require "resum"

local NAME, OTHER = "a.example", "b.example"

local function page(name)
  local body = ("<html><title>%s</title>the page of %s</html>"):format(name, name)
  return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body)
end

local MISDIRECTED = "HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n"

local function name_of(link)
  return (link.connection:facts().server_name or ""):lower()
end

-- The page is chosen by the Host.
local function answer(link, data)
  local host = data:match("[Hh]ost: ([^\r\n]+)")
  if host then
    link.finish(link.connection:write(page(host:lower())))
  end
end

-- The same, where it is the name of the handshake.
local function answer_if_directed(link, data)
  local host = data:match("[Hh]ost: ([^\r\n]+)")
  if host and host:lower() ~= name_of(link) then
    return link.finish(link.connection:write(MISDIRECTED))
  end
  answer(link, data)
end

-- A port with two names. The other one asks for certificates, and takes none that the client has.
local function start(options, other, hooks)
  local all = { request_certificate = true, other_name = OTHER,
    other = memory.server(other or { refuse_certificates = true }) }
  for name, value in pairs(options or {}) do
    all[name] = value
  end
  local server = listener.start(all, { data = hooks or answer_if_directed })
  server.kept = all.other -- as long as the port is open
  return server
end

local function audit(server, options)
  local identity = pki.get("client")
  local all = { audit_checks = { "client-certificate" }, audit_names = { OTHER .. "{127.0.0.1}" }, sni = NAME,
    certificate = identity.certificate_pem, private_key = identity.key_pem, retries = 0 }
  for name, value in pairs(options or {}) do
    all[name] = value or nil
  end
  local result = assert(resum.audit(server.address, all))
  local words = {}
  for i, one in ipairs(result.addresses[1].audit) do
    words[i] = ("%s %s %s %s"):format(one.evidence.mechanism or "-", one.verdict, one.severity, one.reason)
  end
  return table.concat(words, ", "), result
end

describe("the check client-certificate", function()
  it("finds a server that resumes before it knows the name, in each mechanism, twice in a row", function()
    local server = start()
    for _ = 1, 2 do
      local words, result = audit(server)
      assert.equal("session_id bad high gets_in, ticket bad high gets_in, psk bad high gets_in", words)
      assert.equal("T1", result.addresses[1].audit[1].evidence.deviation)
      assert.equal("b.example:" .. server.port, result.addresses[1].audit[1].evidence.name)
    end
    server.close()
  end)

  it("finds nothing where sessions are looked for under the name", function()
    local server = start({ switches_early = true })
    assert.equal("ticket good info refused_there, psk good info refused_there",
      (audit(server, { mechanisms = { "ticket", "psk" } })))
    server.close()
  end)

  it("calls it another fault where a full handshake under the target's name gets in as well", function()
    local server = start({ switches_early = true }, nil, answer)
    assert.equal("ticket bad medium certificate_not_bound_to_name, psk bad medium certificate_not_bound_to_name",
      (audit(server, { mechanisms = { "ticket", "psk" } })))
    server.close()
  end)

  it("has no question where the other name takes the certificate, or asks for none", function()
    local server = start({}, { require_certificate = true })
    assert.equal("psk not_applicable info good_there", (audit(server, { mechanisms = { "psk" } })))
    server.close()
    server = start({}, {})
    assert.equal("psk not_applicable info none_asked", (audit(server, { mechanisms = { "psk" } })))
    server.close()
  end)

  it("has none where the target refuses the certificate itself, or nothing resumes", function()
    local function forbidden(link)
      link.finish(link.connection:write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))
    end
    local server = start({}, nil, forbidden)
    assert.equal("psk not_applicable info refused_here", (audit(server, { mechanisms = { "psk" } })))
    server.close()
    server = start({ accept_tickets = false })
    assert.equal("- not_applicable info does_not_resume", (audit(server, { mechanisms = { "ticket" } })))
    server.close()
  end)

  it("says so where no answer tells, and where a session only sometimes gets in", function()
    local server = start({}, nil, function(link, data)
      if name_of(link) ~= OTHER then
        answer_if_directed(link, data)
      end
    end)
    assert.equal("psk bad medium no_telling_answer", (audit(server, { mechanisms = { "psk" }, timeout = 0.5 })))
    server.close()
    for said, gets_in in pairs({
      ["psk inconclusive info mixed_answers"] = function(met) return met == 1 end,
      ["psk bad high gets_in"] = function(met) return met ~= 2 end,
    }) do
      local met = 0
      server = start({}, nil, function(link, data)
        met = met + (name_of(link) == OTHER and 1 or 0)
        if name_of(link) ~= OTHER or gets_in(met) then
          return answer_if_directed(link, data)
        end
        link.finish(link.connection:write(MISDIRECTED))
      end)
      local words, result = audit(server, { mechanisms = { "psk" } })
      assert.equal(said, words)
      local share = result.addresses[1].audit[1].share
      assert.is_true(said:find("bad") == nil or share > 0.5 and share < 1, share) -- of the offers: 8 of 9
      server.close()
    end
  end)

  it("calls nothing good where offers under the target's name are lost", function()
    local server = start({ switches_early = true }, nil, function(link, data)
      local host = data:match("[Hh]ost: ([^\r\n]+)")
      if host == OTHER and name_of(link) == NAME and link.connection:facts().reused then
        return -- and no answer comes
      end
      answer_if_directed(link, data)
    end)
    local words, result = audit(server, { mechanisms = { "psk" }, timeout = 0.5 })
    assert.equal("psk inconclusive info connection_failed", words)
    assert.equal("T2", result.addresses[1].audit[1].evidence.deviation)
    server.close()
  end)

  it("finds the one of three that resumes before it knows the name, and its share; none of three in order", function()
    for _, is_bad in ipairs({ true, false }) do
      local servers, addresses = {}, {}
      for i = 1, 3 do
        servers[i] = start({ switches_early = i > 1 or not is_bad })
        addresses[i] = servers[i].address
      end
      local pool = balancer.listen({ backends = addresses })
      local words, result = audit({ address = "127.0.0.1:" .. pool.port }, { mechanisms = { "psk" } })
      local found = result.addresses[1].audit[1]
      assert.equal(is_bad and "psk bad high gets_in" or "psk good info refused_there", words)
      if is_bad then
        assert.is_string(found.group)
        assert.is_true(found.share > 0 and found.share < 1, found.share)
      end
      pool.close()
      for _, server in ipairs(servers) do
        server.close()
      end
    end
  end)

  it("leaves open what another server of the pool lets in anyway", function()
    local servers = { start({ switches_early = true }), start({ switches_early = true }, {}) } -- asks for none
    local pool = balancer.listen({ backends = { servers[1].address, servers[2].address } })
    local words = audit({ address = "127.0.0.1:" .. pool.port }, { mechanisms = { "psk" } })
    assert.equal("psk inconclusive info mixed_answers", words)
    pool.close()
    servers[1].close()
    servers[2].close()
  end)

  it("takes a refusal inside HTTP for one", function()
    local server = start({}, nil, function(link, data)
      if name_of(link) == OTHER then
        return link.finish(link.connection:write(MISDIRECTED))
      end
      answer_if_directed(link, data)
    end)
    assert.equal("psk good info refused_there", (audit(server, { mechanisms = { "psk" } })))
    server.close()
  end)

  it("sends no name where it says so, and finds there what a full handshake finds as well", function()
    local without_name = 0
    local server = start({ switches_early = true }, nil, function(link, data)
      without_name = without_name + (link.connection:facts().server_name == nil and 1 or 0)
      if name_of(link) == "" then
        return answer(link, data)
      end
      answer_if_directed(link, data)
    end)
    local words, result = audit(server, { mechanisms = { "psk" } })
    assert.equal("psk info info nameless", words)
    assert.equal("T3", result.addresses[1].audit[1].evidence.deviation)
    assert.is_true(without_name >= 3, without_name) -- two resumed, and a full one
    server.close()
  end)

  it("lays to resumption nothing that a full handshake with the certificate does under a name in upper case", function()
    local server = start({ switches_early = true, exact_name = true }, nil, function(link, data)
      if link.connection:facts().server_name == OTHER:upper() then
        return answer(link, data)
      end
      answer_if_directed(link, data)
    end)
    for _, mechanism in ipairs({ "psk", "ticket" }) do
      local words, result = audit(server, { mechanisms = { mechanism } })
      assert.equal(mechanism .. " bad medium certificate_not_bound_to_name", words)
      assert.equal("T4", result.addresses[1].audit[1].evidence.deviation)
    end
    server.close()
  end)

  describe("at a server that refuses by ending the connection alone", function()
    -- Ends connections of the other name's, all but every so many.
    local function ends(all_but)
      local met = 0
      return function(link, data)
        if name_of(link) == OTHER then
          met = met + 1
          if all_but == nil or met % all_but ~= 0 then
            return link.drop("fin")
          end
        end
        answer_if_directed(link, data)
      end
    end

    it("takes that for a refusal where it comes again and again", function()
      local server = start({ switches_early = true }, { request_certificate = true }, ends())
      assert.equal("psk good info refused_there", (audit(server, { mechanisms = { "psk" } })))
      server.close()
    end)

    it("takes it for chance where one connection of several is answered", function()
      local server = start({ switches_early = true }, { request_certificate = true }, ends(3))
      assert.equal("psk not_applicable info none_asked", (audit(server, { mechanisms = { "psk" } })))
      server.close()
    end)
  end)

  it("needs a certificate and another name", function()
    local server = start()
    assert.equal("- not_applicable info needs_audit_names", (audit(server, { audit_names = false })))
    server.close()
  end)

  it("stays within its number of connections", function()
    local server = start({ switches_early = true })
    local options = { mechanisms = { "ticket", "psk" } }
    local before = server.accepted
    resum.scan(server.address, { mechanisms = options.mechanisms, sni = NAME, retries = 0 })
    local of_scan = server.accepted - before
    before = server.accepted
    audit(server, options)
    assert.is_true(server.accepted - before - of_scan <= 2 * 18 + 2, server.accepted - before - of_scan)
    server.close()
  end)
end)
