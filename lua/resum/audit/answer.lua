-- What an answer means for who asked to be let in: refused, let in, or neither can be told. Records in, words out.
-- Pure.

local M = {}

-- HTTP's refusals that have to do with who the client is, or with the name that it asked for: Bad Request (nginx where
-- a certificate is missing or wrong has 400, and 495 and 496 inside), Unauthorized, Forbidden, Misdirected Request.
local REFUSALS = { [400] = true, [401] = true, [403] = true, [421] = true, [495] = true, [496] = true }

local ENDED = { closed = true, reset = true }

--- Was the client refused?
-- @tparam table record of an attempt with a request
-- @treturn boolean|nil true; false: it was let in; nil: can't be told (nothing was answered, or the network failed)
-- @treturn string what the answer was, for evidence
function M.refused(record)
  local response = record.response
  if record.outcome == "alert" then
    local alerts = record.facts and record.facts.alerts or {}
    local last = alerts[#alerts]
    return true, "alert " .. (last and last.description or "")
  elseif record.outcome ~= "full" and record.outcome ~= "refused" and record.outcome ~= "resumed" then
    return nil, record.outcome
  elseif response and response.status then
    return REFUSALS[response.status] == true, "HTTP " .. response.status
  elseif response then
    return false, "an answer"
  elseif record.ended and record.ended.code == "alert" then
    return true, "alert after the handshake"
  elseif record.outcome ~= "resumed" and record.facts.certificate_request and record.ended then
    return true, "closed"
  end
  return nil, "no answer"
end

--- Did the network end it, so that it may be tried again?
-- @tparam table record
-- @treturn boolean
function M.may_be_chance(record)
  return ENDED[record.outcome] or record.outcome == "timeout" or record.outcome == "unreachable"
end

--- Are two answers the same page?
-- @tparam table|nil a response of a record
-- @tparam table|nil b
-- @treturn boolean
function M.same(a, b)
  if not a or not b then
    return a == b
  end
  return a.status == b.status and (a.sha256 == b.sha256 or a.title ~= nil and a.title == b.title)
end

return M
