-- Keeps a log of how often sessions resume, a line for each mechanism and run: time, target, mechanism, resumed,
-- offered, errors. Run it from cron before and after a change: lua5.4 rate_log.lua FILE TARGET [ATTEMPTS]
local resum = require "resum"

local path, target, attempts = arg[1], arg[2], tonumber(arg[3] or 50)
local result = assert(resum.rate(target, { attempts = attempts, balancer = false }))
local file = assert(io.open(path, "a"))
for _, entry in ipairs(result.addresses) do
  for _, mechanism in ipairs(entry.rate and { "session_id", "ticket", "psk" } or {}) do
    local rate = entry.rate[mechanism]
    local line = table.concat({ os.date("!%Y-%m-%dT%H:%M:%SZ"), target .. "{" .. entry.address .. "}", mechanism,
      ("%d"):format(rate.resumed), ("%d"):format(rate.resumed + rate.refused), ("%d"):format(rate.errors) }, ",")
    file:write(line, "\n")
    print(line)
  end
end
file:close()
if result.status ~= "completed" then
  print(result)
  os.exit(1)
end
