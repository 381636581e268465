-- What a user expects of a target (--expect): "ticket=supported" or "psk>=0.95". Pure: rules and results in, yes or no
-- out.

local mechanisms = require "resum.connection.mechanism"
local escape = require "resum.util.escape"

local M = {}

local VERDICTS = {
  supported = true,
  partially_supported = true,
  not_supported = true,
  not_applicable = true,
  inconclusive = true,
}

local function is_mechanism(name)
  for _, one in ipairs(mechanisms.names) do
    if one == name then
      return true
    end
  end
  return false
end

--- Reads a rule.
-- @tparam string text "MECHANISM=VERDICT", or "MECHANISM>=SHARE" (a rate from 0 to 1)
-- @treturn[1] table {text, mechanism, verdict or share}
-- @treturn[2] nil
-- @treturn[2] string message
function M.parse(text)
  local name, sign, value = text:match("^%s*([%w_-]+)%s*([>=]=?)%s*([%w_.-]+)%s*$")
  local rule = { text = text, mechanism = name and name:gsub("-", "_") }
  if name and is_mechanism(rule.mechanism) then
    local share = tonumber(value)
    local verdict = value:gsub("-", "_")
    if sign == "=" and VERDICTS[verdict] then
      rule.verdict = verdict
      return rule
    elseif sign == ">=" and share and share >= 0 and share <= 1 then
      rule.share = share
      return rule
    end
  end
  return nil, ("--expect takes rules such as ticket=supported or psk>=0.95, not '%s'"):format(escape(text, 60))
end

-- Met by this address? And what was found instead.
local function holds(rule, entry)
  local rate = entry.rate and entry.rate[rule.mechanism]
  if rule.share then
    local share = rate and rate.rate
    return share ~= nil and share >= rule.share, share and ("%.2f"):format(share) or "no rate"
  end
  local support = entry.support and entry.support[rule.mechanism]
  for _, judged in ipairs({ support or rate, rate }) do
    if judged.verdict ~= rule.verdict then
      return false, judged.verdict
    end
  end
  return (support or rate) ~= nil, "nothing"
end

--- Does the rule hold on every address of the target that was scanned?
-- @tparam table rule from parse
-- @tparam table result what resum.run returned
-- @treturn boolean
-- @treturn string|nil what was found instead
function M.check(rule, result)
  for _, entry in ipairs(result.addresses) do
    if entry.status == "completed" then
      local met, found = holds(rule, entry)
      if not met then
        return false, ("%s on %s"):format(found, entry.address)
      end
    end
  end
  return true
end

return M
