-- Which engine makes an attempt: resum.handshake (libssl), or resum.probe (cheap, for resumptions only), and when the
-- probe's answer is asked again. The probe never has the last word where it met something odd, and its plain answers
-- are compared with libssl's: on the first attempt, and on a sample of the rest. Where the two differ by more than
-- chance, the mechanism moves to libssl for good. It opens no connection itself: attempt.lua does.

local statistics = require "resum.util.statistics"
local random = require "resum.util.random"
local side_by_side = require "resum.util.side_by_side"

local M = {}

local SAMPLE = 20 -- one attempt in so many runs on libssl, to compare
local MORE = 7 -- so many more of each engine where the first answers differ
local AT_ONCE = 4 -- of these, as nothing else of the mechanism is at work meanwhile
local SIGNIFICANT = 0.0002 -- 8 of 8 against 0 of 8 is rarer than that, and 3 of 3 against 0 of 40
local TRIES = 3 -- answers that only libssl could give, before the probe is given up
-- So often in turns, where the first probe was dropped. A server that drops half of those that resume, whatever engine,
-- drops all probes and no libssl in 1 of 8192 scans.
local DROPS = 6

-- What stands behind a hybrid group: a server that has none of these answers the probe's usual offer with an alert.
local CLASSIC_GROUPS = { "x25519", "secp256r1", "secp384r1", "secp521r1" }

--- Connections beside an attempt's own by which the probe's first answer is checked, for each mechanism: least and
-- most, where none fails.
M.CHECKS = { least = 1, most = 1 + 2 * MORE }

local DECIDED = { resumed = true, refused = true }

-- Did it get through? What was answered may count for nothing, as the session was spent: by the probe that came before.
local function is_answered(record)
  return DECIDED[record.answer or record.outcome] == true
end

local function new_tally()
  return { resumed = 0, refused = 0 }
end

local function new_state()
  return { checked = false, helped = 0, answers = {}, works = false }
end

-- The engines' answers to offers of one design. Only these are compared: where tickets are good for one connection,
-- fresh sessions resume and old ones do not, and either engine may have met more of the one kind.
local function tallies_of(state, design)
  local tallies = state.answers[design or ""] or { probe = new_tally(), handshake = new_tally() }
  state.answers[design or ""] = tallies
  return tallies
end

local function note(state, record)
  if DECIDED[record.outcome] then
    local tally = tallies_of(state, record.design)[record.engine]
    tally[record.outcome] = tally[record.outcome] + 1
    state.works = state.works or record.engine == "probe"
  elseif record.engine == "handshake" and record.outcome == "alert" then
    state.agreed = "alert" -- it is not the probe that is at fault
  end
end

local function share_words(tally)
  return ("%d of %d"):format(tally.resumed, tally.resumed + tally.refused)
end

local function compare(state, design)
  local tallies = tallies_of(state, design)
  local p, h = tallies.probe, tallies.handshake
  if statistics.fisher(p.resumed, p.refused, h.resumed, h.refused) < SIGNIFICANT then
    state.moved = ("the probe resumed %s, libssl %s"):format(share_words(p), share_words(h))
  end
end

-- So many of each engine, in random order: in turns, a balancer that rotates would fall into step with us.
local function random_order(count)
  local order = {}
  for i = 1, 2 * count do
    order[i] = i <= count and "probe" or "handshake"
  end
  return random.shuffle(order)
end

-- A second opinion on the first answer, and more of both where it is another one, as behind a balancer it may well be.
local function check_first(client, state, record, options, connect)
  state.checked = true
  note(state, record)
  local other = connect(client, options, "handshake")
  note(state, other)
  if DECIDED[other.outcome] and other.outcome ~= record.outcome then
    local jobs = {}
    for i, engine in ipairs(random_order(MORE)) do
      jobs[i] = function()
        return not client.cancelled() and note(state, connect(client, options, engine))
      end
    end
    side_by_side.run(client.host, jobs, AT_ONCE)
    if client.cancelled() then
      return record
    end
    compare(state, options.design)
  end
  return state.moved and other or record
end

-- What may be the answer of one server of several, and none of the probe's doing.
local function may_be_the_servers(record)
  return record.outcome == "alert" or (record.outcome == "protocol_error" and record.error.code ~= "unsupported")
end

-- The same attempt on libssl, because the probe's answer was none. An alert or a breach may be what one server of
-- several answers: libssl is asked until it has met that one, too, before its answer takes the other's place.
local function ask_libssl(client, state, record, options, connect)
  local asks_on = may_be_the_servers(record)
  local asks, again = 0
  repeat
    again = connect(client, options, "handshake")
    asks = asks + 1
  until not asks_on or asks == MORE or again.outcome == record.outcome or client.cancelled()
  again.instead_of = { engine = "probe", outcome = record.outcome, error = record.error }
  if again.outcome == record.outcome then
    state.agreed = record.outcome -- libssl meets the same: from now on the probe is believed
  elseif is_answered(again) then
    state.helped = state.helped + asks
    if state.helped >= (state.works and TRIES * MORE or TRIES) and (asks_on or not state.works) then
      state.moved = "the probe can't be used: " .. record.error.message
    end
  end
  return again
end

-- The first probes of all were dropped. Is it the probe that is dropped? Only if libssl never is, and the probe always:
-- else a drop is an answer like others, and what was asked since are attempts of their own, which take no drop's place.
-- That is asked once: whoever asks each time may fall into step with a balancer's turns.
local function ask_why_dropped(client, state, record, options, connect)
  local again
  state.asked_why = true
  for _ = 1, DROPS do
    again = connect(client, options, "handshake")
    note(state, again)
    if not is_answered(again) or client.cancelled() then
      return record
    end
    local probed = connect(client, options, "probe")
    if probed.outcome ~= record.outcome then
      return record
    end
  end
  again.instead_of = { engine = "probe", outcome = record.outcome, error = record.error }
  state.moved = "the probe can't be used: " .. record.error.message
  return again
end

local function is_odd(state, record)
  local outcome = record.outcome
  if DECIDED[outcome] or outcome == "unreachable" or outcome == "unknown" or outcome == state.agreed then
    return false
  end
  return outcome == "alert" or outcome == "protocol_error" or not (state.checked or state.asked_why)
end

local function is_hybrid(group)
  return group ~= nil and group:find("MLKEM", 1, true) ~= nil
end

-- An alert in place of a ServerHello.
local function is_turned_away(record)
  return record.outcome == "alert" and not (record.facts or {}).version
end

local function on_libssl(client, state, options, connect)
  local record = connect(client, options, "handshake")
  local group = (record.facts or {}).group
  state.hybrid_group = is_hybrid(group) and group or state.hybrid_group
  return record
end

-- What the probe offers first is cheap for both sides; a server that turns it away gets what costs more, from now on.
-- What the record offered counts, not what the client does by now: other attempts run beside this one.
local function with_dearer_shares(client, state, record, offered_groups, options, connect)
  if is_turned_away(record) and state.hybrid_group and not offered_groups then
    client.groups = { state.hybrid_group, table.unpack(CLASSIC_GROUPS) }
    record = connect(client, options, "probe")
  end
  if is_turned_away(record) and (record.facts or {}).key_share == "base_point" then
    client.key_share = "random"
    record = connect(client, options, "probe")
  end
  return record
end

local function probe(client, state, options, connect)
  local offered_groups = client.groups
  local record = with_dearer_shares(client, state, connect(client, options, "probe"), offered_groups, options, connect)
  if is_odd(state, record) then
    local was_dropped = record.outcome ~= "alert" and record.outcome ~= "protocol_error"
    return (was_dropped and ask_why_dropped or ask_libssl)(client, state, record, options, connect)
  elseif DECIDED[record.outcome] and not state.checked and options.compare ~= false then
    return check_first(client, state, record, options, connect)
  end
  note(state, record)
  return record
end

local function state_of(client, mechanism)
  local state = client.engines[mechanism] or new_state()
  client.engines[mechanism] = state
  return state
end

--- Makes an attempt on the engine asked for, or on the one that can.
-- @tparam table client of resum.connection.client; it keeps what was learned in client.engines
-- @tparam table options of the attempt; engine ("probe" or "handshake", the default); compare (false: plain answers of
--   the probe are not compared with libssl's)
-- @tparam function connect connect(client, options, engine) makes one connection and returns its record
-- @treturn table record; its engine says which one it was; instead_of ({engine, outcome, error}) what the probe met
function M.attempt(client, options, connect)
  local state = state_of(client, options.mechanism)
  local offers = options.session or options.sessions
  if options.offer or options.server_name ~= nil then -- another question: its answer says nothing about the engines
    return connect(client, options, options.engine or "handshake")
  end
  if options.engine ~= "probe" or not offers or state.moved then
    return on_libssl(client, state, options, connect)
  elseif options.compare ~= false and state.checked and options.session and random.integer(SAMPLE) == 1 then
    local record = on_libssl(client, state, options, connect)
    note(state, record)
    compare(state, options.design)
    return record
  end
  return probe(client, state, options, connect)
end

--- Why a mechanism was moved from the probe to libssl; nil when it was not.
-- @tparam table client
-- @tparam string mechanism
-- @treturn string|nil
function M.moved(client, mechanism)
  return state_of(client, mechanism).moved
end

return M
