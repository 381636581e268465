-- The command as a gate in CI: exit codes, expectations, and what is written for machines.

local process = require "spec.support.process"
local servers = require "spec.support.servers"

local resum = process.resum

local function nginx()
  return servers.nginx({ session_cache = "none", session_tickets = "on" })
end

local function closed()
  return "127.0.0.1:" .. process.closed_port()
end

describe("the exit code", function()
  after_each(servers.stop_all)

  -- { what, options, with a target that is down?, code }
  for _, case in ipairs({
    { "all is scanned and as expected", { "--expect", "ticket=supported" }, false, 0 },
    { "all is scanned, and nothing was expected", {}, false, 0 },
    { "a target is down", { "--expect", "ticket=supported" }, true, 1 },
    { "an expectation is not met", { "--expect", "ticket=not_supported" }, false, 3 },
    { "an expectation is not met, and another target is down", { "--expect", "ticket=not_supported" }, true, 3 },
    { "the quick check finds nothing wrong", { "--resum_rate", "--quick" }, false, 0 },
    { "the quick check finds no resumption", { "--resum_rate", "--quick", "--mechanisms", "session_id" }, false, 3 },
    { "the quick check can't tell", { "--resum_rate", "--quick", "--attempts", "3" }, false, 3 },
    { "the quick check is as expected",
      { "--resum_rate", "--quick", "--mechanisms", "ticket", "--expect", "balancer=healthy" }, false, 0 },
  }) do
    local what, options, is_down, code = table.unpack(case)
    it(("is %d where %s"):format(code, what), function()
      local words = { "--mechanisms", "ticket", table.unpack(options) }
      words[#words + 1] = nginx().address
      words[#words + 1] = is_down and closed() or nil
      local run = resum(table.unpack(words))
      assert.equal(code, run.code, run.stdout .. run.stderr)
    end)
  end

  it("is 2 where nothing was tested, with a line that says so", function()
    local folder = process.temporary_directory()
    for number, text in ipairs({ "", "# only\n\n  # comments\n" }) do
      local path = folder .. "/list" .. number
      process.write_file(path, text)
      local run = resum("--quiet", "--max_connections", "100", "--targets_in", path)
      assert.same({ 2, "", "resum: nothing was tested: the list names no target, and no open port with TLS\n" },
        { run.code, run.stdout, run.stderr })
    end
  end)
end)

describe("what is written for machines", function()
  after_each(servers.stop_all)

  it("comes in all formats from one run, each whole, and metrics by another name until they are", function()
    local folder = process.temporary_directory()
    local server = nginx()
    local words, ends = { "--quiet" }, { junit = "</testsuites>\n", sarif = "]}]}\n", csv = "\r\n",
      openmetrics = "# EOF\n", json = "}\n", html = "</html>\n" }
    for format in pairs(ends) do
      words[#words + 1] = ("--%s_out"):format(format)
      words[#words + 1] = folder .. "/" .. format
    end
    words[#words + 1] = server.address
    local run = resum(table.unpack(words))
    assert.same({ 0, "", "" }, { run.code, run.stdout, run.stderr })
    for format, ending in pairs(ends) do
      local text = process.read_file(folder .. "/" .. format)
      assert.equal(ending, text:sub(-#ending), format)
      assert.is_truthy(text:find(server.address, 1, true), format)
    end
    local left = {}
    for _, name in ipairs(process.list(folder)) do
      left[#left + 1] = ends[name] == nil and name or nil
    end
    assert.same({}, left)
  end)

  it("is the same but for times when a run is repeated: keys have an order", function()
    local server = nginx()
    local function keys()
      local text = resum("--mechanisms", "ticket", "--attempts", "1", "--json_out", "-", server.address).stdout
      return text:gsub(":[^,{}%[%]]+", ":")
    end
    assert.equal(keys(), keys())
  end)

  it("says so when it can't be written", function()
    for _, format in ipairs({ "junit", "sarif", "csv" }) do
      local run = resum("--quiet", ("--%s_out"):format(format), "/dev/full", closed())
      local said = ("resum: --%s_out: No space left on device\n"):format(format)
      assert.same({ 4, said }, { run.code, run.stderr:match("[^\n]*\n$") })
    end
  end)
end)

describe("--quiet", function()
  after_each(servers.stop_all)

  it("prints nothing where all is well", function()
    local run = resum("--quiet", "--mechanisms", "ticket", "--expect", "ticket=supported", nginx().address)
    assert.same({ 0, "", "" }, { run.code, run.stdout, run.stderr })
  end)

  local ssh, down
  before_each(function()
    ssh, down = servers.odd({ kind = "ssh" }).address, closed()
  end)

  -- { what, arguments, code, what is said }
  local function cases()
    return {
      { "a target is down", { down }, 1, down .. ": 127.0.0.1: connection refused" },
      { "a target speaks no TLS", { ssh }, 1, ssh .. ": 127.0.0.1: not a TLS server: " },
      { "a name is unknown", { "no-such-name.invalid" }, 1, "no-such-name.invalid:443: no address for " },
      { "an address is of the other family", { "-4", "127.0.0.1:443{::1}" }, 1,
        "127.0.0.1:443: ::1 is not an IPv4 address" },
      { "a target is none", { "a.example:0" }, 2, "target: 'a.example:0': the port must be" },
      { "a range is too large", { "10.0.0.0/8" }, 2, "target: '10.0.0.0/8': a range of 2^24 addresses is too large" },
      { "an expectation is not met",
        { "--mechanisms", "ticket", "--expect", "ticket=not_supported", nginx().address }, 3,
        ": expected ticket=not_supported, found supported on 127.0.0.1" },
      { "the quick check finds no resumption",
        { "--mechanisms", "session_id", "--resum_rate", "--quick", nginx().address }, 3,
        ": expected resumption to be in order, found no resumption on 127.0.0.1" },
    }
  end

  it("still says in one line what is wrong, whatever that is", function()
    for _, case in ipairs(cases()) do
      local what, arguments, code, said = table.unpack(case)
      local run = resum("--quiet", table.unpack(arguments))
      assert.same({ code, "" }, { run.code, run.stdout }, what)
      assert.is_truthy(run.stderr:find(said, 1, true), what .. ": " .. run.stderr)
      assert.matches("^resum: [^\n]*\n$", run.stderr, what)
    end
  end)

  it("says it of a list, too, with file and line where that tells more", function()
    local path = process.temporary_directory() .. "/list"
    process.write_file(path, ("%s\nb.example:0\n"):format(down))
    local run = resum("--quiet", "--max_connections", "100", "--targets_in", path)
    assert.same({ 1, "" }, { run.code, run.stdout })
    assert.is_truthy(run.stderr:find(down .. ": 127.0.0.1: connection refused", 1, true), run.stderr)
    assert.is_truthy(run.stderr:find("resum: " .. path .. ": line 2: target: 'b.example:0': ", 1, true), run.stderr)
  end)
end)
