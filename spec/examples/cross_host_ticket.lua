-- Does one server take the session of another? lua5.4 cross_host_ticket.lua FROM AT
-- A session of FROM is offered at AT, which is asked for its own name. A server that takes it treats a client of one as
-- a client of the other: with client certificates that is a way around them.
local resum = require "resum"

local from, at = arg[1], arg[2]
local taken = false
for _, version in ipairs({ "1.2", "1.3" }) do
  local first = assert(resum.open(from, { tls = version }))
  local session = first.outcome == "full" and first:session()
  if not session then
    print(version, "no session at " .. from, first.error or "")
  else
    local again = assert(resum.open(at, { tls = version, session = session }))
    print(version, again.outcome, again.error or "")
    taken = taken or again.outcome == "resumed"
  end
end
os.exit(not taken)
