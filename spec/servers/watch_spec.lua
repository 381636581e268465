--- `resum --watch` at real servers, which are reloaded, swapped, stopped and started under it: each event is called
-- what it is, and there are no others. Rounds follow one another as fast as they can; a watch at its usual pace sees
-- the same more slowly.

local cjson = require "cjson"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local tables = require "resum.util.tables"
local uv = require "luv"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"
local QUIET = 15 -- rounds after the last event that is expected, in which no other one may come
local FULL = 24 -- sessions that are held when there are enough of each mechanism

local Watch = {}
Watch.__index = Watch

-- Starts the command at an address.
local function watch(address, ...)
  local folder = process.temporary_directory()
  local command = { LUA, RESUM, "--watch", "--every", "0.2", "--max_per_minute", "60000", "--json_out",
    folder .. "/events", "--openmetrics_out", folder .. "/metrics", "--html_out", folder .. "/page", "--state",
    folder .. "/state", address, ... }
  return setmetatable({ folder = folder, command = command, child = process.start({ command = command }) }, Watch)
end

function Watch:events()
  local list = {}
  for line in process.read_file(self.folder .. "/events"):gmatch("[^\n]+") do
    list[#list + 1] = cjson.decode(line)
  end
  return list
end

function Watch:wait_until(what, condition)
  local met = process.wait_until(process.PATIENCE, function()
    assert(not self.child.exited, self.child.stderr())
    return condition()
  end)
  if not met then
    local said = {}
    for i, event in ipairs(self:events()) do
      said[i] = event.event .. ": " .. event.message
    end
    error(("waited in vain for %s; there was:\n%s"):format(what, table.concat(said, "\n")), 2)
  end
end

-- Rounds that ended from now on, as the metrics are written anew after each.
function Watch:wait_for_rounds(count)
  local last, seen = nil, 0
  self:wait_until(count .. " rounds", function()
    local now = process.read_file(self.folder .. "/metrics"):match("resum_last_round_timestamp_seconds{[^}]*} (%S+)")
    seen = seen + ((now and now ~= last) and 1 or 0)
    last = now or last
    return seen > count
  end)
end

-- Until so many sessions are held that what becomes of them tells the cause.
function Watch:wait_for_sessions()
  self:wait_until("sessions", function()
    local held = {}
    for count in process.read_file(self.folder .. "/metrics"):gmatch("resum_sessions_held{[^}]*} (%d+)") do
      held[#held + 1] = tonumber(count)
    end
    return #held == 3 and math.min(table.unpack(held)) >= FULL
  end)
  self:wait_for_rounds(QUIET)
end

local OUTAGE = { server_down = true, server_up = true }

-- What was told, without what an outage of the time of a restart adds.
function Watch:told(keeps_outages)
  local list = {}
  for _, event in ipairs(self:events()) do
    local words = { event.event }
    for _, field in ipairs({ "mechanism", "old_key", "keys" }) do
      words[#words + 1] = event[field]
    end
    list[#list + 1] = (keeps_outages or not OUTAGE[event.event]) and table.concat(words, " ") or nil
  end
  table.sort(list)
  return list
end

-- These events come, in any order, and no others.
function Watch:assert_told(expected, keeps_outages)
  table.sort(expected)
  self:wait_until(table.concat(expected, ", "), function()
    return #self:told(keeps_outages) >= #expected
  end)
  self:wait_for_rounds(QUIET)
  assert.same(expected, self:told(keeps_outages))
end

local function hup(server)
  uv.kill(server.pid, "sighup")
end

-- In the place of one file's bytes come another's; nginx encrypts with the first key, and decrypts with all.
local function put_first(paths)
  local old = process.read_file(paths[1])
  process.write_file(paths[2], old)
  process.write_file(paths[1], uv.random(80))
end

local NGINX = { session_cache = "shared:SSL:1m" }

local function with(fields)
  return tables.merged(NGINX, fields)
end

describe("a watch of nginx #heavy", function()
  after_each(servers.stop_all)

  it("sees a reload: new keys, and the cache that is kept", function()
    local server = servers.nginx(NGINX)
    local one = watch(server.address)
    one:wait_for_sessions()
    hup(server)
    one:assert_told({ "key_replaced dropped" })
    assert.equal("kept", one:events()[1].caches or "kept") -- told where it was seen in time
  end)

  it("sees a rotation: new keys, and the old one that is kept", function()
    local keys = servers.ticket_keys(2)
    local server = servers.nginx(with({ ticket_keys = keys }))
    local one = watch(server.address)
    one:wait_for_sessions()
    put_first(keys)
    hup(server)
    one:assert_told({ "key_replaced kept" })
  end)

  it("sees a restart with the same key files: the cache is emptied, and the keys live", function()
    local keys = servers.ticket_keys(1)
    local server = servers.nginx(with({ ticket_keys = keys }))
    local one = watch(server.address)
    one:wait_for_sessions()
    server.stop()
    servers.nginx(with({ ticket_keys = keys, port = server.port }))
    one:assert_told({ "cache_emptied session_id same" })
  end)

  it("sees an outage, and that it ends", function()
    local keys = servers.ticket_keys(1)
    local server = servers.nginx(with({ ticket_keys = keys, session_cache = "off" }))
    local one = watch(server.address, "--mechanisms", "ticket,psk")
    one:wait_for_rounds(30)
    server.stop()
    one:wait_until("the outage", function() return #one:events() == 1 end)
    servers.nginx(with({ ticket_keys = keys, session_cache = "off", port = server.port }))
    one:assert_told({ "server_down", "server_up" }, true)
    assert.equal("refused", one:events()[1].error.code)
  end)

  it("sees that the certificate was replaced", function()
    local keys = servers.ticket_keys(1)
    local server = servers.nginx(with({ ticket_keys = keys, session_cache = "off" }))
    local one = watch(server.address, "--mechanisms", "ticket,psk")
    one:wait_for_rounds(30)
    server.stop()
    servers.nginx(with({ ticket_keys = keys, session_cache = "off", port = server.port, cert = "other" }))
    one:assert_told({ "certificate_replaced", "sessions_lost psk same", "sessions_lost ticket same" })
    for _, event in ipairs(one:events()) do -- nginx binds sessions to the certificate
      assert.is_true(event.event ~= "sessions_lost" or event.certificate_changed)
    end
  end)

  it("sees that a member behind a balancer was swapped", function()
    local members = {}
    for i = 1, 3 do
      members[i] = servers.nginx(NGINX)
    end
    local one = watch(servers.balancer({ backends = members, policy = "random" }).address)
    one:wait_for_rounds(80)
    members[2].stop()
    servers.nginx(with({ port = members[2].port }))
    one:assert_told({ "member_replaced" })
  end)

  it("goes on after kill -9, and says what happened meanwhile", function()
    local server = servers.nginx(NGINX)
    local one = watch(server.address)
    one:wait_for_sessions()
    one.child.kill("sigkill")
    one.child.wait(process.PATIENCE)
    process.pass_a_second()
    hup(server)
    one.child = process.start({ command = one.command })
    one:assert_told({ "key_replaced dropped", "not_watched" })
    assert.equal("600", ("%o"):format(uv.fs_stat(one.folder .. "/state").mode % 512))
    one.child.kill("sigterm")
    assert.equal(143, (one.child.wait(process.PATIENCE)))
    assert.equal("", one.child.stderr())
    assert.is_truthy(process.read_file(one.folder .. "/page"):find("ticket key", 1, true))
  end)
end)

-- A master, which starts new workers when it is told to; so it is not the one that listens.
local CONFIG = [[
global
  nbthread 1
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen tls
  mode http
  bind 127.0.0.1:%d ssl crt %s tls-ticket-keys %s
  http-request return status 200 content-type text/plain string hello
]]

local function base64(bytes)
  local run = process.run({ command = { "openssl", "base64", "-A" }, input = bytes })
  return run.stdout
end

-- Three keys: HAProxy encrypts with the last but one, and decrypts with all.
local function write_keys(path, keys)
  local lines = {}
  for i, key in ipairs(keys) do
    lines[i] = base64(key) .. "\n"
  end
  process.write_file(path, table.concat(lines))
end

local function haproxy(keys)
  local folder, port = process.temporary_directory(), process.free_port("127.0.0.1")
  write_keys(folder .. "/keys", keys)
  process.write_file(folder .. "/haproxy.cfg", CONFIG:format(port, pki.get("ecdsa").bundle, folder .. "/keys"))
  local child = process.start({ command = { "haproxy", "-W", "-db", "-f", folder .. "/haproxy.cfg" },
    environment = { LD_PRELOAD = false } })
  assert(process.wait_until(process.PATIENCE, function()
    return child.exited or process.listening(port)
  end) and not child.exited, child.log())
  return { address = "127.0.0.1:" .. port, reload = function(new)
    write_keys(folder .. "/keys", new)
    child.kill("sigusr2")
  end }
end

describe("a watch of HAProxy #heavy", function()
  after_each(servers.stop_all)

  it("sees a reload with new keys: its cache is a process's own", function()
    local server = haproxy({ uv.random(48), uv.random(48), uv.random(48) })
    local one = watch(server.address)
    one:wait_for_sessions()
    server.reload({ uv.random(48), uv.random(48), uv.random(48) })
    one:assert_told({ "key_replaced dropped", "cache_emptied session_id changed" })
  end)

  it("sees a rotation: the old key still decrypts", function()
    local a, b, c, d = uv.random(48), uv.random(48), uv.random(48), uv.random(48)
    local server = haproxy({ a, b, c })
    local one = watch(server.address)
    one:wait_for_sessions()
    server.reload({ b, c, d })
    one:assert_told({ "key_replaced kept", "cache_emptied session_id changed" })
  end)
end)

describe("a watch ends", function()
  local server

  setup(function()
    server = servers.nginx(NGINX)
  end)

  teardown(function()
    server.stop()
  end)

  local function run(...)
    local folder = process.temporary_directory()
    local command = { LUA, RESUM, "--watch", "--every", "0.2", "--max_per_minute", "60000", "--state",
      folder .. "/state", server.address }
    table.move({ ... }, 1, select("#", ...), #command + 1, command)
    return process.run({ command = command, seconds = process.PATIENCE }), folder
  end

  it("at the time of --until, with 0, and shows what it knows on stdout where that is asked for", function()
    local ran = run("--until", "2s", "--openmetrics_out", "-")
    assert.same({ 0, "" }, { ran.code, ran.stderr })
    assert.is_truthy(ran.stdout:find("resum_up{", 1, true) and ran.stdout:find("# EOF\n$"))
  end)

  it("with 3 when an expectation is not met", function()
    local ran = run("--expect", "key-age<1s", "--expect", "psk>=50%")
    assert.equal(3, ran.code)
    assert.is_truthy(ran.stderr:find("expected key-age<1s, found ", 1, true), ran.stderr)
    assert.is_truthy(ran.stdout:find("^watching "))
  end)

  it("with 4 when an event could not be written", function()
    local ran = run("--html_out", "/nowhere/page.html")
    assert.equal(4, ran.code)
    assert.is_truthy(ran.stderr:find("^resum: %-%-html_out: /nowhere/page.html"), ran.stderr)
  end)

  it("at once, with 2, where the state file is another's, which is left as it is", function()
    local folder = process.temporary_directory()
    process.write_file(folder .. "/other", "important\n")
    local ran = run("--state", folder .. "/other")
    assert.equal(2, ran.code)
    assert.equal(("resum: --state: %s/other: it is no state file of a watch, and is left as it is\n"):format(folder),
      ran.stderr)
    assert.equal("important\n", process.read_file(folder .. "/other"))
  end)

  it("by a signal, and has written its state", function()
    local one = watch(server.address)
    one:wait_for_rounds(2)
    one.child.kill("sigint")
    assert.equal(130, (one.child.wait(process.PATIENCE)))
    assert.is_truthy(process.read_file(one.folder .. "/state"):find('"watch":{', 1, true))
  end)
end)
