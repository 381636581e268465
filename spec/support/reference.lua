--- The independent truth: does a server resume? Asked of openssl s_client and of gnutls-cli, never of resum.
-- Owns how those two programs are driven and read. It must not know the module under test.

local process = require "spec.support.process"

local M = {}

-- Seconds for a TLS 1.3 ticket to come: after the handshake, and after a request. (Both programs wait for ever.)
local TICKET_SECONDS = 1
local TICKET_SECONDS_AFTER_REQUEST = 3
local GNUTLS_TICKET_SECONDS = 3

local ENVIRONMENT = { LD_PRELOAD = false } -- a sanitizer would only slow them down

local REQUEST = "HEAD / HTTP/1.0\r\n\r\n"

local ISSUED_SESSION_ID = "Session%-ID: %x+"
local ISSUED_TICKET = "TLS session ticket:"
local ISSUED_PSK = "Post%-Handshake New Session Ticket arrived"

-- The session ID needs a connection without the ticket extension. -no_ticket does not concern TLS 1.3's tickets.
local S_CLIENT = {
  session_id = { version = "tls1_2", flags = { "-no_ticket" }, issued = ISSUED_SESSION_ID },
  ticket = { version = "tls1_2", flags = {}, issued = ISSUED_TICKET },
  psk = { version = "tls1_3", flags = {}, issued = ISSUED_PSK },
}

-- Read in its debug output of level 4.
local GNUTLS_TICKET = "NEW SESSION TICKET %(4%) was received"
local GNUTLS_FINISHED = "FINISHED %(20%) was received"

-- GnuTLS takes a session ID as well where it offers a ticket: what was issued tells which of them it was.
local GNUTLS_CLI = {
  session_id = {
    priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_TICKETS",
    flags = {},
    issued = "SessionID length: [1-9]",
  },
  ticket = { priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2", flags = {}, issued = GNUTLS_TICKET },
  psk = { priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3", flags = { "--waitresumption" }, issued = GNUTLS_TICKET },
}

local function append(list, more)
  return table.move(more or {}, 1, #(more or {}), #list + 1, list)
end

local function plan_for(plans, mechanism)
  return plans[mechanism] or error("no such mechanism: " .. tostring(mechanism), 3)
end

-- "New, TLSv1.3, Cipher is …" or "Reused, …" stands in the output when the handshake is done.
local function handshake_kind(log)
  local kind, cipher = log:match("\n(%a+), [^\n]-, Cipher is (%S+)")
  return cipher ~= "(NONE)" and kind or nil
end

-- A ticket of TLS 1.3 comes when it likes: perhaps only after application data. s_client writes the session to its file
-- at once when it came; what it prints may stay in its buffer.
local function await_ticket(client, session_file)
  local function arrived()
    return client.exited or process.read_file(session_file) ~= ""
  end
  if not process.wait_until(TICKET_SECONDS, arrived) then
    client.write(REQUEST)
    process.wait_until(TICKET_SECONDS_AFTER_REQUEST, arrived)
  end
end

-- One connection, ended with "Q": s_client then sends close_notify, without which a server may drop the session.
-- Returns the kind of the handshake ("New", "Reused"; nil when it failed) and the output.
local function s_client(address, plan, options, direction, session_file)
  local command = {
    "openssl", "s_client", "-connect", address, "-" .. (options.version or plan.version),
    "-cipher", "DEFAULT@SECLEVEL=0", direction, session_file,
  }
  local client = process.start { command = append(append(command, plan.flags), options.args), input = "pipe",
    environment = ENVIRONMENT }
  process.wait_until(process.PATIENCE, function()
    return client.exited or handshake_kind(client.log())
  end)
  if plan == S_CLIENT.psk and direction == "-sess_out" then
    await_ticket(client, session_file)
  end
  client.write("Q\n")
  client.wait(process.PATIENCE)
  client.stop()
  return handshake_kind(client.log()), client.log()
end

--- Asks openssl s_client (-sess_out on a first connection, -sess_in on a second one).
-- @tparam string address "host:port"
-- @tparam string mechanism "session_id", "ticket" (both TLS 1.2) or "psk" (TLS 1.3)
-- @tparam[opt] table options version: "tls1_1"; args: more arguments for s_client
-- @treturn table {connected=, issued=, resumed=}, all booleans; output (what both connections printed)
function M.openssl(address, mechanism, options)
  options = options or {}
  local plan = plan_for(S_CLIENT, mechanism)
  local directory = process.temporary_directory()
  local session = directory .. "/session.pem"
  local first, output = s_client(address, plan, options, "-sess_out", session)
  local issued = first ~= nil and output:find(plan.issued) ~= nil
  local second, more
  if issued then
    second, more = s_client(address, plan, options, "-sess_in", session)
  end
  process.remove(directory)
  return { connected = first ~= nil, issued = issued, resumed = second == "Reused", output = output .. (more or "") }
end

-- Lets gnutls-cli come to its end, unless it is left waiting for a ticket.
local function await_gnutls(client, issued)
  local function has_said(pattern)
    return function()
      return client.exited or client.stderr():find(pattern)
    end
  end
  process.wait_until(process.PATIENCE, has_said(GNUTLS_FINISHED))
  if process.wait_until(GNUTLS_TICKET_SECONDS, has_said(issued)) then
    client.wait(process.PATIENCE)
  end
end

--- Asks gnutls-cli --resume. A psk on a server that sends no ticket takes three seconds.
-- @tparam string address "host:port"
-- @tparam string mechanism as above
-- @tparam[opt] table options args: more arguments for gnutls-cli
-- @treturn table as above
function M.gnutls(address, mechanism, options)
  local plan = plan_for(GNUTLS_CLI, mechanism)
  local host, port = address:match("^%[?(.-)%]?:(%d+)$")
  local command = {
    "gnutls-cli", "--debug", "4", "--resume", "--insecure", "--priority", plan.priority, "--port", port, host,
  }
  local client = process.start { command = append(append(command, plan.flags), options and options.args),
    environment = ENVIRONMENT }
  await_gnutls(client, plan.issued)
  client.stop()
  local printed, debug_output = client.stdout(), client.stderr()
  local issued = debug_output:find(plan.issued) ~= nil
  return {
    connected = debug_output:find(GNUTLS_FINISHED) ~= nil,
    issued = issued,
    resumed = issued and printed:find("*** This is a resumed session", 1, true) ~= nil,
    output = printed .. debug_output,
  }
end

return M
