-- Which of these targets make their tickets with the same key? lua5.4 shared_keys.lua TARGET...
-- Or with names on stdin: lua5.4 shared_keys.lua < list. Where a key is shared, one server's leak is everybody's, and a
-- session of one may be taken by the other (RFC 8446, section 4.6.1 wants the same certificate there).
local resum = require "resum"

local by_key, order = {}, {}

-- The first 16 bytes of a ticket name its key in most servers; what is shorter than that and some content is another
-- thing, the name of an entry in a cache.
local function key_of(record)
  local ticket = record.facts and record.facts.tickets[1]
  return ticket and #ticket.ticket > 32 and ticket.ticket:sub(1, 16)
end

local function note(result)
  local seen = {}
  for _, entry in ipairs(result.addresses) do
    for _, record in ipairs(entry.support and entry.support.ticket.attempts or {}) do
      local key = key_of(record)
      if key and not seen[key] then
        seen[key] = true
        order[#order + 1] = not by_key[key] and key or nil
        by_key[key] = by_key[key] or {}
        table.insert(by_key[key], result.target.text)
      end
    end
  end
end

local options = { mechanisms = { "ticket" }, attempts = 1 }
assert(resum.scan_all(#arg > 0 and { table.unpack(arg) } or io.lines(), options, note))
for _, key in ipairs(order) do
  table.sort(by_key[key])
  print((key:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)), table.concat(by_key[key], " "))
end
