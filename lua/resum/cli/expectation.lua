-- What a user expects of a target (--expect): "ticket=supported", "psk>=95%", "browser>=90%", "balancer=all_shared",
-- "no-finding>=medium"; of a watch "key-age<7d", "psk>=95%", "no-event=server_down".
-- Pure: rules and results in, yes or no out.

local findings = require "resum.audit.finding"
local mechanisms = require "resum.connection.mechanism"
local escape = require "resum.util.escape"
local moment = require "resum.cli.moment"
local single_use = require "resum.analysis.single_use"
local suggestion = require "resum.util.suggestion"
local vocabulary = require "resum.analysis.vocabulary"
local watch_words = require "resum.analysis.watch.words"

local M = {}

-- "0.95" or "95%" -> 0.95
local function share_of(text)
  local percent = text:match("^(.*)%%$")
  local share = tonumber(percent or text)
  share = share and percent and share / 100 or share
  return share and share >= 0 and share <= 1 and share or nil
end

-- What is expected of a watch alone.
local function parse_of_watch(text)
  local age = text:match("^%s*key[-_]age%s*<%s*(%w[%w.]*)%s*$")
  local event = text:match("^%s*no[-_]event%s*=%s*([%w_-]+)%s*$")
  event = event and event:gsub("-", "_")
  if age and moment.duration(age) then
    return { text = text, of_watch = true, key_age = moment.duration(age) }
  elseif event and watch_words.is_kind(event) then
    return { text = text, of_watch = true, no_event = event }
  end
end

-- A rule as M.parse gives it; nil where it is none.
local function read(text)
  local of_watch = parse_of_watch(text)
  if of_watch then
    return of_watch
  end
  local name, sign, value = text:match("^%s*([%w_-]+)%s*([>=]=?)%s*([%w_.%%-]+)%s*$")
  if name == "browser" and sign == ">=" and share_of(value) then
    return { text = text, browser = true, share = share_of(value) }
  elseif (name == "no-finding" or name == "no_finding") and sign == ">=" and findings.is_severity(value) then
    return { text = text, finding = value }
  elseif name then
    name = name:gsub("-", "_")
    local rule = { text = text, mechanism = mechanisms.find(name) and name, balancer = name == "balancer" or nil }
    local verdict = value:gsub("-", "_")
    local known = rule.balancer and vocabulary.pools or rule.mechanism and vocabulary.verdicts or {}
    if sign == "=" and known[verdict] then
      rule.verdict = verdict
      return rule
    elseif sign == ">=" and rule.mechanism and share_of(value) then
      rule.share = share_of(value)
      return rule
    end
  end
end

local function set(list)
  local keys = {}
  for _, name in ipairs(list) do
    keys[name] = true
  end
  return keys
end

-- What a rule may be about, and where a word stands behind it, which ones.
local VALUES = { balancer = vocabulary.pools, ["no-finding"] = set(findings.SEVERITIES),
  ["no-event"] = set(watch_words.kinds), browser = {}, ["key-age"] = {} }
for _, name in ipairs(mechanisms.names) do
  VALUES[name] = vocabulary.verdicts
end

local SIGNS = { ">=", "=", "<" }

-- The rule that was meant by one with a slip of the finger in it, or with another sign.
local function meant_by(text)
  local name, sign, value = text:match("^%s*([%w_-]+)%s*([<>=]=?)%s*(%S+)%s*$")
  if not name then
    return nil
  end
  local subject = VALUES[name] and name or suggestion.among(name, VALUES)
  local meant = subject and suggestion.among(value, VALUES[subject]) or value
  for _, likely in ipairs({ sign, table.unpack(subject and SIGNS or {}) }) do
    local rule = subject and (read(subject .. likely .. value) or read(subject .. likely .. meant))
    if rule then
      return rule.text
    end
  end
end

--- Reads a rule.
-- @tparam string text "MECHANISM=VERDICT", "MECHANISM>=SHARE" (a rate: 0.95 or 95%), "browser>=SHARE" (what a browser
--   meets), "balancer=VERDICT", or "no-finding>=SEVERITY" (no bad finding of the audit as grave as that; what is
--   inconclusive is none); of a watch "key-age<DURATION" (such as 7d or 12h), "no-event=KIND"
-- @treturn[1] table {text, mechanism (or browser or balancer = true), verdict or share; or finding (severity); or
--   of_watch with key_age (seconds) or no_event (kind)}
-- @treturn[2] nil
-- @treturn[2] string message
function M.parse(text)
  local rule = read(text)
  local meant = not rule and meant_by(text)
  if meant then
    return nil, ("--expect: '%s' is no rule%s"):format(escape(text, 60), suggestion.question(meant))
  end
  return rule, not rule and ("--expect takes rules such as ticket=supported, psk>=95%%, browser>=90%%, "
    .. "balancer=all_shared or no-finding>=medium, and with --watch key-age<7d or no-event=server_down, not '%s'")
    :format(escape(text, 60)) or nil
end

-- Is no finding of the audit as grave as this? And the gravest one.
local function has_no_finding(severity, list)
  if not list then
    return false, "no audit"
  end
  local first = findings.sorted(list)[1]
  if first and first.verdict == "bad" and findings.is_at_least(first.severity, severity) then
    return false, ("%s (%s)"):format(first.id, first.severity)
  end
  return true, "nothing"
end

local function reaches(rule, share, otherwise)
  return share ~= nil and share >= rule.share, share and ("%.2f"):format(share) or otherwise
end

-- Met by this address? And what was found instead.
local function holds(rule, entry)
  if rule.finding then
    return has_no_finding(rule.finding, entry.audit)
  elseif rule.balancer then
    local found = entry.balancer and entry.balancer.verdict
    return found == rule.verdict, found or "nothing"
  elseif rule.browser then
    return reaches(rule, entry.browser and entry.browser.share, "no share")
  end
  local rate = entry.rate and entry.rate[rule.mechanism]
  if rule.share then
    return reaches(rule, rate and single_use.share_of_returning(rate), "no rate")
  end
  local support = entry.support and entry.support[rule.mechanism]
  for _, judged in ipairs({ support or rate, rate }) do
    if judged.verdict ~= rule.verdict then
      return false, judged.verdict
    end
  end
  return (support or rate) ~= nil, "nothing"
end

--- Is resumption in order on every address that was scanned, as far as the quick check tells? What it could not find
-- out is not in order: a gate must not open for want of an answer.
-- @tparam table result what resum.run returned with quick
-- @treturn boolean
-- @treturn string|nil what was found instead, in words
function M.is_in_order(result)
  for _, entry in ipairs(result.addresses) do
    local verdict = entry.balancer and entry.balancer.verdict
    if entry.status == "completed" and verdict ~= "healthy" then
      return false, ("%s on %s"):format(vocabulary.pools[verdict or "inconclusive"], entry.address)
    end
  end
  return true
end

local ENOUGH_OFFERS = 20 -- before a share of them is held against a rule

-- Of the keys that are there, the one that was met first.
local function oldest_key(state)
  local oldest = 0
  for _, key in ipairs(state.keys) do
    oldest = math.max(oldest, state.now - key.first)
  end
  return oldest
end

--- Does the rule hold at an address that is watched?
-- @tparam table rule from parse
-- @tparam table state see resum.watch.place
-- @tparam table events kind -> how many there were since the watch was started
-- @treturn boolean
-- @treturn string|nil what was found instead
function M.check_watch(rule, state, events)
  if rule.key_age then
    local age = oldest_key(state)
    return age < rule.key_age, watch_words.duration(age)
  elseif rule.no_event then
    return not events[rule.no_event], rule.no_event
  end
  local known = state.mechanisms[rule.mechanism]
  local judged = known and known.rate and known.offers >= ENOUGH_OFFERS
  return not judged or known.rate >= rule.share, judged and ("%.2f"):format(known.rate) or nil
end

--- Does the rule hold on every address of the target that was scanned?
-- @tparam table rule from parse
-- @tparam table result what resum.run returned
-- @treturn boolean
-- @treturn string|nil what was found instead
function M.check(rule, result)
  for _, entry in ipairs(result.addresses) do
    if entry.status == "completed" then
      local met, found = holds(rule, entry)
      if not met then
        return false, ("%s on %s"):format(found, entry.address)
      end
    end
  end
  return true
end

return M
