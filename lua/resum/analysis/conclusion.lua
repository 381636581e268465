-- What the result of an address means, in sentences: all reports say the same. Pure.

local findings = require "resum.analysis.pool.findings"
local mechanisms = require "resum.connection.mechanism"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local enumerate = vocabulary.enumerate

-- What the look at the pool came to; empty where there was none.
local function of_pool(entry, name)
  return entry.balancer and entry.balancer.mechanisms and entry.balancer.mechanisms[name] or {}
end

--- Did any session resume, if not one of those that this scan offers? Those of the rate are the oldest: where keys
-- changed while it ran they are refused, and others are not.
-- @tparam table entry one of a result's addresses
-- @tparam string name of the mechanism
-- @treturn boolean
function M.resumes_elsewhere(entry, name)
  local support = entry.support and entry.support[name]
  local rate = entry.rate and entry.rate[name]
  local resumed = (support and support.resumed or 0) + (rate and rate.resumed or 0)
  for _, counts in pairs(of_pool(entry, name).designs or {}) do
    resumed = resumed + (counts.resumed or 0)
  end
  return resumed > 0 or name == "psk" and entry.browser ~= nil and (entry.browser.resumed or 0) > 0
end

-- What resumes and breaks before a request is answered has resumed, as far as handshakes tell.
local function breaks_then(entry, name)
  local fails = of_pool(entry, name).fails
  return fails and fails.served
end

local AT_TIMES = { verdict = "partially_supported", reason = "issued_not_always_accepted" }
local BREAKS_THEN = { verdict = "partially_supported", reason = "fails_on_resumption" }

-- What all scans together say, where one alone has said something else.
local function together(entry, name, judged)
  if judged.reason == "issued_not_accepted" and M.resumes_elsewhere(entry, name) then
    return AT_TIMES
  elseif judged.verdict == "supported" and breaks_then(entry, name) then
    return BREAKS_THEN
  end
end

--- Has the scans of an address say the same, when all have had their say: "never" is a word on all of them, and what
-- breaks behind the handshake only the look at the pool has seen.
-- @tparam table entry one of a result's addresses, which is changed
function M.settle(entry)
  for _, scan in ipairs({ entry.support or {}, entry.rate or {} }) do
    for _, name in ipairs(mechanisms.names) do
      local better = scan[name] and together(entry, name, scan[name])
      if better then
        scan[name].verdict, scan[name].reason = better.verdict, better.reason
      end
    end
  end
end

--- The verdict on a mechanism that counts: the rate's word before the support scan's, as it had more attempts. But
-- settled also while they have not had their say.
-- @tparam table entry one of a result's addresses
-- @tparam string name of the mechanism
-- @treturn table|nil verdict, reason, …; nil where it was not asked for
function M.judged(entry, name)
  local judged = entry.rate and entry.rate[name]
  if not judged or judged.attempted == 0 then
    judged = entry.support and entry.support[name] or judged
  end
  local better = judged and together(entry, name, judged)
  return better and setmetatable({ verdict = better.verdict, reason = better.reason }, { __index = judged }) or judged
end

-- Reasons that say more than their verdict, and have a sentence of their own.
local EXPLAINED = { fails_on_resumption = true, late_cache = true, forgotten_at_request = true, no_answer = true,
  hung_up = true, cut_short = true, breaks_with_tickets = true, single_use_not_renewed = true }

-- Which mechanisms got which verdict, or which of these reasons. Those in `alerted` got it for an alert that any client
-- meets, not only one that, like us, offers one version; those in `unaccepted` are issued all the same.
local function by_verdict(entry)
  local lists = {}
  local function add(key, name)
    lists[key] = lists[key] or {}
    table.insert(lists[key], mechanisms[name].noun)
  end
  for _, name in ipairs(mechanisms.names) do
    local judged = M.judged(entry, name)
    if judged then
      local explained = EXPLAINED[judged.reason]
      add(explained and judged.verdict ~= "not_supported" and judged.reason or vocabulary.verdict_shown(judged), name)
      if judged.reason == "alert_on_resumption" and judged.alert ~= "protocol_version" then
        add("alerted", name)
      elseif judged.verdict == "not_supported" and judged.reason == "issued_not_accepted" then
        add("unaccepted", name)
      elseif judged.verdict == "not_supported" and judged.reason == "fails_on_resumption" then
        add("failing", name)
      end
    end
  end
  return lists
end

local TURNED_AWAY = { "closed", "reset", "timeout", "unreachable" }
local MANY_TURNED_AWAY = 0.1 -- of a rate's attempts

-- Did a connection of the support scan fail, which makes a few at a time?
local function fails_anyway(entry)
  for _, judged in pairs(entry.support or {}) do
    if judged.errors > 0 then
      return true
    end
  end
  return false
end

-- Were so many connections turned away while others were open, and none when there was one at a time, that the server
-- may limit their number?
local function looks_limited(rate)
  local turned_away = 0
  for _, kind in ipairs(TURNED_AWAY) do
    turned_away = turned_away + (rate.error_kinds[kind] or 0)
  end
  if (rate.concurrency or 1) == 1 or rate.failures then
    return false
  end
  return turned_away > 0 and turned_away >= MANY_TURNED_AWAY * rate.attempted
end

-- Whoever is turned away gets no ServerHello.
local function say_limits(entry, say)
  local failures = findings.with_code(entry.balancer and entry.balancer.findings, "connections_failed") or {}
  if fails_anyway(entry) or failures.begun then
    return
  elseif entry.support and failures.share and failures.share > findings.MOST then
    return say("Connections were turned away from some moment on, and none before: the server may limit how often a "
      .. "client connects. Try --delay, after a while.")
  end
  for _, rate in vocabulary.each_mechanism(entry.rate or {}) do
    if looks_limited(rate) then
      return say("Connections were turned away while up to %d were open at once: the server may limit their number. "
        .. "Try --concurrency %d and --delay.", rate.concurrency, math.max(1, math.min(4, rate.concurrency // 2)))
    end
  end
end

-- " (12 of 25 failed; of the full handshakes of the same time 0 of 24)": of all mechanisms whose offers fail.
local function failure_words(entry)
  local sum = { offers = { failed = 0, made = 0 }, full = { failed = 0, made = 0 } }
  for _, name in ipairs(mechanisms.names) do
    local judged = M.judged(entry, name)
    for kind, tally in pairs(judged and judged.failures or {}) do
      sum[kind].failed, sum[kind].made = sum[kind].failed + tally.failed, sum[kind].made + tally.made
    end
  end
  return sum.offers.made > 0 and (" (%d of %d failed; of the full handshakes of the same time %d of %d)"):format(
    sum.offers.failed, sum.offers.made, sum.full.failed, sum.full.made) or ""
end

-- What is wrong, beyond that it does not resume.
local function say_faults(entry, lists, say)
  if entry.client_hello then
    say("The server, or what stands before it, can't cope with a ClientHello of %d bytes, which browsers send: a "
      .. "client that does not try a smaller one does not get in.",
      entry.client_hello.usual_bytes)
  end
  for _, words in ipairs(entry.status == "completed" and vocabulary.before_tls(entry.before_tls) or {}) do
    say("%s, and not on the others: not every server behind this address lets clients in.",
      (words:gsub("^%l", string.upper)))
  end
  if lists.alerted then
    say("A client that offers %s may be turned away with an alert, and has to connect again.",
      vocabulary.any_of(lists.alerted))
  end
  local failing = lists.failing or lists.fails_on_resumption
  if failing then
    say("Connections that offer %s fail where others do not%s: a returning client has to connect again.",
      vocabulary.any_of(failing), failure_words(entry))
  end
  if lists.unaccepted and lists.supported then
    say("The server issues %s but never accepts one: a client that offers it makes a full handshake all the same.",
      vocabulary.any_of(lists.unaccepted))
  end
end

local function seconds_until_usable(entry)
  local most = 0
  for _, name in ipairs(mechanisms.names) do
    local judged = M.judged(entry, name)
    most = math.max(most, judged and judged.usable_after_s or 0)
  end
  return most
end

local function say_causes(entry, lists, say)
  if lists.late_cache then
    say("Sessions are refused at first and accepted %g s later (by %s): the cache is written late. Clients that come "
      .. "back at once pay for a full handshake.", seconds_until_usable(entry), enumerate(lists.late_cache))
  end
  if lists.forgotten_at_request then
    say("The server forgets a session (by %s) as soon as its client has sent a request, which every client does.",
      enumerate(lists.forgotten_at_request))
  end
end

-- Up to TLS 1.2, a client offers what it has until it gets another.
local function say_single_use(entry, lists, say)
  for _, name in ipairs(lists.single_use_not_renewed and mechanisms.names or {}) do
    local judged = M.judged(entry, name)
    if judged and judged.reason == "single_use_not_renewed" then
      say("Each %s is good for one connection, and a resumed one brings no other: a client that keeps coming back %s.",
        mechanisms[name].noun, judged.again and "fails every other time" or "resumes every other time only")
    end
  end
end

local function say_unknown(lists, say)
  if lists.inconclusive then
    say("Whether resumption by %s works is not known: there were too many errors.", enumerate(lists.inconclusive))
  end
  for _, reason in ipairs({ "no_answer", "hung_up", "cut_short", "breaks_with_tickets" }) do
    if lists[reason] then
      say("Whether resumption by %s works is not known: %s.", enumerate(lists[reason]), vocabulary.reasons[reason])
    end
  end
end

-- Not where something resumes at times, nor where who offers something gets not even a full handshake.
local function costs_everybody(lists)
  return not (lists.supported or lists.partially_supported or lists.fails_on_resumption or lists.late_cache
    or lists.single_use_not_renewed or lists.forgotten_at_request or lists.alerted or lists.failing)
end

--- What the result of an address means for each mechanism.
-- @tparam table entry one of a result's addresses
-- @treturn {string,...} sentences
function M.of_mechanisms(entry)
  local lists, sentences = by_verdict(entry), {}
  local function say(format, ...)
    sentences[#sentences + 1] = format:format(...)
  end
  if lists.partially_supported and not entry.balancer then
    say("Resumption by %s works only some of the time: not every server behind this address shares its sessions, or "
      .. "one server forgets them too soon.", enumerate(lists.partially_supported))
  end
  say_single_use(entry, lists, say)
  if lists.supported and lists.not_supported then
    say("Resumption works by %s, but not by %s.", enumerate(lists.supported), enumerate(lists.not_supported))
  elseif lists.supported then
    say("Resumption by %s works.", enumerate(lists.supported))
  end
  if lists.fails_on_resumption then
    say("Resumption by %s works only some of the time.", enumerate(lists.fails_on_resumption))
  end
  say_causes(entry, lists, say)
  if lists.not_supported and not lists.supported then
    say("Resumption by %s does not work%s.", enumerate(lists.not_supported),
      costs_everybody(lists) and ": every connection costs a full handshake" or "")
  end
  if lists.not_tested then
    say("Resumption by %s was not tested.", enumerate(lists.not_tested))
  end
  if lists.not_finished then
    say("Whether resumption by %s works is not known: the scan was over too soon.", enumerate(lists.not_finished))
  end
  say_faults(entry, lists, say)
  say_unknown(lists, say)
  say_limits(entry, say)
  return sentences
end

local IN_ORDER = { all_shared = true, healthy = true }

-- Is a mechanism issued and not accepted, or worse? What the servers share is not the whole story then.
local function has_fault(entry)
  for _, name in ipairs(mechanisms.names) do
    local judged = M.judged(entry, name)
    if judged and (judged.verdict == "not_supported" and judged.reason ~= "not_issued"
      or judged.reason == "single_use_not_renewed") then
      return true
    end
  end
  return false
end

--- The sentence that says the most.
-- @tparam table entry one of a result's addresses
-- @treturn string|nil nil where nothing was found out
function M.headline(entry)
  local pool = entry.balancer
  if pool and not (IN_ORDER[pool.verdict] and has_fault(entry)) then
    return pool.headline
  end
  return M.of_mechanisms(entry)[1]
end

--- What else there is to say.
-- @tparam table entry one of a result's addresses
-- @tparam string said what is said already
-- @treturn {string,...} sentences
function M.evidence(entry, said)
  local sentences = {}
  local function add(sentence)
    sentences[#sentences + 1] = not said:find(sentence, 1, true) and sentence or nil
  end
  local pool = entry.balancer or {}
  for _, sentence in ipairs({ pool.headline or said, table.unpack(pool.evidence or {}) }) do
    add(sentence)
  end
  for _, sentence in ipairs(M.of_mechanisms(entry)) do
    add(sentence)
  end
  return sentences
end

return M
