local new_pace = require("resum.transport.rate_limiter").pace

-- A host on which time passes in sleep() only, and which takes note of it.
local function new_host()
  local host = { time = 100, slept = {} }
  function host.now()
    return host.time
  end
  function host.sleep(seconds)
    host.slept[#host.slept + 1] = seconds
    host.time = host.time + seconds
  end
  return host
end

describe("a pace", function()
  it("keeps connections to one address apart, and lets the first one go at once", function()
    local host, one = new_host(), new_pace(2)
    for _ = 1, 3 do
      one:wait(host, "192.0.2.1")
    end
    assert.same({ 2, 2 }, host.slept)
    host.time = host.time + 1.5
    one:wait(host, "192.0.2.1")
    assert.same({ 2, 2, 0.5 }, host.slept)
    host.time = host.time + 10
    one:wait(host, "192.0.2.1")
    assert.same({ 2, 2, 0.5 }, host.slept)
  end)

  it("gives each of those that wait at the same time a turn of its own", function()
    local host, one = new_host(), new_pace(2)
    host.sleep = function(seconds)
      host.slept[#host.slept + 1] = seconds -- somebody else is served meanwhile: no time has passed
    end
    for _ = 1, 4 do
      one:wait(host, "192.0.2.1")
    end
    assert.same({ 2, 4, 6 }, host.slept)
  end)

  it("does not keep one address waiting for another", function()
    local host, one = new_host(), new_pace(2)
    one:wait(host, "192.0.2.1")
    one:wait(host, "192.0.2.2")
    assert.same({}, host.slept)
  end)

  it("remembers no more addresses than have a turn to come", function()
    local host, one = new_host(), new_pace(2)
    for i = 1, 10000 do
      one:wait(host, "address " .. i)
      host.time = host.time + 0.01
    end
    local remembered = 0
    for _ in pairs(one.turns) do
      remembered = remembered + 1
    end
    assert.is_true(remembered <= 1024 + 200, remembered .. " addresses")
  end)
end)
