-- A gate for CI: fails unless every target resumes by ticket and by PSK, at each of its addresses.
-- lua5.4 ci_gate.lua TARGET...
-- (The command does the same with --expect; this is where to go on when that is not enough.)
local resum = require "resum"

local WANTED = { "ticket", "psk" }
local failed = 0

local function fail(result, format, ...)
  failed = failed + 1
  print(("FAIL %s: %s"):format(result.target.text, format:format(...)))
end

local function check(result)
  for _, entry in ipairs(result.addresses) do
    for _, mechanism in ipairs(entry.support and WANTED or {}) do
      local verdict = entry.support[mechanism].verdict
      if verdict ~= "supported" then
        fail(result, "%s is %s at %s", mechanism, verdict, entry.address)
      end
    end
    if entry.error then -- an error is no verdict, and no pass
      fail(result, "%s", entry.error)
    end
  end
  if #result.addresses == 0 then
    fail(result, "%s", result.error)
  end
end

local counts = assert(resum.scan_all({ table.unpack(arg) }, { mechanisms = WANTED, attempts = 3 }, check))
print(("%d targets, %d faults"):format(counts.targets, failed))
os.exit(failed == 0 and counts.targets > 0)
