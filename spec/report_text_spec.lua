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
a.example:25: Resumption by ticket works.
  (STARTTLS of smtp, through socks5h://proxy.example:1080, the name is looked up
  by the proxy)

What to do
  Nothing to do.

What was found
  - Client certificate: asked for; the handshake passes without one.

Is resumption supported?
  Ticket                supported            TLS 1.2, 5 of 5 resumed
]], report.target(one))
  end)

  it("suspects a limit where connections were turned away while others were open, and says what to do", function()
    local rate = { attempted = 60, resumed = 40, errors = 20, error_kinds = { closed = 12, unreachable = 8 },
      rate = 1, interval = { 0.9, 1 }, sequence = sequence(("#"):rep(60)), concurrency = 10 }
    local hint = "Connections were turned away while up to 10 were open at once: the server may limit their number. "
      .. "Try --concurrency 4 and --delay."
    local function shown()
      local text = report.target(result({ rate = { ticket = support("supported", rate) } }))
      return text:gsub("%s+", " "):find(hint, 1, true)
    end
    assert.is_truthy(shown())
    rate.error_kinds = { protocol_error = 20 }
    assert.is_nil(shown())
    rate.error_kinds = { reset = 5 }
    assert.is_nil(shown())
    rate.error_kinds, rate.concurrency = { reset = 20 }, 1
    assert.is_nil(shown())
  end)

  it("begins with the conclusion, then says what to do, then why", function()
    assert.equal([[
a.example:443: Resumption works by ticket, but not by session ID.
  (at 192.0.2.1)

What to do
  Session IDs are issued and never accepted: let the server accept them, or
  issue none.
  Then check again:
    resum --resum_rate a.example

What was found
  - The server issues a session ID but never accepts one: a client that offers
    it makes a full handshake all the same.

Is resumption supported?
  Session ID            not supported        TLS 1.2, 0 of 5 resumed; issued,
                                             but never accepted
  Ticket                supported            TLS 1.2, 5 of 5 resumed; 192-byte
                                             ticket, lifetime hint 300 s
  TLS 1.3 ticket (PSK)  not applicable       the server does not speak TLS 1.3
]], report.target(result({ support = {
      session_id = support("not_supported", { resumed = 0, refused = 5, reason = "issued_not_accepted" }),
      ticket = support("supported", { lifetime_hint_s = 300, ticket_length = 192 }),
      psk = support("not_applicable",
        { version = false, attempted = 0, resumed = 0, reason = "version_not_supported" }),
    } }), { advice = "none" }))
  end)

  it("shows a rate with the question that it answers, its interval, and the sequence, 50 attempts a line", function()
    local marks = ("#.."):rep(20)
    local rate = support("partially_supported", { attempted = 61, resumed = 20, refused = 40, errors = 1,
      error_kinds = { reset = 1 }, rate = 1 / 3, interval = { 0.227, 0.4597 }, sequence = sequence(marks .. "x") })
    assert.equal([[
a.example:443: Resumption by ticket works only some of the time: not every
  server behind this address shares its sessions, or one server forgets them too
  soon.
  (at 192.0.2.1)
  With TLS 1.2 and a ticket, about 2 of 3 returning clients pay a full
  handshake: +1 round trip.

What to do
  Find out which servers do not share their sessions (--resum_rate).
  This command does it:
    resum --resum_rate a.example

How often do sessions resume?
  Up to 61 attempts each; ranges are 95 % intervals, = in the bars. The strips
  show the first rate, attempt by attempt: # resumed, . full handshake instead,
  x error.
  Ticket, TLS 1.2: 20 of 60 resumed; 1 error (reset 1)
    an older session, offered again    33 %  #####=====..........  22 to 46 %
    #..#..#..#..#..#..#..#..#..#..#..#..#..#..#..#..#.
    .#..#..#..x
]], report.target(result({ rate = { ticket = rate } })))
  end)

  it("says that every connection costs a full handshake where nothing resumes", function()
    local text = report.target(result({ support = {
      session_id = support("not_supported", { attempted = 0, resumed = 0, reason = "not_issued" }),
      ticket = support("not_supported", { attempted = 0, resumed = 0, reason = "not_issued" }),
    } }))
    assert.is_truthy(text:find("no session ID is issued", 1, true))
    assert.is_truthy(text:find("no ticket is issued", 1, true))
    assert.is_truthy(text:gsub("%s+", " "):find(
      "Resumption by session ID and ticket does not work: every connection costs a full handshake.", 1, true))
    assert.is_truthy(text:find("ssl_session_tickets on;", 1, true))
  end)

  it("never calls errors a missing support", function()
    local text = report.target(result({ support = {
      ticket = support("inconclusive", { resumed = 0, errors = 5, error_kinds = { timeout = 4, reset = 1 },
        reason = "timeout" }),
    } }))
    text = text:gsub("%s+", " ")
    assert.is_truthy(text:find(
      "inconclusive TLS 1.2, 0 of 0 resumed; 5 errors (reset 1, timeout 4); no answer in time", 1, true))
    assert.is_truthy(text:find("Whether resumption by ticket works is not known: there were too many errors.", 1, true))
    assert.is_nil(text:find("Nothing to do", 1, true))
    assert.is_nil(text:find("not supported", 1, true))
  end)

  it("has one line for an address that could not be scanned", function()
    assert.equal("a.example:443: unreachable: connection refused\n  (at 192.0.2.1)\n", report.target(result({
      status = "unreachable", error = { message = "connect: refused", code = "refused" } })))
  end)

  it("has one line for a name without an address", function()
    assert.equal("a.example:443: unreachable: no address for a.example\n", report.target({
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
    assert.equal(report.target(one), (coloured:gsub("\27%[[%d;]*m", "")))
  end)
end)
