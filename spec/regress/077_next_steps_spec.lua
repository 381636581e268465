-- Errors said what had happened and not what to do: a reset before ServerHello had no word of --sni, a greeting in the
-- clear none of --starttls, a timeout did not say how long was waited.

local listener = require "spec.support.listener"
local next_step = require "resum.connection.next_step"
local resum = require "resum"
local script = require "spec.support.script"
local uv = require "luv"

-- Says something at once, or when something came, and ends.
local function start_plain(greeting, how)
  local socket = uv.new_tcp()
  assert(socket:bind("127.0.0.1", 0))
  assert(socket:listen(16, function()
    local client = uv.new_tcp()
    socket:accept(client)
    client:read_start(function(_, bytes)
      if client:is_closing() then
        return
      elseif not bytes then
        client:close()
      elseif how == "rst" then
        client:close_reset()
      elseif how == "fin" and client:is_writable() then
        client:shutdown()
      end
    end)
    if greeting then
      client:write(greeting)
    end
  end))
  return socket, "127.0.0.1:" .. math.floor(socket:getsockname().port)
end

local function error_of(greeting, how, options)
  local socket, address = start_plain(greeting, how)
  options.retries = 0
  local result = assert(resum.scan(address, options))
  socket:close()
  return result.error.message
end

local function says(message, words)
  assert.is_truthy(message:find(words, 1, true), message)
end

describe("the error of a target", function()
  for how in pairs({ rst = true, fin = true }) do
    it("names --sni where the connection ended before ServerHello: " .. how, function()
      says(error_of(nil, how, {}), "Perhaps it wants a server name (--sni NAME)")
      says(error_of(nil, how, {}), "--proxy_protocol 1")
      says(error_of(nil, how, { sni = "a.example" }), "Perhaps it wants another server name (--sni NAME)")
    end)
  end

  for greeting, step in pairs({
    ["220 mx.example ESMTP ready\r\n"] = "--starttls smtp",
    ["220 ftp.example FTP server\r\n"] = "--starttls ftp",
    ["220 (vsFTPd 3.0.3)\r\n"] = "--starttls ftp",
    ["* OK [CAPABILITY IMAP4rev1] ready\r\n"] = "--starttls imap",
    ["+OK POP3 ready\r\n"] = "--starttls pop3",
    ["200 news.example ready\r\n"] = "--starttls nntp",
    ["HTTP/1.1 400 Bad Request\r\n\r\n"] = "443",
    ['INFO {"server_id":"NDUJ","tls_required":true}\r\n'] = "how NATS greets",
    ["SSH-2.0-OpenSSH_9.2p1\r\n"] = "another port",
    ["\74\0\0\0\10" .. "5.5.5-10.11.6-MariaDB\0"] = "--starttls mysql",
    ["who knows\r\n"] = "--starttls PROTOCOL",
  }) do
    it("reads a greeting: " .. greeting:gsub("[^%w .]", ""), function()
      says(error_of(greeting, "fin", {}), step)
    end)
  end

  it("says how long was waited, and how often, and who waits longer", function()
    says(error_of(nil, "stall", { timeout = 0.2, tls = "1.2" }), "Waited 0.2 s on 1 connection; --timeout waits longer")
    local host = script.host({}, { names = { ["a.example"] = { "192.0.2.1" } } })
    function host.connect()
      return nil, "connect: no answer in time", "timeout"
    end
    says(resum.scan("a.example", { host = host, timeout = 3 }).error.message,
      "Waited 3 s on 2 connections; --timeout waits longer")
  end)

  it("names the option for an application protocol", function()
    local server = listener.start({ alpn = { "x-odd" } }, {
      bytes = function(link, bytes)
        local is_first = not link.seen
        link.seen = true
        if is_first and not bytes:find("x-odd", 1, true) then
          link.send("\21\3\3\0\2\2\120")
          link.drop("fin")
          return true
        end
        return false
      end,
    })
    says(assert(resum.scan(server.address, {})).error.message, "--alpn LIST")
    local support = assert(resum.scan(server.address, { alpn = { "x-odd" } })).addresses[1].support
    server.close()
    assert.same({ "supported", "supported", "supported" },
      { support.session_id.verdict, support.ticket.verdict, support.psk.verdict })
  end)

  it("says something to every outcome of a handshake", function()
    local client = { timeout = 5, port = 25, dialer = { endpoint = {}, timeout = 5, patience = 5 } }
    for _, code in ipairs({ "alert", "timeout", "not_tls", "reset", "closed", "protocol_error" }) do
      local record = { error = { stage = "handshake", code = code }, said = "?" }
      assert.is_string(next_step.of(record, client, code == "alert" and 20 or nil), code)
    end
    says(next_step.of({ error = { stage = "handshake", code = "reset" } }, client), "--starttls smtp")
  end)
end)
