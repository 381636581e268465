--- The audit at real servers in order: nothing above info, twice in a row, also where connections are dropped on the
-- way; and at one that is known not to be: the same finding, or none that could be told.

local cjson = require "cjson"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local uv = require "luv"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"

local function audit(address, ...)
  local command = { LUA, RESUM, "--audit", "--json_out", "-" }
  table.move({ ... }, 1, select("#", ...), #command + 1, command)
  command[#command + 1] = address
  local run = process.run({ command = command, seconds = 120 })
  assert.same({ 0, "" }, { run.code, run.stderr })
  return cjson.decode(run.stdout).targets[1].addresses[1].audit
end

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- Of a multiple of three bytes.
local function base64(bytes)
  return (bytes:gsub("...", function(three)
    local number, digits = (">I3"):unpack(three), {}
    for i = 1, 4 do
      local at = (number >> (24 - 6 * i)) % 64 + 1
      digits[i] = DIGITS:sub(at, at)
    end
    return table.concat(digits)
  end))
end

-- The bad findings, in a line.
local function bad(findings)
  local words = {}
  for _, one in ipairs(findings) do
    words[#words + 1] = one.verdict == "bad" and one.id .. " " .. one.reason or nil
  end
  return table.concat(words, ", ")
end

local function verdict_of(findings, id)
  for _, one in ipairs(findings) do
    if one.id == id then
      return one.verdict
    end
  end
end

describe("the audit", function()
  after_each(function()
    servers.stop_all()
  end)

  for name, start in pairs({
    ["nginx with a cache"] = function() return servers.nginx({ session_cache = "shared:SSL:1m" }) end,
    ["nginx without cache and tickets"] = function()
      return servers.nginx({ session_cache = "off", session_tickets = "off" })
    end,
    ["nginx with a key file"] = function() return servers.nginx({ ticket_keys = servers.ticket_keys(1, 80) }) end,
    ["HAProxy"] = function() return servers.haproxy({}) end,
    ["GnuTLS"] = function() return servers.gnutls_serv({}) end,
    ["GnuTLS without tickets"] = function() return servers.gnutls_serv({ args = { "--noticket" } }) end,
    ["openssl s_server"] = function() return servers.s_server({}) end,
    ["openssl s_server without tickets"] = function() return servers.s_server({ args = { "-no_ticket" } }) end,
  }) do
    it("finds nothing bad at " .. name .. ", twice in a row", function()
      local server = start()
      for _ = 1, 2 do
        assert.equal("", bad(audit(server.address)))
      end
    end)
  end

  for _, fault in ipairs({ "rst:100", "rst:20", "fin:20", "stall:50" }) do
    it("finds nothing bad where connections are dropped: " .. fault, function()
      local server = servers.nginx({ session_cache = "shared:SSL:1m" })
      local way = servers.balancer({ backends = { server }, fault = fault })
      assert.equal("", bad(audit(way.address, "--timeout", "1")))
    end)
  end

  it("finds the same at a server that does not renew tickets, or can't tell, where connections are dropped", function()
    local keys, lines = process.temporary_directory() .. "/keys", {}
    for i = 1, 3 do
      lines[i] = base64(uv.random(48)) .. "\n"
    end
    process.write_file(keys, table.concat(lines))
    local server = servers.haproxy({ bind = "tls-ticket-keys " .. keys })
    assert.equal("bad", verdict_of(audit(server.address, "--audit_checks", "single-use"), "single-use"))
    local way = servers.balancer({ backends = { server }, fault = "rst:20" })
    local verdict = verdict_of(audit(way.address, "--audit_checks", "single-use"), "single-use")
    assert.is_true(verdict == "bad" or verdict == "inconclusive", verdict)
  end)
end)
