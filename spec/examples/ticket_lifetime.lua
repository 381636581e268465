-- How long is a session accepted? lua5.4 ticket_lifetime.lua TARGET SECONDS...
-- Offers one and the same session after so many seconds each, and says what the server had promised.
local resum = require "resum"

local host = resum.host.default()
local target = arg[1]
local first = assert(resum.open(target, { tls = "1.2" }))
local session = first.outcome == "full" and first:session()
if not session then
  print("no session: " .. tostring(first.error or "none was issued"))
  os.exit(2)
end
local ticket = first.facts.tickets[1]
print(("promised: %s"):format(ticket and ticket.lifetime_s .. " s" or "nothing (a session ID)"))

local begun = host.now()
for i = 2, #arg do
  local after = assert(tonumber(arg[i]), "seconds, not " .. arg[i])
  host.sleep(math.max(0, begun + after - host.now()))
  local again = assert(resum.open(target, { tls = "1.2", session = session }))
  print(("after %g s: %s"):format(after, again.outcome))
end
