-- The flows are the same everywhere: one server, scanned over each host, gives one result, timing aside.

local cjson = require "cjson"
local json = require "resum.report.json"
local nmap = require "spec.support.nmap"
local resum = require "resum"
local servers = require "spec.support.servers"
local structure = require "resum.report.nse"

-- What differs from one connection to the next: clocks, and what is random in a handshake.
local DIFFERS = {
  age_add = true,
  bytes_in = true,
  bytes_out = true,
  costs = true, -- medians of times
  elapsed_s = true,
  session_id = true,
  session_id_sent = true,
  timing = true,
}

-- Of the offers of old sessions one in twenty runs on libssl, and which is chance. Their number is counted elsewhere.
local function without_old(attempts)
  local kept = {}
  for _, attempt in ipairs(attempts) do
    kept[#kept + 1] = attempt.design ~= "old" and attempt or nil
  end
  return kept
end

local function without_chance(value)
  if type(value) ~= "table" then
    return value
  end
  local kept = {}
  for name, inner in pairs(value) do
    local left = name == "lifetime_s" and value.age_add -- nginx 1.26 renews a ticket for what is left of its session
    -- a verdict is called session_id as well
    if not left and not DIFFERS[name] or type(inner) == "table" and name == "session_id" then
      kept[name] = without_chance(name == "attempts" and without_old(inner) or inner)
    end
    if name == "alerts" then -- who says goodbye first is chance
      table.sort(kept[name], function(a, b) return a.from < b.from end)
    end
  end
  return kept
end

local function scan(server, host_name)
  return assert(resum.scan(server.address, { host = require("resum.host." .. host_name) }))
end

-- The result as nmap's XML has it: every value is text.
local function as_text(value)
  if type(value) ~= "table" then
    return tostring(value)
  end
  local text = {}
  for name, inner in pairs(value) do
    text[name] = as_text(inner)
  end
  return text
end

local function new_table()
  return {}
end

local CASES = {
  ["nginx"] = function()
    return servers.nginx({ session_cache = "none", session_tickets = "on" })
  end,
  ["s_server -no_ticket"] = function()
    return servers.s_server({ args = { "-no_ticket" } })
  end,
}

for name, start in pairs(CASES) do
  describe("the support scan of " .. name, function()
    local server, expected

    setup(function()
      server = start()
      expected = scan(server, "uv")
    end)

    teardown(function()
      server.stop()
    end)

    for _, host_name in ipairs({ "luasocket", "cqueues" }) do
      it("gives over " .. host_name .. " what it gives over uv", function()
        local found = scan(server, host_name)
        assert.same(without_chance(cjson.decode(json.line(expected))), without_chance(cjson.decode(json.line(found))))
      end)
    end

    it("gives inside nmap what it gives over uv #unsanitized", function()
      local run = nmap.run({ ports = { server.port } })
      assert.equal(1, #run.scripts, run.stdout .. run.stderr)
      local found = run.scripts[1].result
      found.output = nil
      assert.same(as_text(structure.address(expected.addresses[1], new_table)), found)
    end)
  end)
end
