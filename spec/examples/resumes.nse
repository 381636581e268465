-- An nmap script of one's own: one line for each port with TLS, and more only where clients pay for full handshakes.
--   make install-nse && nmap -p 443 --script ./resumes.nse TARGET
local resum = require "resum"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = "Tells in one line whether a TLS server resumes tickets."
author = "you"
license = "MIT"
categories = {"discovery", "safe"}

portrule = shortport.ssl

-- "ticket 5 of 5, psk 0 of 5": what became of what was offered.
local function words(support)
  local parts = {}
  for _, mechanism in ipairs({ "ticket", "psk" }) do
    local found = support[mechanism]
    parts[#parts + 1] = ("%s %d of %d"):format(mechanism, found.resumed, found.resumed + found.refused)
  end
  return table.concat(parts, ", ")
end

action = function(host, port)
  local result, message = resum.scan({ host = host.targetname or host.ip, port = port.number, address = host.ip },
    { mechanisms = { "ticket", "psk" } })
  local entry = result and result.addresses[1]
  if not entry or entry.status ~= "completed" then
    stdnse.verbose1("%s", message or tostring(entry and entry.error or result.error))
    return nil
  end
  return words(entry.support)
end
