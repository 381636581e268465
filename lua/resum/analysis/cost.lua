-- What a full handshake costs a client that could have resumed: medians of what this scan measured, and the sentence
-- that says so. Pure: records of connections come in. Only libssl's handshakes are held against each other: the probe
-- does less work than a client.

local conclusion = require "resum.analysis.conclusion"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local LEAST = 3 -- handshakes of a kind: the median of fewer is any of them
local MOST = 500 -- of a kind that are kept: more tell nothing new

local KINDS = { full = true, refused = true, resumed = true }

--- Takes a connection into account.
-- @tparam table tally mechanism -> what is kept; {} at first
-- @tparam table record of resum.connection.client: mechanism, engine, outcome, handshake_bytes, at_once, timing
function M.note(tally, record)
  if record.engine ~= "handshake" or not KINDS[record.outcome] or not record.handshake_bytes
    or record.mechanism == "control" then
    return
  end
  local one = tally[record.mechanism] or { full = {}, refused = {}, resumed = {} }
  tally[record.mechanism] = one
  local list = one[record.outcome]
  if #list < MOST then
    list[#list + 1] = { handshake_s = record.timing.handshake_s, bytes = record.handshake_bytes,
      at_once = record.at_once or 1 }
  end
end

local function median(list, field)
  local values = {}
  for i, one in ipairs(list) do
    values[i] = one[field]
  end
  table.sort(values)
  local middle = (#values + 1) // 2
  return #values % 2 == 1 and values[middle] or (values[middle] + values[middle + 1]) / 2
end

local function medians(list)
  return { count = #list, handshake_s = median(list, "handshake_s"), bytes = median(list, "bytes"),
    at_once = median(list, "at_once") }
end

--- Medians of each mechanism that had enough full and resumed handshakes.
-- @tparam table tally see note
-- @treturn table|nil mechanism -> {full and resumed: {count, handshake_s (seconds from the ClientHello to the end of
--   the handshake), bytes (both ways, until then), at_once (connections that were under way with it)}}; nil when none
--   had
function M.fold(tally)
  local costs = {}
  for name, one in pairs(tally) do
    local full = #one.refused >= LEAST and one.refused or one.full -- who is refused has sent the session in vain, too
    if #full >= LEAST and #one.resumed >= LEAST then
      costs[name] = { full = medians(full), resumed = medians(one.resumed) }
    end
  end
  return next(costs) and costs or nil
end

--- Round trips that a full handshake takes more than a resumed one (RFC 5246, section 7.3; in TLS 1.3 both take one).
-- @tparam string mechanism
-- @treturn integer
function M.round_trips(mechanism)
  return mechanism == "psk" and 0 or 1
end

local SIMPLE = 4 -- the largest denominator that is said as "2 of 3" where nobody knows how many servers there are
local CLOSE = 0.1 -- how far from what was measured such a fraction may be, within the interval
local ENOUGH = 30 -- answers from which a share of all clients is said

-- A fraction that the interval allows: of the groups of servers, where their number is known, or the nearest one.
local function simple_fraction(share, interval, groups)
  local best, best_part, nearest = nil, nil, CLOSE
  for whole = groups or 2, groups or SIMPLE do
    local part = math.floor(share * whole + 0.5)
    local value = part / whole
    local is_one = part > 0 and part < whole and value >= interval[1] and value <= interval[2]
    if is_one and math.abs(share - value) < nearest then
      best, best_part, nearest = whole, part, math.abs(share - value)
    end
  end
  return best_part, best
end

-- How many clients pay. Of a few offers that were made, only these are said.
local function who_pays(counts, groups)
  if counts.reason == "single_use_not_renewed" then
    return "a client that keeps coming back pays, every other time,"
  end
  local answered = counts.resumed + counts.refused
  local share = counts.refused / answered
  if counts.resumed == 0 then
    return "every returning client pays"
  elseif answered < ENOUGH or not counts.interval then
    return ("%d of %d attempts to resume paid"):format(counts.refused, answered)
  end
  local part, whole = simple_fraction(share, { 1 - counts.interval[2], 1 - counts.interval[1] }, groups)
  if part then
    return ("about %d of %d returning clients %s"):format(part, whole, part == 1 and "pays" or "pay")
  end
  return ("%s %% of returning clients pay"):format(vocabulary.percent(share))
end

local function milliseconds(seconds)
  local shown = 1000 * seconds
  return shown < 0.05 and "no measurable time" or ("+%s ms"):format(shown < 10 and ("%.1f"):format(shown)
    or ("%.0f"):format(shown))
end

local function size(bytes)
  return bytes < 10000 and ("%+.0f bytes"):format(bytes) or ("%+.1f kB"):format(bytes / 1000)
end

-- "+1 round trip and +12 ms here, +800 bytes", as far as it is known.
local function price(name, cost)
  local trips = M.round_trips(name)
  local list = trips > 0 and { ("+%d round trip"):format(trips) } or {}
  if cost then
    list[#list + 1] = milliseconds(cost.full.handshake_s - cost.resumed.handshake_s) .. " here"
    list[#list + 1] = size(cost.full.bytes - cost.resumed.bytes)
  elseif trips == 0 then
    return "the server's signature and certificates, and the time that they take"
  end
  return vocabulary.enumerate(list)
end

local function source_words(cost)
  local busy = math.max(cost.full.at_once, cost.resumed.at_once)
  return (" (medians of %d full and %d resumed handshakes%s)"):format(cost.full.count, cost.resumed.count,
    busy > 1 and ("; about %.0f connections were under way at once, so times are those of a loaded client")
      :format(busy) or "")
end

-- Answers of the rate where there was one, else of the support scan.
local function counts_of(entry, name)
  local rate = entry.rate and entry.rate[name]
  return rate and rate.attempted > 0 and rate or entry.support and entry.support[name]
end

-- Who has a ticket does not need its session ID, too; so IDs alone cost something only where tickets are no help.
local function matters(entry, name)
  local ticket = name == "session_id" and counts_of(entry, "ticket")
  return not (ticket and ticket.resumed > 0)
end

-- Whoever comes from the same address again meets the same server; and where keys changed, newer sessions are good.
local function who_pays_at(pool, counts, resumes)
  if counts.resumed == 0 and resumes then
    return "whoever returns with an older session pays"
  end
  return pool and pool.verdict == "sticky_source" and "a client that returns from another address may pay"
    or who_pays(counts, pool and pool.groups)
end

local VERSIONS = { psk = "TLS 1.3", ticket = "TLS 1.2 and a ticket", session_id = "TLS 1.2 and a session ID" }

--- What refusals cost, in a sentence for each version of TLS in which there are some.
-- @tparam table entry one of a result's addresses: support, rate, costs (see fold)
-- @treturn {string,...}
function M.sentences(entry)
  local list = {}
  for _, name in ipairs({ "psk", "ticket", "session_id" }) do
    local counts = counts_of(entry, name)
    local pool = entry.balancer and entry.balancer.mechanisms and entry.balancer.mechanisms[name]
    local answered = counts and counts.resumed + counts.refused or 0
    local is_paid = answered > 0 and (counts.refused > 0 or counts.reason == "single_use_not_renewed")
    if is_paid and matters(entry, name) then
      local cost = entry.costs and entry.costs[name]
      local who = who_pays_at(pool, counts, conclusion.resumes_elsewhere(entry, name))
      list[#list + 1] = ("With %s, %s a full handshake: %s%s."):format(VERSIONS[name], who, price(name, cost),
        cost and source_words(cost) or "")
    end
  end
  return list
end

return M
