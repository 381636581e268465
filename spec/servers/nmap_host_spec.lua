-- The host inside nmap keeps what every host promises: the sentences run in a script of nmap's, and its answers are
-- read here.

local contract = require "spec.support.host_contract"
local host_peer = require "spec.support.host_peer"
local nmap = require "spec.support.nmap"
local process = require "spec.support.process"

-- Runs the sentences: "kept", or what went wrong, by their numbers.
local function run_sentences(peers)
  local ports = {}
  for habit, port in pairs(peers.ports) do
    ports[#ports + 1] = ("%s=%d"):format(habit, port)
  end
  local result = nmap.run_script(process.ROOT .. "/spec/support/host_contract.nse",
    ("ports={%s},big=%d"):format(table.concat(ports, ","), peers.big))
  local answers = {}
  for number, answer in result.stdout:gmatch("sentence (%d+): (%C*)") do
    answers[tonumber(number)] = answer
  end
  return answers, result
end

describe("host nsock #unsanitized", function()
  local peers, answers, result

  setup(function()
    peers = host_peer.start()
    answers, result = run_sentences(peers)
  end)

  teardown(function()
    peers.stop()
  end)

  local count = 0
  local function sentence(text)
    count = count + 1
    local number = count
    it(text, function()
      assert.equal("kept", answers[number] or result.stdout .. result.stderr)
    end)
  end

  contract.each(contract.scene({ name = "nsock" }, {}), sentence)

  sentence("does not count what a peer that ends its half still hears as lost")

  it("and the peer heard it", function()
    assert.equal("still here", peers.heard())
  end)
end)
