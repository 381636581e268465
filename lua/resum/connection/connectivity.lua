-- The control: does anybody speak TLS there at all? A full handshake that offers nothing, made before the scans, so
-- that a dead or odd server is never taken for one that does not resume. What it shows beside that: which versions the
-- server can bear, and whether it wants a client certificate.

local next_step = require "resum.connection.next_step"
local smaller_hello = require "resum.connection.smaller_hello"

local M = {}

-- Limits that are tried where the server can't bear a ClientHello of today.
local OLDER = { "TLSv1.2", "TLSv1.0" }

-- What is offered beyond the usual where an alert asks for it (RFC 8446, section 6.2): suites that hardly anybody
-- takes, groups that cost much to compute, and the names of what HTTP servers speak, without which some let nobody in.
local EVERY_SUITE = { ciphers = "ALL:COMPLEMENTOFALL:!aNULL:!eNULL:!PSK:!SRP", large_groups = true }
local MORE = { [40] = EVERY_SUITE, [71] = EVERY_SUITE, [120] = { alpn = { "h2", "http/1.1" } } }

-- Codes of what stays so, however often it is asked.
local LASTING = {
  no_starttls = true, turned_away = true, proxy = true, no_tunnel = true, injected = true, dh_too_large = true,
}

local CLOSE_NOTIFY = 0

-- Alerts that refuse a client without a certificate (RFC 8446, section 4.4.2.4; RFC 5246, section 7.4.6): OpenSSL's and
-- the others', by their numbers.
local NO_CERTIFICATE_ALERTS = { [40] = true, [41] = true, [42] = true, [46] = true, [48] = true, [49] = true,
  [116] = true }

local function is_silent(record)
  return record.outcome == "timeout" or record.outcome == "unreachable"
end

local function is_settled(record, try)
  return record.outcome == "full" or LASTING[record.error.code] or (is_silent(record) and try > 0)
end

-- Who is silent is asked a second time, and then with a smaller ClientHello, where there is one.
local function wants_smaller(client, record)
  return record.outcome == "timeout" and smaller_hello.may_help(client, record)
end

local function fatal_alert(record)
  local alerts = record.facts and record.facts.alerts or {}
  local last = alerts[#alerts]
  return last and last.from == "server" and last.code or nil
end

local function wants_certificate(record)
  return record.outcome == "alert" and record.facts.certificate_request and NO_CERTIFICATE_ALERTS[fatal_alert(record)]
end

-- Nobody offers its sessions.
local function attempt(client, failed, tries, source)
  return client:attempt({
    mechanism = "control",
    design = "control",
    source = source,
    after = failed,
    tries = tries,
    take_sessions = false,
  })
end

-- A ClientHello of today may be what upsets the server: then it is offered less, and stays so.
local function try_older(client, record, make)
  for _, limit in ipairs(OLDER) do
    local older = client:limit_version(limit) and make(client)
    if older and older.outcome == "full" then
      older.version_limit = limit
      return older
    end
  end
  client:limit_version(nil)
  return record
end

-- Or it is offered more, and stays so.
local function try_more(client, record, make)
  local more = MORE[fatal_alert(record)]
  if more and not (more.alpn and client.more.alpn) then
    client:offer_more(more)
    local richer = make(client)
    if richer.outcome == "full" then
      richer.offered_more = more.alpn and "alpn" or "ciphers"
      return richer
    end
    client:offer_more(nil)
  end
  return record
end

-- Or it can't bear to be asked for a ticket: then nobody asks, but the mechanism that is about tickets. (Where it can't
-- bear a version of today either, that is offered in its place.)
local function try_without_tickets(client, record, make)
  client:offer_more({ tickets = false })
  local barer = make(client)
  if barer.outcome ~= "full" then
    barer = try_older(client, barer, make)
  end
  if barer.outcome == "full" then
    barer.without_tickets = true
    return barer
  end
  client:offer_more(nil)
  return record
end

local function with_advice(client, record)
  local advice = record.outcome ~= "full" and not wants_certificate(record) and not client.cancelled()
    and next_step.of(record, client, fatal_alert(record))
  if advice then
    record.error.message = ("%s. %s"):format(record.error.message, advice)
  end
  return record
end

local function is_over(client, record, try)
  return is_settled(record, try) or wants_certificate(record) or client.cancelled()
end

-- As M.try, until stops_early(client, record).
local function try(client, retries, source, stops_early)
  local record
  for number = 0, retries do
    record = attempt(client, record, number, source)
    record.tries = number + 1
    if is_over(client, record, number) or stops_early(client, record) then
      break
    end
  end
  return record
end

local function never()
  return false
end

--- Makes a full handshake; where it fails, it is tried again, unless that is of no use.
-- @tparam table client
-- @tparam integer retries
-- @tparam[opt] string source local address
-- @treturn table record of the last one
function M.try(client, retries, source)
  return try(client, retries, source, never)
end

-- The first handshake, with the usual ClientHello, or with a smaller one that stays.
local function begin(client, retries)
  local record = try(client, retries, nil, wants_smaller)
  if not client.cancelled() and record.outcome ~= "full" and smaller_hello.may_help(client, record) then
    return smaller_hello.run(client, record, attempt)
  end
  return record
end

--- May a handshake have failed for what was offered? Not where the network is the reason, or a certificate.
-- @tparam table record
-- @treturn boolean
function M.may_adapt(record)
  return record.outcome ~= "full" and record.error ~= nil and record.error.stage == "handshake"
    and not LASTING[record.error.code] and not is_silent(record) and not wants_certificate(record)
end

--- Where a handshake failed for another reason than the network: makes others, which offer less, or more; the client
-- stays with what helps.
-- @tparam table client
-- @tparam table record of the handshake
-- @tparam function make make(client) makes a full handshake
-- @treturn table record of the good one: version_limit, where it had to offer less; offered_more ("ciphers", "alpn"),
--   where it had to offer more; without_tickets, where it must not ask for tickets. Or the one that was given
function M.adapt(client, record, make)
  for _, offer in ipairs(M.may_adapt(record) and { try_older, try_more, try_without_tickets } or {}) do
    if record.outcome == "full" or client.cancelled() then
      break
    end
    record = offer(client, record, make)
  end
  return record
end

--- Makes the control handshake, with every version that the client may offer; where that fails for another reason than
-- the network, with less.
-- @tparam table client
-- @tparam integer retries
-- @treturn table record of the handshake: of the good one (see adapt), or of the last one that offered all
-- @treturn table|nil what is wrong with the usual ClientHello, where a smaller one had to be offered: see
--   resum.connection.smaller_hello
function M.run(client, retries)
  local record = begin(client, retries)
  local smaller = record.smaller_hello
  return with_advice(client, M.adapt(client, record, attempt)), smaller
end

-- Did the server, too, take the handshake for complete? In TLS 1.3 we are through before it has looked at what we sent:
-- a ticket or its close_notify shows that it did.
local function server_is_content(record)
  if record.version ~= "TLSv1.3" or #record.facts.tickets > 0 then
    return true
  end
  for _, alert in ipairs(record.facts.alerts) do
    if alert.from == "server" and alert.code == CLOSE_NOTIFY then
      return true
    end
  end
  return false
end

--- What the control says of client certificates.
-- @tparam table record
-- @tparam boolean sent whether the client had one to show
-- @treturn string|nil "optional" (asked for, and the handshake passes without), "required" (and it does not),
--   "accepted" and "refused" (ours), "asked" (and nothing shows which of them it is); nil: not asked for
function M.client_certificate(record, sent)
  if not record.facts or not record.facts.certificate_request then
    return nil
  elseif record.outcome == "full" and server_is_content(record) then
    return sent and "accepted" or "optional"
  elseif wants_certificate(record) then
    return sent and "refused" or "required"
  end
  return "asked"
end

return M
