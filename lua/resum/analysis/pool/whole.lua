-- One verdict for all mechanisms of an address: what only their comparison tells, which of them decides, and what else
-- there is to say. Pure.

local answered = require("resum.analysis.pool.view").answered
local change = require "resum.analysis.pool.change"
local describe = require("resum.analysis.pool.labels").describe
local identity = require "resum.analysis.pool.identity"

local M = {}

local ORDER = { "psk", "ticket", "session_id" } -- who speaks for the whole, when several say the same
local MANY_FAILED = 0.12 -- of all connections
local ENOUGH_SOURCES = 6 -- all of them to one of two servers: once in 32 times
local SPLIT = { nothing_shared = true, mixed_groups = true, sticky_source = true }

local function some_group(result, set)
  for _, group in ipairs(result.list) do
    if set[group.label] then
      return true
    end
  end
  return false
end

-- Some servers share, some do not: there are several groups, and one of them holds servers that can be told apart.
local function is_mixed(name, results, views, marked)
  local result, view = results[name], views[name]
  if (result.groups or 0) < 2 then
    return false
  elseif name == "session_id" and not result.named then
    return marked ~= nil and marked.spans
  elseif some_group(result, identity.groups_with_several_certificates(view)) then
    return true
  end
  return name ~= "session_id" and marked ~= nil and not marked.spans and some_group(result, marked.parted)
end

-- Is this mechanism's state in a cache (or else in the keys of tickets)?
local function is_cache(name, view)
  if name ~= "psk" then
    return name == "session_id"
  end
  local short, long = 0, 0
  for _, entry in ipairs(view.sequence) do
    if entry.ticket then
      short = short + (entry.ticket_length <= 32 and 1 or 0)
      long = long + (entry.ticket_length > 32 and 1 or 0)
    end
  end
  return short > long
end

-- Where keys changed, what was forgotten meanwhile went with a restart.
local function forget_with_the_keys(results)
  local rotated = false
  for _, result in pairs(results) do
    rotated = rotated or result.verdict == "rotated"
  end
  for _, result in pairs(results) do
    if rotated and result.forgot_at then
      result.verdict, result.changed_at, result.forgot_at = "rotated", result.forgot_at, nil
      result.groups, result.groups_interval, result.effective_groups = nil, nil, nil
    end
  end
end

-- PSKs that are entries of a cache, and not shared: then what resumes every session ID is no shared cache either.
local function caches_part(results, views)
  return results.psk ~= nil and SPLIT[results.psk.verdict] and is_cache("psk", views.psk)
end

--- What only the comparison of mechanisms tells: mixed groups, and persistence by session ID. Changes the verdicts.
-- @tparam table results mechanism -> result of resum.analysis.pool.judge
-- @tparam table views mechanism -> view
-- @tparam table|nil marked see resum.analysis.pool.identity.of_marked
function M.refine(results, views, marked)
  local mixed = {}
  for name, result in pairs(results) do
    mixed[name] = result.verdict == "nothing_shared" and is_mixed(name, results, views, marked)
  end
  for name in pairs(mixed) do
    if mixed[name] then
      results[name].verdict = "mixed_groups"
    end
  end
  forget_with_the_keys(results)
  local ids = results.session_id
  if ids and ids.verdict == "all_shared" and (marked and marked.sticks or caches_part(results, views)) then
    ids.verdict, ids.routing = "sticky_session_id", "sticky"
  end
end

local function having(results, verdicts)
  for _, name in ipairs(ORDER) do
    if results[name] and verdicts[results[name].verdict] then
      return name
    end
  end
end

local function sharing(results, views)
  local healthy, broken = {}, {}
  for name, result in pairs(results) do
    local side = result.verdict == "all_shared" and healthy or SPLIT[result.verdict] and broken
    if side then
      side[is_cache(name, views[name]) and "caches" or "keys"] = true
    end
  end
  return healthy, broken
end

-- The code for the whole, and the mechanism whose figures stand for it.
local function decide(results, views)
  local member, rotated = having(results, { bad_member = true }), having(results, { rotated = true })
  local split, shared = having(results, SPLIT), having(results, { all_shared = true })
  if member then
    return "bad_member", member
  elseif results.session_id and results.session_id.verdict == "sticky_session_id" and split then
    return "sticky_session_id", split
  elseif split then
    local healthy, broken = sharing(results, views)
    if healthy.keys and not broken.keys then
      return "keys_shared_caches_not", split
    elseif healthy.caches and not broken.caches then
      return "caches_shared_keys_not", split
    end
    for _, code in ipairs({ "sticky_source", "mixed_groups", "nothing_shared" }) do
      local name = having(results, { [code] = true })
      if name then
        return code, name
      end
    end
  elseif rotated then
    return "rotated", rotated
  elseif shared then
    return "all_shared", shared
  end
  local none = having(results, { no_resumption = true })
  local unclear = having(results, { inconclusive = true })
  return unclear and "inconclusive" or none and "no_resumption" or "inconclusive", unclear or none
end

local ROUTING = { "sticky", "round_robin", "random" } -- the first that some mechanism shows

local function routing_of(results)
  for _, routing in ipairs(ROUTING) do
    for _, name in ipairs(ORDER) do
      if results[name] and results[name].routing == routing then
        return routing, results[name].routing_evidence
      end
    end
  end
  return "unknown", {}
end

-- Does a value of one property go with several of another, each seen more than once? Then members are configured
-- differently.
local function varies(view, property)
  local counts, kinds = {}, 0
  for _, entry in ipairs(view.sequence) do
    local value = entry.outcome ~= "resumed" and entry[property]
    if value then
      counts[value] = (counts[value] or 0) + 1
    end
  end
  for _, count in pairs(counts) do
    kinds = kinds + (count >= 2 and 1 or 0)
  end
  return kinds >= 2
end

local PROPERTIES = { "leaf", "lifetime_s", "extensions" }

local function mixed_configuration(views)
  local found, seen = {}, {}
  for _, name in ipairs(ORDER) do
    for _, property in ipairs(PROPERTIES) do
      if views[name] and not seen[property] and varies(views[name], property) then
        seen[property] = true
        found[#found + 1] = property
      end
    end
  end
  return found
end

-- Did only session IDs tell of a change? They may have run out, all at the same age.
local function add_doubt(add, results)
  local function rotated(name)
    return results[name] and results[name].verdict == "rotated"
  end
  if rotated("session_id") and not rotated("ticket") and not rotated("psk") then
    add("may_have_run_out", "session_id")
  end
end

-- Servers that have one ticket key, and refuse each other's tickets as their certificates differ.
local function add_parted(add, results)
  local keys, count, mechanism = {}, 0, nil
  for _, name in ipairs(ORDER) do
    for _, group in ipairs(results[name] and results[name].list or {}) do
      local kind, key, certificate = describe(group.label)
      if kind == "key" then
        count = count + (keys[key] and 0 or 1)
        keys[key] = true
      end
      mechanism = mechanism or (certificate and name) or nil
    end
  end
  if mechanism then
    add("parted_by_certificate", mechanism, { one_key = count == 1 })
  end
end

local function add_changes(add, results)
  local told = {}
  for _, name in ipairs(ORDER) do
    for _, one in ipairs(results[name] and results[name].changes or {}) do
      local what = (one.what == "came" and "group_came" or "group_went")
      if not told[what .. one.label] then
        told[what .. one.label] = true
        add(what, name, { label = one.label, at = one.at })
      end
    end
  end
end

-- Keys that accept each other's sessions, one after the other: renewed in good order. Side by side: renewed at some.
local function add_key_changes(add, results, views)
  for _, name in ipairs({ "psk", "ticket" }) do
    local view, renewed_at = views[name], results[name] and results[name].renewed_at
    if renewed_at then
      return add("keys_renewed", name, { at = renewed_at, refused = true })
    end
    if view then
      local changes = change.of_labels(view.sequence, function(entry)
        local label = view.label[entry.order]
        return label and label:find("^key:") and label or nil
      end)
      for _, one in ipairs(changes) do
        if view.group[one.at] ~= one.label then
          return add("keys_renewed", name, { at = one.at })
        end
      end
    end
  end
end

-- Connections that came to nothing, when they are many: a member may be down.
local function add_failures(add, views)
  local failed, all = 0, 0
  for _, view in pairs(views) do
    for _, entry in ipairs(view.entries) do
      all = all + 1
      failed = failed + ((answered(entry) or entry.refused) and 0 or 1)
    end
  end
  if failed >= MANY_FAILED * all and failed > 0 then
    add("connections_failed", nil, { share = failed / all })
  end
end

local function findings_of(results, views, context)
  local list = {}
  local function add(code, mechanism, more)
    local finding = { code = code, mechanism = mechanism }
    for name, value in pairs(more or {}) do
      finding[name] = value
    end
    list[#list + 1] = finding
  end
  for _, property in ipairs(mixed_configuration(views)) do
    add("mixed_configuration", nil, { property = property })
  end
  for _, name in ipairs(ORDER) do
    local result = results[name]
    if result and result.verdict == "no_resumption" then
      add("no_resumption", name, { reason = result.reason })
    elseif result and result.forgot_at then
      add("forgets", name, { at = result.forgot_at })
    elseif result and result.verdict == "inconclusive" then
      add("inconclusive", name, { reason = result.reason })
    elseif result and result.member and (result.groups or 1) > 1 then
      add("others_share_nothing", name)
    end
  end
  add_failures(add, views)
  add_doubt(add, results)
  add_parted(add, results)
  add_changes(add, results)
  add_key_changes(add, results, views)
  local several = math.max(1, #(context.sources or {}))
  if context.verdict == "all_shared" and several < ENOUGH_SOURCES then
    add("stickiness_unknown", nil, { sources = several })
  end
  return list
end

--- The verdict on the address.
-- @tparam table results mechanism -> result of resum.analysis.pool.judge, refined
-- @tparam table views mechanism -> view
-- @tparam table context sources (list, or nil)
-- @treturn table verdict, reason, decided_by, routing, routing_evidence, groups, groups_interval, effective_groups,
--   effective_interval, chao1, coverage, findings, mechanisms
function M.conclude(results, views, context)
  local code, by = decide(results, views)
  local decisive = by and results[by] or {}
  local routing, evidence = routing_of(results)
  return {
    verdict = code,
    reason = code == decisive.verdict and decisive.reason or nil,
    decided_by = by,
    routing = routing,
    routing_evidence = evidence,
    groups = decisive.groups,
    groups_interval = decisive.groups_interval,
    effective_groups = decisive.effective_groups,
    effective_interval = decisive.effective_interval,
    chao1 = decisive.chao1,
    coverage = decisive.coverage,
    member = decisive.member,
    designs = decisive.designs or {},
    labels = decisive.labels or {},
    findings = findings_of(results, views, { verdict = code, sources = context.sources }),
    mechanisms = results,
  }
end

return M
