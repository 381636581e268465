-- The command as it was given, to be shown on a report: its words as a shell takes them, without what is secret. Pure.

local escape = require "resum.util.escape"

local M = {}

local LEFT_OUT = "..."
local SECRET = { pass = true, request = true } -- a passphrase; what is said inside TLS may hold a password or a token
local LONGEST = 300 -- characters of a word

local function quoted(word)
  return word:find("^[%w%.%-_:/@%%+,=~]+$") and word or "'" .. word:gsub("'", "'\\''") .. "'"
end

-- "--proxy=URL" -> "proxy", "URL"; "--proxy" -> "proxy".
local function option_of(word)
  local name, value = word:match("^%-%-([%w_%-]+)=?(.*)$")
  return name and (name:gsub("-", "_")), word:find("=", 1, true) and value or nil
end

-- scheme://user:password@host, as a proxy or a target; the scheme may be missing. All up to the last @ may be the
-- password.
local function without_credentials(word)
  local scheme, rest = word:match("^(%w+://)(.*)$")
  if word:find("@", 1, true) then
    return (scheme or "") .. LEFT_OUT .. (rest or word):match("^.*(@.*)$")
  end
  return word
end

local function shown(word)
  return quoted(escape(without_credentials(word), LONGEST))
end

--- The command.
-- @tparam {string,...} words those after the command's name
-- @treturn string
function M.shown(words)
  local list, before, is_option = { "resum" }, nil, true -- before: the option whose value a word may be
  for _, word in ipairs(words) do
    is_option = is_option and word ~= "--"
    local name, value
    if is_option and not SECRET[before] then
      name, value = option_of(word)
    end
    if SECRET[before] then
      list[#list + 1] = LEFT_OUT
    elseif value then
      list[#list + 1] = ("--%s=%s"):format(name, SECRET[name] and LEFT_OUT or shown(value))
    else
      list[#list + 1] = shown(word)
    end
    before = not value and name or nil
  end
  return table.concat(list, " ")
end

return M
