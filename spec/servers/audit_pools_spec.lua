--- The audit of pools of real servers with keys of their own, behind balancers that take strict turns: what is said is
-- what each of the servers does, as if it were asked alone; and no more connections are made than the plan has.

local audit = require "resum.audit.run"
local balancer = require "spec.support.balancer"
local resum = require "resum"
local servers = require "spec.support.servers"

local CHECKS = { "forward-secrecy", "ticketbleed", "ems", "resume-rules", "zero-secret", "binder", "sni-rules" }

-- Connections of these checks at three servers: each is asked by itself, twice, and others have their turns in between.
-- Seen were 314 to 401 (a scan's own connections, which are taken off, vary as well); a third round would make 600.
local MOST = 550

-- Three servers that share nothing.
local function three_of(start)
  return { start(), start(), start() }
end

local function nginx()
  return servers.nginx({ session_cache = "shared:SSL:1m", ticket_keys = servers.ticket_keys(1, 80) })
end

local function gnutls()
  return servers.gnutls_serv({})
end

-- What is said, without shares and groups: "ems good keeps, ...".
local function said(address, checks)
  local result = assert(resum.audit(address, { audit_checks = checks or CHECKS, intrusive = true, sni = "a.example" }))
  local words = {}
  for i, one in ipairs(result.addresses[1].audit) do
    words[i] = ("%s %s %s %s"):format(one.id, one.verdict, one.reason,
      one.reason == "by_name" and one.message:gsub(" %(%d+ %%%)", "") or "")
  end
  return table.concat(words, "\n"), result
end

describe("the audit of three servers that share nothing", function()
  after_each(function()
    servers.stop_all()
  end)

  for name, case in pairs({
    ["nginx behind nginx's stream module"] = { nginx, servers.nginx_stream },
    ["nginx behind HAProxy #heavy"] = { nginx, servers.haproxy },
    ["GnuTLS behind HAProxy #heavy"] = { gnutls, servers.haproxy },
  }) do
    it("says what it says of one of them: " .. name, function()
      local list = three_of(case[1])
      local way = case[2]({ backends = list })
      assert.equal((said(list[1].address)), (said(way.address)))
    end)
  end

  it("makes no more connections than its checks declare", function()
    local way = assert(balancer.listen({ backends = { nginx().address, nginx().address, nginx().address } }))
    assert(resum.run(way.address, { sni = "a.example" }))
    local of_scan = way.accepted
    said(way.address)
    local declared = audit.connections({ audit_checks = CHECKS, intrusive = true, retries = 2,
      mechanisms = { "session_id", "ticket", "psk" } }).most
    local made = way.accepted - 2 * of_scan
    assert.is_true(made <= declared, made)
    assert.is_true(made < MOST, made)
    way.close()
  end)
end)
