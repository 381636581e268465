-- One verdict for all mechanisms of an address: what only their comparison tells, which of them decides, and what else
-- there is to say. Pure.

local findings = require "resum.analysis.pool.findings"
local identity = require "resum.analysis.pool.identity"
local sighting = require "resum.analysis.pool.sighting"

local M = {}

local ORDER = findings.ORDER -- who speaks for the whole, when several say the same
local KEYED = { "psk", "ticket" }
-- Faults in what is shared. Keys that are shared in part are told as what they are, and not as "nothing".
local SPLIT = { nothing_shared = true, mixed_groups = true, sticky_source = true, one_way = true, differs = true }
local UNCLEAR = { inconclusive = true, unexplained = true }
local SPLIT_ORDER = { "sticky_source", "differs", "one_way", "mixed_groups", "nothing_shared" }

local function having(results, verdicts)
  for _, name in ipairs(ORDER) do
    if results[name] and verdicts[results[name].verdict] then
      return name
    end
  end
end

-- Some servers share, some do not: there are several groups, and one of them holds servers that can be told apart.
local function is_mixed(name, result, evidence, marked)
  if result.verdict ~= "nothing_shared" or (result.groups or 0) < 2 then
    return false
  elseif name == "session_id" and not result.named then
    return marked ~= nil and marked.spans
  end
  local several = identity.with_several_certificates(evidence, result.group_of)
  for _, group in ipairs(result.list) do
    local parted = name ~= "session_id" and marked and not marked.spans and marked.parted[group.label]
    if several[group.label] or parted then
      return true
    end
  end
  return false
end

-- Is this mechanism's state in a cache (or else in the keys of tickets)?
local function is_cache(name, evidence)
  local short, long = 0, 0
  for _, entry in ipairs(name == "psk" and evidence.sequence or {}) do
    if entry.ticket then
      short = short + (evidence.label[entry.order] == sighting.STATEFUL and 1 or 0)
      long = long + (evidence.label[entry.order] ~= sighting.STATEFUL and 1 or 0)
    end
  end
  return name == "session_id" or short > long
end

-- The group of a ticket key, as the mechanism has it that shows it.
local function group_of_key(results)
  return function(label)
    for _, name in ipairs(KEYED) do
      local group = results[name] and results[name].group_of(label)
      if group and group ~= label then
        return group
      end
    end
    return label
  end
end

-- Servers have one key for tickets and PSKs: what one mechanism saw change, the other may have seen afterwards only.
local SEEN_LATE = { nothing_shared = true, mixed_groups = true, inconclusive = true, unexplained = true }

local function change_together(results, all)
  for _, pair in ipairs({ { "ticket", "psk" }, { "psk", "ticket" } }) do
    local one, other = results[pair[1]], results[pair[2]]
    local rotated = one and one.verdict == "rotated" and one.scope
    local perhaps = one and other and one.verdict == "inconclusive"
      and (one.supposed == "rotated" or one.rival and one.rival.verdict == "rotated")
      and not (other.rival and other.rival.verdict == "rotated" and other.verdict ~= "inconclusive")
    if other and (rotated or perhaps) and SEEN_LATE[other.verdict] then
      local known, same = {}, #other.list > 0
      for _, label in ipairs(all[pair[1]].keys) do
        known[label.label] = true
      end
      for _, group in ipairs(other.list) do
        same = same and known[group.label]
      end
      if same and perhaps then
        other.verdict, other.reason = "inconclusive", "rivals"
      elseif same then
        other.verdict, other.changed_at, other.scope, other.reason = "rotated", one.changed_at, one.scope, nil
      end
    end
  end
end

-- Session IDs that all resume, beside keys that are not shared: a shared cache, or a balancer that leads them back.
-- Only those that show the ticket keys of their servers tell, and the scan may have come to its end before.
local function is_unasked(ids, evidence, results)
  local split = having({ psk = results.psk, ticket = results.ticket }, SPLIT)
  return ids.verdict == "all_shared" and #evidence.marked == 0 and split and (results[split].groups or 1) > 1
end

-- What a verdict says, beside that nothing known explains the offers.
local OF_A_STORY = { "member", "strangers", "attribute", "delay", "late_by", "changed_at", "forgot_at", "lived_s",
  "renewed_at", "scope", "single_use", "refused_on_the_way" }

-- Is a result told by servers that show no names?
local function is_of_hidden_servers(result)
  local best = result.judged and result.judged.best
  local divided = best and best.parameters and best.parameters.divided
  return not UNCLEAR[result.verdict] and divided ~= nil and divided.kind == "unnamed"
end

-- Tickets and PSKs are sealed with the same keys. Where none of the known stories explains the ones, a story of hidden
-- servers that the others seem to tell can't be true either: it would hold for both.
local function explain_together(results, all)
  for _, pair in ipairs({ { "ticket", "psk" }, { "psk", "ticket" } }) do
    local told, other = results[pair[1]], results[pair[2]]
    if told and other and other.verdict == "unexplained" and is_of_hidden_servers(told)
      and not is_cache("psk", all.psk) then
      told.verdict, told.reason = "unexplained", other.reason
      for _, field in ipairs(OF_A_STORY) do
        told[field] = nil
      end
    end
  end
end

--- What only the comparison of mechanisms tells: mixed groups, and persistence by session ID. Changes the verdicts.
-- @tparam table results mechanism -> result of resum.analysis.pool.verdict
-- @tparam table all mechanism -> evidence
function M.refine(results, all)
  local marked = all.session_id and #all.session_id.marked > 0
    and identity.of_marked(all.session_id, group_of_key(results)) or nil
  for name, result in pairs(results) do
    if is_mixed(name, result, all[name], marked) then
      result.verdict = "mixed_groups"
    end
  end
  change_together(results, all)
  explain_together(results, all)
  local ids, psk = results.session_id, results.psk
  -- Old session IDs were lost: in a cache that is too small, or by a restart, as tickets were at that time.
  local changed = having({ psk = psk, ticket = results.ticket }, { rotated = true })
  if ids and changed and ids.supposed == "all_shared" and ids.rival and ids.rival.verdict == "rotated" then
    ids.verdict, ids.reason = "rotated", nil
  end
  -- PSKs that are entries of a cache, and not shared: then what resumes every session ID is no shared cache either.
  if ids and ids.verdict == "all_shared" and psk and SPLIT[psk.verdict] and is_cache("psk", all.psk) then
    ids.verdict, ids.routing = "sticky_session_id", "sticky"
  elseif ids and is_unasked(ids, all.session_id, results) then
    ids.supposed, ids.verdict, ids.reason = ids.verdict, "inconclusive", "rivals"
    ids.rival = { verdict = "sticky_session_id", odds = 1 }
  end
end

local function sharing(results, all)
  local healthy, broken = {}, {}
  for name, result in pairs(results) do
    local side = result.verdict == "all_shared" and healthy or SPLIT[result.verdict] and broken
    if side then
      side[is_cache(name, all[name]) and "caches" or "keys"] = true
    end
  end
  return healthy, broken
end

-- A result, unless nothing resumes by that mechanism: then it is no help for clients that another one fails.
local function resumes_at_times(result)
  return result and result.verdict ~= "no_resumption" and result or nil
end

-- A member is bad by fault where it fails at tickets or PSKs, or where nothing else is known of it: some servers have
-- no session IDs, and need none, and with tickets that all share it does no harm.
local function bad_member(results)
  local name = having(results, { bad_member = true })
  local keyed = resumes_at_times(results.psk) or resumes_at_times(results.ticket)
  local by_nature = name == "session_id" and keyed
    and (results[name].reason == "issues_nothing" or keyed.verdict == "all_shared")
  return not by_nature and name or nil
end

local function split_code(results, all, split)
  local healthy, broken = sharing(results, all)
  local changed = having({ psk = results.psk, ticket = results.ticket }, { rotated = true })
  local unclear = having({ psk = results.psk, ticket = results.ticket }, UNCLEAR)
  if changed and not broken.keys then
    return "rotated", changed
  elseif healthy.keys and not broken.keys then
    return "keys_shared_caches_not", split
  elseif unclear and not broken.keys then
    return results[unclear].verdict, unclear -- what is known of caches is not all
  end
  for _, code in ipairs(SPLIT_ORDER) do
    local name = having(results, { [code] = true })
    if name and code == "nothing_shared" and healthy.caches and not broken.caches then
      return "caches_shared_keys_not", name
    elseif name then
      return code, name
    end
  end
end

-- Tickets that are issued and worth nothing are a fault, whatever else works. (Session IDs are none: nginx hands them
-- out without a cache by default, and clients have tickets.)
local function worthless(results)
  for _, name in ipairs(KEYED) do
    if results[name] and results[name].verdict == "no_resumption" and results[name].reason == "issued_not_accepted" then
      return name
    end
  end
end

-- Whatever it is, servers do not share their caches: all that is no matter of time is refuted, or beside a member that
-- has none there are several. (Where nothing fits, it may be no matter of sharing at all.)
local function is_no_sharing(ids)
  return ids.verdict == "inconclusive" and ids.resumed > 0 and ids.not_shared
    or ids.verdict == "bad_member" and (ids.groups or 1) > 1
end

local TWO = 1.5 -- servers, of equal shares: nearer to two than to one

-- What today's clients use first is shared by none, or in part: that costs more of them than one member that lacks
-- tickets or session IDs. (Unless the others share their keys, as two that have one ticket key and PSKs of their own.)
local function is_outweighed(name, results)
  local psk, member = results.psk, name and results[name].member
  if name == "psk" or not psk or not SPLIT[psk.verdict] then
    return false
  end
  local others = (1 - (member and member.share or 0)) * (psk.groups or 1)
  return name == "session_id" or (results.ticket.groups or 1) > 1 or others < TWO
end

-- The code for the whole, and the mechanism whose figures stand for it.
local function decide(results, all)
  local member, split = bad_member(results), having(results, SPLIT)
  if member and not is_outweighed(member, results) then
    return "bad_member", member
  elseif results.session_id and results.session_id.verdict == "sticky_session_id" and split then
    return "sticky_session_id", split
  elseif split then
    return split_code(results, all, split)
  end
  local works, ids = having(results, { all_shared = true }), results.session_id
  local keys_unclear = having({ psk = results.psk, ticket = results.ticket }, UNCLEAR)
  if works and works ~= "session_id" and not keys_unclear and ids and ids.verdict ~= "all_shared"
    and is_no_sharing(ids) then
    return "keys_shared_caches_not", "session_id"
  end
  for _, code in ipairs({ "rotated", "fails_on_resumption", "late_cache" }) do
    local name = having(results, { [code] = true })
    if name then
      return code, name
    end
  end
  local unclear = having(results, UNCLEAR)
  if worthless(results) and works then
    return "no_resumption", worthless(results)
  elseif works and not (unclear and unclear ~= "session_id") then
    return "all_shared", works
  elseif unclear then
    return results[unclear].verdict, unclear
  end
  local none = having(results, { sticky_session_id = true, bad_member = true })
    or having(results, { no_resumption = true })
  return none and results[none].verdict or "inconclusive", none
end

local ROUTING = { "sticky", "round_robin", "random", "unknown" } -- the first that some mechanism shows

local function routing_of(results)
  for _, routing in ipairs(ROUTING) do
    for _, name in ipairs(ORDER) do
      local one = results[name]
      if one and one.routing == routing and (routing ~= "unknown" or next(one.routing_evidence)) then
        return routing, one.routing_evidence
      end
    end
  end
  return "unknown", {}
end

local COPIED = { "groups", "groups_interval", "effective_groups", "effective_interval", "chao1", "coverage", "member",
  "rival", "fit", "matrix", "attribute", "delay", "fails", "scope", "keys", "designs", "labels" }

--- The verdict on the address.
-- @tparam table results mechanism -> result of resum.analysis.pool.verdict, refined
-- @tparam table all mechanism -> evidence
-- @tparam table context sources (list, or nil)
-- @treturn table verdict, reason, decided_by, routing, routing_evidence, findings, mechanisms, and the fields of the
--   mechanism that decided
function M.conclude(results, all, context)
  local code, by = decide(results, all)
  local decisive = by and results[by] or {}
  local summary = { verdict = code, decided_by = by, mechanisms = results,
    reason = code == decisive.verdict and decisive.reason or nil }
  summary.routing, summary.routing_evidence = routing_of(results)
  for _, name in ipairs(COPIED) do
    summary[name] = decisive[name]
  end
  summary.designs, summary.labels = summary.designs or {}, summary.labels or {}
  summary.findings = findings.of({ results = results, all = all, verdict = code, decided_by = by,
    sources = context.sources })
  return summary
end

return M
