-- Does a server change the key of its tickets? Run it from cron: lua5.4 key_monitor.lua STATE TARGET
-- STATE is a file that it keeps: the key's name, and since when it has been seen. Exits with 1 when that is more than a
-- day: whoever gets hold of it reads every recorded connection of that time (RFC 5077, section 5.5).
local resum = require "resum"

local DAY_S = 24 * 3600
local path, target = arg[1], arg[2]

local function read_state()
  local file = io.open(path)
  local name, since = (file and file:read("a") or ""):match("^(%x+) (%d+)")
  if file then
    file:close()
  end
  return name, tonumber(since)
end

local handshake = assert(resum.open(target, { tls = "1.2" }))
local ticket = handshake.facts and handshake.facts.tickets[1]
if not ticket or #ticket.ticket <= 32 then
  print("no ticket with a key's name: " .. tostring(handshake))
  os.exit(2)
end
local name = ticket.ticket:sub(1, 16):gsub(".", function(byte)
  return ("%02x"):format(byte:byte())
end)

local now, known, since = os.time(), read_state()
if known ~= name then
  since = now
  local file = assert(io.open(path, "w"))
  file:write(name, " ", since, "\n")
  file:close()
end
print(("%s %s, seen for %d s"):format(name, known == name and "is in use" or "is new", now - since))
os.exit(now - since <= DAY_S)
