-- All servers share their sessions, or there is one.

local classes = require "resum.analysis.pool.classes"

local function always()
  return true
end

return {
  id = "all_shared",
  --- @tparam table evidence
  -- @treturn {table,...} parameters to try: {model, free (how many are learnt), choices (log of the ways to choose the
  --   rest)}
  fit = function(evidence)
    local model = classes.model(evidence)
    model.accept = always
    return evidence.issued > 0 and { { model = model, free = model.count - 1, choices = 0, groups = 1 } } or {}
  end,
}
