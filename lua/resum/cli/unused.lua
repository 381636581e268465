-- Options that would have no effect, and expectations that no run like this one could meet: they are refused, in one
-- line. Pure: the parsed command line in, words out.

local mechanisms = require "resum.connection.mechanism"
local tables = require "resum.util.tables"

local M = {}

local function set(names)
  local list = {}
  for name in names:gmatch("%S+") do
    list[name] = true
  end
  return list
end

-- What a command that scans nothing, or in its own way, takes; the first one names it.
local TAKEN = {
  { "repl", set "repl" },
  { "watch", set("watch targets state expect json_out json_lines openmetrics_out html_out quiet every max_per_minute "
    .. "until mechanisms source timeout host tls starttls xmpp_to proxy proxy_protocol sni no_sni alpn request ipv4 "
    .. "ipv6 cert key keyform pass") },
  { "merge", set "merge targets json_out json_lines summary quiet state compare html_out dot_out" },
}

-- Names of options that are not their fields; and what to take instead of an option.
local SHOWN = { ipv4 = "-4", ipv6 = "-6", audit_name = "--audit_name", targets = "a target" }
local INSTEAD = { watch = { delay = "--max_per_minute" } }

-- Options that were given, in the order of their names: those that may be repeated are lists, empty when they were not.
local function given(parsed)
  local names = {}
  for name, value in pairs(parsed) do
    if name ~= "command" and value and (type(value) ~= "table" or next(value) ~= nil) then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

--- The first option that the command would ignore.
-- @tparam table parsed see resum.cli.options
-- @treturn string|nil in words; nil when there is none
function M.option(parsed)
  for _, one in ipairs(TAKEN) do
    local command, takes = one[1], one[2]
    for _, name in ipairs(parsed[command] and given(parsed) or {}) do
      if not takes[name] then
        local instead = INSTEAD[command] and INSTEAD[command][name]
        return ("%s does not go with --%s%s"):format(SHOWN[name] or "--" .. name, command,
          instead and ": take " .. instead or "")
      end
    end
  end
  if #parsed.source > 1 and parsed.watch then
    return "--watch connects from one --source"
  elseif #parsed.source > 1 and not parsed.resum_rate then
    return "several --source are about the rate: add --resum_rate"
  end
end

-- Verdicts on what stands behind an address that only --quick gives; those that it gives as well; the others it never.
local OF_QUICK = set "healthy broken not_applicable"
local OF_BOTH = set "no_resumption inconclusive"

local function pool_never_met(rule, parsed)
  if parsed.quick and not OF_QUICK[rule.verdict] and not OF_BOTH[rule.verdict] then
    return ("--expect %s is not what --quick finds out: leave out --quick, or expect balancer=healthy")
      :format(rule.text)
  elseif not parsed.quick and OF_QUICK[rule.verdict] then
    return ("--expect %s is what --quick finds out: add --quick, or expect balancer=all_shared"):format(rule.text)
  end
end

--- Why an expectation could never be met, or can't be told from what is scanned.
-- @tparam table rule see resum.cli.expectation
-- @tparam table parsed see resum.cli.options
-- @treturn string|nil in words; nil when it may be met
function M.expectation(rule, parsed)
  if rule.balancer then
    return pool_never_met(rule, parsed)
  end
  local name = rule.browser and "psk" or rule.mechanism
  if not name then
    return nil
  elseif parsed.mechanisms and not tables.contains(parsed.mechanisms, name) then
    return ("--expect %s is about %s, which --mechanisms leaves out"):format(rule.text, name)
  end
  local versions = mechanisms.pin(parsed.tls)
  if versions and not mechanisms.fits(mechanisms[name], versions) then
    return ("--expect %s is about %s, which --tls %s leaves out"):format(rule.text, name, parsed.tls)
  end
end

return M
