--- A small TCP balancer for specs and the demo, with faults and delay; and servers that misbehave.
-- Owns how a connection is forwarded, broken or held. It must not know TLS: bytes pass unread.
--
-- As a library: balancer.listen { backends = { "127.0.0.1:4001", … } }. As a process of its own:
--   lua5.4 spec/support/balancer.lua --listen 127.0.0.1:0 [--policy roundrobin|random] [--fault rst:50[@300]]
--     [--delay-ms 50] backend…
--   lua5.4 spec/support/balancer.lua --listen 127.0.0.1:0 --odd ssh
-- It prints "listening on 127.0.0.1:PORT" when it is ready.

local uv = require "luv"

local M = {}

local HIGH_WATER = 1024 * 1024 -- bytes that may wait for a slow reader before its sender has to wait, too
local BACKLOG = 4096

local function parse_address(text)
  local host, port = text:match("^%[?([^%]]-)%]?:(%d+)$")
  if not host then
    error("not an address (host:port): " .. tostring(text), 3)
  end
  return host, math.floor(tonumber(port))
end

-- Each open handle's balancer. luv can't be asked which are open: it frees a closed handle, and 1.48 crashes when it is
-- asked about a collected one, which Lua shows as a key of a weak table for one more cycle.
local open = {}

local function close(socket)
  if open[socket] then
    open[socket] = nil
    socket:close()
  end
end

-- RST instead of FIN. After a shutdown the kernel refuses that: then a plain close has to do.
local function reset(socket)
  if open[socket] and not socket:close_reset() then
    close(socket)
  end
  open[socket] = nil
end

-- Reads and forgets until the peer ends the connection, then closes.
local function drain(socket)
  socket:read_stop()
  socket:read_start(function(failure, bytes)
    if failure or not bytes then
      close(socket)
    end
  end)
end

-- A proper end: FIN after everything written. Unread bytes would turn it into RST, so they are read.
local function finish(socket)
  socket:shutdown()
  drain(socket)
end

-- What a faulty balancer does to its client.
local FAULTS = { fin = finish, rst = reset, stall = drain }

local POLICIES = {
  roundrobin = function(number, count)
    return (number - 1) % count + 1
  end,
  random = function(_, count)
    return math.random(count)
  end,
}

--- "action:every[@after]": every so-many-th connection suffers it, when the client has sent `after` bytes
-- (those still reach the backend; default: 0, at once).
local function parse_fault(text)
  local action, every, after = text:match("^(%a+):(%d+)@?(%d*)$")
  if not FAULTS[action] then
    error("not a fault (fin|rst|stall:every[@bytes]): " .. text, 3)
  end
  return { act = FAULTS[action], every = tonumber(every), after = tonumber(after) or 0 }
end

local function end_link(link, how)
  if not link.ended then
    link.ended = true
    how(link.client)
    how(link.upstream)
  end
end

-- The client suffers; the backend sees a plain close and is free for the next connection.
local function suffer(link)
  link.ended = true
  close(link.upstream)
  link.fault.act(link.client)
end

-- Runs actions after a delay, in the order in which they came; not at all once the link has ended.
local function delay_line(link, delay_ms, first_ms)
  local due = 0
  local extra = first_ms
  return function(action)
    local now = uv.now()
    due = math.max(due, now + delay_ms + extra)
    extra = 0
    if due == now then
      return action()
    end
    local timer = uv.new_timer()
    timer:start(due - now, 0, function()
      timer:close()
      if not link.ended then
        action()
      end
    end)
  end
end

-- Passes one direction on: bytes, a half-close, a reset.
local function relay(link, from, to, later)
  local read

  local function pass(bytes)
    to:write(bytes, function(failure)
      if failure then
        end_link(link, reset)
      elseif not link.ended and to:get_write_queue_size() == 0 then
        from:read_start(read)
      end
    end)
    if to:get_write_queue_size() > HIGH_WATER then
      from:read_stop()
    end
  end

  local function pass_end()
    to:shutdown(function()
      link.half_closed = link.half_closed + 1
      if link.half_closed == 2 then
        end_link(link, close)
      end
    end)
  end

  function read(failure, bytes)
    if link.ended then
      return
    elseif failure then
      later(function() end_link(link, reset) end)
    elseif bytes then
      later(function() pass(bytes) end)
    else
      later(pass_end)
    end
  end
  from:read_start(read)
end

-- The client's direction of a connection that is to suffer: its first bytes pass, then it happens.
local function relay_until_fault(link, later)
  local left = link.fault.after
  link.client:read_start(function(failure, bytes)
    if link.ended then
      return
    elseif failure or not bytes then
      return end_link(link, close)
    end
    local part = bytes:sub(1, left)
    left = left - #part
    later(function()
      link.upstream:write(part, left == 0 and function() suffer(link) end or nil)
    end)
    if left == 0 then
      link.client:read_stop()
    end
  end)
end

local function forward(link, delay_ms)
  -- A proxy can't delay the SYN: the client's first bytes wait one round trip more instead.
  local half = math.ceil(delay_ms / 2)
  local to_server = delay_line(link, half, delay_ms)
  local to_client = delay_line(link, half, 0)
  if link.fault then
    relay_until_fault(link, to_server)
  else
    relay(link, link.client, link.upstream, to_server)
  end
  relay(link, link.upstream, link.client, to_client)
end

local function balance(options)
  local choose = POLICIES[options.policy or "roundrobin"]
  if not choose then
    error("not a policy (roundrobin|random): " .. tostring(options.policy), 3)
  elseif #options.backends == 0 then
    error("a balancer needs a backend", 3)
  end
  local fault = options.fault and parse_fault(options.fault)
  local delay_ms = options.delay_ms or 0

  return function(client, number)
    local suffers = fault and number % fault.every == 0
    if suffers and fault.after == 0 then
      return fault.act(client)
    end
    local link = { client = client, upstream = uv.new_tcp(), half_closed = 0, fault = suffers and fault or nil }
    open[link.upstream] = open[client]
    local host, port = parse_address(options.backends[choose(number, #options.backends)])
    link.upstream:nodelay(true)
    link.upstream:connect(host, port, function(failure)
      if failure then
        end_link(link, reset)
      else
        forward(link, delay_ms)
      end
    end)
  end
end

-- Waits for the client's first bytes.
local function on_first_bytes(client, action)
  client:read_start(function(failure, bytes)
    if failure or not bytes then
      return close(client)
    end
    drain(client)
    action()
  end)
end

-- As much as the client takes, for ever.
local function flood(client, bytes)
  client:write(bytes, function(failure)
    if failure then
      close(client)
    else
      flood(client, bytes)
    end
  end)
end

-- The beginning of a TLS record that holds a ServerHello, and its end is never sent.
local HALF_SERVER_HELLO = "\22\3\3\0\122\2\0\0\118\3\3" .. ("\165"):rep(20)
-- A complete HelloRequest: a client has to ignore it in the middle of a handshake (RFC 5246, 7.4.1.1).
local HELLO_REQUEST = "\22\3\3\0\4\0\0\0\0"
local BIG_RECORD = "\22\3\3\64\0"

local ODD = {}

function ODD.silent(client)
  drain(client)
end

function ODD.ssh(client)
  client:write("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
  on_first_bytes(client, function()
    client:write("Invalid SSH identification string.\r\n")
    finish(client)
  end)
end

function ODD.http(client)
  on_first_bytes(client, function()
    client:write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    finish(client)
  end)
end

function ODD.reset(client)
  on_first_bytes(client, function()
    client:write(HALF_SERVER_HELLO, function() reset(client) end)
  end)
end

function ODD.garbage(client)
  on_first_bytes(client, function()
    client:write("\255" .. uv.random(1023))
    finish(client)
  end)
end

-- Starts unasked.
function ODD.endless(client)
  drain(client)
  flood(client, ("endless "):rep(2048))
end

-- What a TLS client may take in for ever without an error.
function ODD.endless_records(client)
  on_first_bytes(client, function()
    flood(client, HELLO_REQUEST:rep(1024))
  end)
end

-- One byte of a long record every 50 ms: no single read ever times out.
function ODD.drip(client)
  on_first_bytes(client, function()
    local sent = 0
    local timer = uv.new_timer()
    timer:start(0, 50, function()
      sent = sent + 1
      if not open[client] then
        timer:close()
      else
        client:write(sent <= #BIG_RECORD and BIG_RECORD:sub(sent, sent) or "\2")
      end
    end)
  end)
end

--- Starts listening, on the default luv loop.
-- @tparam table options
--   listen: "host:port" (default "127.0.0.1:0");
--   backends: list of "host:port"; connection n goes to backend n modulo their number, whatever became of the others;
--   policy: "roundrobin" (default) or "random";
--   fault: "fin:50", "rst:50", "stall:50": every 50th connection is ended at once, reset at once, held open in silence
--     until the client ends it;
--     "rst:50@300": that happens after the client's first 300 bytes, which still reach the backend;
--   delay_ms: a round trip; every chunk is held half of it, the client's first one a whole one more (for the SYN);
--   odd: instead of backends: "silent", "ssh", "http", "reset", "garbage", "endless", "endless_records" or "drip"
-- @treturn table {port=, address="host:port", accepted = how many connections so far, close=function}
-- @return or nil, message
function M.listen(options)
  local host, port = parse_address(options.listen or "127.0.0.1:0")
  local serve = options.odd and ODD[options.odd] or not options.odd and balance(options)
  if not serve then
    error("not an odd server: " .. tostring(options.odd), 2)
  end
  local balancer = { accepted = 0 }
  local server = uv.new_tcp()
  open[server] = balancer

  local function accept(failure)
    local client = uv.new_tcp()
    open[client] = balancer
    if failure or not server:accept(client) then
      return close(client)
    end
    client:nodelay(true)
    balancer.accepted = balancer.accepted + 1
    serve(client, balancer.accepted)
  end

  --- Ends every connection and stops listening. The loop has to turn once more after it.
  function balancer.close()
    for socket, owner in pairs(open) do
      if owner == balancer then
        close(socket)
      end
    end
  end

  local _, failure = server:bind(host, port)
  if not failure then
    _, failure = server:listen(BACKLOG, accept)
  end
  if failure then
    close(server)
    return nil, "listen on " .. host .. ":" .. port .. ": " .. failure
  end
  balancer.port = math.floor(server:getsockname().port)
  balancer.address = (host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(host, balancer.port)
  return balancer
end

local OPTIONS = {
  ["--listen"] = "listen",
  ["--policy"] = "policy",
  ["--fault"] = "fault",
  ["--delay-ms"] = "delay_ms",
  ["--odd"] = "odd",
}

local function parse_arguments(arguments)
  local options = { backends = {} }
  local i = 1
  while arguments[i] do
    local name = OPTIONS[arguments[i]]
    if name then
      options[name] = arguments[i + 1] or error(arguments[i] .. " needs a value", 0)
      i = i + 2
    else
      table.insert(options.backends, arguments[i])
      i = i + 1
    end
  end
  options.delay_ms = tonumber(options.delay_ms)
  return options
end

local function main(arguments)
  -- Neither luv nor libuv does anything against it, and one client that hangs up would end us all.
  uv.new_signal():start("sigpipe", function() end)
  local balancer = assert(M.listen(parse_arguments(arguments)))
  io.stdout:write("listening on ", balancer.address, "\n")
  io.stdout:flush()
  uv.run()
end

if arg and arg[0] and arg[0]:match("balancer%.lua$") then
  main(arg)
end

return M
