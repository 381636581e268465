-- Sessions are good only some time after they were issued: the cache is written late, so that who comes at once pays.

local cut = require "resum.analysis.pool.cut"

return {
  id = "late_cache",
  headline = "The cache is written late: a session is refused at first and good a moment later, so that "
    .. "clients that come back at once pay.",
  advice = { "Write a session to the cache before the handshake ends (OpenResty's ssl_session_store_by_lua leaves it "
    .. "to a timer), or use tickets." },
  verdict = "late_cache",
  bars = function(evidence)
    local found = cut.find(evidence.offers, function(offer)
      return offer.age, offer.age_at_most
    end, true)
    if found then
      found.delay = found.at
    end
    return { found }
  end,
}
