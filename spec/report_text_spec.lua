local report = require "resum.report.text"

local function support(verdict, more)
  local v = { verdict = verdict, attempted = 5, resumed = 5, refused = 0, errors = 0, error_kinds = {}, designs = {},
    attempts = {}, version = "TLSv1.2" }
  for name, value in pairs(more or {}) do
    v[name] = value
  end
  return v
end

local function sequence(text)
  local outcomes, list = { ["#"] = "resumed", ["."] = "refused", x = "reset" }, {}
  for mark in text:gmatch(".") do
    list[#list + 1] = { outcome = outcomes[mark], seed = 1 }
  end
  return list
end

local function result(entry)
  entry.address = entry.address or "192.0.2.1"
  entry.status = entry.status or "completed"
  return { target = { text = "a.example", host = "a.example", port = 443 }, status = entry.status,
    error = entry.error, elapsed_s = 1, addresses = { entry } }
end

describe("the text report", function()
  it("tells how the target was reached, and what the server wants of a client", function()
    local one = result({ address = "a.example", resolved_by = "proxy", client_certificate = "optional",
      support = { ticket = support("supported") } })
    one.target.starttls, one.target.proxy, one.target.port = "smtp", "socks5h://proxy.example:1080", 25
    assert.equal([[
a.example:25, STARTTLS of smtp, through socks5h://proxy.example:1080
  a.example (looked up by the proxy: its addresses are not known here)
    Client certificate: asked for; the handshake passes without one
    Support
]], report.target(one):match("^.-    Support\n"))
  end)

  it("suspects a limit where connections were turned away while others were open, and says what to do", function()
    local rate = { attempted = 60, resumed = 40, errors = 20, error_kinds = { closed = 12, unreachable = 8 },
      rate = 1, interval = { 0.9, 1 }, sequence = sequence(("#"):rep(60)), concurrency = 10 }
    local hint = "Connections were turned away while up to 10 were open at once: the server may limit their number. "
      .. "Try --concurrency 4, and --delay.\n"
    local function shown()
      local text = report.target(result({ rate = { ticket = support("supported", rate) } }))
      return text:gsub("\n       ", " "):find(hint, 1, true)
    end
    assert.is_truthy(shown())
    rate.error_kinds = { protocol_error = 20 }
    assert.is_nil(shown())
    rate.error_kinds = { reset = 5 }
    assert.is_nil(shown())
    rate.error_kinds, rate.concurrency = { reset = 20 }, 1
    assert.is_nil(shown())
  end)

  it("has a block for the address, a line a mechanism, and what it means", function()
    assert.equal([[
a.example:443
  192.0.2.1
    Support
      Session ID         TLS 1.2  not supported        0 of 5 resumed; issued, but never accepted
      Ticket (RFC 5077)  TLS 1.2  supported            5 of 5 resumed; 192-byte ticket, lifetime hint 300 s
      PSK (RFC 8446)              not applicable       the server does not speak TLS 1.3
    => Resumption by ticket works.
       Resumption by session ID does not work.
       The server issues a session ID and never accepts one: who offers it makes a full handshake all the same.
       Mend that, or issue none.
]], report.target(result({ support = {
      session_id = support("not_supported", { resumed = 0, refused = 5, reason = "issued_not_accepted" }),
      ticket = support("supported", { lifetime_hint_s = 300, ticket_length = 192 }),
      psk = support("not_applicable",
        { version = false, attempted = 0, resumed = 0, reason = "version_not_supported" }),
    } })))
  end)

  it("shows a rate with its interval, its counts and the sequence, 50 attempts a line", function()
    local marks = ("#.."):rep(20)
    local rate = support("partially_supported", { attempted = 61, resumed = 20, refused = 40, errors = 1,
      error_kinds = { reset = 1 }, rate = 1 / 3, interval = { 0.227, 0.4597 }, sequence = sequence(marks .. "x") })
    assert.equal([[
a.example:443
  192.0.2.1
    Rate, by up to 61 attempts each  (# resumed, . full handshake instead, x error; 95 % interval)
      Ticket (RFC 5077)  TLS 1.2   33 %  (22 to 46 %)    20 of 60 resumed; 1 error (reset 1)
        #..#..#..#..#..#..#..#..#..#..#..#..#..#..#..#..#.
        .#..#..#..x
    => Behind this address not every server shares its sessions. Resumption by ticket works at times only.
       Give all servers the same ticket keys and one session cache. (Is it one server? Then it forgets too soon.)
]], report.target(result({ rate = { ticket = rate } })))
  end)

  it("says that every connection costs a full handshake where nothing resumes", function()
    local text = report.target(result({ support = {
      session_id = support("not_supported", { attempted = 0, resumed = 0, reason = "not_issued" }),
      ticket = support("not_supported", { attempted = 0, resumed = 0, reason = "not_issued" }),
    } }))
    assert.is_truthy(text:find("no session ID is issued", 1, true))
    assert.is_truthy(text:find("no ticket is issued", 1, true))
    assert.is_truthy(text:find(
      "=> Resumption by session ID and ticket does not work: every connection costs a full handshake.", 1, true))
  end)

  it("never calls errors a missing support", function()
    local text = report.target(result({ support = {
      ticket = support("inconclusive", { resumed = 0, errors = 5, error_kinds = { timeout = 4, reset = 1 },
        reason = "timeout" }),
    } }))
    assert.is_truthy(text:find(
      "inconclusive         0 of 0 resumed; 5 errors (reset 1, timeout 4); no answer in time", 1, true))
    assert.is_truthy(text:find("=> Resumption by ticket: too many errors to say.", 1, true))
    assert.is_nil(text:find("not supported", 1, true))
  end)

  it("has one line for an address that could not be scanned", function()
    assert.equal("a.example:443\n  192.0.2.1\n    unreachable: connect: connection refused\n", report.target(result({
      status = "unreachable", error = { message = "connect: connection refused", code = "refused" } })))
  end)

  it("has one line for a name without an address", function()
    assert.equal("a.example:443\n  unreachable: resolve: no address for a.example\n", report.target({
      target = { text = "a.example", host = "a.example", port = 443 },
      status = "unreachable",
      error = { message = "resolve: no address for a.example", code = "unreachable" },
      addresses = {},
    }))
  end)

  it("escapes what a server sent", function()
    local message = "it said \27[2J\7\255\n=> all is well"
    local text = report.target(result({ status = "error", error = { message = message } }))
    assert.is_truthy(text:find("it said \\x1b[2J\\x07\\xff\\x0a=> all is well", 1, true))
    assert.is_nil(text:find("[^\n\32-\126]"))
  end)

  it("is coloured only when asked", function()
    local one = result({ support = { ticket = support("supported") } })
    assert.is_nil(report.target(one, {}):find("\27", 1, true))
    local coloured = report.target(one, { colour = true })
    assert.is_truthy(coloured:find("\27[32msupported", 1, true))
    assert.equal(report.target(one), (coloured:gsub("\27%[%d*m", "")))
  end)
end)
