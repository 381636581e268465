-- Can session IDs be guessed? Bytes that never change, words that only grow, bytes that repeat more often than chance
-- would have it: what is left has to be 64 bits at least. It judges the IDs that the scans have seen; where it is asked
-- for by name, it makes as many full handshakes as are missing.

local statistics = require "resum.util.statistics"

local M = {
  id = "id-entropy",
  title = "Can session IDs be guessed?",
  severity = "high",
  class = "active",
  harmless = true,
  sources = { "RFC 5246, F.1.4", "NIST SP 800-63B, 7.1", "OWASP Session Management" },
  advice = "Draw session IDs from the system's generator of random numbers: update the server, or replace the code "
    .. "that makes them.",
}

--- IDs that are needed: of 64 random bytes at a place some 57 are different, and a constant one is out of the question.
M.NEEDED = 64
--- Bits that have to stay: NIST SP 800-63B, 7.1, asks for 64 bits of entropy in a session's secret.
M.LEAST_BITS = 64
-- A place is called less than random where chance does as much once in 10^12, as the binomial has it: 32 places are
-- looked at, a target is to be wronged once in 10^6 at most, and three equal bytes are three pairs at once.
local BY_CHANCE = 1e-12
-- A word grows but for this share of its steps, as connections side by side come in another order than IDs are made. Of
-- 64 random words so few steps are in order with less than 10^-20.
local OUT_OF_ORDER = 1 / 8
local WORD = 4 -- bytes of a word that may count, as programs align them
local LONGEST = 32 -- bytes of a session ID (RFC 5246, 7.4.1.2)

M.reasons = {
  random = function(evidence)
    return ("%d session IDs show at least %d bits that can't be guessed"):format(evidence.ids, evidence.bits)
  end,
  prefix = function(evidence)
    return ("%d of %d bytes of a session ID are the same in all or can be guessed, and %d bits are left"):format(
      evidence.regular_bytes, evidence.id_bytes, evidence.bits)
  end,
  predictable = function(evidence)
    return ("only %d bits of a session ID of %d bytes can't be guessed"):format(evidence.bits, evidence.id_bytes)
  end,
  repeated = function(evidence)
    return ("%d of %d full handshakes gave a session ID that another one gave"):format(evidence.equal, evidence.ids)
  end,
  too_few_ids = function(evidence)
    return ("%d session IDs were seen, and %d are needed (--audit_checks id-entropy brings them)"):format(evidence.ids,
      evidence.needed)
  end,
}

-- How many pairs of IDs have the same byte at a place.
local function equal_pairs(ids, place)
  local counts, pairs_ = {}, 0
  for _, id in ipairs(ids) do
    local byte = id:byte(place)
    pairs_ = pairs_ + (counts[byte] or 0)
    counts[byte] = (counts[byte] or 0) + 1
  end
  return pairs_
end

-- Bits of a byte at a place: 8, unless the same ones come together more often than chance would have it. Pairs of
-- random bytes are equal with 1 in 256, and nearly independent of one another: their number is nearly binomial.
local function bits_at(ids, place)
  local all = #ids * (#ids - 1) // 2
  local equal = equal_pairs(ids, place)
  if statistics.binomial_tail(equal, all, 1 / 256) >= BY_CHANCE then
    return 8
  end
  return math.max(0, math.min(8, math.log(all / equal, 2)))
end

-- How many of a word's bytes can be guessed, as the word grows (or shrinks) from one ID to the next: as many as tell
-- all steps apart. What stands behind them may be anything.
local function guessable(ids, word)
  for width = 1, WORD do
    local up, down = 0, 0
    for i = 2, #ids do
      local a, b = word(ids[i - 1]):sub(1, width), word(ids[i]):sub(1, width)
      up, down = up + (a < b and 1 or 0), down + (a > b and 1 or 0)
    end
    if up + down > 0 and math.min(up, down) > OUT_OF_ORDER * (#ids - 1) then
      return 0
    elseif up + down == #ids - 1 or width == WORD and up + down > 0 then
      return width
    end
  end
  return 0
end

-- A word that counts can be guessed, written from either end.
local function strike_words(ids, length, bits)
  for place = 1, length - WORD + 1, WORD do
    local last = place + WORD - 1
    local ahead = guessable(ids, function(id)
      return id:sub(place, last)
    end)
    local back = guessable(ids, function(id)
      return id:sub(place, last):reverse()
    end)
    for at = place, last do
      bits[at] = (at < place + ahead or at > last - back) and 0 or bits[at]
    end
  end
end

local function count_equal(ids)
  local counts, equal = {}, 0
  for _, id in ipairs(ids) do
    counts[id] = (counts[id] or 0) + 1
  end
  for _, count in pairs(counts) do
    equal = equal + (count > 1 and count or 0)
  end
  return equal
end

--- What IDs of one length come to.
-- @tparam {string,...} ids in the order in which they came
-- @treturn table verdict, reason, evidence
function M.decide(ids)
  if #ids < M.NEEDED then
    return { verdict = "not_applicable", reason = "too_few_ids", evidence = { ids = #ids, needed = M.NEEDED } }
  end
  local length, equal, bits = math.min(#ids[1], LONGEST), count_equal(ids), {}
  if equal > 0 then
    return { verdict = "bad", severity = "high", reason = "repeated", evidence = { ids = #ids, equal = equal } }
  end
  for place = 1, length do
    bits[place] = bits_at(ids, place)
  end
  strike_words(ids, length, bits)
  local sum, regular = 0, 0
  for place = 1, length do
    sum, regular = sum + bits[place], regular + (bits[place] < 8 and 1 or 0)
  end
  local evidence = { ids = #ids, id_bytes = length, bits = math.floor(sum), regular_bytes = regular }
  if sum < M.LEAST_BITS then
    return { verdict = "bad", severity = "high", reason = "predictable", evidence = evidence }
  end
  return { verdict = regular > 0 and "info" or "good", reason = regular > 0 and "prefix" or "random",
    evidence = evidence }
end

-- The IDs of full handshakes, by length: what is resumed has an old one, and TLS 1.3 repeats ours. A ticket's is no
-- name of an entry.
local function ids_of(connections)
  local by_length, most = {}, {}
  for _, one in ipairs(connections) do
    local facts = one.facts
    local id = facts and one.version ~= "TLSv1.3" and (one.outcome == "full" or one.outcome == "refused")
      and facts.session_id or ""
    if id ~= "" and id ~= facts.session_id_sent and #facts.tickets == 0 then
      local list = by_length[#id] or {}
      by_length[#id] = list
      list[#list + 1] = id
      most = #list > #most and list or most
    end
  end
  return most
end

local function is_named(options)
  for _, name in ipairs(options.audit_checks or {}) do
    if name:gsub("_", "-") == M.id then
      return true
    end
  end
  return false
end

-- Makes full handshakes until there are enough IDs, where any are issued.
local function collect(context)
  local seen = ids_of(context.evidence.connections)
  for _ = 1, #seen > 0 and M.NEEDED - #seen or 0 do
    context:attempt({ mechanism = "session_id", take_sessions = false })
  end
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  if is_named(context.options) then
    collect(context)
  end
  return { M.decide(ids_of(context.evidence.connections)) }
end

--- Only who asks for it by name has so many made.
function M.connections(options)
  return is_named(options) and M.NEEDED or 0
end

return M
