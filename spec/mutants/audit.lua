--- Mutants of the audit's checks: their bounds, and what they must not take for one another.

local SINGLE_USE, SINGLE_USE_SPEC = "lua/resum/audit/checks/single_use.lua", "spec/audit_single_use_spec.lua"
local NAMES, AGE = "lua/resum/audit/keys/names.lua", "lua/resum/audit/checks/key_age.lua"
local SHARING, KEYS_SPEC = "lua/resum/audit/checks/key_sharing.lua", "spec/audit_key_age_spec.lua"
local STATE, STATE_SPEC = "lua/resum/audit/keys/state.lua", "spec/audit_state_spec.lua"
local UNKNOWN, UNKNOWN_SPEC = "lua/resum/audit/checks/unknown_ticket.lua", "spec/audit_unknown_ticket_spec.lua"
local BLEED, BLEED_SPEC = "lua/resum/audit/checks/ticketbleed.lua", "spec/audit_ticketbleed_spec.lua"
local LIFETIME, SCHEDULE = "lua/resum/audit/checks/lifetime.lua", "lua/resum/audit/lifetime/schedule.lua"
local LIFETIME_SPEC = "spec/audit_lifetime_spec.lua"
local ENTROPY, HELLO, IDS_SPEC = "lua/resum/audit/checks/id_entropy.lua", "lua/resum/audit/checks/hello_size.lua",
  "spec/audit_id_entropy_spec.lua"
local EMS, RULES, RULES_SPEC = "lua/resum/audit/checks/ems.lua", "lua/resum/audit/checks/resume_rules.lua",
  "spec/audit_rules_spec.lua"
local PRIVATE = "lua/resum/host/private_file.lua"

local list = {}

local function add(file, spec, name, before, after, breaks)
  list[#list + 1] = { name = name, file = file, before = before, after = after, breaks = breaks, spec = spec }
end

add(SINGLE_USE, SINGLE_USE_SPEC, "a browser with a larger jar", "local JAR = 2", "local JAR = 4",
  "four tickets after a full handshake look like four fifths")
add(SINGLE_USE, SINGLE_USE_SPEC, "one resumption without a ticket is enough", "local CONFIRMED = 2",
  "local CONFIRMED = 1", "a ticket that came late is a server that issues none")
add(SINGLE_USE, SINGLE_USE_SPEC, "figures need not agree", "local AGREES = 1", "local AGREES = 3",
  "a server that refuses for another reason is called one that does not renew")
add(SINGLE_USE, SINGLE_USE_SPEC, "fewer connections", "local CONNECTIONS = 12", "local CONNECTIONS = 6",
  "the figure is not the one that is told")
add(NAMES, KEYS_SPEC, "a name that is met once", "local LEAST_CONNECTIONS = 2", "local LEAST_CONNECTIONS = 1",
  "random bytes are the name of a key")
add(NAMES, KEYS_SPEC, "a name of few bytes", "local LEAST_DIFFERENT = 8", "local LEAST_DIFFERENT = 7",
  "six bytes and zeros name a key")
add(NAMES, KEYS_SPEC, "addresses of the heap", "[0x55] = true", "[0x57] = true", "an address is the name of a key")
add(NAMES, KEYS_SPEC, "names of resumed connections", 'connection.outcome ~= "resumed"', "connection.outcome",
  "what a session carries on with is the name of a key")
add(AGE, KEYS_SPEC, "a day is no age", "{ 24 * HOUR, \"low\" }", "{ 25 * HOUR, \"low\" }", "a key of a day is young")
add(AGE, KEYS_SPEC, "a week is no age", "{ 7 * DAY, \"medium\" }", "{ 8 * DAY, \"medium\" }", "a week is low")
add(AGE, KEYS_SPEC, "a month is no age", "{ 30 * DAY, \"high\" }", "{ 31 * DAY, \"high\" }", "a month is medium")
add(AGE, KEYS_SPEC, "young for two days", "local YOUNG = 24 * HOUR", "local YOUNG = 25 * HOUR",
  "a key that may be a day old is good")
add(AGE, KEYS_SPEC, "equal names anywhere", "entry.key == one.key and entry.layout == one.layout",
  "entry.key == one.key", "another layout's key is the same one")
add(SHARING, KEYS_SPEC, "no layout in groups", "entry.key .. entry.layout, place_of", "entry.key, place_of",
  "keys of two layouts are shared")
local SHARED, SHARED_SPEC = "lua/resum/audit/keys/shared.lua", "spec/audit_shared_key_spec.lua"
local GROUPS, READING, FLEET_SPEC = "lua/resum/fleet/groups.lua", "lua/resum/fleet/reading.lua", "spec/fleet_spec.lua"
local SIDE_BY_SIDE = "spec/regress/150_edges_side_by_side_spec.lua"

add(SHARED, SHARED_SPEC, "one refusal is enough", "local SURE = 2", "local SURE = 1",
  "one refused session parts two servers")
add(SHARED, SHARED_SPEC, "a pool's refusal counts", "refused == SURE and self.shares[mechanism] == 1",
  "refused == SURE",
  "a server that refuses some of its own is said to have another key")
add(SHARED, SHARED_SPEC, "more classes are asked", "local MOST_CLASSES = 3", "local MOST_CLASSES = 4",
  "the offers of a place have no such bound")
add(SHARED, SIDE_BY_SIDE, "the end is who was found last", "return outcome, name, last",
  "return outcome, name, class.last", "an edge has an end that nobody asked")
add(GROUPS, FLEET_SPEC, "regular names join", "WHERE is_current AND tells ", "WHERE is_current ",
  "places with a name of zeros are a group")
add(GROUPS, FLEET_SPEC, "who refuses is joined", 'if apart[core .. " " .. other] then', "if false then",
  "places that refuse each other are a group")
add(GROUPS, FLEET_SPEC, "the same name is confirmed", "self.add_edge(found[1], core, M.SAME_NAME)",
  "self.add_edge(found[1], core, M.CONFIRMED)", "an equal name is a confirmed edge")
add(READING, FLEET_SPEC, "keys of all runs are in use", "entry.last == last.last and 1 or 0", "1",
  "a key that was replaced is in use")
add(STATE, STATE_SPEC, "a run is counted twice", "entry.runs == 1 and entry.last == known.last", "false",
  "a line that stands there twice is two runs")
add(STATE, STATE_SPEC, "a newer file is ours", "tonumber(schema) > SCHEMA", "tonumber(schema) > 9 * SCHEMA",
  "what a newer resum wrote is cut")
add(STATE, STATE_SPEC, "memory without a bound", "#store.names == M.MOST_ENTRIES", "false", "memory has no bound")
add(PRIVATE, STATE_SPEC, "files for everybody", "local OWNER_ONLY = 384", "local OWNER_ONLY = 420",
  "others read the file")
add(PRIVATE, STATE_SPEC, "torn lines go on", 'torn and "\\n" .. text or text', "text",
  "a line behind a torn one is lost")
add(PRIVATE, STATE_SPEC, "a replaced file is forgotten",
  "    if not done then\n      return nil, (\"%s: %s\"):format(path, why)\n    elseif stays then",
  "    if not done then\n      return nil, (\"%s: %s\"):format(path, why)\n    elseif true then",
  "lines written while the file is replaced are lost")
add(UNKNOWN, UNKNOWN_SPEC, "one lost connection is a failure", "other = 4", "other = 0",
  "a lost connection is a server at which clients fail")
add(UNKNOWN, UNKNOWN_SPEC, "odd lengths weigh as much", 'case.odd and "low" or "high"', '"high"',
  "ten bytes that nobody sends are grave")
add(UNKNOWN, UNKNOWN_SPEC, "one handshake breaks RFC 5077", "counts[reason] >= 2", "counts[reason] >= 1",
  "a single connection is a finding")
add(PRIVATE, LIFETIME_SPEC, "sessions are not wiped", "head .. (\" \"):rep(place.length - #head), place.at",
  "\"\", place.at", "secrets stay in the file")
local BLEEDS_SPEC = "spec/regress/450_one_of_several_bleeds_spec.lua"
add(BLEED, BLEEDS_SPEC, "each of several servers is met once", "met > 1 and 2 * met or 1", "met > 1 and met or 1",
  "one server of three that leaks is met once, if at all, and is not found")
add(BLEED, BLEEDS_SPEC, "who resumes answers for all", "session.share ~= nil and answer.resumed", "answer.resumed",
  "a server that does not leak ends the question, and another one does")
add(BLEED, BLEEDS_SPEC, "a server that was not met is good", 'found.verdict == "good" and not has_met',
  "false and not has_met", "a pool is good whose server of a session was never met")
add(BLEED, BLEED_SPEC, "one byte decides", "local LEAST_DECIDES = 16", "local LEAST_DECIDES = 1",
  "a new ID that begins like ours is memory")
add(BLEED, BLEED_SPEC, "a constant tail is memory", "tails[1] ~= nil and tails[1] ~= tail", "true",
  "padding is memory")
add(LIFETIME, LIFETIME_SPEC, "a long day", "M.DAY, M.WEEK = 24 * HOUR", "M.DAY, M.WEEK = 25 * HOUR",
  "25 hours are good")
add(LIFETIME, LIFETIME_SPEC, "a long week", "7 * DAY\n", "8 * DAY\n", "eight days are low")
add(LIFETIME, LIFETIME_SPEC, "certificates that have ended", "ends > now and", "", "an old certificate is a finding")
add(SCHEDULE, LIFETIME_SPEC, "no grace", "local GRACE = 3", "local GRACE = 0", "a second's rounding is a late session")
add(SCHEDULE, LIFETIME_SPEC, "a short chain", "CHAIN_LINKS = 7, 4", "CHAIN_LINKS = 7, 1",
  "the chain ends before the promise")
add(SCHEDULE, LIFETIME_SPEC, "deaths before a later life", "alive, dead = point.at, nil", "alive = point.at",
  "a session that was lost is the end of all")
add(ENTROPY, IDS_SPEC, "fewer IDs", "M.NEEDED = 64", "M.NEEDED = 32", "32 IDs are enough")
add(ENTROPY, IDS_SPEC, "fewer bits", "M.LEAST_BITS = 64", "M.LEAST_BITS = 32", "56 bits are enough")
add(ENTROPY, IDS_SPEC, "chance is no chance", "local BY_CHANCE = 1e-12", "local BY_CHANCE = 1e-2",
  "random IDs are less than random")
add(ENTROPY, IDS_SPEC, "strict order", "local OUT_OF_ORDER = 1 / 8", "local OUT_OF_ORDER = 0",
  "counters of connections side by side are random")
add(HELLO, IDS_SPEC, "a larger packet", "M.PACKET = 1440", "M.PACKET = 1460", "what does not fit fits")
add(HELLO, IDS_SPEC, "a smaller share", "M.HYBRID = 1220", "M.HYBRID = 1184", "what does not fit fits")
add("lua/resum/audit/poll.lua", RULES_SPEC, "one resumption is enough for ems", "local TIMES = 2", "local TIMES = 1",
  "chance decides")
add(EMS, RULES_SPEC, "a mismatch is a refusal", 'violation ~= "ems_mismatch"', "true",
  "a server that resumes and says so is not found")
add(RULES, RULES_SPEC, "an alert does not tell", 'record.outcome == "refused" or record.outcome == "alert"',
  'record.outcome == "refused"', "a server that aborts is left open")
add(RULES, RULES_SPEC, "any violation is a resumption", "local tells = VIOLATIONS[facts.violation] or",
  "local tells = facts.violation or",
  "what our engine does not like is a finding")

add(RULES, RULES_SPEC, "versions agree on the extended master secret", "BETWEEN_VERSIONS = { ems_mismatch = true }",
  "BETWEEN_VERSIONS = {}", "a session that crossed versions is left open")
local TAMPERED, TAMPERED_SPEC = "lua/resum/audit/checks/tampered.lua", "spec/audit_tampered_spec.lua"
local ALTERED = "lua/resum/audit/tickets/altered.lua"
add(ALTERED, TAMPERED_SPEC, "another secret is a failure", "record_mac = true, finished = true", "finished = true",
  "a ticket that is read before it is authenticated is not found")
add(TAMPERED, TAMPERED_SPEC, "what was cut short is good", "was_cut or counts.failed", "counts.failed",
  "a ticket of which a few bytes were tried is authenticated")
add(TAMPERED, TAMPERED_SPEC, "constant bytes weigh as much", "not is_constant(offset) then\n      outside",
  "true then\n"
  .. "      outside", "bytes that nobody reads are critical")
add(TAMPERED, TAMPERED_SPEC, "no confirmation", "if at and not confirm(", "if false and not confirm(",
  "one answer is enough")
local PADDING, PADDING_SPEC = "lua/resum/audit/checks/padding_oracle.lua", "spec/audit_padding_oracle_spec.lua"
add(PADDING, PADDING_SPEC, "one confirmation", "local AGAIN = 12", "local AGAIN = 0",
  "an answer that came once decides")
add(PADDING, PADDING_SPEC, "more places for all values", "trailers = { 0, 32 } }", "trailers = { 0, 16, 20, 32 } }",
  "a server that fails on each is offered more than it may bear")
add(PADDING, PADDING_SPEC, "an end is no answer", 'outcome == "closed" or outcome == "reset"', "false",
  "a server that ends the connection where padding is wrong is not found")
list[#list].file = ALTERED
add(PADDING, PADDING_SPEC, "fewer masks", "local MASKS = 17", "local MASKS = 8", "longer padding is not found")
local BINDER, BINDER_SPEC = "lua/resum/audit/checks/binder.lua", "spec/audit_binder_spec.lua"
add(BINDER, BINDER_SPEC, "two binders", "offer = { binders = 1 }", "offer = { binders = 2 }",
  "a PSK with its binder is called one without")
add(BINDER, BINDER_SPEC, "silence is an answer", "protocol_error = true, ended = true }",
  "protocol_error = true, ended = true, timeout = true }", "a server that says nothing has looked at the binder")
add("lua/resum/audit/poll.lua", BINDER_SPEC, "two answers are no question", "local MOST_MIXED = 12",
  "local MOST_MIXED = 2", "one of several servers is not found out")
add(BINDER, BINDER_SPEC, "a selected PSK is a failure", "psk_ke = true, psk_dhe_ke = true", "psk_ke = true",
  "a PSK that is taken without its modes is not found")
local EARLY, EARLY_SPEC = "lua/resum/audit/checks/early_data.lua", "spec/audit_early_data_spec.lua"
add("lua/resum/audit/poll.lua", EARLY_SPEC, "an odd offer once", "local TIMES = 2", "local TIMES = 1",
  "one answer decides")
add(EARLY, EARLY_SPEC, "an alert is a lost connection", 'return record.outcome ~= "alert" and nil', "return nil",
  "a server that refuses is left open")
add(EARLY, EARLY_SPEC, "fewer bytes than too many", "local BEYOND, MOST_SENT = 1024", "local BEYOND, MOST_SENT = -100",
  "what the ticket allows is too much")
add(EARLY, EARLY_SPEC, "no answer is needed", "(not offer.data or record.response ~= nil)", "true",
  "a server that ends the connection takes too much")
add(EARLY, EARLY_SPEC, "some of several is all", "accepted == sent or", "accepted > 1 or",
  "several servers are one that takes the same twice")
local SECRECY, SECRECY_SPEC = "lua/resum/audit/checks/forward_secrecy.lua", "spec/audit_forward_secrecy_spec.lua"
add("lua/resum/audit/poll.lua", SECRECY_SPEC, "one resumption without an exchange is enough", "local TIMES = 2",
  "local TIMES = 1", "one answer decides")
add(SECRECY, SECRECY_SPEC, "short shares count", "local LEAST_SHARE = 16", "local LEAST_SHARE = 1",
  "what is no public value comes again")
local REPEATS, REPEATS_SPEC = "lua/resum/audit/checks/ticket_repeats.lua", "spec/audit_ticket_repeats_spec.lua"
add(REPEATS, REPEATS_SPEC, "chance makes pairs", "local MOST_FOR_A_PAIR = 90", "local MOST_FOR_A_PAIR = 9000",
  "two equal numbers of many are a fault")
add(REPEATS, REPEATS_SPEC, "a longer week", "LONGEST_LIFETIME = 604800", "LONGEST_LIFETIME = 691200",
  "eight days are in order")

add(UNKNOWN, UNKNOWN_SPEC, "a cut ticket weighs as much", '"one byte short", odd = true',
  '"one byte short", odd = false', "a malformed ticket that nobody sends is grave")

local FAILING_SPEC = "spec/regress/453_share_of_failing_spec.lua"
add(UNKNOWN, FAILING_SPEC, "two failures are all servers'", "case.failed == case.seen and case.failed > M.AGAIN.other",
  "case.failed == case.seen", "one of three that failed twice in a row is all of them")
add(UNKNOWN, FAILING_SPEC, "counted until it fails again",
  "(silent_member(asked, case) or asked.groups == 1 and fails_always(case))", "true",
  "a server has half of the connections, as it failed in two of four")
add(UNKNOWN, UNKNOWN_SPEC, "session IDs are all known", "asked.session_id = ask_id(context, cases)",
  "asked.session_id = nil", "a client whose session ID ran out is not thought of")
add(UNKNOWN, UNKNOWN_SPEC, "what was not asked is good", 'if was_missed and list[1].verdict == "good" then',
  "if false then", "tickets that were never offered are answered well")

local CERTIFICATE, CERTIFICATE_SPEC = "lua/resum/audit/checks/client_certificate.lua",
  "spec/audit_client_certificate_spec.lua"
local ANSWER = "lua/resum/audit/answer.lua"
add(CERTIFICATE, CERTIFICATE_SPEC, "what is lost under the target's name is good",
  "return self:blame(deviation, { deviation }, where)\n    elseif gets_in == nil then",
  "return self:blame(deviation, { deviation }, where)\n    elseif false then", "a lost connection is a refusal")
add(CERTIFICATE, CERTIFICATE_SPEC, "one refusal is everybody's", "rounds = poll.rounds(context, mechanism)",
  "rounds = 1", "who is let in by another server anyway is an intruder")
add(CERTIFICATE, CERTIFICATE_SPEC, "no twin", "  elseif twin then\n    return self:found(\"bad\", \"certificate_not",
  "  elseif false then\n    return self:found(\"bad\", \"certificate_not",
  "resumption is blamed for what any handshake does")
add(CERTIFICATE, CERTIFICATE_SPEC, "silence lets in", "    self.silent = true\n    return nil",
  "    self.silent = true\n    return true", "a server that says nothing lets clients in")
add(CERTIFICATE, CERTIFICATE_SPEC, "no twin in capitals", "twins[#twins + 1] = deviation.upper and deviation or nil",
  "", "resumption is blamed for a name that no settings are found for")
add(CERTIFICATE, CERTIFICATE_SPEC, "no name is a name", "    options.server_name = false", "", "T3 is T2 again")
add(ANSWER, CERTIFICATE_SPEC, "an end lets nobody in at once", "M.ENDS = 4", "M.ENDS = 1",
  "a lost connection refuses a client that is let in")
add(ANSWER, CERTIFICATE_SPEC, "an end is no refusal", "return M.was_ended(record) and", "return false and",
  "who refuses without a word is never judged")
add(ANSWER, CERTIFICATE_SPEC, "a misdirected request is let in", "[421] = true, ", "", "a refusal lets clients in")

local SERVER, SERVER_SPEC = "lua/resum/audit/checks/other_server.lua", "spec/audit_other_server_spec.lua"
add(SERVER, SERVER_SPEC, "a server without TLS", "return not NOT_RESUMED[record.outcome] and nil", "return false",
  "what is no TLS at all is called a server that does not resume")
add(SERVER, SERVER_SPEC, "a page that was not seen", "elseif self.pages.unseen then", "elseif false then",
  "a lost connection is another page")
add(SERVER, SERVER_SPEC, "any certificate", "core.certificate_fits(der, own_name) or ", "",
  "servers of one certificate are intruders")
add(SERVER, SERVER_SPEC, "not found is a page", "{ [404] = true, [421]", "{ [421]",
  "a default server that has nothing is as grave as another site")
add("lua/resum/audit/poll.lua", SERVER_SPEC, "one resumption is enough for another server", "local TIMES = 2",
  "local TIMES = 1", "one answer decides")

local SNI = "lua/resum/audit/checks/sni_rules.lua"
add(SNI, RULES_SPEC, "no capitals", "of = string.upper", "of = function(name) return name end",
  "another way to write a name is not tried")
add(SNI, RULES_SPEC, "a lost connection is an answer", "told + (WORDS[outcome] and 1 or 0)", "told + 1",
  "what failed is told of as if it had been seen")
add("lua/resum/audit/poll.lua", RULES_SPEC, "no share of offers", "elseif not where.share and self.no > 0 then",
  "elseif false then", "one server of three stands for all")
add(TAMPERED, TAMPERED_SPEC, "alerts once", "local TWO, AGAIN = 2, 5", "local TWO, AGAIN = 2, 0",
  "two servers that take turns are one that decrypts first")
add(TAMPERED, TAMPERED_SPEC, "lost offers are answers", '(answer ~= "failed" and 1 or 0)', "1",
  "more offsets are told of than were answered")
add(TAMPERED, TAMPERED_SPEC, "all offsets for each group", "M.MOST_OFFSETS // (groups or 1)", "M.MOST_OFFSETS",
  "a pool is offered three times as much")
add(PADDING, PADDING_SPEC, "several servers are one", "if poll.rounds(context, mechanism) > 1 then", "if false then",
  "answers of several servers are called no oracle")
add(RULES, RULES_SPEC, "a protocol of all handshakes", "if is_its_own == false then", "if false then",
  "resumption is blamed for what any handshake does")
add(RULES, RULES_SPEC, "any answer keeps the protocol", 'record.facts.violation == "alpn_not_offered" then',
  "false then", "a protocol that was not offered is not found")
add(RULES, RULES_SPEC, "a status once", "count >= 2 and { verdict = one.verdict",
  "count >= 1 and { verdict = one.verdict", "one connection is a finding")
add("lua/resum/connection/exchange.lua", "spec/regress/173_answered_and_closed_at_once_spec.lua",
  "an answer with the end is lost", "if self.say and record.error == nil and self.speaks then",
  "if self.say and record.error == nil and self.speaks and self:goes_on() then",
  "what the server says to early data is not read")
add(RULES, RULES_SPEC, "a ServerHello proves another suite", 'offer_it(changed).outcome == "resumed"', "true",
  "a server that echoes IDs is said to resume")

local ZERO, ZERO_SPEC = "lua/resum/audit/checks/zero_secret.lua", "spec/audit_zero_secret_spec.lua"
add(ZERO, ZERO_SPEC, "one end is a refusal", "if first and not ENDS[first] then", "if first then",
  "a lost connection is good")
add(ZERO, ZERO_SPEC, "a ServerHello proves zeros", 'if state == "established" then', 'if state or code then',
  "a server that goes on under another secret is critical")
local KNOWN, KNOWN_SPEC = "lua/resum/audit/checks/known_key.lua", "spec/audit_known_key_spec.lua"
local CONTENT, BYTES = "lua/resum/audit/checks/ticket_content.lua", "lua/resum/audit/tickets/bytes.lua"
add(KNOWN, KNOWN_SPEC, "a signing key opens tickets", 'opens and "critical" or "high"', '"critical"',
  "who can sign is said to read")
add(KNOWN, KNOWN_SPEC, "what is readable was opened", 'found and found.how ~= "clear" then', "found then",
  "a secret in clear is called a known key")
add("lua/resum/audit/checks/unknown_ticket.lua", "spec/regress/405_more_than_a_hello_holds_spec.lua",
  "a longer ClientHello",
  "local MOST_OFFERED = 65535 - 4096", "local MOST_OFFERED = 1 << 20", "a server is blamed for what can't be offered")
local HUGE_SPEC = "spec/regress/404_huge_tickets_spec.lua"
add(KNOWN, HUGE_SPEC, "any number of bytes", "M.MOST_BYTES = 512, 512 * 256", "M.MOST_BYTES = 512, 512 * 65536",
  "huge tickets keep the audit at work for a quarter of an hour")
add(KNOWN, HUGE_SPEC, "no turn for others", "    give_way()\n", "", "Ctrl-C is not heard meanwhile")
add("plugin/tls/ticket.c", HUGE_SPEC, "a short look into a ticket", "MOST_DECRYPTED = 16384", "MOST_DECRYPTED = 8192",
  "a known key is missed where certificates stand before the secret")
add(CONTENT, KNOWN_SPEC, "one address that never changes", "count > 1 or changes then", "count >= 1 then",
  "a key's name is an address of memory")
add(BYTES, KNOWN_SPEC, "short text", "local CHANCE = 1e-6", "local CHANCE = 1", "random bytes are text")
add(BYTES, KNOWN_SPEC, "no attribute in a certificate", 'at and ticket:find(ATTRIBUTE, at, true) and at - 1',
  "at and at - 1", "four bytes are a certificate")
local PQ, PQ_SPEC = "lua/resum/audit/checks/pq_resumption.lua", "spec/audit_pq_resumption_spec.lua"
local NEITHER_SPEC = "spec/regress/455_neither_group_spec.lua"
add(PQ, PQ_SPEC, "a lost answer prefers nothing", "if not is_told(full) or not is_told(resumed) then", "if false then",
  "what failed is told of as if it had been seen")
add(PQ, NEITHER_SPEC, "any alert is about groups", "first.code == NO_GROUP and", "first.code and",
  "a server that fails is said to prefer nothing")
add(PQ, NEITHER_SPEC, "words behind an alert hide it", "if not messages and #bytes", "if false and #bytes",
  "an alert is a failed connection")
add("lua/resum/audit/checks/ticket_request.lua", RULES_SPEC, "any number is what was wanted", "came == RESUMED and",
  "true and", "a server that says so and does not is praised")
local RUN, RUN_SPEC = "lua/resum/audit/run.lua", "spec/audit_run_spec.lua"
add(RUN, RUN_SPEC, "no control", "if check.harmless or context:made() == 0 then", "if true then",
  "what a server that is gone has said is believed")
add("lua/resum/audit/context.lua", RUN_SPEC, "no budget", "elseif context:made() >= context.budget then",
  "elseif false then", "a check makes more connections than it declares")
add("lua/resum/audit/finding.lua", RUN_SPEC, "evidence may be long", "local LONGEST = 200", "local LONGEST = 20000",
  "what a server sent comes out unseen")
add("lua/resum/audit/lifetime/certificate_end.lua", LIFETIME_SPEC, "years of this century", "number >= 50 and 1900",
  "false and 1900", "a certificate of 1999 ends in 2099")

local EVIDENCE, REACH, SEEN_SPEC = "lua/resum/audit/evidence.lua", "lua/resum/audit/reach.lua",
  "spec/audit_evidence_spec.lua"
add(EVIDENCE, SEEN_SPEC, "any session for a ticket", "if session:fields().ticket == ticket then", "if session then",
  "a ticket is searched for another one's secret")
add(EVIDENCE, SEEN_SPEC, "an offer in vain is no full handshake", ' or record.outcome == "refused",', ",",
  "secrets of full handshakes are not compared")
add(EVIDENCE, SEEN_SPEC, "several groups are one",
  "return met_count == 1 and groups.count > 1", "return groups.count > 1",
  "what all servers do is one group's")
add(EVIDENCE, SEEN_SPEC, "shares of offers", "shares_of(self, groups, is_full)", "shares_of(self, groups, any)",
  "servers that resume seem to answer more connections")
add(EVIDENCE, SEEN_SPEC, "groups of all mechanisms", "kind_of(connection) == kind and connection or nil", "connection",
  "servers that two mechanisms tell apart are four")
add(EVIDENCE, SEEN_SPEC, "more tickets than there is room for", "MOST_TICKETS = 4096, 8192",
  "MOST_TICKETS = 4096, 81920", "a server fills our memory")
local CHANGE_SPEC = "spec/regress/451_keys_that_change_spec.lua"
add(EVIDENCE, CHANGE_SPEC, "keys in a row by chance", "local BY_CHANCE = 1e-3", "local BY_CHANCE = 1e-2",
  "two servers that chance has brought one after another are one")
add(EVIDENCE, CHANGE_SPEC, "keys that come again", "(label == last or not counts[label])", "true",
  "servers that take turns are one that changes its keys")
add(EVIDENCE, CHANGE_SPEC, "sessions of old keys", "since or 0)", "since and 0 or 0)",
  "a session is offered whose key is gone")
add("lua/resum/audit/tickets/altered.lua", CHANGE_SPEC, "a forgotten session's tickets are authenticated",
  "if not found and not still_resumes", "if false and not still_resumes", "who refuses everything is good")
add(REACH, SEEN_SPEC, "another name is elsewhere", "tables.contains(addresses, reach.endpoint.address)", "false",
  "a name is met at another address than the target's, which has it too")
add(REACH, SEEN_SPEC, "the same address again", "all[i % #all + 1]", "all[i]", "a server is compared with itself")
add(REACH, SEEN_SPEC, "a certificate that is not shown", "  if how.anonymous then", "  if false then",
  "who has no certificate shows ours")
add(REACH, SEEN_SPEC, "the target's name everywhere", "name = other.host })", "name = other.host })\n  other = {}",
  "another name is never asked for")

add(EVIDENCE, SEEN_SPEC, "shares in turns", "local place = at and at % turns.period or 0", "local place = 0",
  "who is waited for seems to answer more connections")
local TURNS, TURNS_SPEC, POLL = "lua/resum/audit/turns.lua", "spec/audit_turns_spec.lua", "lua/resum/audit/poll.lua"
add(TURNS, TURNS_SPEC, "shorter turns", "M.MOST_PERIOD = 8", "M.MOST_PERIOD = 7", "turns of eight are not found")
add(TURNS, TURNS_SPEC, "sure at once", "local BY_CHANCE, SURE = 0.5, 1e-3", "local BY_CHANCE, SURE = 0.5, 1e-1",
  "turns at random are taken for strict ones")
add(TURNS, TURNS_SPEC, "turns that never come", "turns.unmet = not setmetatable", "turns.unmet = nil and setmetatable",
  "who never met the server says what it does")
add(POLL, TURNS_SPEC, "no control in turns", "return self:has_asked_each() and M.control(self.context, self.mechanism)",
  "return self:has_asked_each()", "a stranger's answer is the server's")
add(POLL, TURNS_SPEC, "one no is no in turns", "local TIMES_IN_TURNS = 2", "local TIMES_IN_TURNS = 1",
  "a connection that nobody counted has strangers answer")
add(POLL, TURNS_SPEC, "seldom met is met", "local MOST_MISSED = 0.1", "local MOST_MISSED = 0.9",
  "one of ten servers answers for all")
add(POLL, TURNS_SPEC, "too few offers at random", "local MOST_ANY = 48", "local MOST_ANY = 2",
  "two servers that take turns at random can't be asked")
local RANDOM_SPEC = "spec/regress/410_asked_at_random_spec.lua"
add(POLL, RANDOM_SPEC, "asked once is asked", "local MISSED = 0.05", "local MISSED = 0.5",
  "a server that was not met is called good")
add(POLL, RANDOM_SPEC, "a few offers for all", "local MOST_OFFERS, MOST_MADE, OFFERS_OF_ONE = 64, 40, 6",
  "local MOST_OFFERS, MOST_MADE, OFFERS_OF_ONE = 24, 40, 6", "four servers can't be asked")
add(POLL, RANDOM_SPEC, "three groups at most", "local MOST_EACH, MOST_MEMBERS = 20, 4",
  "local MOST_EACH, MOST_MEMBERS = 20, 3", "the fourth server is left out")
add(TURNS, RANDOM_SPEC, "on the next connection alone", "self:offer_soon() then", "self:offer_next() then",
  "servers of which the less busy one answers are said never to know a session")
local KEPT = "lua/resum/audit/lifetime/kept_sessions.lua"
add(KEPT, LIFETIME_SPEC, "everybody's sessions", " and fields.sni == self.place.sni", "",
  "sessions of one name are offered under another, and wiped with it")
add(KEPT, LIFETIME_SPEC, "nothing is wiped", "return fields and self:is_mine(fields)", "return false",
  "secrets stay in the file when the run is over")
add(KEPT, LIFETIME_SPEC, "all mechanisms are one", "fields.mechanism == mechanism and self:is_mine", "self:is_mine",
  "a session of TLS 1.2 is offered as one of TLS 1.3")

add(CONTENT, "spec/regress/412_addresses_of_one_server_spec.lua", "a pair of tickets will do",
  "local LEAST_OF_SOME = 3", "local LEAST_OF_SOME = 2", "bytes that look like addresses twice are called some")
add(EARLY, "spec/regress/452_resumes_without_early_data_spec.lua", "who rejects was not met",
  "accepted + (rejected or 0) == 0", "accepted == 0", "a server that resumes is one that was not met")
add(EARLY, "spec/regress/413_one_of_three_by_chance_spec.lua", "each group may take it twice",
  "groups and accepted > groups then", "groups and accepted > 2 * groups then", "replayed data is not told")
local KEYS = "lua/resum/audit/tickets/known_keys.lua"
add(KEYS, KNOWN_SPEC, "no zeros", '{ "zeros", fill("\\0") },', "", "the key that was found most often is not tried")
add(KEYS, KNOWN_SPEC, "keys count from zero only", "{ 0x00, 0x01, 0x10, 0x11, 0x20, 0x21, 0x30, 0x31 }", "{ 0x00 }",
  "a key file that counts is read at its name alone")
add("lua/resum/audit/init.lua", "spec/audit_page_spec.lua", "a check is forgotten",
  '  (require "resum.audit.checks.sni_rules"),\n', "", "a check that the manual names is not made")

return list
