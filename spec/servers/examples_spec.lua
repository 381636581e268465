--- The programs of spec/examples run as a user runs them, and say what is true of the servers that they are given; and
-- each of them is short, and uses what is public alone.

local nmap = require "spec.support.nmap"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local FOLDER = process.ROOT .. "/spec/examples"

describe("the example", function()
  local shared, same_key, none, down, folder

  setup(function()
    local keys = servers.ticket_keys(1)
    shared = servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on", ticket_keys = keys }).address
    same_key = servers.nginx({ session_cache = "none", session_tickets = "on", ticket_keys = keys }).address
    none = servers.nginx({ session_cache = "none", session_tickets = "off" }).address
    down = "127.0.0.1:" .. process.closed_port()
  end)

  before_each(function()
    folder = process.temporary_directory()
  end)

  teardown(servers.stop_all)

  local function run(name, ...)
    local ended = process.run({
      command = { LUA, FOLDER .. "/" .. name .. ".lua", ... },
      working_directory = process.ROOT,
      environment = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
    })
    assert.equal("", ended.stderr)
    return ended.code, ended.stdout
  end

  it("key_monitor tells when a server has another key than before", function()
    local state = folder .. "/state"
    local code, said = run("key_monitor", state, shared)
    local name = said:match("^(%x+) is new, seen for 0 s\n$")
    assert.same({ 0, 32 }, { code, #name })
    assert.matches("^" .. name .. " is in use, seen for %d+ s\n$", (select(2, run("key_monitor", state, same_key))))
    process.write_file(state, ("%s %d\n"):format(name, os.time() - 90000))
    assert.equal(1, (run("key_monitor", state, shared)))
    process.write_file(state, ("%s %d\n"):format(("0"):rep(32), os.time() - 90000))
    code, said = run("key_monitor", state, shared)
    assert.same({ 0, name .. " is new, seen for 0 s\n" }, { code, said })
    assert.equal(2, (run("key_monitor", state, none)))
  end)

  it("shared_keys tells who shares a key", function()
    local code, said = run("shared_keys", shared, none, same_key, down)
    local list = { shared, same_key }
    table.sort(list)
    assert.equal(0, code)
    assert.matches("^%x+\t" .. table.concat(list, " "):gsub("%p", "%%%0") .. "\n$", said)
  end)

  it("cross_host_ticket tells whether one server takes the session of another", function()
    assert.same({ 1, "1.2\tresumed\t\n1.3\tresumed\t\n" }, { run("cross_host_ticket", shared, same_key) })
    assert.same({ 0, "1.2\trefused\t\n1.3\trefused\t\n" }, { run("cross_host_ticket", shared, none) })
  end)

  it("odd_hello shows what a server says to it", function()
    local code, said = run("odd_hello", shared)
    assert.equal(0, code)
    assert.matches("^server_hello\tTLS_ECDHE_[%u%d_]+\ncertificate\t\n", said)
  end)

  it("ci_gate fails unless all targets resume, and where one can't be asked", function()
    assert.same({ 0, "2 targets, 0 faults\n" }, { run("ci_gate", shared, same_key) })
    local code, said = run("ci_gate", shared, none, down)
    assert.equal(1, code)
    assert.is_truthy(said:find(("FAIL %s: ticket is not_supported at 127.0.0.1\n"):format(none), 1, true), said)
    assert.is_truthy(said:find(("FAIL %s: connect: refused"):format(down), 1, true), said)
    assert.matches("\n3 targets, 3 faults\n$", said)
    assert.equal(1, (run("ci_gate"))) -- nothing was tested
  end)

  it("ticket_lifetime offers one session again and again", function()
    local code, said = run("ticket_lifetime", shared, "0", "0.2")
    assert.same({ 0, "promised: 300 s\nafter 0 s: resumed\nafter 0.2 s: resumed\n" }, { code, said })
    assert.equal(2, (run("ticket_lifetime", down)))
  end)

  it("rate_log appends a line for each mechanism and run", function()
    local path = folder .. "/log"
    for _ = 1, 2 do
      assert.equal(0, (run("rate_log", path, shared, "5")))
    end
    local count = 0
    for line in process.read_file(path):gmatch("[^\n]+") do
      count = count + 1
      assert.matches("^%d+%-%d%d%-%d%dT[%d:]+Z," .. shared:gsub("%p", "%%%0") .. "{127.0.0.1},[%l_]+,5,5,0$", line)
    end
    assert.equal(6, count)
    assert.equal(1, (run("rate_log", path, down)))
  end)

  it("resumes.nse tells in nmap what resumes, in a line #unsanitized", function()
    local function shown(address)
      local ended = nmap.run({ ports = { address:match(":(%d+)$") }, script = "+" .. FOLDER .. "/resumes.nse" })
      return ended.scripts[1] and ended.scripts[1].result.output
    end
    assert.equal("ticket 5 of 5, psk 5 of 5", shown(shared))
    assert.matches("^ticket 0 of 0, psk 0 of %d+$", shown(none))
    assert.is_nil(shown(down))
  end)

  it("is run here, has some 20 to 45 lines, and requires resum alone", function()
    local spec = process.read_file(process.ROOT .. "/spec/servers/examples_spec.lua")
    local names = process.list(FOLDER)
    assert.equal(8, #names)
    for _, file in ipairs(names) do
      local text = process.read_file(FOLDER .. "/" .. file)
      local _, lines = text:gsub("\n", "")
      assert.is_true(lines >= 17 and lines <= 45, ("%s: %d lines"):format(file, lines))
      local called = file:find("%.nse$") and "/" .. file or ('run("%s"'):format(file:match("^(.*)%.lua$"))
      assert.is_truthy(spec:find(called, 1, true), file)
      for required in text:gmatch("require%s*%(?\"([^\"]+)\"") do
        assert.is_true(required == "resum" or file:find("%.nse$") ~= nil, file) -- nmap has libraries of its own
      end
    end
  end)
end)
