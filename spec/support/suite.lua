--- Runs the spec files side by side, each in a busted of its own: most of them wait for servers most of the time.
--   lua5.4 spec/support/suite.lua [busted's options]
-- Prints a line for each file as it ends, all that busted said of one that failed, and at the end a line for each
-- failure ("failed: …") and the totals in busted's own words. Ends with 1 when anything failed. It must not know what
-- a spec is about.

package.path = "./?.lua;" .. package.path

local environment = require "spec.support.environment"
local uv = require "luv"

-- Most of them wait most of the time: with three at once, two cores took 780 s for the 760 s of CPU time that all take.
local AT_ONCE = tonumber(os.getenv("SPECS_AT_ONCE")) or 5
local BUSTED = "/usr/bin/busted"
local LONGEST_S = 1800 -- seconds that one file may take; the longest takes 80 where nothing else is at work
local LONGEST_LINE = 500 -- bytes of the line that repeats a failure at the end

local options = table.move(arg, 1, #arg, 1, {})
local totals = { successes = 0, failures = 0, errors = 0, pending = 0 }
local failures = {} -- a line for each
local started = uv.hrtime()

local function seconds_since(time)
  return (uv.hrtime() - time) / 1e9
end

local function find_specs(folder, list)
  local listing = assert(uv.fs_scandir(folder))
  for name, kind in function() return uv.fs_scandir_next(listing) end do
    if kind == "directory" then
      find_specs(folder .. "/" .. name, list)
    elseif name:find("_spec%.lua$") then
      list[#list + 1] = folder .. "/" .. name
    end
  end
  return list
end

-- Those that take a minute or more, as they compute or wait: one of them that starts last runs on alone. Whoever
-- computes stands beside whoever waits.
local LONG = {}
for place, name in ipairs({ "pool_simulation", "servers/support", "watch", "servers/nmap", "servers/large_hello",
  "watch_long", "servers/starttls", "support_servers", "servers/network", "servers/implementations",
  "servers/audit_faulty", "servers/faults", "audit_poll" }) do
  LONG[("spec/%s_spec.lua"):format(name)] = place - 100
end

-- Whoever takes longest starts first: these, in this order, and then those with real servers.
local function turn_of(file)
  return LONG[file] or file:find("/servers/", 1, true) and 1 or 2
end

local function in_order(list)
  table.sort(list, function(a, b)
    local turn, other = turn_of(a), turn_of(b)
    if turn ~= other then
      return turn < other
    end
    return a < b
  end)
  return list
end

local TOTALS = "(%d+) success%a* / (%d+) failures? / (%d+) errors? / (%d+) pending[^\n]*"

local function count(text)
  local s, f, e, p = text:match(TOTALS)
  return s and { successes = tonumber(s), failures = tonumber(f), errors = tonumber(e), pending = tonumber(p) }
end

-- Behind the totals stand the failures, a blank line before each: where, which sentence, what was found.
local function note_failures(file, output, code)
  local before = #failures
  local _, totals_end = output:find(TOTALS)
  local told = totals_end and output:sub(totals_end + 1) or ""
  for failure in told:gsub("\n\n(%u%l+ %-> )", "\0%1"):gmatch("\0([^\0]+)") do
    failures[#failures + 1] = failure
  end
  if #failures == before then
    failures[#failures + 1] = ("%s ended with %s: %s"):format(file, code, output:sub(-LONGEST_LINE // 2))
  end
end

local function print_failures()
  for _, text in ipairs(failures) do
    io.stdout:write("failed: ", text:gsub("%s+", " "):sub(1, LONGEST_LINE), "\n")
  end
end

local function conclude(file, output, code, time)
  output = output:gsub("\27%[[%d;]*m", "")
  local counts = count(output) or { successes = 0, failures = 0, errors = 1, pending = 0 }
  local good = code == 0 and counts.failures + counts.errors == 0
  if not good and counts.failures + counts.errors == 0 then
    counts.errors = 1 -- it ended badly after its last spec
  end
  if not good then
    note_failures(file, output, code)
  end
  for kind, n in pairs(counts) do
    totals[kind] = totals[kind] + n
  end
  io.stdout:write(("%-6s %4d specs  %6.1f s  %s\n"):format(good and "ok" or "FAILED", counts.successes,
    seconds_since(time), file), good and "" or (output:gsub("\n?$", "\n")))
  io.stdout:flush()
end

-- Starts busted on one file; calls done() when it has ended and all it said has been read.
local function start(file, done)
  local chunks, time, open, exit_code = {}, uv.hrtime(), 3, nil
  local timer = uv.new_timer()

  local function ended()
    open = open - 1
    if open == 0 then
      timer:close()
      conclude(file, table.concat(chunks), exit_code, time)
      done()
    end
  end

  local function gather(pipe)
    pipe:read_start(function(failure, bytes)
      if bytes then
        chunks[#chunks + 1] = bytes
      else
        chunks[#chunks + 1] = failure
        pipe:close()
        ended()
      end
    end)
  end

  local words = table.move(options, 1, #options, 2, { BUSTED })
  words[#words + 1] = file
  local out, err, handle = uv.new_pipe(false), uv.new_pipe(false), nil
  handle = assert(uv.spawn(uv.exepath(), {
    args = words,
    env = environment.list(environment.variables()),
    stdio = { nil, out, err },
  }, function(code, signal)
    exit_code = code ~= 0 and code or signal
    handle:close()
    ended()
  end))
  gather(out)
  gather(err)
  timer:start(LONGEST_S * 1000, 0, function()
    chunks[#chunks + 1] = ("\nstopped after %d s\n"):format(LONGEST_S)
    handle:kill("sigterm")
  end)
end

-- With --tags=a,b nothing runs of a file in which none of these stands.
local function asked_for(list)
  local tags
  for _, option in ipairs(options) do
    tags = option:match("^%-%-tags=(.+)$") or tags
  end
  local found = {}
  for _, file in ipairs(list) do
    local handle = assert(io.open(file))
    local text, is_asked_for = handle:read("a"), not tags
    handle:close()
    for tag in (tags or ""):gmatch("[^,]+") do
      is_asked_for = is_asked_for or text:find("#" .. tag, 1, true) ~= nil
    end
    found[#found + 1] = is_asked_for and file or nil
  end
  return found
end

local files = in_order(asked_for(find_specs("spec", {})))
local next_file = 0

local function start_next()
  next_file = next_file + 1
  if files[next_file] then
    start(files[next_file], start_next)
  end
end

for _ = 1, AT_ONCE do
  start_next()
end
uv.run()
print_failures()
io.stdout:write(("%d successes / %d failures / %d errors / %d pending : %.1f seconds\n"):format(totals.successes,
  totals.failures, totals.errors, totals.pending, seconds_since(started)))
os.exit(totals.failures + totals.errors == 0, true)
