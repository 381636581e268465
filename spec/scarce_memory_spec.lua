--- resum.core when Lua has no memory left: every call fails as Lua's own do, at any of its allocations, nothing is lost
-- by it, and what failed can be done again. (The leak check of `make asan` looks at what C held.)

local pki = require "spec.support.pki"
local scarce = require "spec.support.scarce"

local MOST = 400 -- allocations of one call

-- Each gives the function that runs short, and the one that finds all in order afterwards.
local CALLS = {
  ["a new context"] = [[
    local identity = require("spec.support.pki").get("client")
    local function make()
      return core.context { alpn = { "h2" }, certificate = identity.certificate_pem, private_key = identity.key_pem }
    end
    return make, function() assert(make()) end
  ]],
  ["a context that is refused"] = [[
    local function make() return core.context { groups = "P-255" } end
    return make, function() assert(not make()) end
  ]],
  ["a new handshake"] = [[
    local context, session = core.context(), memory.visit(memory.server()).session
    local function make() return core.handshake(context, { session = session, server_name = "a.test" }) end
    return make, function() assert(make()) end
  ]],
  ["a step"] = [[
    local client, connection = memory.client(), memory.server():accept()
    local _, hello = client:step()
    local _, flight = connection:step(hello)
    local out = ""
    return function()
      out = select(2, client:step(flight))
    end, function()
      if out == "" then -- it was taken in, but what to send could not be told: it is told now
        local state
        state, out = client:step()
        assert(state == "established")
      end
      assert(connection:step(out) == "established")
    end
  ]],
  ["a step that fails"] = [[
    local client = memory.client()
    return function() client:step("garbage") end, function() assert(client:step("garbage") == nil) end
  ]],
  ["application data"] = [[
    local visit = memory.connect(memory.server())
    local bytes = visit.connection:write(("x"):rep(10000))
    return function()
      visit.client:step(bytes)
      visit.client:write("y")
    end, function()
      visit.client:read()
      assert(#visit.client:write("y") > 0)
    end
  ]],
  ["facts, transcript and sessions"] = [[
    local client = memory.client() -- whose facts nobody has seen, so that no string of them exists
    pair.run(client, memory.server({ num_tickets = 4 }):accept())
    local function ask() return client:facts(), client:transcript(), client:sessions(), client:session() end
    return ask, function()
      local facts, transcript, sessions, session = ask()
      assert(#facts.tickets == 4 and #transcript > 8 and #sessions == 4 and session)
    end
  ]],
  ["a session's forms"] = [[
    local session = memory.visit(memory.server { max_version = "TLSv1.2" }).session
    local der, pem = session:der(), session:pem()
    local function ask()
      return session:fields(), session:der(), session:pem(), session:copy(), core.session { der = der },
        core.session { pem = pem }, tostring(session)
    end
    return ask, function()
      local fields, again, _, _, from_der, from_pem = ask()
      assert(fields.version == "TLSv1.2" and again == der and from_der:pem() == pem and from_pem:der() == der)
    end
  ]],
  ["messages that are written and read"] = [[
    local flight = select(2, memory.server():accept():step(core.client_hello { version = "TLSv1.2" }))
    local function ask()
      local hello = core.client_hello {
        version = "TLSv1.3", alpn = { "h2" }, server_name = "a.test", extensions = { "server_name", { type = 7, body = "x" },
          "application_layer_protocol_negotiation", "pre_shared_key" }, ticket = long,
        psks = { { identity = ("i"):rep(300), obfuscated_ticket_age = 1, binder = ("b"):rep(32) } },
      }
      return core.parse(hello), core.parse(flight)
    end
    return ask, function()
      local ours, theirs = ask()
      assert(ours[1].type == "client_hello" and theirs[1].type == "server_hello")
    end
  ]],
  ["a session that is derived"] = [[
    local session = memory.visit(memory.server()).session
    local function derive() return session:derive { ticket = ("t"):rep(500), alpn = "h2", server_name = "b.test" } end
    return derive, function() assert(derive():fields().server_name == "b.test") end
  ]],
  ["a resumption on the probe"] = [[
    local server = memory.server()
    local session = memory.visit(server).session
    local function resume()
      local probe = core.probe { session = session, tickets = true }
      local result = pair.run(probe, server:accept())
      return result.client, probe:facts(), probe:sessions(), probe:transcript()
    end
    return resume, function() assert(resume() == "established") end
  ]],
}

-- The real pki asks openssl about its files, in every new Lua state: here it is one identity. And a luaL_Buffer of
-- Lua 5.4 is of no use any more when memory ended just as the first one grew: here it has grown.
local PREAMBLE = ([[
  local long = ("t"):rep(20000)
  package.loaded["spec.support.pki"] = { get = function() return { certificate_pem = %q, key_pem = %q } end }
  local core, memory, pair = require "resum.core", require "spec.support.memory", require "spec.support.pair"
]]):format(pki.get("ecdsa").certificate_pem, pki.get("ecdsa").key_pem)

describe("without memory", function()
  for name, code in pairs(CALLS) do
    it(name .. " fails at any allocation, and works again", function()
      local allocations, whole, failure = 0
      repeat
        whole, failure = scarce.run(PREAMBLE .. code, allocations)
        assert.is_nil(failure)
        allocations = allocations + 1
      until whole or allocations > MOST
      assert.is_true(whole and allocations > 1, "still too little with " .. allocations)
    end)
  end
end)
