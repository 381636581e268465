-- The balancer leads a session ID back to the server that it knows it from: all resume, though each under one ticket
-- key only, where the server shows it.

local classes = require "resum.analysis.pool.classes"

-- A recipe of HAProxy's for TLS 1.2 (stick on payload_lv(43,1)), that few have in use.
local RARE = math.log(1000)

-- With one key there is nothing to see.
local function several_keys(evidence)
  local first
  for _, offer in ipairs(evidence.marked) do
    first = first or offer.key
    if offer.key ~= first then
      return true
    end
  end
  return false
end

return {
  id = "sticky_session_id",
  sticks = true, -- and so the keys that a session meets are one: see resum.analysis.pool.score
  fit = function(evidence)
    if evidence.mechanism ~= "session_id" or evidence.offers_tally.resumed == 0 or not several_keys(evidence) then
      return {}
    end
    local model = classes.model(evidence)
    model.accept = function()
      return true
    end
    return { { model = model, free = model.count - 1, choices = RARE, routing = "sticky" } }
  end,
}
