-- Programs of others that embed resum, each in a plain interpreter of its own: a crash fails one sentence, and does not
-- end the suite. Each runs with luv loaded by us or by the program, in the coroutine that calls us first, and under
-- collectors that leave nothing lying about.

local process = require "spec.support.process"
local servers = require "spec.support.servers"

-- What the programs have in common. litter() collects, and fills the place of what was collected with other things.
local PRELUDE = [[
local target, collector, loads_luv = table.unpack(arg)
if collector == "generational" then
  collectgarbage("generational")
elseif collector == "hurried" then
  collectgarbage("setpause", 1)
  collectgarbage("setstepmul", 1000)
end

local function litter()
  collectgarbage()
  collectgarbage()
  local list = {}
  for i = 1, 3000 do
    list[i] = coroutine.wrap(function() return { i, ("%d"):rep(20):format(i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i,
      i, i, i, i) } end)()
  end
end

local function load_resum()
  if loads_luv == "theirs" then
    require "luv"
  end
  return require "resum"
end

local function scan(on_event)
  local result = load_resum().scan(target, { attempts = 2, mechanisms = { "psk" }, on_event = on_event })
  assert(result.status == "completed" and result.addresses[1].support.psk.verdict == "supported", tostring(result))
end

-- In a coroutine that is gone afterwards.
local function aside(work)
  local thread = coroutine.create(work)
  assert(coroutine.resume(thread))
  thread = nil
  litter()
end
]]

local PROGRAMS = {
  ["loads it in a coroutine that ends"] = [[
    aside(load_resum)
    scan()
    litter()
    scan()
  ]],
  ["loads it on the main thread, and calls it first in a coroutine that ends"] = [[
    if loads_luv == "ours" then
      require "resum"
    end
    aside(scan)
    scan()
    aside(scan)
    scan()
  ]],
  ["calls it first in a coroutine that is never resumed"] = [[
    aside(function()
      scan()
      coroutine.yield()
    end)
    scan()
    local kept = coroutine.create(function()
      scan()
      coroutine.yield()
    end)
    coroutine.resume(kept)
    litter()
    aside(scan)
    scan()
    assert(coroutine.resume(kept))
  ]],
  ["lets a coroutine be collected in the middle of a scan"] = [[
    aside(function()
      scan(function(event)
        if event.kind == "started" then
          coroutine.yield()
        end
      end)
      error("it was not to go on")
    end)
    scan()
  ]],
  ["collects all the time while it scans in a coroutine"] = [[
    local events = 0
    local function collect()
      events = events + 1
      litter()
    end
    aside(function() scan(collect) end)
    scan(collect)
    assert(events > 4, events)
  ]],
  ["throws an error out of on_event"] = [[
    local function throw_at(kind)
      return function(event)
        if event.kind == kind then
          error("thrown at " .. kind)
        end
      end
    end
    aside(function()
      local fine, problem = pcall(scan, throw_at("started"))
      assert(not fine and problem:find("thrown at started"), problem)
      local result = load_resum().scan(target, { on_event = throw_at("attempt") })
      assert(result.status == "error" and result.error.message:find("thrown at attempt"), tostring(result))
    end)
    litter()
    scan()
  ]],
  ["calls it in a callback of luv's, where nothing can wait"] = [[
    aside(function() load_resum().host.default() end)
    local uv, told = require "luv", {}
    local timer = uv.new_timer()
    timer:start(1, 0, function()
      for _, call in ipairs({ pcall, function(f) return coroutine.wrap(pcall)(f) end }) do
        local fine, problem = call(scan)
        told[#told + 1] = not fine and problem
      end
      litter()
      require("resum").host.default().start(scan, function(problem)
        told[#told + 1] = problem or "scanned"
      end)
    end)
    uv.run()
    assert(#told == 3 and told[1]:find("can't wait here") and told[2]:find("can't wait here"), told[1])
    assert(told[3] == "scanned", told[3])
    scan()
  ]],
  ["loads it in a callback of luv's"] = [[
    local luvs_own = coroutine.create(function()
      coroutine.yield(require "luv")
    end)
    local _, uv = coroutine.resume(luvs_own)
    local timer, told = uv.new_timer(), nil
    timer:start(1, 0, function()
      load_resum().host.default().start(scan, function(problem)
        told = problem or "scanned"
      end)
    end)
    uv.run()
    assert(told == "scanned", told)
    luvs_own = nil
    litter()
    aside(scan)
    scan()
  ]],
  ["scans twice in two coroutines of one loop, which it turns itself"] = [[
    local ended = {}
    for i = 1, 2 do
      aside(function()
        load_resum().host.default().start(scan, function(problem)
          ended[#ended + 1] = problem or "scanned"
        end)
      end)
    end
    require("luv").run()
    assert(ended[1] == "scanned" and ended[2] == "scanned" and #ended == 2, ended[1])
  ]],
  ["runs scans beside each other in a coroutine, while its own timers go on"] = [[
    local ticks = 0
    aside(function()
      local host = load_resum().host.default()
      local timer = require("luv").new_timer()
      timer:start(1, 1, function() ticks = ticks + 1 end)
      assert(next(host.parallel({ scan, scan, scan })) == nil)
      timer:close()
    end)
    assert(ticks > 0)
    scan()
    require("luv").run()
  ]],
  ["closes all that is on the loop, between scans"] = [[
    for _ = 1, 3 do
      scan()
      local uv = require "luv"
      uv.walk(function(handle)
        if not handle:is_closing() then
          handle:close()
        end
      end)
      uv.run()
      litter()
    end
    aside(scan)
  ]],
  ["unloads the modules and loads them again"] = [[
    for _ = 1, 3 do
      aside(function()
        scan()
        for name in pairs(package.loaded) do
          if name == "luv" or name:find("^resum") then
            package.loaded[name] = nil
          end
        end
      end)
    end
    scan()
  ]],
}

-- A search path that holds in every folder.
local function absolute(path)
  return (path:gsub("[^;]+", function(one)
    return one:find("^/") and one or process.ROOT .. "/" .. one
  end))
end

describe("a program that #unsanitized", function()
  local server

  setup(function()
    server = servers.nginx({ session_tickets = "on" })
  end)

  teardown(function()
    server.stop()
  end)

  local function run(program, ...)
    local result = process.run({
      command = { "lua5.4", "-", server.address, ... },
      input = PRELUDE .. program .. '\nprint("done")\n',
      environment = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
      working_directory = process.ROOT,
    })
    assert.same({ code = 0, signal = 0, stdout = "done\n", stderr = "" }, result)
  end

  it("is busted goes on, where each file of tests loads the modules anew", function()
    local folder = process.temporary_directory()
    for i = 1, 3 do
      process.write_file(("%s/%d_spec.lua"):format(folder, i), ([[
        arg = { %q, "generational", %q }
        %s
        describe("a test", function()
          it("scans in a coroutine", function() aside(scan) end)
          it("scans", function() scan() litter() end)
        end)
      ]]):format(server.address, i == 2 and "theirs" or "ours", PRELUDE))
    end
    local result = process.run({
      command = { "lua5.4", "/usr/bin/busted", "-o", "TAP", folder },
      environment = { LUA_PATH = absolute(package.path), LUA_CPATH = absolute(package.cpath) },
      working_directory = folder,
    })
    local _, passed = result.stdout:gsub("%f[^%z\n]ok %d", "%0")
    assert.same({ 0, 0, 6 }, { result.code, result.signal, passed }, result.stdout .. result.stderr)
  end)

  for name, program in pairs(PROGRAMS) do
    it(name .. " goes on", function()
      for _, collector in ipairs({ "usual", "generational", "hurried" }) do
        run(program, collector, "ours")
        run(program, collector, "theirs")
      end
    end)
  end
end)
