--- A server with every fault that the audit looks for, each switched on by its name; without one it is one in
-- order. TLS 1.2 and 1.3 are written here, not libssl's: so that each fault is one condition. It listens by
-- spec.support.listener, in this process; several behind one address are a pool. It must not know what the audit says.

local connections = require "spec.support.faulty.connection"
local listener = require "spec.support.listener"
local pki = require "spec.support.pki"
local tickets = require "spec.support.faulty.tickets"
local tls12 = require "spec.support.faulty.tls12"
local tls13 = require "spec.support.faulty.tls13"
local wire = require "spec.support.wire"

local mime = require "mime"
local uv = require "luv"

local M = {}

--- The faults: name -> what the server does.
M.FAULTS = {
  -- tickets
  clear = "the session's secret stands in the ticket",
  known_key = "tickets are encrypted and signed with keys of zeros",
  keystream = "all tickets are encrypted with one keystream",
  same_ticket = "one ticket, and one PSK, for everybody",
  addresses = "the key's name is two addresses of memory",
  text = "a client's name stands in the ticket",
  unauthenticated = "tickets have no MAC",
  padding_oracle = "no MAC, and another alert for wrong padding than for wrong content",
  -- what comes with them
  age_add = "ticket_age_add is constant",
  nonce = "both tickets of a connection have one ticket_nonce",
  lifetime = "tickets promise 30 days",
  unbounded_early_data = "max_early_data_size is 0xffffffff",
  across_names = "tickets say that they may be resumed under other names",
  no_supply = "no ticket on a resumed connection",
  -- PSKs
  unchecked_binder = "binders are not looked at",
  missing_binder = "a PSK without a binder is taken",
  no_modes = "a PSK without psk_key_exchange_modes is taken",
  misplaced_psk = "a PSK that is not the last extension is taken",
  dies_of_binder = "the server dies of a wrong binder",
  dies_without_modes = "the server dies of a PSK without psk_key_exchange_modes",
  without_exchange = "psk_ke is taken where nothing else is offered",
  prefers_none = "psk_ke is taken where psk_dhe_ke is offered as well",
  share = "one key share for all connections",
  zero_secret = "CVE-2026-34873: TLS 1.2 under a secret of zeros after HelloRetryRequest",
  -- early data
  replay = "early data is taken any number of times",
  age = "the ticket's age is not looked at",
  early_other_protocol = "early data is taken under another ALPN protocol",
  early_other_name = "early data is taken under another name",
  early_too_much = "more early data is taken than the ticket allows",
  -- unknown tickets
  unknown_alert = "an unknown ticket is answered with an alert",
  unknown_end = "an unknown ticket ends the connection",
  -- TLS 1.2, and between versions
  ticketbleed = "CVE-2016-9244: short session IDs come back with memory behind them",
  ems_lost = "a session with the extended master secret resumes without it",
  ems_gained = "a session without the extended master secret resumes with it",
  other_cipher = "a session resumes with its suite where that is not offered",
  other_hash = "a PSK resumes under a suite of another hash",
  old_as_new = "a ticket of TLS 1.2 is a PSK of TLS 1.3",
  new_as_old = "a PSK's ticket resumes in TLS 1.2",
  kept_protocol = "a resumed connection has the session's ALPN protocol, whatever is offered",
  fixed_protocol = "every connection has one ALPN protocol, whatever is offered",
  status_repeated = "resumed ServerHellos of TLS 1.2 have status_request",
  server_name_repeated = "resumed ServerHellos of TLS 1.2 have server_name",
  predictable_id = "session IDs are a counter",
}

-- What is no fault, but makes another server of it.
local KINDS = { answers_at_once = true, stateful = true, no_tickets = true, no_early_data = true, no_ems = true,
  rejects_early_data = true, sha384 = true }

local ANSWER = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nall is well\n"
local REQUEST_ENDS = "\r\n\r\n"

local Server = {}
Server.__index = Server

local function as_set(list)
  local set = {}
  for _, name in ipairs(list or {}) do
    if not M.FAULTS[name] and not KINDS[name] then
      error("faulty: no fault is called " .. tostring(name), 3)
    end
    set[name] = true
  end
  return set
end

-- Answers a request, which may have come as early data, and closes.
local function answer(connection)
  local heard = connection.data
  while heard and not heard:find(REQUEST_ENDS, 1, true) do
    local more = connection:application_data()
    heard = more and heard .. more
  end
  if heard then
    connection:send(connections.APPLICATION_DATA, ANSWER)
    connection:close_notify()
    while connection:application_data() do end -- until the client has closed, too
  end
end

local function speaks_13(hello)
  local versions = hello.extensions[wire.EXTENSION.supported_versions]
  return versions and versions:find("\3\4", 2, true) ~= nil
end

--- A connection, as spec.support.listener wants it.
-- @function server:accept
-- @treturn table
function Server:accept()
  return connections.new(function(connection)
    local bytes = connection:message()
    local hello = wire.client_hello(bytes)
    local version = speaks_13(hello) and tls13 or tls12
    version.serve(self, connection, hello, bytes)
  end, function(message)
    self.errors[#self.errors + 1] = message
  end)
end

local function der_of(pem)
  local body = pem:match("%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-(.-)%-%-%-%-%-END")
  return (mime.unb64(body))
end

--- A server.
-- @tparam {string,...} faults names of M.FAULTS; or stateful (tickets are names of entries in a cache), no_tickets (in
--   TLS 1.2), no_early_data, rejects_early_data (which its tickets allow), no_ems, sha384 (which it prefers),
--   answers_at_once (early data, and closes, in one write with its Finished: 425)
-- @tparam[opt] table like a server whose ticket keys and cache it shares
-- @treturn table errors (what raised in it: none, if all is well), accept()
function M.new(faults, like)
  local set, identity = as_set(faults), pki.get("ecdsa")
  identity.certificate_der = der_of(identity.certificate_pem)
  local own = tickets.new(set)
  if like then
    own = setmetatable({ faults = set }, { __index = like.tickets })
  end
  return setmetatable({ faults = set, identity = identity, tickets = own, ids = like and like.ids or {}, seen = {},
    count = 0, id_prefix = ("\0"):rep(4) .. uv.random(4), errors = {}, answer = answer, die = function() end }, Server)
end

-- How the members of a pool take turns: a function that gives the next one.
local TURNS = {
  shuffled = function(members)
    local order = {}
    return function()
      for i = 1, #order == 0 and #members or 0 do
        table.insert(order, math.random(#order + 1), members[i])
      end
      return table.remove(order)
    end
  end,
  strict = function(members)
    local number = 0
    return function()
      number = number % #members + 1
      return members[number]
    end
  end,
  random = function(members)
    return function()
      return members[math.random(#members)]
    end
  end,
}

--- Listens on 127.0.0.1.
-- @tparam table|{table,...} members a server, or those of a pool
-- @tparam[opt="shuffled"] string turns of a pool: "shuffled" (each once, in a random order, and so on), "strict"
--   (always in the same order) or "random"
-- @treturn table see spec.support.listener; errors() of all members
function M.listen(members, turns)
  members = members.accept and { members } or members
  local next_one = TURNS[turns or "shuffled"](members)
  local pool = { accept = function()
    return next_one():accept()
  end }
  local one = listener.start(pool)
  for _, member in ipairs(members) do
    member.die = one.close
  end
  function one.errors()
    local list = {}
    for _, member in ipairs(members) do
      table.move(member.errors, 1, #member.errors, #list + 1, list)
    end
    return list
  end
  return one
end

--- The same for a server with these faults.
-- @tparam string ... names of faults
-- @treturn table
function M.start(...)
  return M.listen(M.new({ ... }))
end

return M
