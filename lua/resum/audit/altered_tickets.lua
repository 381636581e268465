-- What the checks that alter tickets have in common: a session of each mechanism that has tickets and resumes, and what
-- is said where there is none to alter. It alters nothing and offers nothing.

local M = {}

local SHORT = 64 -- bytes: what is not longer is the name of an entry in a cache

--- The connections of all mechanisms that have tickets.
-- @tparam {string,...} mechanisms
-- @tparam integer each of one of them
-- @treturn integer
function M.connections(mechanisms, each)
  local count = 0
  for _, mechanism in ipairs(mechanisms) do
    count = count + (mechanism == "session_id" and 0 or each)
  end
  return count
end

-- What is found of one mechanism, and how many altered tickets were offered.
local function look(context, mechanism, judge)
  local session = context:session(mechanism)
  local ticket = session and session:fields().ticket or ""
  if not session then
    return { verdict = "inconclusive", reason = "connection_failed", evidence = { mechanism = mechanism } }, 0
  elseif #ticket <= SHORT then
    return nil, 0
  end
  return judge(mechanism, session, ticket)
end

--- Has the tickets of each mechanism judged.
-- @tparam table context see resum.audit.context
-- @tparam function judge (mechanism, session, ticket): returns a finding, or nil where all is well; and how many
--   altered tickets were offered
-- @tparam function good (how many in all): returns the finding where all is well with all mechanisms
-- @treturn {table,...} findings
function M.run(context, judge, good)
  local list, asked, offered = {}, 0, 0
  for _, mechanism in ipairs(context:resuming()) do
    if mechanism ~= "session_id" then
      local found, count = look(context, mechanism, judge)
      asked, offered, list[#list + 1] = asked + 1, offered + count, found
    end
  end
  if #list > 0 then
    return list
  elseif offered == 0 then
    return { { verdict = "not_applicable", reason = asked == 0 and "does_not_resume" or "names_only" } }
  end
  return { good(offered) }
end

return M
