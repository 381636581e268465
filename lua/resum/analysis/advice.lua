-- What to do about a result: steps in sentences, in the order in which they help, each with the topic under which
-- resum.analysis.configuration has lines to paste; and the command that tells afterwards whether it has helped. Pure.

local conclusion = require "resum.analysis.conclusion"
local mechanisms = require "resum.connection.mechanism"
local pool_findings = require "resum.analysis.pool.findings"
local pool_words = require "resum.analysis.pool_words"
local target = require "resum.target"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local TICKET_KEYS = { topic = "ticket_keys", text = "Give all servers the same ticket keys, and renew them often: the "
  .. "old key has to stay good until its tickets have run out. Do so only for servers that have the same certificate, "
  .. "serve the same content and have the same policy for client certificates: whoever has a session of one is then "
  .. "let in by all." }
local SHARED_CACHE = { topic = "shared_cache", text = "Give all servers one session cache, where their software can "
  .. "have one: clients without tickets, which are few, use session IDs." }
local SWITCH_ON = { topic = "switch_on", text = "Switch resumption on." }
local UNACCEPTED = { topic = "switch_on", text = "Sessions are issued, and none is accepted: find out why. The "
  .. "session cache may be off; each connection may have a TLS context, and so keys, of its own; there may be many "
  .. "servers that share nothing." }
local ONE_CONTEXT = { text = "Let the server make its TLS context once, and not for each connection: ticket keys and "
  .. "the session cache live in it." }
local SWITCH_ON_THERE = { topic = "switch_on", text = "Switch resumption on there." }
local SAME_VERSIONS = { topic = "same_versions", text = "Let all servers speak the same versions of TLS." }
local SAME_MECHANISMS = { topic = "switch_on", text = "Let all servers resume by the same mechanisms: some lack what "
  .. "others have." }
local ONE_CERTIFICATE = { text = "Give all servers the same certificate: nginx takes a session only under the "
  .. "certificate under which it was issued." }
-- nginx (ngx_ssl_session_ticket_keys), Apache (SSLSessionTicketKeyFile) and HAProxy (tls-ticket-keys) take name, HMAC
-- key and AES key from a file in orders of their own, and set session ID contexts of their own.
local ALIKE = { text = "The key seems to be shared already. Configure these servers alike: cipher suites, versions, "
  .. "extended master secret, session timeouts, clocks (NTP), and the name of the virtual host (Apache's ServerName, "
  .. "Node's sessionIdContext). Sessions are bound to all of these. Servers of different software hardly ever take "
  .. "each other's sessions: they read one key file in different ways." }
local LEFT_OUT = { text = "Find out which servers were left out; the letters below stand for their ticket keys." }
local ROLL_OUT = { text = "Finish the roll-out of the new key: first give it to all servers as a second key, and only "
  .. "then let them issue with it." }
local COMPARE = { text = "Compare the configuration of that server with that of the others." }
-- Session IDs and tickets of TLS 1.2 are of no use to a client that speaks TLS 1.3.
local SWITCH_ON_13 = { topic = "switch_on", why = "Clients that speak TLS 1.3, as most do, never resume: no TLS 1.3 "
  .. "ticket is issued.", text = "Let the server issue TLS 1.3 tickets: a client that speaks TLS 1.3, as most do, "
  .. "can't resume without. In Erlang's TLS, which RabbitMQ uses, that is {session_tickets, stateless}." }
local AGAIN = { by = "nothing", text = "Scan again, with more --attempts or a longer --timeout." }
-- A share of the connections fails, whatever they offer; or breaks behind its handshake.
local FAILING = {
  connections_failed = "Find out why connections fail: a client that is dropped has to connect again, and has not "
    .. "resumed.",
  cut_short = "Find out why connections break right after the handshake: a client that is dropped has to connect "
    .. "again.",
}

local function why_failing(balancer)
  local steps = {}
  for _, finding in ipairs(balancer.findings or {}) do
    local text = FAILING[finding.code]
    if text then
      steps[#steps + 1] = { id = "connections", code = finding.code, why = pool_findings.sentence(finding),
        text = text }
    end
  end
  return steps
end

local LET_IN = { text = "Find the servers behind this address that turn clients away before TLS: let clients in "
  .. "there, or take these servers out of the pool." }
local FIRST_SEGMENT = { text = "Look for what reads only the first segment of a ClientHello.",
  why = "A client that offers a hybrid key share, as browsers do, does not get in." }
local MEASURE = { by = "measuring", text = "Find out which servers do not share their sessions (--resum_rate)." }

local BEHAVIOUR = {
  late_cache = "Let the server write a session to its cache before it answers, or switch session IDs off where there "
    .. "are tickets.",
  forgotten_at_request = "Look for what ends sessions when a request has been answered.",
  fails_on_resumption = "Look for what breaks connections that offer a session: a middlebox, a crash of the server, or "
    .. "an answer of it that breaks the protocol.",
  alert_on_resumption = "Look into the server's log: it must answer a session that it does not take with a full "
    .. "handshake, not with an alert.",
  single_use_not_renewed = "Let the server take a session more than once, or issue a new ticket on a resumed "
    .. "connection: up to TLS 1.2, a client offers the same one until it gets another.",
  breaks_with_tickets = "Look for what breaks where a ticket is asked for: a middlebox, or a fault of the server.",
}

local LATE_CACHE = { text = BEHAVIOUR.late_cache }

local BY_VERDICT = {
  keys_shared_caches_not = { { topic = "shared_cache", text = "Clients with tickets are well served. For the "
    .. "others, which are few and use session IDs, give all servers one session cache, where their software can have "
    .. "one." } },
  caches_shared_keys_not = { TICKET_KEYS },
  nothing_shared = { TICKET_KEYS, SHARED_CACHE },
  sticky_source = { { text = "Don't rely on it: a client whose address changes loses its session, and so do all "
    .. "clients when the balancer is reconfigured." }, TICKET_KEYS, SHARED_CACHE },
  sticky_session_id = {
    { text = "Don't rely on it: today's clients use tickets, which are not led back to their server." },
    TICKET_KEYS,
  },
  bad_member = { COMPARE, SWITCH_ON_THERE },
  mixed_groups = { LEFT_OUT, TICKET_KEYS },
  one_way = { ROLL_OUT, TICKET_KEYS },
  rotated = { { text = "Scan again. If it happens every time: keep accepting the old key when keys are renewed." },
    TICKET_KEYS },
  late_cache = { LATE_CACHE },
  fails_on_resumption = { { text = BEHAVIOUR.fails_on_resumption } },
  unexplained = { { by = "nothing",
    text = "See which connections are refused: what they have in common is what to look for." } },
  inconclusive = { AGAIN },
}

-- What the quick check can't tell.
local AFTER_QUICK = {
  broken = { { by = "measuring", text = "Find out which servers share what (without --quick)." } },
  inconclusive = { { by = "measuring", text = "Measure the rate (without --quick)." } },
  not_applicable = { { by = "nothing", text = "Ask for other --mechanisms." } },
}

-- Where the others share nothing, whoever meets them pays as well.
local function with_strangers(balancer, steps)
  local met = balancer.verdict == "bad_member" and pool_findings.with_code(balancer.findings, "others_share_nothing")
  return met and { steps[1], steps[2], TICKET_KEYS, SHARED_CACHE } or steps
end

-- Tickets and PSKs that a member lacks are a fault beside the verdict's own; session IDs may be no fault (see
-- resum.analysis.pool.whole).
local function with_lacking(balancer, steps)
  local list = table.move(steps, 1, #steps, 1, {})
  if balancer.verdict ~= "late_cache" and pool_findings.with_code(balancer.findings, "late_cache") then
    list[#list + 1] = LATE_CACHE
  end
  for _, finding in ipairs(balancer.verdict ~= "bad_member" and balancer.findings or {}) do
    list[#list + 1] = finding.code == "some_issue_none" and finding.mechanism ~= "session_id" and SAME_MECHANISMS or nil
  end
  return list
end

-- Has each connection keys of its own? That is why none of its sessions is accepted.
local function makes_new_keys(balancer)
  return pool_findings.with_code(balancer and balancer.findings, "new_key_each_time") ~= nil
end

local function about_pool(balancer)
  if balancer.verdict == "all_shared" or balancer.verdict == "healthy" then
    return why_failing(balancer)
  elseif balancer.verdict == "no_resumption" and pool_words.some_are_shared(balancer) then
    return {} -- what is to be done about the others, the mechanisms' verdicts say
  elseif makes_new_keys(balancer) then
    return { ONE_CONTEXT }
  elseif balancer.member and balancer.member.how == "other_version" then
    return { SAME_VERSIONS }
  elseif balancer.verdict == "differs" then
    return { balancer.attribute == "leaf" and ONE_CERTIFICATE or ALIKE,
      (balancer.keys or 1) > 1 and TICKET_KEYS or nil }
  end
  local steps = balancer.quick and AFTER_QUICK[balancer.verdict] or BY_VERDICT[balancer.verdict] or {}
  return with_lacking(balancer, with_strangers(balancer, steps))
end

-- Mechanisms whose sessions are issued and never accepted; that are switched off; that work, or do at times.
local function sorted(entry)
  local unaccepted, off, works, partly = {}, {}, {}, {}
  for _, name in ipairs(mechanisms.names) do
    local judged = conclusion.judged(entry, name)
    local quick = entry.balancer and entry.balancer.quick and entry.balancer.quick[name]
    if judged and judged.verdict == "supported" or quick and quick.verdict == "healthy" then
      works[#works + 1] = name
    elseif judged and judged.verdict == "partially_supported" then
      partly[#partly + 1] = name
    elseif judged and judged.reason == "issued_not_accepted" or quick and quick.verdict == "no_resumption"
      and quick.refused > 0 then
      unaccepted[#unaccepted + 1] = name
    elseif judged and judged.verdict == "not_supported" and judged.reason == "not_issued" or quick
      and quick.verdict == "no_resumption" then
      off[#off + 1] = name
    end
  end
  return unaccepted, off, works, partly
end

local function nouns(names)
  local list = {}
  for i, name in ipairs(names) do
    list[i] = mechanisms[name].noun .. "s"
  end
  return vocabulary.enumerate(list)
end

local function capitalised(text)
  return (text:gsub("^%l", string.upper))
end

local TAKEN_BEFORE = "Look into the server's log: it should answer a session that it has taken before with a full "
  .. "handshake."

-- Is one known? What the pool's verdict has said already is one as well.
local function add_causes(entry, add)
  local has_cause = makes_new_keys(entry.balancer)
  for _, name in ipairs(mechanisms.names) do
    local judged = conclusion.judged(entry, name)
    local text = judged and BEHAVIOUR[judged.reason]
    if text and not (judged.reason == "alert_on_resumption" and judged.alert == "protocol_version") then
      add({ text = text })
      has_cause = true
    end
    if judged and judged.again then
      add({ optional = judged.verdict == "supported", text = TAKEN_BEFORE })
    end
  end
  return has_cause
end

-- Where none was refused there is nothing to share: offers fail.
local function some_are_refused(entry, names)
  for _, name in ipairs(names) do
    if (conclusion.judged(entry, name) or {}).refused ~= 0 then
      return true
    end
  end
  return false
end

local LEAST_ISSUED = 0.5 -- tickets a resumed connection: below it a browser's store runs dry

-- A browser uses a ticket once: with none after a resumption it has to make a full handshake every so often.
local function runs_dry(entry)
  local browser = entry.browser
  return browser and browser.resumed > 0 and (browser.tickets_after_resumed or 1) < LEAST_ISSUED
end

-- Has TLS 1.3 switched on where the server speaks it and resumes with TLS 1.2 only; what else is off may be intended.
local function without_13(entry, off, add)
  local psk, others = conclusion.judged(entry, "psk"), {}
  for _, name in ipairs(off) do
    local is_due = name == "psk" and psk and psk.reason == "not_issued"
    add(is_due and SWITCH_ON_13 or nil)
    others[#others + 1] = not is_due and name or nil
  end
  return others
end

local function add_mechanisms(entry, has_cause, add)
  local unaccepted, off, works, partly = sorted(entry)
  if #unaccepted > 0 and #works + #partly > 0 then
    add({ topic = "switch_on", text = ("%s are issued and never accepted: let the server accept them, or issue none.")
      :format(capitalised(nouns(unaccepted))) })
  elseif #works + #partly == 0 and #unaccepted + #off > 0 and not has_cause then
    add(#off == 0 and UNACCEPTED or SWITCH_ON)
  elseif #off > 0 and #works > 0 then
    off = without_13(entry, off, add)
    add(#off > 0 and { optional = true, text = ("%s are switched off, which is fine if it is intended."):format(
      capitalised(nouns(off))) } or nil)
  end
  if not entry.balancer and some_are_refused(entry, partly) then
    add(MEASURE)
  end
end

M.TICKET_KEYS = TICKET_KEYS

--- What to do about one address.
-- @tparam table entry one of a result's addresses
-- @treturn {table,...} text, topic (nil where there is nothing to paste), optional (true: it may be as intended), by
--   (what tells afterwards whether it has helped, nil: the rate; "measuring": it is a measurement itself; "audit";
--   "nothing"), options (what that needs beside --audit), why (a sentence, where no verdict says it), and then
--   id and code (of the finding that it is, see resum.analysis.findings); empty where nothing is to be done, or nothing
--   is known
function M.of(entry)
  local list, known = {}, {}
  local function add(step)
    if step and not known[step.text] then
      known[step.text] = true
      list[#list + 1] = step
    end
  end
  for _, step in ipairs(entry.balancer and about_pool(entry.balancer) or {}) do
    add(step)
  end
  add(entry.status == "completed" and entry.before_tls and LET_IN or nil)
  add(entry.client_hello and FIRST_SEGMENT or nil)
  add_mechanisms(entry, add_causes(entry, add), add)
  local is_said = false -- by the audit: the same cause, at more length
  for _, finding in ipairs(entry.audit or {}) do
    add(finding.verdict == "bad" and finding.advice
      and { by = "audit", text = finding.advice, options = finding.options } or nil)
    is_said = is_said or finding.verdict == "bad" and finding.id == "single-use"
  end
  if runs_dry(entry) and not is_said then
    local browser = entry.browser
    add({ id = "browser", code = "no_new_ticket",
      why = ("A browser, which uses each ticket once, resumes %d of %d connections in a row: the server issues no new "
        .. "ticket on a resumed one."):format(browser.resumed, browser.attempted),
      text = "Let the server issue a new ticket on a resumed connection. HAProxy and Apache issue none when they have "
        .. "a file of ticket keys." })
  end
  return list
end

-- Does every mechanism that the server speaks resume, each time?
local function all_resume(entry)
  local works = 0
  for _, name in ipairs(mechanisms.names) do
    local judged = conclusion.judged(entry, name)
    local quick = entry.balancer and entry.balancer.quick and entry.balancer.quick[name]
    local verdict = judged and judged.verdict or quick and quick.verdict
    if verdict == "supported" or verdict == "healthy" then
      works = works + 1
    elseif verdict and verdict ~= "not_applicable" then
      return false
    end
  end
  return works > 0
end

--- Is there nothing to do at some addresses? Only where every mechanism that the server speaks resumes, each time; and
-- a balancer that goes by the client's address hides from few of them what it does.
-- @tparam {table,...} entries of a result's addresses
-- @treturn string|nil the sentence that says so
function M.nothing_to_do(entries)
  local sources
  for _, entry in ipairs(entries) do
    if entry.status ~= "completed" or #M.of(entry) > 0 or not all_resume(entry) then
      return nil
    end
    local finding = entry.balancer and pool_findings.with_code(entry.balancer.findings, "stickiness_unknown")
    sources = finding and math.min(sources or math.huge, finding.sources) or sources
  end
  if sources then
    return ("Nothing to do, as far as can be seen from %s."):format(sources == 1 and "one client address"
      or ("%d client addresses"):format(sources))
  end
  return #entries > 0 and "Nothing to do." or nil
end

-- A word as a shell takes it.
local function quoted(word)
  return word:find("^[%w%.%-_:/@%%+,=]+$") and word or "'" .. word:gsub("'", "'\\''") .. "'"
end

-- What the command is for: most steps change something, and some are a measurement.
local LEADS = { changes = "Then check again:", measuring = "This command does it:" }

-- What the audit needs to see again what it has found.
local function add_options(words, steps)
  local known = {}
  for _, step in ipairs(steps) do
    for _, option in ipairs(step.options or {}) do
      words[#words + 1] = not known[option] and option or nil
      known[option] = true
    end
  end
end

--- What to run, after the steps or for them.
-- @tparam table described the target of a result: text, host, port, sni, starttls, xmpp_to, proxy, proxy_protocol
-- @tparam {table,...} steps see of
-- @treturn string|nil the command, where one tells
-- @treturn string what it is for: "Then check again:"
function M.command(described, steps)
  local met = {}
  for _, step in ipairs(steps) do
    met[step.optional and "nothing" or step.by or "rate"] = true
  end
  if not (met.rate or met.audit or met.measuring) then
    return nil
  end
  local words = { "resum" }
  words[#words + 1] = (met.rate or met.measuring) and "--resum_rate" or nil
  words[#words + 1] = met.audit and "--audit" or nil
  add_options(words, steps)
  for _, option in ipairs({ "starttls", "xmpp_to", "proxy", "proxy_protocol" }) do
    words[#words + 1] = described[option] and ("--%s %s"):format(option, quoted(tostring(described[option])))
  end
  if described.sni and described.sni ~= described.host then
    words[#words + 1] = "--sni " .. quoted(described.sni)
  end
  words[#words + 1] = quoted(described.port and described.text == nil and target.label(described) or described.text)
  return table.concat(words, " "), (met.rate or met.audit) and LEADS.changes or LEADS.measuring
end

return M
