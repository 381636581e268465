-- What an answer means for whoever asked to be let in: refused, let in, or neither can be told. Records in, words out;
-- and how often it is asked before the end of a connection counts for an answer. It makes no connection itself. Pure.

local M = {}

-- HTTP's refusals that have to do with who the client is, or with the name that it asked for: Bad Request (nginx where
-- a certificate is missing or wrong has 400, and 495 and 496 inside), Unauthorized, Forbidden, Misdirected Request.
local REFUSALS = { [400] = true, [401] = true, [403] = true, [421] = true, [495] = true, [496] = true }

local ENDED = { closed = true, reset = true }
local LOST = { closed = true, reset = true, timeout = true, unreachable = true }
local DONE = { full = true, refused = true, resumed = true } -- handshakes

-- Some servers refuse a client by no word, and end the connection (Node). That may be chance: of connections of which 5
-- in 100 are lost, four in a row are with 6 in 10^6.
M.ENDS = 4
local TRIES = 2 -- where a connection is lost otherwise

--- Is a handshake's end all that there is of it? See ENDS.
-- @tparam table record
-- @treturn boolean
function M.is_end(record)
  return ENDED[record.outcome] == true
end

--- Did the server, or the network, end the connection before we did?
-- @tparam table record
-- @treturn boolean
function M.was_ended(record)
  local ended = record.ended
  return ENDED[record.outcome] or DONE[record.outcome] and ended ~= nil and not ended.after_goodbye or false
end

-- May this end be the server's refusal? Of our certificate, or of its absence, where it has asked for one; or of the
-- session, where it answers others.
local function may_refuse(record, answers_others)
  local facts = record.facts or {}
  local has_asked = facts.certificate_request and record.outcome ~= "resumed"
  return M.was_ended(record) and (has_asked or record.outcome == "resumed" and answers_others) or false
end

--- Was the client refused?
-- @tparam table record of an attempt with a request
-- @tparam[opt] boolean answers_others does the server answer this request where nothing is to be refused?
-- @treturn boolean|nil true; false: it was let in; nil: can't be told (nothing was answered, or the network failed)
-- @treturn string what the answer was, for evidence
-- @treturn boolean is the answer an end alone, which may be chance? See hear
function M.refused(record, answers_others)
  local response = record.response
  if record.outcome == "alert" then
    local alerts = record.facts and record.facts.alerts or {}
    local last = alerts[#alerts]
    return true, "alert " .. (last and last.description or ""), false
  elseif response and response.status then
    return REFUSALS[response.status] == true, "HTTP " .. response.status, false
  elseif response then
    return false, "an answer", false
  elseif DONE[record.outcome] and record.ended and record.ended.code == "alert" then
    return true, "alert after the handshake", false
  elseif may_refuse(record, answers_others) then
    return true, "closed", true
  end
  return nil, DONE[record.outcome] and "no answer" or record.outcome, false
end

--- Hears what a server answers: where it only ends the connection, it has to do so again and again; and who was lost on
-- the way asks once more.
-- @tparam function connect makes a connection and gives its record; nil where that can't be done any more
-- @tparam[opt] boolean answers_others see refused
-- @treturn table|nil record of the last
-- @treturn boolean|nil see refused
-- @treturn string what the answer was
function M.hear(connect, answers_others)
  local ends, lost, record = 0, 0, nil
  while ends < M.ENDS and lost < TRIES do
    local one = connect()
    if not one then
      break
    end
    record = one
    local refused, answer, is_end = M.refused(record, answers_others)
    if not is_end and (refused ~= nil or not LOST[record.outcome] and not M.was_ended(record)) then
      return record, refused, answer
    end
    ends, lost = ends + (is_end and 1 or 0), lost + (is_end and 0 or 1)
  end
  if ends == M.ENDS then
    return record, true, "closed"
  end
  return record, nil, record and record.outcome or "no answer"
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
