-- Names are looked up once, by a host whose answers are scripted.

local growth = require "spec.support.growth"
local names = require "resum.transport.dns_cache"
local uv_host = require "resum.host.uv"

-- A host whose lookups take a moment; `asked` has every question.
local function scripted(answers)
  local host = { asked = {}, time = 0, waiter = uv_host.waiter, sleep = uv_host.sleep }
  function host.now()
    return host.time
  end
  function host.resolve(name, family)
    host.asked[#host.asked + 1] = name .. (family and " " .. family or "")
    uv_host.sleep(0.005)
    local answer = answers[name] or { "192.0.2.1" }
    if type(answer) == "string" then
      return nil, answer, "unreachable"
    elseif type(answer) == "function" then
      return answer()
    end
    return answer
  end
  return host
end

local function ask_at_once(host, list)
  local answers, jobs = {}, {}
  for i, name in ipairs(list) do
    jobs[i] = function()
      answers[i] = table.pack(host.resolve(name))
    end
  end
  local errors = uv_host.parallel(jobs)
  return answers, errors
end

describe("names", function()
  it("are asked for once, however many ask, at once or later", function()
    local host = scripted({ ["a.example"] = { "192.0.2.7", "2001:db8::7" } })
    local remembering = names.remember(host)
    local list = {}
    for i = 1, 1000 do
      list[i] = i % 2 == 1 and "a.example" or "A.Example"
    end
    local answers = ask_at_once(remembering, list)
    for i = 1, 1000 do
      assert.same({ "192.0.2.7", "2001:db8::7" }, answers[i][1])
    end
    assert.same({ "192.0.2.7", "2001:db8::7" }, remembering.resolve("a.example"))
    assert.equal(1, #host.asked)
  end)

  it("are asked for once where there is no answer, which all who ask hear", function()
    local host = scripted({ ["no.example"] = "resolve: no address" })
    local remembering = names.remember(host)
    local answers = ask_at_once(remembering, { "no.example", "no.example", "no.example" })
    for i = 1, 3 do
      assert.same({ nil, "resolve: no address", "unreachable", n = 3 }, answers[i])
    end
    remembering.resolve("no.example")
    assert.same({ "no.example" }, host.asked)
  end)

  it("are asked for again when the answer is old, sooner when there was none", function()
    local host = scripted({ ["no.example"] = "resolve: no address" })
    local remembering = names.remember(host)
    for _, time in ipairs({ 0, 29, 31, 299, 301 }) do
      host.time = time
      remembering.resolve("a.example")
      remembering.resolve("no.example")
    end
    assert.same({ "a.example", "no.example", "no.example", "no.example", "a.example" }, host.asked)
  end)

  it("are one question a family", function()
    local host = scripted({})
    local remembering = names.remember(host)
    for _ = 1, 2 do
      remembering.resolve("a.example")
      remembering.resolve("a.example", "inet")
      remembering.resolve("a.example", "inet6")
    end
    assert.same({ "a.example", "a.example inet", "a.example inet6" }, host.asked)
  end)

  it("are kept in bounded number, the ones in use longest", function()
    local host = scripted({})
    host.resolve = function(name)
      host.asked[#host.asked + 1] = name
      return { "192.0.2.1" }
    end
    local remembering = names.remember(host, 100)
    for i = 1, 1000 do
      remembering.resolve("often.example")
      remembering.resolve(("name%d.example"):format(i))
    end
    assert.equal(1001, #host.asked)
    local count = 0
    assert.is_true(growth(function()
      for i = count + 1, count + 20000 do
        remembering.resolve(("other%d.example"):format(i))
      end
      count = count + 20000
      host.asked = {}
    end) < 100)
    remembering.resolve("name1.example")
    assert.same({ "name1.example" }, host.asked)
  end)

  it("are not kept when the host broke, and the error reaches all who asked", function()
    local broken = true
    local host = scripted({ ["a.example"] = function()
      if broken then
        error("broken", 0)
      end
      return { "192.0.2.1" }
    end })
    local remembering = names.remember(host)
    local _, errors = ask_at_once(remembering, { "a.example", "a.example" })
    assert.same({ "broken", "broken" }, errors)
    broken = false
    assert.same({ "192.0.2.1" }, remembering.resolve("a.example"))
  end)

  it("are no literals: those are not kept", function()
    local host = scripted({})
    local remembering = names.remember(host)
    remembering.resolve("192.0.2.1")
    remembering.resolve("192.0.2.1")
    assert.equal(2, #host.asked)
  end)

  it("leave the host's other verbs as they are", function()
    local host = scripted({})
    assert.equal(host.sleep, names.remember(host).sleep)
  end)
end)
