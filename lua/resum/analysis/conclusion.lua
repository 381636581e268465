-- What the result of an address means, in sentences: all reports say the same. Pure.

local mechanisms = require "resum.connection.mechanism"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local enumerate = vocabulary.enumerate

--- The verdict on a mechanism that counts: the rate's word before the support scan's, as it had more attempts.
-- @tparam table entry one of a result's addresses
-- @tparam string name of the mechanism
-- @treturn table|nil verdict, reason, …; nil where it was not asked for
function M.judged(entry, name)
  local judged = entry.rate and entry.rate[name]
  if not judged or judged.attempted == 0 then
    judged = entry.support and entry.support[name] or judged
  end
  return judged
end

-- Which mechanisms got which verdict. Those in `alerted` got it for an alert that any client meets, not only one that,
-- like us, offers one version.
local function by_verdict(entry)
  local lists = {}
  for _, name in ipairs(mechanisms.names) do
    local judged = M.judged(entry, name)
    if judged then
      local shown = vocabulary.verdict_shown(judged)
      local list = lists[shown] or {}
      lists[shown] = list
      list[#list + 1] = mechanisms[name].noun
      if judged.reason == "alert_on_resumption" and judged.alert ~= "protocol_version" then
        lists.alerted = lists.alerted or {}
        table.insert(lists.alerted, mechanisms[name].noun)
      end
    end
  end
  return lists
end

local TURNED_AWAY = { "closed", "reset", "timeout", "unreachable" }
local MANY_TURNED_AWAY = 0.1 -- of a rate's attempts

-- Were so many connections turned away while others were open, and none when there was one at a time, that the server
-- may limit their number?
local function looks_limited(rate, support)
  local turned_away = 0
  for _, kind in ipairs(TURNED_AWAY) do
    turned_away = turned_away + (rate.error_kinds[kind] or 0)
  end
  if (rate.concurrency or 1) == 1 or (support and support.errors > 0) then
    return false
  end
  return turned_away > 0 and turned_away >= MANY_TURNED_AWAY * rate.attempted
end

local function say_limits(entry, say)
  for mechanism, rate in vocabulary.each_mechanism(entry.rate or {}) do
    if looks_limited(rate, entry.support and entry.support[mechanism]) then
      return say("Connections were turned away while up to %d were open at once: the server may limit their number. "
        .. "Try --concurrency %d, and --delay.", rate.concurrency, math.max(1, math.min(4, rate.concurrency // 2)))
    end
  end
end

-- What stands behind the address, and what to do about it.
local function about_pool(balancer)
  local sentences = { balancer.headline }
  for _, sentence in ipairs(balancer.evidence or {}) do
    sentences[#sentences + 1] = sentence
  end
  return { table.concat(sentences, " "), balancer.advice }
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
    say("Behind this address not every server shares its sessions. Resumption by %s works at times only.",
      enumerate(lists.partially_supported))
    say("Give all servers the same ticket keys and one session cache. (Is it one server? Then it forgets too soon.)")
  end
  if lists.supported then
    say("Resumption by %s works.", enumerate(lists.supported))
  end
  if lists.not_supported then
    say("Resumption by %s does not work%s.", enumerate(lists.not_supported),
      not lists.supported and not lists.partially_supported and not lists.alerted
        and ": every connection costs a full handshake" or "")
  end
  if lists.alerted then
    say("Who offers a %s may be turned away with an alert, and has to connect again.",
      table.concat(lists.alerted, " or a "))
  end
  if lists.inconclusive then
    say("Resumption by %s: too many errors to say.", enumerate(lists.inconclusive))
  end
  if lists.not_tested then
    say("Resumption by %s was not tested.", enumerate(lists.not_tested))
  end
  if lists.not_finished then
    say("Resumption by %s: the scan was over before there was enough to tell.", enumerate(lists.not_finished))
  end
  say_limits(entry, say)
  return sentences
end

--- What the result of an address means.
-- @tparam table entry one of a result's addresses
-- @treturn {string,...} paragraphs; the first one is the conclusion
function M.of(entry)
  local paragraphs = entry.balancer and about_pool(entry.balancer) or {}
  for _, sentence in ipairs(M.of_mechanisms(entry)) do
    paragraphs[#paragraphs + 1] = sentence
  end
  return paragraphs
end

return M
