--- Three or four servers with keys of their own, of which chance chooses one for each connection: checks that need the
-- server that made a session said `not_met` more often than not, and three of four were all that were asked. Each group
-- is offered sessions of its own until it was met, as its share is known in the end; and who takes the less busy of two
-- servers, so that none comes twice in a row, is no pool of long turns.

local contexts = require "resum.audit.context"
local evidences = require "resum.audit.evidence"
local poll = require "resum.audit.poll"
local turns = require "resum.audit.turns"

local RUNS = 16

-- Numbers that are the same in every run of the spec.
local function generator(seed)
  local state = seed
  return function(most)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % most + 1
  end
end

-- Chooses any of them; or of two any, the one that has not just been had.
local function chooser(kind, servers, number)
  local last
  return function()
    local a, b = number(servers), number(servers)
    last = kind == "less busy" and a == last and b or a
    return last
  end
end

-- The record of a connection to one of them. A session resumes at the server that made it.
local function connect(own, count, options)
  local offered = options.session
  local outcome = offered and (offered.server == own and "resumed" or "refused") or "full"
  local record = { outcome = outcome, mechanism = options.mechanism, version = "TLSv1.3", sessions = {},
    engine = offered and "probe" or "handshake", facts = { tickets = {} } }
  for i = 1, offered and 0 or 2 do
    local ticket = (("key%d"):format(own)):rep(4) .. ("%016d%d"):format(count, i):rep(4)
    record.facts.tickets[i] = { ticket = ticket, lifetime_s = 100 }
    record.sessions[i] = { server = own, fields = function() return { ticket = ticket } end }
  end
  return record
end

local function pool(kind, servers, seed)
  local choose, evidence = chooser(kind, servers, generator(seed)), evidences.new()
  local client = { connections = 0, address = "192.0.2.1", port = 443, host = {}, more = {},
    cancelled = function() return false end, expired = function() return false end, offer_more = function() end }
  function client.attempt(_, options)
    client.connections = client.connections + 1
    local record = connect(choose(), client.connections, options)
    evidence:note(record)
    return record
  end
  local entry = { support = { psk = { resumed = 1, refused = servers - 1, attempted = servers } } }
  for _ = 1, 8 do -- what the scans have seen before
    client:attempt({ mechanism = "psk" })
  end
  return contexts.new({ client = client, options = { retries = 0, mechanisms = { "psk" } }, entry = entry,
    evidence = evidence }, math.huge)
end

-- Asks each of so many pools, one of whose servers may have a fault. Gives how often it was found, not found, and open;
-- and the most connections of a question.
local function ask(kind, servers, fault, is_special)
  local counts, most = { [true] = 0, [false] = 0, open = 0 }, 0
  for seed = 1, RUNS do
    local context = pool(kind, servers, seed)
    turns.find(context)
    local before = context:made()
    local answer = poll.ask(context, "psk", function(session)
      local outcome = context:attempt({ mechanism = "psk", session = session, altered = true }).outcome
      return outcome == "resumed" and session.server == fault
    end, is_special and function()
      return (context:session("psk"))
    end, is_special)
    counts[answer == nil and "open" or answer] = counts[answer == nil and "open" or answer] + 1
    most = math.max(most, context:made() - before)
  end
  return counts, most
end

describe("a question to servers of which chance chooses one", function()
  for _, kind in ipairs({ "any", "less busy" }) do
    for servers = 2, 4 do
      for _, is_special in ipairs({ false, true }) do
        local name = ("%d, %s%s"):format(servers, kind, is_special and ", with sessions made for it" or "")

        it("is answered, within its connections: " .. name, function()
          local counts, most = ask(kind, servers, nil, is_special)
          assert.equal(0, counts[true])
          assert.is_true(counts.open <= RUNS * 0.1, counts.open)
          assert.is_true(most <= poll.CONNECTIONS, most)
        end)

        it("is not answered in the place of the one that has a fault: " .. name, function()
          local found, missed = 0, 0
          for _, fault in ipairs({ 1, servers }) do
            local counts = ask(kind, servers, fault, is_special)
            found, missed = found + counts[true], missed + counts[false]
          end
          assert.is_true(missed <= 2 * RUNS * 0.15, missed) -- of 200 of each it is 1 to 16
          assert.is_true(found >= 2 * RUNS * 0.7, found)
        end)
      end
    end
  end
end)
