--- Servers that speak a protocol in the clear until TLS is asked for, and then hand the connection to a real TLS
-- server. Runs in the spec's own process, on its loop. It must not know TLS: after the dialogue bytes pass unread.
--
-- A dialogue is a list of steps: "S: text" (the server says it), "C: pattern" (a Lua pattern that what the client said
-- has to match). What does not match ends the connection.

local host = require "resum.host.uv"
local streams = require "resum.host.uv.stream"
local uv = require "luv"

local M = {}

local SECONDS = 20 -- how long a client may take to speak

M.DIALOGUES = {
  smtp = {
    "S: 220 mail.test ESMTP\r\n",
    "C: ^EHLO [^\r]+\r\n$",
    "S: 250-mail.test\r\n250-PIPELINING\r\n250 STARTTLS\r\n",
    "C: ^STARTTLS\r\n$",
    "S: 220 go ahead\r\n",
  },
  imap = {
    "S: * OK mail.test\r\n",
    "C: ^A001 CAPABILITY\r\n$",
    "S: * CAPABILITY IMAP4rev1 STARTTLS\r\nA001 OK done\r\n",
    "C: ^A002 STARTTLS\r\n$",
    "S: A002 OK go ahead\r\n",
  },
  ftp = {
    "S: 220 files.test\r\n",
    "C: ^AUTH TLS\r\n$",
    "S: 234 go ahead\r\n",
  },
  postgresql = {
    "C: ^\0\0\0\8\4\210\22\47$", -- SSLRequest
    "S: S",
  },
}

--- The SMTP server that has no STARTTLS.
M.DIALOGUES.smtp_without = {
  "S: 220 mail.test ESMTP\r\n",
  "C: ^EHLO [^\r]+\r\n$",
  "S: 250 mail.test\r\n",
  "C: ^STARTTLS\r\n$",
  "S: 502 what?\r\n",
  "C: ^QUIT\r\n$",
}

local function deadline()
  return host.now() + SECONDS
end

-- Did the client say what it should?
local function converse(client, dialogue)
  for _, step in ipairs(dialogue) do
    local text = step:sub(4)
    if step:sub(1, 1) == "S" then
      client:write(text, deadline())
    elseif not (client:read(deadline()) or ""):find(text) then
      return false
    end
  end
  return true
end

local function pass_on(from, to)
  return function()
    local bytes = from:read(deadline())
    while bytes and to:write(bytes, deadline()) do
      bytes = from:read(deadline())
    end
    from:close()
    to:close()
  end
end

local function serve(client, dialogue, backend)
  if converse(client, dialogue) then
    local server = assert(host.connect(backend.host, backend.port, { timeout = SECONDS }))
    host.parallel({ pass_on(client, server), pass_on(server, client) })
  end
  client:close()
end

--- Listens on a free port of 127.0.0.1.
-- @tparam string name of a dialogue
-- @tparam table backend server (servers.lua) that speaks TLS
-- @treturn table port, stop()
function M.listen(name, backend)
  local listener = uv.new_tcp()
  assert(listener:bind("127.0.0.1", 0))
  assert(listener:listen(128, function(failure)
    local handle = uv.new_tcp()
    if failure or not listener:accept(handle) then
      return handle:close()
    end
    handle:nodelay(true)
    host.start(function()
      serve(streams.new(handle), M.DIALOGUES[name], backend)
    end)
  end))
  return {
    port = math.floor(listener:getsockname().port),
    stop = function()
      listener:close()
      uv.run("nowait")
    end,
  }
end

return M
