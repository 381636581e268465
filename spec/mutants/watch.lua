--- Mutants of the watch: how sure it has to be, and what it must not take for one another.

local CHANCE, NAMES = "lua/resum/analysis/watch/chance.lua", "lua/resum/analysis/watch/names.lua"
local ACCEPTANCE, WATCH = "lua/resum/analysis/watch/acceptance.lua", "lua/resum/analysis/watch/init.lua"
local PRESENCE, PLACE = "lua/resum/analysis/watch/presence.lua", "lua/resum/watch/place.lua"
local CLOCK, PACE, SEEN = "lua/resum/watch/clock.lua", "lua/resum/watch/pace.lua", "lua/resum/watch/seen.lua"
local STATE, HISTORY = "lua/resum/watch/state.lua", "lua/resum/analysis/watch/history.lua"
local LOSSES, REPLACED = "lua/resum/analysis/watch/losses.lua", "lua/resum/analysis/watch/replaced_key.lua"
local SLOW = "spec/regress/230_emptied_cache_is_told_at_a_slow_pace_spec.lua"
local TURNS = "spec/regress/231_turns_at_an_address_spec.lua"
local LONG_AGO = "spec/regress/232_names_met_long_ago_are_not_new_spec.lua"
local CAUSES = "spec/regress/180_watch_names_no_wrong_cause_spec.lua"
local OF_AGE = "spec/regress/332_dead_of_age_is_no_dropped_key_spec.lua"
local MINUTES = "spec/regress/333_caches_that_live_minutes_spec.lua"
local BESIDE = "spec/regress/334_losses_beside_a_certain_change_spec.lua"
local PROMISE = "lua/resum/analysis/watch/promise.lua"
local PROMISED = "spec/regress/425_lifetime_that_is_changed_spec.lua"
local SPEC, PARTS, LONG = "spec/watch_spec.lua", "spec/watch_parts_spec.lua", "spec/watch_long_spec.lua"

local list = {}

local function add(file, spec, name, before, after, breaks)
  list[#list + 1] = { name = name, file = file, before = before, after = after, breaks = breaks, spec = spec }
end

add(CHANCE, PARTS, "three in a row", "M.IN_A_ROW = 4", "M.IN_A_ROW = 3", "an outage is told a connection too soon")
add(CHANCE, PARTS, "a server that fails in two of a hundred", "M.BEST = 0.99", "M.BEST = 0.98",
  "chance is another one")
add(PRESENCE, PARTS, "one success is enough", "M.BACK = 2", "M.BACK = 1", "one connection is an event")
add(PRESENCE, PARTS, "a server that often fails", "presence.share = presence:usual()", "presence.share = 0.99",
  "a server that fails in half of the connections is down")
add(NAMES, PARTS, "all that is new is an event", "local may_be_overlap = time - one.first < M.OVERLAP",
  "local may_be_overlap = false", "the last connections of an old process are another server")
add(NAMES, PARTS, "nothing is learned", "M.LEARNING = 6", "M.LEARNING = 0", "the first name is new")
add(NAMES, SPEC, "names that are admitted soon", "statistics.wilson(math.max(0, one.seen - 1), one.of)",
  "statistics.wilson(one.seen, one.seen)", "one of forty servers is gone when it was not met for a while")
add(ACCEPTANCE, PARTS, "younger ones need not be as old", "told.aged >= M.AGED", "told.new_resumed >= M.AGED",
  "what dies of age is lost")
add(ACCEPTANCE, SLOW, "the refusal that began a doubt is evidence", "told.resumed, told.refused - 1",
  "told.resumed, told.refused", "three in a row are an event")
add(ACCEPTANCE, SLOW, "a newer one stays as young as it was",
  "met.age = good and math.max(met.age, offer.age) or met.age",
  "", "a newer session that was offered young never counts as an old one")
add(PACE, TURNS, "who waits takes no turn", "turns[address] = turn + M.jittered(gap)",
  "turns[address] = host.now() + M.jittered(gap)", "who asks last is served first")
add(NAMES, LONG_AGO, "names that are many have one chance each", "M.FEW = 4", "M.FEW = 4000",
  "one of forty servers is new")
add(ACCEPTANCE, PARTS, "a session that was offered before", "if offer.again and not self.is_reusable then",
  "if false then", "tickets that are good for one connection are lost")
add(ACCEPTANCE, PARTS, "what was promised", "(promise <= 0 or offer.age + M.SLACK < promise)", "(promise <= 0 or true)",
  "the end of a lifetime begins a doubt")
add(REPLACED, PARTS, "two refusals drop a key", "M.DROPPED = 4", "M.DROPPED = 1", "the constant that is documented")
add(LOSSES, PARTS, "keys are not waited for", "local is_clear = #watch.keys.list == 0 or one.keys >= M.KEYS_AFTER",
  "local is_clear = true or one.keys >= M.KEYS_AFTER", "a restart is a cache that was emptied while keys live")
add(WATCH, PARTS, "a key that went is a lifetime", "return not offer.good and offer.key ~= nil",
  "return false and offer.key", "sessions of a key that was dropped die of age")
add(REPLACED, CAUSES, "the certificate is not looked at", 'elseif refused and history:changed("certificate"',
  'elseif false and history:changed("certificate"', "a key that is kept is dropped where sessions are bound")
add(HISTORY, CAUSES, "the newest change alone is kept", "M.CHANGES = 8", "M.CHANGES = 1",
  "a loss that is certain late is held against another change")
add(REPLACED, OF_AGE, "dead tickets drop a key", "not offer.good and offer.is_alive", "not offer.good",
  "a key is dropped whose sessions have died of age")
add(LOSSES, OF_AGE, "dead tickets excuse a cache", "not offer.good and offer.is_alive and 1 or 0",
  "offer.good and 0 or 1",
  "tickets that have died of age hide a cache that was emptied")
add(ACCEPTANCE, OF_AGE, "any age is alive where nothing was promised",
  "((offer.promise or 0) > 0 or offer.age <= self.known_age)",
  "true", "a key is dropped whose sessions are older than any that resumed")
add(ACCEPTANCE, OF_AGE, "lifetimes end to the second", "M.SLACK = 2", "M.SLACK = 0", "the constant that is documented")
add(ACCEPTANCE, MINUTES, "no life is short", "M.SHORT = 600", "M.SHORT = 0", "sessions die before they are asked")
add(ACCEPTANCE, MINUTES, "all lives are short", "M.SHORT = 600", "M.SHORT = 36000", "an emptied cache is told late")
add(ACCEPTANCE, MINUTES, "who died of age after a loss excuses it",
  "offer.issued > self.since and offer.is_promised then",
  "offer.issued > self.since then", "a cache that was emptied is never told")
add(ACCEPTANCE, MINUTES, "deaths of age stay chance", "if refused_at >= age then", "if false then",
  "a good server is taken for one that refuses by chance")
add(ACCEPTANCE, MINUTES, "who died at the age of others begins a doubt", "return age + M.SLACK <= self.known_age",
  "return age <= self.known_age", "a death of age hides an emptied cache for an hour")
add(ACCEPTANCE, MINUTES, "who may be dead is asked",
  "at_most = is_short and self.limit and self.known_age - M.SLACK or nil",
  "at_most = nil", "an offer of a doubt says nothing")
add(WATCH, MINUTES, "a replaced key asks no cache",
  "if #list == 0 and caches and not one.has_keys then", "if false then",
  "a restart is told as a new key alone")
add(CHANCE, BESIDE, "a change counts for nothing", "M.BESIDE_CHANGE = 1e-4", "M.BESIDE_CHANGE = 1e-6",
  "of sessions that are lost at once some are told half an hour later")
add(CHANCE, BESIDE, "a change counts for more", "M.BESIDE_CHANGE = 1e-4", "M.BESIDE_CHANGE = 1e-2",
  "the constant that is documented")
add(CHANCE, BESIDE, "four refusals are enough", "M.ALL_REFUSED = 5", "M.ALL_REFUSED = 4",
  "chance is a loss beside a change")
add(ACCEPTANCE, BESIDE, "some may resume", "told.refused >= chance.ALL_REFUSED and told.resumed == 0",
  "told.refused >= chance.ALL_REFUSED", "chance is a loss beside a change")
add(LOSSES, BESIDE, "tickets that were lost before are forgotten", "or history:changed(M.SEALED, from, to))",
  "or false)", "a server that was configured anew has emptied its cache")
add(WATCH, BESIDE, "a loss counts for no other mechanism",
  'self.history:remember("lost", ', 'self.history:remember("x", ',
  "of sessions that are lost at once some are told half an hour later")
add(LOSSES, CAUSES, "tickets beside a cache are not looked at", "return good == 0 and bad >= M.BESIDE", "return false",
  "a server that was configured anew has emptied its cache")
add(WATCH, CAUSES, "a key that no ticket names", "elseif one.has_keys and seen.issued ~= nil then", "elseif false then",
  "a key goes on getting older when tickets were switched off")
add(PLACE, SPEC, "a server that is away is asked as often", "M.BACK_OFF = 8", "M.BACK_OFF = 1",
  "an outage is no reason to ask less")
add(CLOCK, PARTS, "sleep is not counted", "if asleep < M.LEAST then", "if true then",
  "a suspended machine has set its clock")
add(PACE, PARTS, "gaps may be shorter", "return value * (1 + M.JITTER", "return value * (1 - M.JITTER",
  "more connections a minute than were allowed")
add(SEEN, PARTS, "any bytes are a key", "and not key_names.problem_of(first.ticket:sub(1, ticket_keys.LENGTH))", "",
  "sixteen times the same letter names a key")
add(STATE, LONG, "the file is never written anew", "if self.added > math.max(M.LEAST, self.live) then", "if false then",
  "the file grows for ever")
add(STATE, LONG, "events are kept for ever", "if #place.events > M.EVENTS then", "if false then",
  "memory grows with events")
add(NAMES, PARTS, "how long a name may be missed is worked out once for ever",
  "if not known or known.seen ~= one.seen or known.of ~= one.of then", "if not known then",
  "a name that turns out to be met often is said to be gone as late as one that is met seldom")
add(PROMISE, PROMISED, "fewer handshakes have to agree", "M.MOST = 100", "M.MOST = 300",
  "three tickets of another lifetime are an event")
add(PROMISE, PROMISED, "what is seen once is an event", "self.new_seen, 0, 0, self.seen) < chance.BY_CHANCE",
  "self.new_seen, 0, 0, self.seen) < 1", "servers that promise different lifetimes are one that was changed")
add(ACCEPTANCE, PROMISED, "what was promised less lives no longer for it",
  "return self.promised ~= nil and promise > 0", "return self.promised == false and promise > 0",
  "after a lifetime was raised, sessions are held as long as before")

return list
