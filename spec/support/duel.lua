--- Both engines against one scripted server each, with the same session and the same hooks: what each makes of it.
-- It knows how to ask; what the answers ought to be is the spec's business.

local core = require "resum.core"
local pair = require "spec.support.pair"
local scripted = require "spec.support.scripted"

local M = {}

M.SUITES = {
  ["TLSv1.2"] = { cipher = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", cipher_id = 0xc02f, secret = ("m"):rep(48) },
  ["TLSv1.3"] = { cipher = "TLS_AES_128_GCM_SHA256", cipher_id = 0x1301, secret = ("p"):rep(32) },
}

--- A session whose secret the scripted server knows.
-- @tparam string ticket
-- @tparam[opt] string version "TLSv1.3"
function M.session(ticket, version)
  local suite = M.SUITES[version or "TLSv1.3"]
  return assert(core.session { version = version or "TLSv1.3", cipher = suite.cipher, secret = suite.secret,
    ticket = ticket, age_add = 1, lifetime_s = 7200, extended_master_secret = true })
end

local MACHINES = {
  probe = function(version, options)
    local all = { -- with one random for all, ciphertext that is taken for a message is the same each time
      session = not options.sessions and M.session("ticket", version) or nil,
      random = ("c"):rep(32),
    }
    for name, value in pairs(options) do
      all[name] = value
    end
    return assert(core.probe(all))
  end,
  handshake = function(version, options)
    return assert(core.handshake(core.context { min_version = version, max_version = version, alpn = options.alpn },
      { session = M.session("ticket", version), server_name = options.server_name }))
  end,
}

--- One connection.
-- @tparam string engine "probe" or "handshake"
-- @tparam string version
-- @tparam table hooks of spec.support.scripted
-- @tparam[opt] table options of the probe (of the handshake alpn and server_name); chunk of pair.run
-- @treturn table verdict: "resumed" (the machine says so, and its Finished was right), "refused", or the number of the
--   alert that it sent ("none" for none); state, code and message as the machine has them; machine
function M.ask(engine, version, hooks, options)
  local how, rest = {}, {}
  for name, value in pairs(options or {}) do
    (name == "chunk" and how or rest)[name] = value
  end
  local all = { version = version }
  for _, from in ipairs { M.SUITES[version], hooks } do
    for name, value in pairs(from) do
      all[name] = value
    end
  end
  local machine, server = MACHINES[engine](version, rest), scripted.new(all)
  local result = pair.run(machine, server, how)
  local verdict = server.alert or "none"
  if result.client == "established" then
    verdict = server.finished and machine:facts().reused and "resumed" or "its Finished is wrong"
  elseif result.client == "refused" then
    verdict = "refused"
  end
  return { verdict = verdict, state = result.client, code = result.code, message = result.message, machine = machine }
end

local function is_one_of(list, verdict)
  return type(list) == "table" and (list[1] == verdict or list[2] == verdict)
end

local function words(expected)
  return type(expected) == "table" and table.concat(expected, " or ") or expected
end

--- Compares both with what is expected of them.
-- @tparam string version
-- @tparam table case {name, hooks, verdict of the probe, verdict of libssl where that is of another kind, or a list of
--   those of its releases}: where both send an alert it need not be the same one
function M.assert_case(version, case)
  for i, engine in ipairs { "probe", "handshake" } do
    local answer = M.ask(engine, version, case[2])
    local expected = i == 2 and case[4] or case[3]
    local fits = expected == answer.verdict or is_one_of(expected, answer.verdict)
      or (i == 2 and not case[4] and type(expected) == "number" and type(answer.verdict) == "number")
    if not fits then
      error(("%s: %s expected, got %s (%s)"):format(engine, words(expected), answer.verdict, answer.message), 2)
    end
  end
end

return M
