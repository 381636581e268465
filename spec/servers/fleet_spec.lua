--- A fleet from the scan to the map: names on one port, each with an address of its own, served by as many nginx as
-- there are key files. The map has to say who shares a key, all of it confirmed. Small by default; 3,000 names with 40
-- key files in the heavy specs, with figures.

local cjson = require "cjson"
local many = require "spec.support.many"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local state = require "resum.audit.keys.state"

local COMMON = { "--quiet", "--audit", "--audit_checks", "key-sharing", "--mechanisms", "psk", "--attempts", "1",
  "--max_connections", "100" }

-- The servers' addresses: key file k has 127.(20 + k).0.1 and more.
local function address_of(file, number)
  return ("127.%d.0.%d"):format(20 + file, number)
end

local function start(files, each)
  local port
  for file = 1, files do
    local lines = {}
    for number = 2, each do
      lines[number - 1] = ("    listen %s:%d ssl;"):format(address_of(file, number), port or 0)
    end
    port = port or servers.nginx({ host = "127.20.0.1" }).port -- a free one, held by a server that nobody asks
    local text = table.concat(lines, "\n"):gsub(":0 ssl", (":%d ssl"):format(port))
    servers.nginx({ host = address_of(file, 1), port = port, ticket_keys = servers.ticket_keys(1), directives = text })
  end
  return port
end

-- Names in an order in which no two neighbours share a key.
local function names(files, each, port)
  local list = {}
  for number = 1, each do
    for file = 1, files do
      list[#list + 1] = ("h%d-%d.example:%d{%s}"):format(file, number, port, address_of(file, number))
    end
  end
  return list
end

-- Which key file each member of each group has; and whether that is all of it.
local function assert_true_groups(fleet, files, each)
  assert.same({ files, files * each, 0, files * (each - 1), 0 }, { #fleet.groups, fleet.places, fleet.unconfirmed,
    fleet.confirmed, #fleet.refusals })
  local met = {}
  for _, group in ipairs(fleet.groups) do
    local file = group.members[1].sni:match("^h(%d+)%-")
    assert.is_nil(met[file])
    met[file] = true
    assert.same({ each, each, each, 1 }, { #group.members, group.opens.places, group.opens.names, group.keys })
    for _, member in ipairs(group.members) do
      assert.equal(file, member.sni:match("^h(%d+)%-"))
      assert.equal(64, #member.certificate)
    end
    for _, edge in ipairs(group.edges) do
      assert.same({ "confirmed", edge.to.sni }, { edge.outcome, edge.offered_as })
      assert.same({ 64, 64 }, { #edge.from.certificate, #edge.to.certificate })
    end
  end
end

local function seconds_since(start_time)
  return os.time() - start_time
end

-- Thousands of names take half a minute on an idle machine, and some times that on a busy one.
local function run_large(command)
  return process.run({ command = command, seconds = 10 * many.PATIENCE, working_directory = process.ROOT })
end

local function scan_and_map(files, each)
  local port = start(files, each)
  local folder = process.temporary_directory()
  local states, lines = folder .. "/fleet.state", folder .. "/lines.json"
  local began = os.time()
  local scan = run_large(many.measured_command("--targets_in", many.write_list(names(files, each, port)), "--state",
    states, "--json_lines", "--json_out", lines, table.unpack(COMMON)))
  assert.equal(0, scan.code, scan.stderr)
  local scanned, connections = seconds_since(began), 0
  for _, result in pairs((many.results_of(lines))) do
    connections = connections + result.addresses[1].connections
  end
  began = os.time()
  local map = run_large(many.measured_command("--merge", states, "--json_out", folder .. "/map.json", "--html_out",
    folder .. "/map.html", "--dot_out", folder .. "/map.dot"))
  assert.equal(0, map.code, map.stderr)
  local fleet = cjson.decode(process.read_file(folder .. "/map.json")).fleet
  return fleet, { stdout = map.stdout, figures = ("%d names, %d key files: %d s, %d connections, %s; "
    .. "the map %d s, %s"):format(files * each, files, scanned, connections, scan.stderr:match("peak %d+ kB"),
    seconds_since(began), map.stderr:match("peak %d+ kB")) }
end

describe("a fleet", function()
  after_each(servers.stop_all)

  it("has the groups that its key files make, and no edge that is not confirmed", function()
    local fleet, about = scan_and_map(3, 4)
    assert_true_groups(fleet, 3, 4)
    assert.is_truthy(about.stdout:find("1. one stolen key opens these 4 names at 4 addresses\n", 1, true))
  end)

  it("is the same by shards that are merged, but for what no shard could ask", function()
    local port = start(2, 3)
    local folder, list = process.temporary_directory(), names(2, 3, port)
    for shard = 1, 2 do
      local run = many.run("--targets_in", many.write_list(table.move(list, 3 * shard - 2, 3 * shard, 1, {})),
        "--state", folder .. "/" .. shard, table.unpack(COMMON))
      assert.equal(0, run.code, run.stderr)
    end
    local run = many.run("--merge", folder .. "/1", folder .. "/2", "--state", folder .. "/all", "--json_out", "-",
      "--quiet")
    local fleet = cjson.decode(run.stdout).fleet
    assert.same({ 0, 2, 6, 2, 2 }, { run.code, #fleet.groups, fleet.places, fleet.confirmed, fleet.unconfirmed })
    run = many.run("--targets_in", many.write_list(list), "--state", folder .. "/all", table.unpack(COMMON))
    assert.equal(0, run.code, run.stderr)
    assert_true_groups(cjson.decode(many.run("--merge", folder .. "/all", "--json_out", "-", "--quiet").stdout).fleet,
      2, 3)
  end)

  it("of 3,000 names on 40 key files has its 40 groups #heavy", function()
    local fleet, about = scan_and_map(40, 75)
    print(about.figures)
    assert_true_groups(fleet, 40, 75)
  end)
end)

describe("the map of 100,000 places #heavy", function()
  -- Each place in a line, and each but the first of a key in one of an edge.
  local function write_states(folder, count, keys)
    local shards, before = {}, {}
    for shard = 1, 4 do
      shards[shard] = assert(io.open(("%s/%d.state"):format(folder, shard), "w"))
    end
    for i = 0, count - 1 do
      local key = ("%08x1a3b4c5d6e7f8091a2b3c4d5"):format(i % keys * 2654435761 % 4294967296)
      local place = { address = ("10.%d.%d.%d"):format(i // 62500, i // 250 % 250, 1 + i % 250), port = 443,
        sni = ("h%d.example"):format(i), certificate = ("ab"):rep(32) }
      local entry = { key = key, layout = "name16", first = 7, last = 9, runs = 1 }
      for name, value in pairs(place) do
        entry[name] = value
      end
      shards[i % 4 + 1]:write(state.encode(entry), "\n")
      if before[key] then
        shards[i % 3 + 1]:write(state.encode_edge({ outcome = "confirmed", key = key, layout = "name16", at = 9,
          from = place, to = before[key] }), "\n")
      end
      before[key] = place
    end
    for _, shard in ipairs(shards) do
      shard:close()
    end
  end

  it("takes bounded memory, of four shards", function()
    local folder = process.temporary_directory()
    write_states(folder, 100000, 500)
    local run = run_large(many.measured_command("--merge", folder .. "/1.state", folder .. "/2.state",
      folder .. "/3.state", folder .. "/4.state", "--state", folder .. "/all.state", "--json_out",
      folder .. "/map.json", "--html_out", folder .. "/map.html", "--dot_out", folder .. "/map.dot"))
    assert.equal(0, run.code, run.stderr)
    print(run.stderr)
    assert.is_truthy(run.stdout:gsub("%s+", " "):find("500 groups share one, 0 places", 1, true))
    assert.is_truthy(run.stdout:find("Edges that a session has confirmed: 99500; not confirmed: 0", 1, true))
    many.assert_peak_below(120 * 1024, run) -- 61 MB were measured; the files have 68
  end)
end)

describe("resum --merge of state files", function()
  local folder, one, other

  before_each(function()
    folder = process.temporary_directory()
    one, other = folder .. "/one", folder .. "/other"
    process.write_file(one, '{"resum_state":1,"key":"112a3b4c5d6e7f8091a2b3c4d5e60718","layout":"name16",'
      .. '"address":"192.0.2.1","sni":"a.example","port":443,"first":7,"last":7,"runs":1,"returned":0}\n')
    process.write_file(other, (process.read_file(one):gsub("192.0.2.1", "192.0.2.2")))
  end)

  it("takes state files or results, not both, and tells what is of use for which", function()
    local results = folder .. "/results"
    process.write_file(results, '{"target":{"text":"a.example"},"status":"completed","addresses":[],"elapsed_s":1}\n')
    for _, case in ipairs({
      { { one, results }, ("not both: %s is a state file, and %s is none"):format(one, results) },
      { { results, "--compare", one }, "are about state files, and these are none" },
      { { results, "--dot_out", folder .. "/x" }, "are about state files, and these are none" },
      { { folder .. "/missing", "--compare", one }, "missing: there is no such file, or nothing in it" },
      { { one, "--compare", results }, "it is no state file of resum" },
      { { one, "--state", other }, "is there already" },
      { { one, "--json_out", one }, one .. " and --json_out name one file" },
      { { one, "--compare", other, "--dot_out", other }, "--compare and --dot_out name one file" },
      { { one, "--json_out", folder .. "/no/such" }, "No such file" },
    }) do
      local before = process.read_file(one) .. process.read_file(other)
      local run = many.run("--merge", table.unpack(case[1]))
      assert.same({ 2, "" }, { run.code, run.stdout }, case[2])
      assert.is_truthy(run.stderr:find(case[2], 1, true), run.stderr)
      assert.equal(before, process.read_file(one) .. process.read_file(other))
    end
    for _, option in ipairs({ "--compare", "--dot_out" }) do
      local run = many.run("a.example", option, folder .. "/x")
      assert.same({ 2, true }, { run.code, run.stderr:find("add --merge", 1, true) ~= nil })
    end
  end)

  it("says what can't be read, and ends with 1; what can't be written, and ends with 4", function()
    process.write_file(other, process.read_file(other) .. '{"resum_state":1,"key"\n')
    local run = many.run("--merge", one, other)
    assert.same({ 1, ("resum: %s: line 2 can't be read and is left out\n"):format(other) }, { run.code, run.stderr })
    assert.is_truthy(run.stdout:gsub("%s+", " "):find("the tickets of 2 places at 2 addresses carry the same "
      .. "key name; not confirmed", 1, true), run.stdout)
    run = many.run("--merge", one, "--json_out", "/dev/full")
    assert.equal(4, run.code)
    assert.is_truthy(run.stderr:find("--json_out: No space left on device", 1, true), run.stderr)
  end)

  it("tells what has changed", function()
    local run = many.run("--merge", one, other, "--compare", one)
    assert.equal(0, run.code)
    assert.is_truthy(run.stdout:find("What has changed:\n  group 1 has grown: 2 places were 1\n"
      .. "  a.example: 1 place new\n", 1, true), run.stdout)
  end)

  it("says what is missing where there is no SQLite for Lua", function()
    local script = 'package.preload["luasql.sqlite3"] = function() error("x") end '
      .. 'os.exit(require("resum.cli").main({ "--merge", "%s" }))'
    local without = process.run({ command = { many.command()[1], "-e", script:format(one) }, seconds = many.PATIENCE,
      working_directory = process.ROOT })
    assert.same({ 2, "", "resum: the map of shared keys needs SQLite for Lua (lua-sql-sqlite3)\n" },
      { without.code, without.stdout, without.stderr })
  end)
end)
