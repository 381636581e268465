-- The part of the vocabulary that is about single attempts, the servers that they met, and how bad that is. Reports
-- take it, with all other words, from resum.analysis.vocabulary. Pure.

local mechanisms = require "resum.connection.mechanism"

local M = {}

--- How bad a result is.
M.severities = {
  broken = "broken",
  unreachable = "not scanned", -- also where something answered that is no TLS server
  impaired = "impaired",
  unknown = "not known",
  good = "in order",
}

--- How an attempt came to offer what it offered.
M.designs = {
  control = "control",
  seed = "full handshake",
  fixed = "older session, offered again",
  fresh = "older session, offered once",
  pairs = "new session, on the next connection",
  chain = "the newest session",
  browser = "as a browser",
  beside = "full handshake, to compare",
  later = "offered again, a moment later",
  after_request = "after a request",
  old = "old session, before saying never",
  confirm = "offered again, to be sure",
  look = "a closer look",
  marked = "session ID, with a ticket asked for",
  identities = "one ticket of each key",
  served = "with a request, to see whether it is answered",
  spent = "a ticket used before",
}

--- What came of an attempt.
M.outcomes = {
  resumed = "resumed",
  refused = "refused: full handshake instead",
  full = "full handshake",
  alert = "error: alert",
  timeout = "error: no answer in time",
  reset = "error: connection reset",
  closed = "error: connection closed",
  unreachable = "error: no connection",
  protocol_error = "error: not TLS as it should be",
  no_starttls = "error: STARTTLS was refused",
  interrupted = "not made: the scan was stopped",
  unknown = "answered behind a broken connection: tells nothing",
}

--- The same in a word, with all errors as one.
M.cells = {
  resumed = "resumed",
  refused = "refused",
  full = "without an offer",
  error = "failed",
}

--- How a connection ended that may have spent a session.
M.breaks = {
  failed = "failed",
  cut = "broke",
  reset = "was reset",
  unlike = "ended unlike this server's others",
  unseen = "broke unseen, as others did in sight",
}

--- By what a server is told from others.
M.kinds = {
  ticket_key = "ticket key",
  session_id_prefix = "session IDs that begin with",
  stateful = "tickets kept in a cache, without a key name",
  unnamed = "sessions without a name",
  ticketless = "a session ID, and no ticket",
  none = "issues no session",
  other_version = "speaks another version of TLS",
}

--- How the balancer chooses a server.
M.routings = {
  round_robin = "round-robin",
  random = "as if at random",
  sticky = "same server for the same client",
  unknown = "method not known",
}

--- What is odd about the server that is unlike the others, by the verdict on the pool.
M.odd = {
  bad_member = "no resumption",
  mixed_groups = "left out",
}

--- How the balancer chooses, in a few words.
-- @tparam table balancer routing, period (connections after which a rotation starts again, or nil)
-- @treturn string
function M.routing(balancer)
  local words = M.routings[balancer.routing] or (balancer.routing:gsub("_", " "))
  return words .. (balancer.period and (", every %d"):format(balancer.period) or "")
end

--- That a server accepts a session of another.
-- @tparam string mechanism its name
-- @tparam string from the letter of the server that issued it
-- @tparam string at the letter of the server that accepts it
-- @tparam table cell resumed, answered (offers); without them the verdict tells it
-- @treturn string
function M.accepts(mechanism, from, at, cell)
  return ("%s accepts a %s of %s%s"):format(at, mechanisms[mechanism].noun, from,
    cell.answered and (" (%d of %d)"):format(cell.resumed, cell.answered) or "")
end

return M
