-- Runs the checks of the audit on one address, in their order, each within its number of connections; passive ones
-- last, as they judge what all others have seen. A server that stopped answering ends it. It knows no check by name.

local checks = require "resum.audit"
local contexts = require "resum.audit.context"
local finding = require "resum.audit.finding"
local suggestion = require "resum.util.suggestion"
local turns = require "resum.audit.turns"

local M = { name = "audit", summary = "what resumption gives away" }

-- A ticket of each mechanism is compared with others of its kind: so many are made sure of, by full handshakes where
-- the scans saw fewer. (RFC 9846 lets a server send any number with each.)
local ENOUGH_TICKETS = 8

--- The ids of all checks, in order.
M.ids = {}
for i, check in ipairs(checks) do
  M.ids[i] = check.id
end

--- The ids of those that run only when they are asked for.
-- @treturn {string,...}
function M.intrusive_ids()
  local list = {}
  for _, check in ipairs(checks) do
    list[#list + 1] = check.class == "intrusive" and check.id or nil
  end
  return list
end

local function is_known(id)
  for _, known in ipairs(M.ids) do
    if known == id then
      return true
    end
  end
  return false
end

--- Reads a list of checks.
-- @tparam {string,...} list ids, with - or _
-- @treturn[1] table id -> true
-- @treturn[2] nil
-- @treturn[2] string what is no check, and what there is, in words that follow the name of the list
function M.read_list(list)
  local chosen = {}
  for _, given in ipairs(list) do
    local id = tostring(given):gsub("_", "-")
    if not is_known(id) then
      local meant = suggestion.of(id, M.ids)
      return nil, ("has no check '%s'%s"):format(tostring(given), meant and suggestion.question(meant)
        or ": there are " .. table.concat(M.ids, ", "))
    end
    chosen[id] = true
  end
  if not next(chosen) then
    return nil, ("takes a list of %s, and this one is empty"):format(table.concat(M.ids, ", "))
  end
  return chosen
end

--- What nobody runs who has not asked for what is intrusive.
-- @tparam {string,...}|nil list ids, with - or _
-- @treturn string|nil the first of them that is intrusive
function M.intrusive_one(list)
  local chosen = list and M.read_list(list) or {}
  for _, id in ipairs(M.intrusive_ids()) do
    if chosen[id] then
      return id
    end
  end
end

-- The checks that were asked for. By default all but the intrusive and the timed ones, and those that have to be named.
local function selected(options)
  local chosen, list = options.audit_checks and M.read_list(options.audit_checks) or nil, {}
  for _, check in ipairs(checks) do
    local may_run = (check.class ~= "intrusive" or options.intrusive) and (check.class ~= "timed" or options.lifetime)
    local is_wanted = chosen == nil and not check.on_request or chosen ~= nil and chosen[check.id]
    list[#list + 1] = may_run and is_wanted and check or nil
  end
  return list
end

-- What the check can't run without and was not given; nil where all is there.
local function missing(check, options)
  for _, need in ipairs(check.needs or {}) do
    local given = options[need]
    if need == "certificate" then
      given = options.has_certificate
    end
    if not given then
      return need
    end
  end
end

local function run_one(check, given, context)
  local fine, found = pcall(check.run, check.class == "passive" and given.evidence or context)
  if fine then
    return found
  end
  local reason, evidence = contexts.stopped(found)
  if not reason then
    error(found, 0)
  end
  local list = context.kept
  list[#list + 1] = { verdict = "inconclusive", reason = reason, evidence = evidence }
  return list
end

-- Full handshakes until there are enough tickets to compare, where a server issues any. A connection that fails is one
-- ticket less, and no more than that.
local function collect(given)
  local context = contexts.new(given, M.MOST_COLLECTED)
  for _, mechanism in ipairs({ "ticket", "psk" }) do
    local seen = #given.evidence:tickets_of(mechanism)
    local fewer = seen > 0 and ENOUGH_TICKETS - seen or 0
    while fewer > 0 and not context.cancelled() do
      context:attempt({ mechanism = mechanism, want_tickets = true })
      fewer = math.min(fewer - 1, ENOUGH_TICKETS - #given.evidence:tickets_of(mechanism))
    end
  end
end

local function collect_tickets(given)
  local fine, raised = pcall(collect, given)
  if not fine and not contexts.stopped(raised) then
    error(raised, 0)
  end
end

-- Do several servers with keys of their own take strict turns? What offers a session has to know.
local function look_for_turns(given)
  local fine, raised = pcall(turns.find, contexts.new(given, turns.CONNECTIONS))
  if not fine and not contexts.stopped(raised) then
    error(raised, 0)
  end
end

--- How many connections are made at most to have enough tickets.
M.MOST_COLLECTED = 2 * (ENOUGH_TICKETS - 1)

-- What keeps us from believing what a check has found: the reason, or nil. The control counts apart.
local function doubt(check, context)
  if check.harmless or context:made() == 0 then
    return nil
  end
  context.budget = math.huge
  local fine, is_there = pcall(context.control, context)
  if not fine then
    return contexts.stopped(is_there) or error(is_there, 0)
  end
  return not is_there and "server_went_away" or nil
end

-- One check: its findings, in a list; and whether the server still answers.
local function judge(check, given)
  local lacking = missing(check, given.options)
  if lacking then
    return { finding.make(check, { verdict = "not_applicable", reason = "needs_" .. lacking }) }, true
  end
  local context = contexts.new(given, check.connections and check.connections(given.options) or 0)
  local found, list = run_one(check, given, context), {}
  local reason = doubt(check, context)
  for i, one in ipairs(found) do
    local stays = one.verdict == "not_applicable" or one.reason == reason
      or check.class == "intrusive" and one.verdict == "bad"
    local believed = not reason or stays
    list[i] = finding.make(check, believed and one or { verdict = "inconclusive", reason = reason })
  end
  return list, not reason
end

-- Checks that are harmless come and go as clients do.
local function offers_something(list)
  for _, check in ipairs(list) do
    if check.class ~= "passive" and not check.harmless then
      return true
    end
  end
  return false
end

local function passive_last(list)
  local ordered = {}
  for _, wanted in ipairs({ false, true }) do
    for _, check in ipairs(list) do
      ordered[#ordered + 1] = (check.class == "passive") == wanted and check or nil
    end
  end
  return ordered
end

-- The findings in the order of the list of checks.
local function in_order(list, by_id)
  local all = {}
  for _, check in ipairs(list) do
    table.move(by_id[check.id] or {}, 1, #(by_id[check.id] or {}), #all + 1, all)
  end
  return all
end

--- Runs the audit of an address.
-- @tparam table given client, options (of resum.run, as read), target (described), entry (of the address, with what the
--   scans found), evidence (see resum.audit.evidence)
-- @treturn {table,...} findings, see resum.audit.finding; one of each check that ran, or more
function M.run(given)
  local list, by_id = selected(given.options), {}
  local is_there, collected = true, false
  given.evidence.give_way = given.client.host and given.client.host.give_way
  if offers_something(list) then
    look_for_turns(given)
  end
  for _, check in ipairs(passive_last(list)) do
    if check.class == "passive" and not collected and is_there then
      collected = true
      collect_tickets(given)
    end
    if check.class == "passive" or is_there and not given.client.cancelled() then
      by_id[check.id], is_there = judge(check, given)
    end
  end
  return in_order(list, by_id)
end

--- How many connections it makes, where none fails.
-- @tparam table options of resum.run, as read
-- @treturn table least and most
function M.connections(options)
  local most = 0
  local has_passive = false
  for _, check in ipairs(selected(options)) do
    local made = check.connections and not missing(check, options) and check.connections(options) or 0
    most = most + made + (made > 0 and not check.harmless and 1 or 0)
    has_passive = has_passive or check.class == "passive"
  end
  most = most + (offers_something(selected(options)) and turns.CONNECTIONS or 0)
  return { least = 0, most = most + (has_passive and M.MOST_COLLECTED or 0) }
end

return M
