-- Limits on connections, held by jobs that only pretend to connect.

local admission = require "resum.transport.rate_limiter"
local host = require "resum.host.uv"

local PATIENCE = 20 -- seconds, for what takes some milliseconds

-- Runs a job for each address; returns the most that were connected at once, overall and by address, and the order.
local function run(limits, addresses)
  local admit = admission.new(host, limits)
  local now, most, order = { total = 0 }, { total = 0 }, {}
  local function count(key, change)
    now[key] = (now[key] or 0) + change
    most[key] = math.max(most[key] or 0, now[key])
  end
  local jobs = {}
  for i, address in ipairs(addresses) do
    jobs[i] = function()
      local release = admit(address)
      order[#order + 1] = i
      count("total", 1)
      count(address, 1)
      host.sleep(0.002)
      count("total", -1)
      count(address, -1)
      release()
    end
  end
  assert.same({}, host.parallel(jobs))
  assert.equal(#addresses, #order)
  return most, order
end

describe("admission", function()
  it("keeps to both limits, and uses them up", function()
    local addresses = {}
    for i = 1, 60 do
      addresses[i] = ("192.0.2.%d"):format(i % 4)
    end
    local most = run({ total = 7, per_address = 2 }, addresses)
    assert.same({ total = 7, ["192.0.2.0"] = 2, ["192.0.2.1"] = 2, ["192.0.2.2"] = 2, ["192.0.2.3"] = 2 }, most)
  end)

  it("does not let those who wait for a busy address keep others from connecting", function()
    local _, order = run({ total = 2, per_address = 1 }, { "a", "a", "a", "a", "b", "b" })
    assert.same({ 1, 5 }, { order[1], order[2] })
  end)

  it("lets jobs in, in the order in which they asked", function()
    local _, order = run({ total = 1, per_address = 1 }, { "a", "a", "a", "a" })
    assert.same({ 1, 2, 3, 4 }, order)
  end)

  it("keeps to the limit of an address also for those who come when others have left", function()
    local admit, held, most, left = admission.new(host, { per_address = 2 }), 0, 0, 0
    local deadline = host.now() + PATIENCE
    local function wait_until(is_time)
      repeat
        host.sleep(0.001)
        assert(host.now() < deadline, "some are never let in")
      until is_time()
    end
    local function job(is_time)
      return function()
        local release = admit("192.0.2.1")
        held = held + 1
        most = math.max(most, held)
        wait_until(is_time)
        held, left = held - 1, left + 1
        release()
      end
    end
    local function at_once()
      return true
    end
    local function come_later()
      wait_until(function() return left == 1 end)
      host.parallel({ job(at_once), job(at_once), job(at_once), job(at_once) })
    end
    local stays = job(function() return left == 5 end) -- all the others have been there
    assert.same({}, host.parallel({ job(at_once), stays, come_later }))
    assert.equal(2, most)
  end)

  it("lets the next one connect to an address when somebody has left it, and counts who left in total until the end",
    function()
      local admit = admission.new(host, { per_address = 1, total = 2 })
      local log, gate = {}, host.waiter()
      local function note(what)
        log[#log + 1] = what
      end
      local function first()
        local release, leave = admit("192.0.2.1")
        note("first in")
        leave()
        leave() -- a second time gives nobody a place
        gate:wait()
        note("first out")
        release()
      end
      local function other(name)
        return function()
          local release = admit("192.0.2.1")
          note(name .. " in")
          if name == "second" then
            host.sleep(0.01)
            note("second out")
          else
            note("third out")
          end
          release()
          gate:wake()
        end
      end
      assert.same({}, host.parallel({ first, other("second"), other("third") }))
      assert.same({ "first in", "second in", "second out", "third in", "third out", "first out" }, log)
    end)

  it("keeps no address in mind that nobody uses", function()
    local admit = admission.new(host, { total = 10, per_address = 2 })
    collectgarbage()
    local before = collectgarbage("count")
    for i = 1, 20000 do
      admit("address " .. i)()
    end
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 1024)
  end)

  it("waits for nobody where jobs run one after another", function()
    local admit = admission.new(require "resum.host.luasocket", { total = 1, per_address = 1 })
    for _ = 1, 3 do
      admit("a")()
    end
  end)
end)

describe("an attempt", function()
  it("asks before it connects, and gives its place back after an error as well", function()
    local attempt = require "resum.connection.client"
    local log = {}
    local client = attempt.new_client({ address = "192.0.2.1", port = 443 }, {
      admit = function(address)
        log[#log + 1] = "asked for " .. address
        return function()
          log[#log + 1] = "gave back"
        end
      end,
      host = {
        now = host.now,
        connect = function()
          log[#log + 1] = "connected"
          if #log > 3 then
            error("broken", 0)
          end
          return nil, "connect: refused", "refused"
        end,
      },
    })
    assert.equal("unreachable", client:attempt({ mechanism = "psk" }).outcome)
    assert.same({ false, "broken" }, { pcall(client.attempt, client, { mechanism = "psk" }) })
    local once = { "asked for 192.0.2.1", "connected", "gave back" }
    assert.same({ once[1], once[2], once[3], once[1], once[2], once[3] }, log)
  end)
end)
