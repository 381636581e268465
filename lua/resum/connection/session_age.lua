-- How old sessions are, and whether one has outlived what its server promised. It keeps in mind when this program saw
-- each session come, as long as somebody has the session; it opens no connection and judges nothing.

local M = {}

local issued_at = setmetatable({}, { __mode = "k" }) -- by the host's clock
local lifetimes = setmetatable({}, { __mode = "k" }) -- in seconds: asked for before every offer

--- Notes that these sessions have just come.
-- @tparam {session,...} sessions
-- @tparam number now on the host's clock
function M.note(sessions, now)
  for _, session in ipairs(sessions) do
    issued_at[session] = now
  end
end

--- Seconds since a session was issued: by the host's clock where this program saw it come, else by what stands in it.
-- @tparam session session
-- @tparam number now on the host's clock
-- @treturn number
function M.of(session, now)
  local seen = issued_at[session]
  return seen and now - seen or math.max(0, os.time() - session:fields().time_s)
end

--- The ages of several sessions.
-- @tparam {session,...} sessions
-- @tparam number now on the host's clock
-- @treturn {number,...}
function M.of_each(sessions, now)
  local ages = {}
  for i, session in ipairs(sessions) do
    ages[i] = M.of(session, now)
  end
  return ages
end

--- Has a session outlived what its server promised, or will it within a second?
-- @tparam session session
-- @tparam number now on the host's clock
-- @treturn boolean
function M.expired(session, now)
  local lifetime = lifetimes[session] or session:fields().lifetime_s
  lifetimes[session] = lifetime
  return lifetime > 0 and M.of(session, now) + 1 >= lifetime
end

return M
