-- What to do about a result: steps in sentences, in the order in which they help, each with the topic under which
-- resum.analysis.configuration has lines to paste; and the command that tells afterwards whether it has helped. Pure.

local conclusion = require "resum.analysis.conclusion"
local mechanisms = require "resum.connection.mechanism"
local target = require "resum.target"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local TICKET_KEYS = { topic = "ticket_keys", text = "Give all servers the same ticket keys, and renew them often: the "
  .. "old key has to stay good until its tickets have run out. Do so only for servers that have the same certificate, "
  .. "serve the same content and have the same policy for client certificates: who has a session of one is then let in "
  .. "by all." }
local SHARED_CACHE = { topic = "shared_cache",
  text = "For clients without tickets, which use session IDs, give all servers one session cache." }
local SWITCH_ON = { topic = "switch_on", text = "Switch resumption on." }
local SWITCH_ON_THERE = { topic = "switch_on", text = "Switch resumption on there." }
local SAME_VERSIONS = { topic = "same_versions", text = "Let all servers speak the same versions of TLS." }
local ONE_CERTIFICATE = { text = "Give all servers the same certificate: nginx takes a session only under the "
  .. "certificate under which it was issued." }
local ALIKE = { text = "The keys are shared already. Configure these servers alike: cipher suites, versions, extended "
  .. "master secret, session timeouts, clocks (NTP), and the name of the virtual host (Apache's ServerName, Node's "
  .. "sessionIdContext). Sessions are bound to all of these." }
local LEFT_OUT = { text = "Find out which servers were left out; the letters below stand for their ticket keys." }
local ROLL_OUT = { text = "Finish the roll-out of the new key: first give it to all servers as a second key, and only "
  .. "then let them issue with it." }
local COMPARE = { text = "Compare the configuration of that server with that of the others." }
local AGAIN = { text = "Scan again, with more --attempts or a longer --timeout." }
local WHY_FAILING = { text = "Find out why connections fail: a client that is dropped has to connect again, and has "
  .. "not resumed." }
local MEASURE = { text = "Find out which servers do not share their sessions: add --resum_rate.", measure = true }

local BEHAVIOUR = { late_cache = "Let the server write a session to its cache before it answers, or switch session IDs "
  .. "off where there are tickets.", forgotten_at_request = "Look for what ends sessions when a request has been "
  .. "answered.", fails_on_resumption = "Look for what drops connections that offer a session: a middlebox, or a crash "
  .. "in the server.", alert_on_resumption = "Look into the server's log: it must answer a session that it does not "
  .. "take with a full handshake, not with an alert.", breaks_with_tickets = "Look for what breaks where a ticket is "
  .. "asked for: a middlebox, or a fault of the server." }

local BY_VERDICT = {
  keys_shared_caches_not = { { topic = "shared_cache", text = "Clients with tickets are well served. "
    .. "For the others, which use session IDs, give all servers one session cache." } },
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
  no_resumption = { SWITCH_ON },
  rotated = { { text = "Scan again. If it happens every time: keep accepting the old key when keys are renewed." },
    TICKET_KEYS },
  late_cache = { { text = BEHAVIOUR.late_cache } },
  fails_on_resumption = { { text = BEHAVIOUR.fails_on_resumption } },
  unexplained = { { text = "See which connections are refused: what they have in common is what to look for." } },
  inconclusive = { AGAIN },
  broken = { { text = "Leave out --quick to see which servers share what.", measure = true } },
}

local function has_finding(balancer, code)
  for _, finding in ipairs(balancer.findings or {}) do
    if finding.code == code then
      return finding
    end
  end
end

local function about_pool(balancer)
  if balancer.verdict == "all_shared" or balancer.verdict == "healthy" then
    return has_finding(balancer, "connections_failed") and { WHY_FAILING } or {}
  elseif balancer.member and balancer.member.how == "other_version" then
    return { SAME_VERSIONS }
  elseif balancer.verdict == "differs" then
    return { balancer.attribute == "leaf" and ONE_CERTIFICATE or ALIKE,
      (balancer.keys or 1) > 1 and TICKET_KEYS or nil }
  end
  return BY_VERDICT[balancer.verdict] or { balancer.advice and { text = balancer.advice } }
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

local function add_causes(entry, add)
  for _, name in ipairs(mechanisms.names) do
    local judged = conclusion.judged(entry, name)
    local text = judged and BEHAVIOUR[judged.reason]
    if text and not (judged.reason == "alert_on_resumption" and judged.alert == "protocol_version") then
      add({ text = text })
    end
  end
end

local LEAST_ISSUED = 0.5 -- tickets a resumed connection: below it a browser's store runs dry

-- A browser uses a ticket once: with none after a resumption it has to make a full handshake every so often.
local function runs_dry(entry)
  local browser = entry.browser
  return browser and browser.resumed > 0 and (browser.tickets_after_resumed or 1) < LEAST_ISSUED
end

local function add_mechanisms(entry, add)
  local unaccepted, off, works, partly = sorted(entry)
  if #unaccepted > 0 and #works + #partly > 0 then
    add({ topic = "switch_on", text = ("%s are issued and never accepted: let the server accept them, or issue none.")
      :format(capitalised(nouns(unaccepted))) })
  elseif #works + #partly == 0 and #unaccepted + #off > 0 then
    add(SWITCH_ON)
  elseif #off > 0 and #works > 0 then
    add({ optional = true, text = ("%s are switched off, which is fine if it is intended."):format(
      capitalised(nouns(off))) })
  end
  if #partly > 0 and not entry.balancer then
    add(MEASURE)
  end
end

M.TICKET_KEYS = TICKET_KEYS

--- What to do about one address.
-- @tparam table entry one of a result's addresses
-- @treturn {table,...} text, topic (nil where there is nothing to paste), optional (true: it may be as intended); empty
--   where nothing is to be done, or nothing is known
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
  add_mechanisms(entry, add)
  add_causes(entry, add)
  for _, finding in ipairs(entry.audit or {}) do
    add(finding.verdict == "bad" and finding.advice and { text = finding.advice } or nil)
  end
  if runs_dry(entry) then
    add({ text = ("Let the server issue a new ticket on a resumed connection: a browser uses each ticket once, and "
      .. "resumed %d of %d connections in a row. HAProxy and Apache issue none when they have a file of ticket keys.")
      :format(entry.browser.resumed, entry.browser.attempted) })
  end
  return list
end

--- Is there certainly nothing to do: does every mechanism that the server speaks resume, each time?
-- @tparam table entry one of a result's addresses
-- @treturn boolean
function M.nothing_to_do(entry)
  if entry.status ~= "completed" or #M.of(entry) > 0 then
    return false
  end
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

-- A word as a shell takes it.
local function quoted(word)
  return word:find("^[%w%.%-_:/@%%+,=]+$") and word or "'" .. word:gsub("'", "'\\''") .. "'"
end

--- The command that tells whether it has helped.
-- @tparam table described the target of a result: text, host, port, sni, starttls, xmpp_to, proxy, proxy_protocol
-- @treturn string
function M.command(described)
  local words = { "resum --resum_rate" }
  for _, option in ipairs({ "starttls", "xmpp_to", "proxy", "proxy_protocol" }) do
    words[#words + 1] = described[option] and ("--%s %s"):format(option, quoted(tostring(described[option])))
  end
  if described.sni and described.sni ~= described.host then
    words[#words + 1] = "--sni " .. quoted(described.sni)
  end
  words[#words + 1] = quoted(described.port and described.text == nil and target.label(described) or described.text)
  return table.concat(words, " ")
end

return M
