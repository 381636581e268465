-- Servers have the same ticket key, and refuse each other's sessions all the same: they differ in something that a
-- session is bound to. What that is, connections may show (certificate, cipher, extended master secret), or not (clock,
-- timeout, the name of the virtual host).

local classes = require "resum.analysis.pool.classes"
local grouping = require "resum.analysis.pool.grouping"
local forest = require "resum.analysis.pool.forest"
local hidden = require "resum.analysis.pool.hidden"
local sighting = require "resum.analysis.pool.sighting"

-- What a session is bound to: OpenSSL to the cipher and EMS, nginx to the certificate, by the session ID context.
local ATTRIBUTES = { "leaf", "cipher", "ems" }

-- The attribute of each connection's server; whoever resumed a session has that of its issuer.
local function values_of(evidence, attribute)
  local values = {}
  for _, entry in ipairs(evidence.entries) do
    local value = entry[attribute]
    if value == nil and entry.outcome == "resumed" then
      value = values[evidence.origin[entry.from]]
    end
    if value ~= nil then
      values[entry.order] = tostring(value)
    end
  end
  return values
end

-- Is what was refused under the same key always of another value?
local function parts(evidence, values)
  local within, across = 0, 0
  for _, offer in ipairs(evidence.offers) do
    local a, b = values[offer.origin], values[offer.order]
    if not offer.resumed and offer.issuer and offer.issuer == offer.answerer and a and b then
      within, across = within + (a == b and 1 or 0), across + (a ~= b and 1 or 0)
    end
  end
  return across > 0 and within <= hidden.NOISE * across
end

-- The evidence with labels made finer by the attribute, and what it costs to see these values under each label.
local function refine(evidence, values)
  local label, counts, given = {}, {}, 0
  for order, old in pairs(evidence.label) do
    local value = values[order]
    label[order] = value and old.kind == "key" and sighting.label(old.kind, old.value, value) or old
  end
  local view = setmetatable({ label = label, nodes = false, bundles = false, classes = false, offers = {} },
    { __index = evidence })
  for i, offer in ipairs(evidence.offers) do
    view.offers[i] = setmetatable({ issuer = label[offer.origin], answerer = label[offer.order] }, { __index = offer })
  end
  local totals = {}
  for _, node in ipairs(forest.nodes(view)) do
    local old = evidence.label[node.order]
    if old then
      counts[node.label], totals[old] = (counts[node.label] or 0) + 1, (totals[old] or 0) + 1
    end
  end
  for new, count in pairs(counts) do
    local old = totals[new] and new or sighting.label(new.kind, new.value)
    given = given + count * math.log(count / totals[old])
  end
  return view, given
end

local function by_attribute(evidence, list)
  for _, attribute in ipairs(ATTRIBUTES) do
    local values = values_of(evidence, attribute)
    if parts(evidence, values) then
      local view, given = refine(evidence, values)
      for _, one in ipairs(grouping.candidates(view, { keys = false })) do
        one.attribute, one.view, one.beside = attribute, view, -given
        one.choices = one.choices + math.log(#ATTRIBUTES)
        list[#list + 1] = one
      end
    end
  end
end

return {
  id = "differs",
  fit = function(evidence)
    local list = {}
    local label = classes.divided(evidence, true)
    if not label then
      return list
    end
    by_attribute(evidence, list)
    for _, one in ipairs(grouping.candidates(evidence, { keys = true })) do
      list[#list + 1] = one.divided and one or nil
    end
    list[#list + 1] = grouping.one_way(evidence, label) -- clocks that differ by more than sessions live
    return list
  end,
}
