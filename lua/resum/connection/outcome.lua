-- What a connection came to, in words: the outcome in its record, and how it ended. Judges from what is known of one
-- connection; it reads and sends nothing.

local new_failure = require "resum.util.failure"

local M = {}

-- dialer:open's and stream:read's codes, as outcomes
local OUTCOME_OF_CODE = {
  timeout = "timeout",
  refused = "unreachable",
  unreachable = "unreachable",
  proxy = "unreachable",
  busy = "unreachable",
  turned_away = "unreachable",
  no_tunnel = "unreachable",
  no_starttls = "no_starttls",
  reset = "reset",
  eof = "closed",
  closed = "closed",
  alert = "alert",
  interrupted = "interrupted",
}

--- The attempt failed.
-- @tparam table record gets outcome and error
-- @tparam string message
-- @tparam string code
-- @tparam[opt] string stage "connect", "proxy", "starttls"; "handshake" if not given
function M.fail(record, message, code, stage)
  record.outcome = OUTCOME_OF_CODE[code] or "protocol_error"
  record.error = new_failure(message, code, stage or "handshake")
end

--- What a server that does not speak TLS said instead, as far as it is worth showing.
-- @tparam string first_bytes
-- @treturn string|nil nil: they may be TLS
function M.not_tls(first_bytes)
  local content, major = first_bytes:byte(1, 2)
  if not content or (content >= 20 and content <= 23 and (major or 3) == 3) then
    return nil
  end
  local line = first_bytes:match("^[\32-\126]*"):sub(1, 60)
  if #line < 4 then
    return "not a TLS server: its first bytes are not a TLS record"
  end
  return ('not a TLS server: it said "%s"'):format(line)
end

--- The outcome of a completed handshake.
-- @tparam table record gets it
-- @tparam table connection of resum.connection.exchange
function M.settle(record, connection)
  local facts = connection:facts()
  if not connection.session then
    record.outcome = "full"
  elseif connection.mechanism.offered(facts) then
    record.outcome = facts.reused and "resumed" or "refused"
  else
    M.fail(record, "the session could not be offered: it has expired or is of another version", "not_offered")
  end
end

-- Alerts that can be about our certificate, or about its absence (RFC 8446, section 6.2): handshake_failure,
-- bad_certificate, unsupported_certificate, certificate_revoked, certificate_expired, certificate_unknown, unknown_ca,
-- access_denied, certificate_required.
local ABOUT_CERTIFICATES = { [40] = true, [42] = true, [43] = true, [44] = true, [45] = true, [46] = true, [48] = true,
  [49] = true, [116] = true }

--- A handshake that was completed stays completed, whatever comes then: an alert ends the connection. But in TLS 1.3 we
-- are through before the server has looked at our certificate, or at its absence: who asked for one, and has not gone
-- on to tickets, may refuse it there (RFC 8446, section 4.4.2.4).
-- @tparam table facts of a connection that an alert ended
-- @treturn boolean|nil
function M.refuses_certificate(facts)
  local last = facts.alerts[#facts.alerts]
  return facts.version == "TLSv1.3" and facts.certificate_request and not facts.reused and #facts.tickets == 0
    and last ~= nil and last.from == "server" and ABOUT_CERTIFICATES[last.code]
end

--- How it ended, see resum.connection.spending. The probe reads no alert behind its own goodbye: that something came is
-- what there is to know.
-- @tparam table connection of resum.connection.exchange
-- @tparam string engine
-- @treturn string
function M.ending(connection, engine)
  local over = connection.over
  if over and over.notified and engine == "probe" then
    return not over.after_goodbye and "early" or connection.answered_goodbye and "notify" or "fin"
  elseif over and over.notified then
    return "notify"
  elseif not over then
    return connection.leaves_at_once and "left" or connection.said_goodbye and "silent" or "broken"
  elseif over.code == "closed" then
    return over.after_goodbye and "fin" or "early"
  end
  return over.code == "reset" and over.after_goodbye and "reset" or "broken"
end

return M
