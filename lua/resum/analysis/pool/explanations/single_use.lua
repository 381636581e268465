-- A session is good for one connection (RFC 8446, appendix C.4, wants clients to use tickets so).

return {
  id = "single_use",
  verdict = "all_shared",
  bars = function(evidence)
    local barred, any = {}, false
    for _, offer in ipairs(evidence.offers) do
      if offer.resumed_before > 0 then
        barred[offer], any = true, true
      end
    end
    return any and { { barred = barred, free = 0, choices = 0 } } or {}
  end,
}
