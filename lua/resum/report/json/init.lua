-- Results as JSON, schema 1: what is listed here and nothing else, so that no secret and no handle can slip in.
-- Bytes are hex; of a ticket only its length and the name of its key are shown. Pure: result in, string out.

local audit = require "resum.report.json.audit"
local balancer = require "resum.report.json.pool"
local fleet = require "resum.report.json.fleet"
local escape = require "resum.util.escape"
local overview = require "resum.analysis.overview"
local tables = require "resum.util.tables"
local ticket_keys = require "resum.analysis.ticket_key"
local encode = require("resum.report.json.encode").encode
local values = require "resum.report.json.value"

local M = { SCHEMA = 1 }

local list, hex, pick, problem, seconds = values.list, values.hex, values.pick, values.problem, values.seconds

local function ticket(from)
  local out = pick(from, "lifetime_s age_add nonce_length max_early_data")
  out.length = #from.ticket
  out.key_name = ticket_keys.key_name(from.ticket)
  return out
end

local function alert(from)
  return pick(from, "from level description code")
end

local FACTS = "cipher_id group certificate certificate_request extended_master_secret encrypt_then_mac alpn "
  .. "server_key_share key_share proof selected_identity hello_retry ticket_offered ticket_length_sent "
  .. "psk_identities_sent bytes_in bytes_out tickets_forgotten messages_forgotten"

local function facts(from)
  if not from then
    return nil
  end
  local out = pick(from, FACTS)
  out.session_id_sent, out.session_id = hex(from.session_id_sent), hex(from.session_id)
  out.leaf_serial, out.leaf_sha256 = hex(from.leaf_serial), hex(from.leaf_sha256)
  out.extensions = from.extensions and list(from.extensions)
  out.tickets, out.alerts = list(from.tickets, ticket), list(from.alerts, alert)
  return out
end

local function attempt(record)
  local out = pick(record, "mechanism design engine address outcome reused version cipher")
  out.error = problem(record.error)
  if record.instead_of then
    out.instead_of = pick(record.instead_of, "engine outcome")
    out.instead_of.error = problem(record.instead_of.error)
  end
  out.facts = facts(record.facts)
  out.timing = {
    connect_s = seconds(record.timing.connect_s),
    handshake_s = seconds(record.timing.handshake_s),
    total_s = seconds(record.timing.total_s),
  }
  return out
end

local COUNTS = "verdict reason again alert version attempted resumed refused errors "
local SUPPORT = COUNTS .. "session_id_length lifetime_hint_s ticket_length tickets_issued lifetime_s "
  .. "full_handshakes cut_short usable_after_s more_tickets"
local RATE = COUNTS .. "rate rate_of_answered confidence design seeds concurrency too_many_at_once engine_moved"

-- A map that may be absent.
local function some(from)
  return from and tables.merged(from)
end

local function failures(from)
  return from and { offers = pick(from.offers, "failed made"), full = pick(from.full, "failed made") }
end

local function support(from)
  local out = pick(from, SUPPORT)
  out.error_kinds, out.left_out = tables.merged(from.error_kinds), some(from.left_out)
  out.failures = failures(from.failures)
  out.designs = {}
  for name, counts in pairs(from.designs) do
    out.designs[name] = pick(counts, "attempted resumed refused errors")
  end
  out.attempts = list(from.attempts, attempt)
  return out
end

local function rate(from)
  local out = pick(from, RATE)
  out.failures = failures(from.failures)
  out.engines = tables.merged(from.engines)
  out.error_kinds, out.left_out = tables.merged(from.error_kinds), some(from.left_out)
  out.interval = from.interval and { from.interval[1], from.interval[2] }
  out.sequence = list(from.sequence, function(entry)
    return pick(entry, "outcome seed")
  end)
  return out
end

local function each(verdicts, convert)
  if not verdicts then
    return nil
  end
  local out = {}
  for mechanism, verdict in pairs(verdicts) do
    out[mechanism] = convert(verdict)
  end
  return out
end

local MEDIANS = "count handshake_s bytes at_once"

local function cost(from)
  return { full = pick(from.full, MEDIANS), resumed = pick(from.resumed, MEDIANS) }
end

local function address(entry)
  local out = pick(entry, "address resolved_by status connections client_certificate")
  out.error = problem(entry.error)
  out.client_hello = entry.client_hello and pick(entry.client_hello, "code bytes usual_bytes usual_outcome")
  out.control = entry.control and attempt(entry.control)
  out.support = each(entry.support, support)
  out.rate = each(entry.rate, rate)
  out.browser = entry.browser
    and pick(entry.browser, "attempted resumed errors share tickets_after_full tickets_after_resumed")
  out.balancer = entry.balancer and balancer.summary(entry.balancer)
  out.audit = entry.audit and list(entry.audit, audit.finding)
  if out.balancer then -- the same words as in every report
    local todo = overview.todo(entry)
    out.balancer.advice = todo and escape(todo)
  end
  out.costs = each(entry.costs, cost)
  out.server_software = entry.server_software and escape(entry.server_software)
  out.before_tls = entry.before_tls and tables.merged(entry.before_tls)
  out.severity = overview.severity(entry)
  out.conclusion = list(overview.paragraphs(entry), escape)
  return out
end

local function target(result)
  local out = pick(result, "status")
  out.target = pick(result.target, "text host port sni starttls xmpp_to proxy proxy_protocol")
  local glance = overview.of(result)
  out.severity, out.headline = glance.severity, escape(glance.headline)
  out.error = problem(result.error)
  out.elapsed_s = seconds(result.elapsed_s)
  out.addresses = list(result.addresses, address)
  out.across = result.across and balancer.across(result.across)
  return out
end

--- One target as one line.
-- @tparam table result what resum.run returned
-- @treturn string JSON object without a line end
function M.line(result)
  return encode(target(result))
end

--- The beginning of a whole run: what follows are targets (see line), with commas between them, and the tail.
-- @tparam table about version (of resum), started_at (ISO 8601), command (without secrets; or nil)
-- @treturn string
function M.head(about)
  local object = encode({ resum = about.version, schema = M.SCHEMA, started_at = about.started_at,
    command = about.command })
  return object:sub(1, -2) .. ',"targets":['
end

local function lifetime_class(from)
  return pick(from, "up_to_s count")
end

local function shared_key(from)
  local out = pick(from, "name targets addresses more_addresses places more_places")
  out.examples = list(from.examples, escape)
  return out
end

local function summary(from)
  local out = pick(from, "targets addresses keys_forgotten")
  out.statuses, out.errors = tables.merged(from.statuses), tables.merged(from.errors)
  out.mechanisms, out.lifetimes = {}, {}
  for name, verdicts in pairs(from.mechanisms) do
    out.mechanisms[name] = tables.merged(verdicts)
  end
  for name, classes in pairs(from.lifetimes) do
    out.lifetimes[name] = list(classes, lifetime_class)
  end
  out.shared_keys = list(from.shared_keys, shared_key)
  return out
end

--- The end of a whole run.
-- @tparam table about elapsed_s (seconds), summary (what resum.analysis.summary's fold returned, or nil)
-- @treturn string
function M.tail(about)
  return "]," .. encode({
    elapsed_s = seconds(about.elapsed_s),
    summary = about.summary and summary(about.summary),
  }):sub(2)
end

--- The parts of the fleet's map, see resum.report.json.fleet.
M.PARTS = fleet.PARTS

local function one_by_one(items)
  local at = 0
  return function()
    at = at + 1
    return items[at]
  end
end

-- Items one by one, in brackets.
local function write_list(write, name, items, path, add_more)
  local lead = ('"%s":['):format(name)
  for item in items do
    write(lead .. encode(fleet.PARTS[path](item)):sub(1, add_more and -2 or -1))
    lead = ","
    if add_more then
      add_more(item)
    end
  end
  write((lead == "," and "" or lead) .. "]")
end

local function write_group(write, map, group)
  write(",")
  write_list(write, "members", map:members(group.number), "fleet.groups[].members[]")
  write(",")
  write_list(write, "edges", map:edges(group.number), "fleet.groups[].edges[]")
  write("}")
end

local function write_changes(write, changes)
  write(',"changes":{')
  write_list(write, "groups", changes:groups(), "fleet.changes.groups[]")
  write(",")
  write_list(write, "owners", changes:owners(), "fleet.changes.owners[]")
  write("}")
end

--- The fleet's map as a whole document, piece by piece, as it may be large.
-- @tparam table about as of head; and elapsed_s
-- @tparam table map see resum.fleet
-- @tparam function write called with each piece
function M.fleet(about, map, write)
  write(M.head(about) .. '],"fleet":' .. encode(fleet.PARTS.fleet(map:totals())):sub(1, -2) .. ",")
  write_list(write, "unreadable", one_by_one(map.unreadable), "fleet.unreadable[]")
  write(",")
  write_list(write, "groups", map:groups(), "fleet.groups[]", function(group)
    write_group(write, map, group)
  end)
  write(",")
  write_list(write, "refusals", map:refusals(), "fleet.refusals[]")
  local changes = map:changes()
  if changes then
    write_changes(write, changes)
  end
  write("}," .. encode({ elapsed_s = seconds(about.elapsed_s) }):sub(2) .. "\n")
end

--- A whole run.
-- @tparam table about version (of resum), started_at (ISO 8601), elapsed_s (seconds)
-- @tparam {table,...} results what resum.run returned, for each target
-- @treturn string JSON object without a line end
function M.run(about, results)
  local lines = {}
  for i, result in ipairs(results) do
    lines[i] = M.line(result)
  end
  return M.head(about) .. table.concat(lines, ",") .. M.tail(about)
end

return M
