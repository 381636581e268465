-- What a watch has found, as a sentence for each event. Pure: whoever calls it says how times are written.

local escape = require "resum.util.escape"
local mechanisms = require "resum.connection.mechanism"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local DOWN = "the server is down, as seen from here" -- it may be our own network
local NAME = 8 -- digits of a key's name, or of a fingerprint, that are shown

local function short(names)
  local list = {}
  for i, name in ipairs(names or {}) do
    list[i] = #name > NAME and name:sub(1, NAME) .. "..." or name
  end
  return #list > 0 and table.concat(list, ", ") or "none"
end

local function noun(event, is_plural)
  local mechanism = mechanisms[event.mechanism]
  return mechanism and mechanism.noun .. (is_plural and "s" or "") or "session" .. (is_plural and "s" or "")
end

local function problem_of(event)
  return event.problem and ": " .. escape(event.problem.message or event.problem.code or "", 160) or ""
end

--- A time that passed, in the largest unit that is met.
-- @tparam number seconds
-- @treturn string
function M.duration(seconds)
  for _, unit in ipairs({ { 86400, "d", 3600 }, { 3600, "h", 60 }, { 60, "min", 1 } }) do
    if seconds >= 2 * unit[1] - unit[3] / 2 then -- what would be shown as two of them in the unit below
      return ("%.0f %s"):format(seconds / unit[1], unit[2])
    end
  end
  return ("%.0f s"):format(seconds)
end

local function after_absence(event)
  return event.away and "; the server had been away" or ""
end

-- What lasted between two durations; as one where they look the same.
local function between(least, most)
  local from, to = M.duration(least), M.duration(most)
  if from == to then
    return to
  end
  local number, unit = from:match("^(%S+) (%S+)$")
  return ("%s to %s"):format(unit == to:match("%S+$") and number or from, to)
end

local BOUND = "the certificate changed at that moment, and some servers (nginx) bind sessions to it: "

local OLD_KEY = {
  kept = function()
    return "sessions from before still resume: the old key is kept"
  end,
  dropped = function(_, at)
    return ("sessions from before %s are refused: rotate with the old key kept"):format(at)
  end,
  unknown = function(event, at)
    local bound = event.certificate and ("sessions from before %s are refused; %s"):format(at, BOUND) or ""
    return bound .. "whether the old key is still taken can't be told"
  end,
}

-- Of sessions whose cause can't be told; of those that name no key nothing is known.
local UNTOLD = { same = "their key has the same name: ", changed = "ticket keys changed at that moment, too: " }
local BESIDE = { refused = "tickets of a key that lives are refused as well, so it is not the cache alone: " }
local NAMELESS = "they name no key: "

local OTHER_TICKETS = {
  cached = "tickets are names of entries in a cache now, and were sealed with a key: the server was configured anew",
  sealed = "tickets are sealed with a key now, and were names of entries in a cache: the server was configured anew",
}

local CACHES = {
  changed = "; ticket keys changed at that moment, too: a restart, or a reload that begins anew",
  same = " while the ticket keys live: a restart with the same key files, or a cache that was flushed",
}

local WORDS = {
  key_replaced = function(event, at)
    return ("ticket key %s replaced by %s; %s%s%s"):format(short(event.old), short(event.new),
      OLD_KEY[event.old_key](event, at), event.caches and "; session IDs from before still resume: a reload" or "",
      after_absence(event))
  end,
  member_replaced = function(event)
    return ("one of several servers: ticket key %s went and %s came, and %s stayed: that server was swapped or "
      .. "restarted, which can't be told apart"):format(short(event.old), short(event.new), short(event.there))
  end,
  key_came = function(event)
    return #event.there == 0 and ("tickets name a key, %s, and named none before"):format(short(event.new))
      or ("another ticket key, %s, beside %s: a server came, or some have a new key"):format(short(event.new),
        short(event.there))
  end,
  key_went = function(event)
    return #event.there == 0 and ("no ticket names the key %s any more, nor another one"):format(short(event.old))
      or ("ticket key %s is not met any more, and %s stayed: a server went, or got another's key"):format(
        short(event.old), short(event.there))
  end,
  certificate_replaced = function(event)
    return ("certificate %s replaced by %s"):format(short(event.old), short(event.new))
  end,
  certificate_replaced_in_part = function(event)
    return ("certificate %s replaced by %s, and %s stayed: on some servers only"):format(short(event.old),
      short(event.new), short(event.there))
  end,
  certificate_came = function(event)
    return ("another certificate, %s, beside %s: a server came, or some have a new one"):format(short(event.new),
      short(event.there))
  end,
  certificate_went = function(event)
    return ("certificate %s is not met any more, and %s stayed"):format(short(event.old), short(event.there))
  end,
  cache_emptied = function(event, at)
    return ("%s from before %s are refused, and new ones resume: the session cache was emptied%s%s"):format(
      noun(event, true), at, CACHES[event.keys] or "", after_absence(event))
  end,
  sessions_lost = function(event, at)
    local beside = event.certificate and BOUND or BESIDE[event.tickets] or UNTOLD[event.keys] or NAMELESS
    local why = OTHER_TICKETS[event.tickets] or beside .. "the cause can't be told"
    return ("%s from before %s are refused, and new ones resume; %s%s"):format(noun(event, true), at, why,
      after_absence(event))
  end,
  resumption_stopped = function(event)
    return ("no %s resumes any more, new ones neither: the cause can't be told"):format(noun(event))
  end,
  resumption_back = function(event)
    return ("%s resume again, after %s"):format(noun(event, true), M.duration(event.since - event.stopped))
  end,
  issuing_stopped = function(event)
    return ("no %s is issued any more"):format(noun(event))
  end,
  issuing_began = function(event)
    return ("%s are issued%s"):format(noun(event, true), event.stopped and " again, after "
      .. M.duration(event.since - event.stopped) or " now")
  end,
  lifetime_changed = function(event, at)
    return ("new %s promise to live %.0f s; until %s they promised %.0f s"):format(noun(event, true), event.promised_s,
      at, event.promised_before_s)
  end,
  lifetime_reached = function(event)
    local promised = event.promised_s and event.promised_s > 0
      and ("%.0f s were promised"):format(event.promised_s) or "nothing was promised"
    local least, most = ("%.0f"):format(event.alive_s), ("%.0f"):format(event.dead_s)
    return ("%s live %s s: older ones are refused, younger ones resume (%s)"):format(noun(event, true),
      least == most and least or ("between %s and %s"):format(least, most), promised)
  end,
  mechanism_failing = function(event)
    return ("connections for %s fail, others succeed%s"):format(noun(event, true), problem_of(event))
  end,
  mechanism_works = function(event)
    return ("connections for %s succeed again, after %s"):format(noun(event, true),
      M.duration(event.since - event.down))
  end,
  server_down = function(event)
    return DOWN .. problem_of(event)
  end,
  server_up = function(event) -- a server that is away is asked seldom
    local most = event.since - event.down
    return ("the server is up again, after %s"):format(event.down_until and between(event.down_until - event.down, most)
      or M.duration(most) .. " at most")
  end,
  clock_set = function(event)
    return ("this machine's clock was set %s by %s"):format(event.by_s < 0 and "back" or "forward",
      M.duration(math.abs(event.by_s)))
  end,
  not_watched = function(event)
    return ("nobody watched for %s: %s"):format(M.duration(event.time - event.since),
      event.slept and "this machine was suspended" or "the watch was not running")
  end,
}

-- Of what is lost, it is certain until when it was made; what came until the first one was refused may be taken.
local UNTIL = { cache_emptied = true, sessions_lost = true, key_replaced = true, lifetime_changed = true }

--- Every kind of event, sorted.
M.kinds = {}
for kind in pairs(WORDS) do
  M.kinds[#M.kinds + 1] = kind
end
table.sort(M.kinds)

--- Is there an event of this kind?
-- @tparam string kind
-- @treturn boolean
function M.is_kind(kind)
  return WORDS[kind] ~= nil
end

-- What does not work now, as clauses; {} where all does that ever did.
local function troubles(state)
  local list = {}
  for _, name in ipairs(mechanisms.names) do
    local known, called = state.mechanisms[name] or {}, mechanisms[name].noun
    if known.works == false then
      list[#list + 1] = ("connections for %ss fail"):format(called)
    elseif known.issues == false then
      list[#list + 1] = ("no %s is issued any more"):format(called)
    elseif known.stopped_since then
      list[#list + 1] = ("no %s resumes any more"):format(called)
    end
  end
  return list
end

--- How a server is, in half a sentence.
-- @tparam table state of a place, see resum.analysis.watch
-- @treturn string how grave that is: "good", "impaired", "broken", "unknown"
-- @treturn string
function M.now(state)
  if state.is_up == nil then
    return "unknown", "nothing has been seen of the server yet"
  elseif not state.is_up then
    return "broken", DOWN .. problem_of(state)
  end
  local list = troubles(state)
  return #list > 0 and "impaired" or "good", table.concat({ "the server is up", table.unpack(list) }, "; ")
end

local function shares(state)
  local list = {}
  for _, name in ipairs(mechanisms.names) do
    local known = state.mechanisms[name]
    if known and known.rate then
      list[#list + 1] = ("%s %s %%"):format(mechanisms[name].noun, vocabulary.percent(known.rate))
    end
  end
  return #list > 0 and "resumed of the last offers: " .. table.concat(list, ", ")
    or "no session was offered within its lifetime"
end

--- What a watch of a place has come to, behind its times.
-- @tparam table what rounds and connections (numbers), events (how many), state (see resum.watch.place)
-- @treturn string
function M.summary(what)
  return ("%s, %s, %s; %s; %s"):format(vocabulary.count(what.rounds, "round"),
    vocabulary.count(what.connections, "connection"), what.events == 0 and "no event"
      or vocabulary.count(what.events, "event"), shares(what.state), (select(2, M.now(what.state))))
end

--- An event as a sentence.
-- @tparam table event see resum.analysis.watch
-- @tparam function time_of how the minute of a moment is written: seconds in, text out
-- @treturn string
function M.sentence(event, time_of)
  return WORDS[event.kind](event, time_of(UNTIL[event.kind] and event.until_then or event.since or event.time))
end

return M
