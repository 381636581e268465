description = [[
Runs the sentences that every host promises (host_contract.lua) on the host inside nmap. Part of resum's specs: it
prints, for each, its number and what went wrong. Needs no target.
]]

---
-- @usage
-- nmap --script spec/support/host_contract.nse --script-args 'ports={echo=20001, ...},big=1048576'
-- @args ports Habit of a peer -> its port on 127.0.0.1.
-- @args big Bytes that the peer "big" sends.

author = "the resum authors"
license = "MIT"
categories = { "safe" }

local contract = require "spec.support.host_contract"
local host = require "resum.host.nsock"
local stdnse = require "stdnse"

function prerule()
  return true
end

local function peers()
  local given, ports = stdnse.get_script_args("ports"), {}
  for habit, port in pairs(given) do
    ports[habit] = math.floor(tonumber(port))
  end
  return { ports = ports, big = math.floor(tonumber(stdnse.get_script_args("big"))) }
end

function action()
  local scene = contract.scene(host, peers())
  local number = 0
  local function check(_, sentence)
    local kept, problem = pcall(sentence)
    number = number + 1
    print(("sentence %d: %s"):format(number, kept and "kept" or (tostring(problem):gsub("\n", "\\n"))))
  end
  contract.each(scene, check)
  check(nil, function()
    contract.half_close(scene)
  end)
end
