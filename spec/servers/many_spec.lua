-- The command on many targets: lists, limits, a slow reader of its results. One nginx answers on all of
-- 127.0.0.0/8, so every target has an address of its own.

local cjson = require "cjson"
local many = require "spec.support.many"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local uv = require "luv"

describe("many targets", function()
  local server, folder, out

  setup(function()
    server = servers.nginx({ host = "0.0.0.0", session_cache = "shared:SSL:1m" })
  end)

  before_each(function()
    folder = process.temporary_directory()
    out = folder .. "/out.jsonl"
  end)

  teardown(servers.stop_all)

  it("come from a list and the command line together, each once", function()
    local list = many.addresses(server.port, 5)
    local path = folder .. "/list"
    process.write_file(path, ("# comment\r\n1,%s\r\n\r\n2,%s\r\n%s # another\r\n"):format(list[2], list[3], list[4]))
    local ended = many.run(many.to_lines(path, out, list[1], list[5]))
    assert.same({ 0, "", "" }, { ended.code, ended.stdout, ended.stderr })
    many.assert_all_completed(list, out)
  end)

  it("may hold what is no target: it is said, could not be scanned, and is among the results", function()
    local list = many.addresses(server.port, 1)
    local ended = many.run(many.to_lines(many.write_list({ "no target", list[1], "127.0.0.1:70000" }), out))
    assert.same({ 1, 2 }, { ended.code, #many.lines_of(ended.stderr) })
    local results, count = many.results_of(out)
    assert.same({ 3, "usage", "completed", "usage" },
      { count, results["no target"].error.code, results[list[1]].status, results["127.0.0.1:70000"].error.code })
  end)

  it("are scanned as they come through a pipe, before its end", function()
    local list = many.addresses(server.port, 3)
    local child = process.start({ input = "pipe", command = many.command("--targets_in", "-", "--json_lines",
      table.unpack(many.QUICK)) })
    for number, text in ipairs(list) do
      child.write(text .. "\n")
      assert.is_truthy(process.wait_until(many.PATIENCE, function()
        return select(2, child.stdout():gsub("\n", "")) == number -- whole lines
      end))
      assert.equal(text, cjson.decode(many.lines_of(child.stdout())[number]).target.text)
    end
    child.close_input()
    assert.equal(0, child.wait(many.PATIENCE))
    child.stop()
  end)

  it("may be a list that can't be read", function()
    local missing = many.run("--targets_in", "/no/such/list", table.unpack(many.QUICK))
    assert.same({ 2, "resum: --targets_in: /no/such/list: No such file or directory\n" },
      { missing.code, missing.stderr })
    local directory = many.run("--targets_in", "/", "--quiet", table.unpack(many.QUICK))
    assert.equal(4, directory.code)
    assert.matches("^resum: %-%-targets_in: .*directory\n$", directory.stderr)
  end)

  it("are told in one JSON document as well, which is whole at the end", function()
    local list = many.addresses(server.port, 4)
    local ended = many.run("--targets_in", many.write_list(list), "--json_out", "-", table.unpack(many.QUICK))
    local document = cjson.decode(ended.stdout)
    assert.same({ 1, 4 }, { document.schema, #document.targets })
    assert.is_true(document.elapsed_s > 0)
    local empty = many.run("--targets_in", "/dev/null", "--json_out", "-").stdout
    assert.same({ 1, '"targets":[]' }, { cjson.decode(empty).schema, empty:match('"targets":%[%]') })
  end)

  it("are summarised at the end, below the reports", function()
    local list = many.addresses(server.port, 2)
    local ended = many.run("--summary", list[1], list[2], "127.0.0.1:1", table.unpack(many.QUICK))
    local summary = ended.stdout:match("\n\n(Summary: .*)$")
    assert.equal(1, ended.code)
    assert.equal([[
Summary: 2 targets scanned, 1 unreachable; 2 services
                       Session ID  Ticket  TLS 1.3 ticket
  supported                     0       2               0
  partially supported           0       0               0
  not supported                 0       0               0
  not applicable                0       0               0
  inconclusive                  0       0               0
  Lifetime of a ticket: up to 5 min at 2 services
  Ticket keys in use at several addresses, ports or names: 1
    KEY
      2 targets, 2 addresses: ONE, OTHER
  Targets that could not be scanned: connection refused 1
]], (summary:gsub(("%x"):rep(32), "KEY"):gsub("127[%d.:]+, 127[%d.:]+", "ONE, OTHER")))
  end)

  it("are summarised on stderr where stdout has JSON, and in the document", function()
    local list = many.addresses(server.port, 2)
    local ended = many.run("--quiet", "--summary", "--json_out", "-", list[1], list[2], table.unpack(many.QUICK))
    assert.matches("^Summary: 2 targets scanned; 2 services\n", ended.stderr)
    local summary = cjson.decode(ended.stdout).summary
    assert.same({ 2, { completed = 2 }, { supported = 2 }, { { up_to_s = 300, count = 2 } }, 2 }, { summary.targets,
      summary.statuses, summary.mechanisms.ticket, summary.lifetimes.ticket, summary.shared_keys[1].targets })
  end)

  it("have a progress for machines, which ends with the final state", function()
    local list = many.addresses(server.port, 20)
    list[21] = "127.0.0.1:1"
    process.write_file(out, ('{"target":{"text":"%s"},"status":"completed","addresses":[]}\n'):format(list[1]))
    local ended = many.run(many.to_lines(many.write_list(list), out, "--resume", out, "--progress", "json"))
    local states = many.lines_of(ended.stderr)
    local last = cjson.decode(states[#states])
    assert.same({ 21, 21, 1, 19 * 3 + 2, { refused = 1 }, 0 },
      { last.done, last.total, last.skipped, last.connections, last.errors, last.eta_s })
    assert.is_true(last.per_second > 0 and last.elapsed_s > 0)
  end)

  it("have a progress line on a terminal, and none elsewhere", function()
    local path = many.write_list(many.addresses(server.port, 100))
    local command = table.concat(many.command(many.to_lines(path, out, "--max_connections", "10", "--delay", "0.05")),
      " "):gsub(" %-%-quiet", "") -- slow enough to be seen, whatever the machine
    local shown = many.run(process.on_terminal(command .. " >/dev/null")).stdout
    assert.matches("resum: %d+ of 100 targets done, %d+ connections made, [%d.]+ targets/s, %d+ s left", shown)
    assert.equal("", many.run({ "sh", "-c", command .. " >/dev/null" }).stderr)
  end)

  it("take bounded memory, two thousand of them #heavy", function()
    local list = many.addresses(server.port, 2000)
    local ended = many.run(many.measured_command(many.to_lines(many.write_list(list), out, "--max_connections", "20")))
    assert.equal(0, ended.code, ended.stderr)
    many.assert_all_completed(list, out)
    many.assert_peak_below(60000, ended)
  end)
end)

describe("a reader of the results", function()
  local server

  setup(function()
    server = servers.nginx({ host = "0.0.0.0", session_cache = "shared:SSL:1m" })
  end)

  teardown(servers.stop_all)

  it("that is slow slows the scan down: nothing piles up, nothing times out, no line is torn", function()
    local list = many.addresses(server.port, 150)
    local out = process.temporary_directory() .. "/out.jsonl"
    -- some 2.5 MB into a pipe of 64 KiB that nobody reads for a time longer than the timeout
    local ended = many.run(many.join({ "sh", "-c", 'out=$1; shift; "$@" | { sleep 3.5; cat >"$out"; }', "sh", out },
      many.measured_command("--targets_in", many.write_list(list), "--json_lines", "--timeout", "3", "--retries", "0",
        "--max_connections", "10")))
    many.assert_all_completed(list, out)
    assert.is_nil(process.read_file(out):find('"outcome":"timeout"', 1, true))
    many.assert_peak_below(60000, ended)
  end)

  it("that goes away ends the scan", function()
    local path = many.write_list(many.addresses(server.port, 2000))
    local ended = many.run(many.join({ "sh", "-c", '"$@" | head -n 1; echo', "sh" },
      many.command("--targets_in", path, "--json_lines", table.unpack(many.QUICK))))
    assert.equal("completed", cjson.decode(many.lines_of(ended.stdout)[1]).status)
    assert.equal("resum: stdout: nobody reads it any more\n", ended.stderr)
  end)

  it("that is a full disk ends the scan as well", function()
    local path = many.write_list(many.addresses(server.port, 100))
    local ended = many.run(many.to_lines(path, "/dev/full"))
    assert.same({ 4, "resum: --json_out: No space left on device\n" }, { ended.code, ended.stderr })
  end)
end)

describe("limits on connections", function()
  after_each(process.stop_all)

  -- Holds each connection without a word, until there were as many as may be, overall and to its address (address ->
  -- number), and a moment longer. Counts how many there are, overall and by address.
  local function counting_server(limit, limits)
    local listener = uv.new_tcp()
    assert(listener:bind("0.0.0.0", 0))
    local counts = { now = {}, most = {}, total = 0, port = math.floor(listener:getsockname().port) }
    local function count(key, change)
      counts.now[key] = (counts.now[key] or 0) + change
      counts.most[key] = math.max(counts.most[key] or 0, counts.now[key])
    end
    assert(listener:listen(1024, function()
      local client, timer = uv.new_tcp(), uv.new_timer()
      listener:accept(client)
      local address = client:getsockname().ip
      counts.total = counts.total + 1
      count("all", 1)
      count(address, 1)
      timer:start(20, 20, function()
        if counts.most.all >= limit and counts.most[address] >= (limits[address] or 1) then
          timer:close()
          count("all", -1)
          count(address, -1)
          client:close()
        end
      end)
    end))
    function counts.close()
      listener:close()
    end
    return counts
  end

  it("hold overall, and to an address, whatever targets lead there", function()
    local server = counting_server(12, { ["127.1.0.1"] = 3 })
    local list = many.addresses(server.port, 40)
    for i = 1, 40 do
      list[#list + 1] = ("vhost%d.example:%d{127.1.0.1}"):format(i, server.port)
    end
    local child = process.start({ command = many.command("--quiet", "--targets_in", many.write_list(list),
      "--max_connections", "12", "--concurrency", "3", "--timeout", tostring(many.PATIENCE)) })
    local code = child.wait(many.PATIENCE)
    child.stop()
    server.close()
    assert.equal(1, code) -- none of them is a TLS server
    assert.same({ 12, 3, 1 }, { server.most.all, server.most["127.1.0.1"], server.most["127.1.0.2"] })
    assert.is_true(server.total >= 80)
  end)

  it("are cut where too few files may be open, which is said; a soft limit is raised", function()
    local server = servers.nginx({ host = "0.0.0.0" })
    local list = many.addresses(server.port, 60)
    local path, out = many.write_list(list), process.temporary_directory() .. "/out"
    local function limited(limit, ...)
      return many.run(many.join({ "prlimit", "--nofile=" .. limit }, many.command(many.to_lines(path, out, ...))))
    end
    local cut = limited("160:160", "--max_connections", "500")
    assert.same({ 0, "resum: only 32 connections at once instead of 500: this process may have 160 files open "
      .. "(see ulimit -Hn)\n" }, { cut.code, cut.stderr })
    many.assert_all_completed(list, out)
    local raised = limited("160:") -- the hard limit stays as it is
    assert.same({ 0, "" }, { raised.code, raised.stderr })
    many.assert_all_completed(list, out)
  end)
end)
