--- The environment of whatever specs start: the same on each machine and for each user, whoever runs make. What is
-- passed on is listed; a language, an editor's or a shell's settings, colours and OpenSSL's configuration are not.
-- Shell and terminal are the plainest. It must not know who is started.

local uv = require "luv"

local M = {}

-- Patterns of names.
local PASSED_ON = {
  "^PATH$", "^HOME$", "^USER$", "^LOGNAME$", "^TMPDIR$",
  "^LUA_", "^RESUM_", "^SPECS_AT_ONCE$", -- ours
  "^CC$", "^CFLAGS$", "^CPPFLAGS$", "^LDFLAGS$", "^MAKEFLAGS$", "^MAKELEVEL$", "^MFLAGS$", "^SAN$", -- how it is built
  "^LD_PRELOAD$", "^LD_LIBRARY_PATH$", "^[ALU]+SAN_OPTIONS$", "^GCOV_", -- how it is watched
  "^https?_proxy$", "^no_proxy$", "^HTTPS?_PROXY$", "^NO_PROXY$", "^SSL_CERT_", "^GO", "^JAVA_HOME$", -- the way out
}

local SET = { LC_ALL = "C.UTF-8", TERM = "xterm", SHELL = "/bin/sh" }

local function is_passed_on(name)
  for _, pattern in ipairs(PASSED_ON) do
    if name:find(pattern) then
      return true
    end
  end
  return false
end

--- All of it.
-- @treturn table name -> value
function M.variables()
  local variables = {}
  for name, value in pairs(uv.os_environ()) do
    variables[name] = is_passed_on(name) and value or nil
  end
  for name, value in pairs(SET) do
    variables[name] = value
  end
  return variables
end

--- The same for uv.spawn.
-- @tparam table variables name -> value
-- @treturn {string,...} "name=value"
function M.list(variables)
  local list = {}
  for name, value in pairs(variables) do
    list[#list + 1] = name .. "=" .. value
  end
  return list
end

return M
