-- What resum.help() says: every verb with an example that can be typed as it stands; and of one that is asked for by
-- name, what it takes and gives. Pure.

local suggestion = require "resum.util.suggestion"

local M = {}

local TARGET = [[
A target is "host", "host:port", "host:https", "[2001:db8::1]:443" or "host:port{address}".]]
local OPTIONS = [[
Options: timeout = 3, sni = "a.example", mechanisms = {"ticket"}, attempts = 20, tls = "1.2", starttls = "smtp",
proxy = "socks5://127.0.0.1:1080", certificate = "PEM text", source = "192.0.2.1" and more: docs/lua-api.md has all.]]

-- In the order in which they are listed: the example, what it does, and what more there is to say.
local VERBS = {
  { "scan", [[resum.scan "localhost:443"]], "is resumption supported? results print themselves",
    TARGET, OPTIONS, "Gives a result: status, error, addresses[i].support.ticket.verdict and so on; or nil, a message "
      .. "and a code." },
  { "rate", [[resum.rate("localhost:443", {attempts = 50})]], "how often do sessions resume?",
    TARGET, OPTIONS, "quick = true stops as soon as it is certain; balancer = false measures the rate alone.",
    "Gives a result: addresses[i].rate.ticket.rate, addresses[i].balancer.verdict and so on." },
  { "run", [[resum.run("localhost:443", {support = true, rate = true})]], "both",
    TARGET, OPTIONS },
  { "audit", [[resum.audit "localhost:443"]], "what does resumption give away?",
    TARGET, OPTIONS, "audit_checks = {\"ticket-repeats\"} runs these checks alone; docs/audit.md has all of them.",
    "Gives a result: addresses[i].audit[j].id, .verdict, .severity, .reason, .message." },
  { "watch", [[resum.watch("localhost:443", {every = 60}, print)]], "for ever: when and why do sessions die?",
    "Calls the function with each event: kind, time, since; docs/watch.md has the kinds.",
    "until_time = os.time() + 3600 ends it; state = \"FILE\" lets the next one go on; on_round = f gets the place.",
    OPTIONS },
  { "scan_all", [[resum.scan_all({"a.example", "b.example"}, {}, print)]], "many targets, a hundred at once",
    "The first argument is a list, or a function that gives the next target each time: io.lines \"list.txt\".",
    "max_connections = 100 is the limit that all share. The function gets each result as it comes, and its number.",
    "Gives {targets, completed, unreachable, error}, how many there were of each." },
  { "open", [[h = resum.open "localhost:443"]], "one handshake; h shows how it went",
    "h.error says what went wrong; h.transcript shows all its messages, with their fields.",
    "s = h:session() is the session that the server issued; s:fields() shows what it holds.",
    "resum.open(\"localhost:443\", {session = s}) offers it; mechanism = \"ticket\" makes the handshake for that one.",
    OPTIONS },
  { "probe", [[resum.probe("localhost:443", {session = s})]], "offers a session on resum's own engine",
    "sessions = {s, t} offers several of TLS 1.3 at once. Gives a handshake, as resum.open does.", OPTIONS },
  { "hello", [[resum.hello("localhost:443", {hello = {version = "TLSv1.2"}})]], "one ClientHello, and the answer",
    "hello has the fields of resum.client_hello, or is the bytes of a record.",
    "Gives outcome, messages (a list, as resum.parse has it), sent, bytes; it prints itself.", OPTIONS },
  { "prepare", [[p = resum.prepare {attempts = 2}; p:run "localhost"]], "options read once, for many targets",
    "p:run(target, {cancelled = f, on_event = f}) scans one; p:parse(text) reads a target.",
    "p:connections() is how many a scan of one address makes: least and most." },
  { "check", [[resum.check {tls = "1.3"}]], "can these options be used? true, or nil and why not", OPTIONS },
  { "target", [[resum.target.parse "localhost:imaps"]], "a target, read",
    "resum.target.label(target) is \"host:port\"; resum.target.host(text) a name as the wire carries it;",
    "resum.target.is_address(text) tells addresses from names." },
  { "attempt", [[resum.attempt.new_client(endpoint, {host = host})]], "flows of your own",
    "c = resum.attempt.new_client({address = \"127.0.0.1\", port = 443}, {host = resum.host.default()})",
    "r = c:attempt {mechanism = \"psk\", want_tickets = true} is a connection; r.outcome says how it went.",
    "c:attempt {mechanism = \"psk\", session = r.sessions[1]} offers what it issued." },
  { "host", [[resum.host.default()]], "what connects, resolves and waits",
    "Others: require \"resum.host.cqueues\", \"resum.host.luasocket\"; docs/write-a-host.md shows how to write one." },
  { "client_hello", [[resum.client_hello {server_name = "a.example"}]], "a ClientHello of any shape, as bytes",
    "resum.core.client_hello is the same." },
  { "parse", [[resum.parse(resum.client_hello {})]], "messages read: a list; or nil, a message and a code" },
  { "core", [[c = resum.core.context {}]], "by hand, bytes in and bytes out: what a client offers",
    "m = resum.core.handshake(c) is a connection on libssl; m:step() gives its first bytes, m:step(bytes) the next.",
    "resum.core.probe {...} offers a session on resum's own engine." },
  { "help", [[resum.help "rate"]], "more of one of these" },
}

local function overview()
  local lines = {}
  for i, verb in ipairs(VERBS) do
    lines[i] = ("%-60s  %s"):format(verb[2], verb[3])
  end
  lines[#lines + 1] = "\nA mistake in the options is raised; what a server does is a value."
  return table.concat(lines, "\n")
end

--- @tparam[opt] string name of a verb
-- @treturn string all verbs, or more of that one; for a name that is none, which one was meant
function M.text(name)
  if name == nil then
    return overview()
  end
  local wanted, names = tostring(name):gsub("^resum%.", ""), {}
  for i, verb in ipairs(VERBS) do
    if verb[1] == wanted then
      return ("%s\n  %s\n%s"):format(verb[2], verb[3], table.concat(verb, "\n", 4))
    end
    names[i] = verb[1]
  end
  local meant = type(name) == "string" and suggestion.of(wanted, names)
  return ("There is no help on that%s resum.help() lists what there is: %s."):format(
    meant and suggestion.question(meant) or ".", table.concat(names, ", "))
end

return M
