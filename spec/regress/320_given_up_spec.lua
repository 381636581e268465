--- A probe that is refused breaks its handshake off. Where a server ends no such connection before the client does
-- (HAProxy), the wait for that end took a quarter of a second each time: 4.5 minutes of an intrusive audit. What was
-- waited for in vain, again and again, is not waited for any more; but where it came once, it is.

local clients = require "resum.connection.client"
local host = require "resum.host.uv"
local random = require "resum.util.random"
local servers = require "spec.support.servers"
local spending = require "resum.connection.spending"

local function finished(ends, ending, engine)
  spending.finish(ends, { engine = engine or "probe", outcome = "refused", version = "TLSv1.2", sessions = {},
    ending = ending }, {}, spending.begin(ends))
end

describe("where refused probes are broken off", function()
  after_each(function()
    servers.stop_all()
  end)

  it("the end is waited for no more when it did not come four times", function()
    local ends = spending.nothing_known()
    for _ = 1, 3 do
      finished(ends, "silent")
    end
    assert.is_false(spending.ignores_what_is_given_up(ends))
    finished(ends, "silent")
    assert.is_true(spending.ignores_what_is_given_up(ends))
    finished(ends, "left") -- says nothing
    assert.is_true(spending.ignores_what_is_given_up(ends))
  end)

  it("the end is waited for where it came, and other connections don't count", function()
    local ends = spending.nothing_known()
    finished(ends, "fin")
    for _ = 1, 10 do
      finished(ends, "silent")
    end
    assert.is_false(spending.ignores_what_is_given_up(ends))
    ends = spending.nothing_known()
    for _ = 1, 10 do
      finished(ends, "silent", "handshake")
    end
    assert.is_false(spending.ignores_what_is_given_up(ends))
  end)

  it("HAProxy is left at once from the fifth on, unless the caller stays", function()
    local server = servers.haproxy({})
    local client = clients.new_client({ address = "127.0.0.1", port = server.port }, { host = host, timeout = 5 })
    local session = client:attempt({ mechanism = "ticket", want_tickets = true }).sessions[1]
    local function refused(stays)
      local altered = session:derive({ ticket = random.bytes(#session:fields().ticket) })
      local record = client:attempt({ mechanism = "ticket", session = altered, engine = "probe", offer = {},
        stays = stays })
      assert.equal("refused", record.outcome)
      return record.ending
    end
    for _ = 1, 4 do
      assert.equal("silent", refused())
    end
    assert.equal("left", refused())
    assert.equal("silent", refused(true))
    assert.equal("resumed", client:attempt({ mechanism = "ticket", session = session, engine = "probe" }).outcome)
  end)
end)
