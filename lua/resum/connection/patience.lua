-- How long a server is waited for: the whole timeout at first, then as long as it takes. Behind a balancer one server
-- of several may be silent, and each connection that meets it would wait the whole timeout.

local M = {}

-- So many handshakes waited the whole timeout in vain: fewer may be lost on the way. With ten connections at once, who
-- is slow has been met as well by then, as these waits are side by side.
local IN_VAIN = 3
local LATER = 4 -- times as late as the slowest so far it may still be, as for tickets
local LEAST = 1 -- seconds: by then TCP has sent a lost segment again (RFC 6298, section 2.1)
-- So many in a row without an answer: then it is no member that is silent, and whoever has become slow is waited for.
local IN_A_ROW = 10

--- What is known of a server that nothing is known of.
-- @treturn table slowest (seconds that a handshake took at most), in_vain (handshakes that were not answered in all the
--   time that there was), in_a_row (that were not answered, since the last one that was)
function M.nothing_known()
  return { slowest = nil, in_vain = 0, in_a_row = 0 }
end

--- How long the next handshake is waited for.
-- @tparam table known
-- @tparam number timeout seconds
-- @treturn number seconds, the timeout at most
function M.of(known, timeout)
  if not known.slowest or known.in_vain < IN_VAIN or known.in_a_row >= IN_A_ROW then
    return timeout
  end
  return math.min(timeout, math.max(LEAST, LATER * known.slowest))
end

--- A handshake has come to an end.
-- @tparam table known
-- @tparam number|nil seconds that it took; nil: no answer came in time
function M.note(known, seconds)
  if seconds then
    known.slowest, known.in_a_row = math.max(known.slowest or 0, seconds), 0
  else
    known.in_vain, known.in_a_row = known.in_vain + 1, known.in_a_row + 1
  end
end

return M
