--- Under faults nothing lies: one connection in 20, 50 or 100 is broken, at each stage of the handshake and in each
-- way, before servers that drop a session whose connection did not end in order. What is printed are the verdicts: none
-- may be other than the server's truth, or inconclusive.
--
-- RESUM_FAULTS=20 makes each cell 20 times (by default a third of them is made, once), RESUM_SEEDS=250 as many mangled
-- scans.

local faults = require "spec.support.faults"
local programs = require "spec.support.daemons.programs"
local resum = require "resum"
local servers = require "spec.support.servers"
local uv = require "luv"

local RUNS = tonumber(os.getenv("RESUM_FAULTS") or "") or 0
local SEEDS = tonumber(os.getenv("RESUM_SEEDS") or "") or 8
local SHARES = { 0.01, 0.02, 0.05 }
local AT_ONCE = 12 -- targets
-- Seen are 2 wrong of 1,359 of s_server's, both by the quick check. One was a refusal of a spent session that counted:
-- where three of the first six connections of a kind were disturbed, that is taken for a habit of the server's. What
-- caused the other is not known. More than one wrong one of the 96 of the smallest run is then chance in 1 of 110
-- (if all servers were as s_server).
local MOST_WRONG = 0.011
local ATTEMPTS = 20 -- of a rate

local ALL = { session_id = true, ticket = true, psk = true }

-- Name, how it is started, what is true of it; own: each scan has its own, as its cache has 128 sessions for all.
local SERVERS = {
  { "s_server, no tickets", function() return servers.s_server({ args = { "-no_ticket" } }) end,
    { session_id = true, ticket = false, psk = true }, own = true },
  { "Python, no tickets", function() return programs.python({ args = { "no-tickets" } }) end,
    { session_id = true, ticket = false, psk = true } },
  { "nginx", function() return servers.nginx({ session_cache = "shared:SSL:1m" }) end, ALL },
  { "HAProxy", function() return servers.haproxy() end, ALL },
}

local SCANS = {
  support = { support = true, rate = false },
  rate = { support = false, rate = true, attempts = ATTEMPTS },
  quick = { support = false, rate = true, quick = true, attempts = 60 },
}

local TRUE_OF_POOL = { all_shared = true, shared = true, too_few = true, inconclusive = true, unclear = true }

-- What is said of a mechanism: "right", "inconclusive" or "wrong".
local function judge(verdict, resumes)
  if verdict == "inconclusive" then
    return "inconclusive"
  end
  local right = resumes and (verdict == "supported" or verdict == "healthy")
    or not resumes and (verdict == "not_supported" or verdict == "no_resumption")
  return right and "right" or "wrong"
end

local function count(tally, kind, what)
  tally[kind] = tally[kind] + 1
  if kind == "wrong" then
    tally.words[#tally.words + 1] = what
  end
end

-- Holds what a scan says against the truth.
local function check(entry, truth, tally)
  for name, resumes in pairs(truth) do
    for scan, list in pairs({ support = entry.support or {}, rate = entry.rate or {},
      quick = entry.balancer and entry.balancer.quick or {} }) do
      local one = list[name]
      if one then
        count(tally, judge(one.verdict, resumes), ("%s %s %s (%s)"):format(scan, name, one.verdict, one.reason or "-"))
      end
    end
  end
  local pool = entry.balancer and not entry.balancer.quick and entry.balancer.verdict
  if pool then
    count(tally, TRUE_OF_POOL[pool] and "right" or "wrong", "pool " .. pool)
  end
end

local function new_tally()
  return { right = 0, inconclusive = 0, wrong = 0, words = {} }
end

-- Scans what each cell's proxy leads to, many at a time.
local function run(cells)
  local jobs = {}
  for i, cell in ipairs(cells) do
    jobs[i] = function()
      local own = cell.server.own and cell.server[2]()
      local proxy = cell.start((own or cell.server.running).port)
      local options = { concurrency = 10, timeout = 3, mechanisms = cell.mechanisms }
      for name, value in pairs(SCANS[cell.scan]) do
        options[name] = value
      end
      local result = resum.run(proxy.address, options)
      cell.tally.connections = (cell.tally.connections or 0) + proxy.connections
      cell.tally.faults = (cell.tally.faults or 0) + proxy.faults
      check(result.addresses[1], cell.server[3], cell.tally)
      proxy.close()
      if own then
        own.stop()
      end
    end
  end
  for _, problem in pairs(resum.host.default().parallel(jobs, AT_ONCE)) do
    error(problem, 0)
  end
end

local function print_row(...)
  print(("%-22s %-8s %-8s %6s %6s %6s %6s %6s"):format(...))
end

local function print_tally(name, scan, what, tally)
  print_row(name, scan, what, tally.connections, tally.faults, tally.right, tally.inconclusive, tally.wrong)
  for _, words in ipairs(tally.words) do
    print("    " .. words)
  end
end

describe("#heavy under faults", function()
  setup(function()
    for _, server in ipairs(SERVERS) do
      server.running = not server.own and server[2]() or nil
    end
  end)

  teardown(function()
    servers.stop_all()
    uv.run("nowait") -- what was closed
  end)

  for scan in pairs(SCANS) do
    it("no verdict is wrong, whatever breaks where: " .. scan, function()
      local cells, rows = {}, {}
      local number = 0
      for _, server in ipairs(SERVERS) do
        for _, stage in ipairs(faults.STAGES) do
          local tally = new_tally()
          rows[#rows + 1] = { server[1], "stage " .. stage, tally }
          for _, how in ipairs(faults.FAULTS) do
            for _, share in ipairs(SHARES) do
              number = number + 1
              -- By default each stage meets each way once, and the shares in turns.
              local runs = RUNS > 0 and RUNS or (number + stage) % #SHARES == 0 and 1 or 0
              for seed = 1, runs do
                cells[#cells + 1] = { scan = scan, server = server, tally = tally, start = function(port)
                  return faults.start(port, { stage = stage, how = how, share = share, seed = seed * 1000 + number })
                end }
              end
            end
          end
        end
      end
      run(cells)
      local wrong, all = 0, 0
      print_row("\nserver", scan, "", "conns", "faults", "right", "incon.", "wrong")
      for _, row in ipairs(rows) do
        print_tally(row[1], "", row[2], row[3])
        wrong, all = wrong + row[3].wrong, all + row[3].wrong + row[3].right + row[3].inconclusive
      end
      assert.is_true(wrong <= MOST_WRONG * all, ("%d of %d"):format(wrong, all))
    end)
  end

  it("no verdict is wrong where bytes are mangled", function()
    local cells, rows = {}, {}
    for i, server in ipairs(SERVERS) do
      local tally = new_tally()
      rows[i] = { server[1], tally }
      for seed = 1, SEEDS do
        cells[#cells + 1] = { scan = "support", server = server, tally = tally, start = function(port)
          return faults.mangle(port, { share = 0.01 * (1 + seed % 10), seed = seed * 10 + i })
        end }
      end
    end
    run(cells)
    local wrong, all = 0, 0
    print_row("\nserver", "mangled", "", "conns", "faults", "right", "incon.", "wrong")
    for _, row in ipairs(rows) do
      print_tally(row[1], "", "", row[2])
      wrong, all = wrong + row[2].wrong, all + row[2].wrong + row[2].right + row[2].inconclusive
    end
    assert.is_true(wrong <= MOST_WRONG * all, ("%d of %d"):format(wrong, all))
  end)
end)
