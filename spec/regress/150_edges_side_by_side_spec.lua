--- Places that were asked side by side who has their ticket key had edges in the state file between places of which the
-- one had never been offered a session of the other: another one was found to have the key while the answer came.

local audit = require "spec.support.audit"
local clients = require "resum.connection.client"
local files = require "resum.host.private_file"
local host = require "resum.host.uv"
local key_sharing = require "resum.audit.checks.key_sharing"
local listener = require "spec.support.listener"
local process = require "spec.support.process"
local state = require "resum.audit.keys.state"

local KEYS = "\x9a\x03\xf1\x5c\x77\xe2\x10\xb8\x4d\xc6\x21\x8e\xaa\x5f\x39\x04" .. ("k"):rep(64)

describe("edges of places that are asked side by side", function()
  it("have the ends of which the one was offered a session of the other", function()
    local path = process.temporary_directory() .. "/state"
    local store = assert(state.open(path, { files = files, now = function() return 5 end }))
    local reach, offered = { addresses = function() return {} end, others = function() return {} end }, {}
    function reach.client(_, there)
      local client = clients.new({ address = there.address, port = there.port, server_name = there.host }, {
        host = host, timeout = 5 })
      local attempt = client.attempt
      function client.attempt(own, options)
        offered[#offered + 1] = ("%d as %s"):format(there.port, options.server_name)
        return attempt(own, options)
      end
      return client
    end
    local jobs = {}
    for i = 1, 6 do
      local server = listener.start({ ticket_keys = KEYS })
      finally(server.close)
      jobs[i] = function()
        audit.run(key_sharing, server.port, { options = { store = store, retries = 0 }, seeds = 2, reach = reach,
          server_name = i .. ".example" })
      end
    end
    assert.same({}, host.parallel(jobs, #jobs))
    local written = {}
    for line in process.read_file(path):gmatch("[^\n]+") do
      local edge = state.decode_edge(line)
      if edge then
        assert.equal(edge.to.sni, edge.offered_as)
        written[#written + 1] = ("%d as %s"):format(edge.to.port, edge.offered_as)
      end
    end
    table.sort(offered)
    table.sort(written)
    assert.equal(5, #written)
    assert.same(offered, written)
  end)
end)
