-- What to do, for people: the steps, lines to paste for a server or for each, and the command that tells afterwards
-- whether it has helped. Pure.

local configuration = require "resum.analysis.configuration"
local escape = require "resum.util.escape"
local layout = require "resum.report.text.layout"

local M = {}

local append, wrap = layout.append, layout.wrap

--- The steps.
-- @tparam table overview see resum.analysis.overview
-- @tparam integer width
-- @tparam[opt] boolean alone without the command
-- @treturn {string,...} lines
function M.steps(overview, width, alone)
  local lines = {}
  if overview.nothing_to_do then
    return wrap(overview.nothing_to_do, width, "  ")
  end
  for i, step in ipairs(overview.steps) do
    append(lines, wrap(escape(step.text), width, #overview.steps > 1 and ("  %d. "):format(i) or "  "))
  end
  if overview.command and not alone then
    append(lines, wrap(overview.lead, width, "  "))
    lines[#lines + 1] = "    " .. escape(overview.command) -- to be pasted: never wrapped
  end
  return lines
end

local function block_lines(server, block, width, lines)
  local title = configuration.titles[server]
  if not block.where then
    return append(lines, wrap(title .. " " .. block.note, width, "  "))
  end
  append(lines, wrap(("%s, %s:"):format(title, block.where), width, "  "))
  for _, list in ipairs({ block.shell or {}, block.lines or {} }) do
    for i, line in ipairs(list) do
      lines[#lines + 1] = (list == block.shell and (i == 1 and "    $ " or "      ") or "    ") .. line
    end
  end
  if block.note then
    append(lines, wrap(block.note, width, "    "))
  end
end

-- Whose blocks are shown.
local function servers_of(overview, wanted)
  if wanted and wanted ~= "all" then
    return { wanted }
  elseif not wanted and overview.server then
    return { overview.server }
  end
  return configuration.servers
end

--- Lines to paste.
-- @tparam table overview see resum.analysis.overview
-- @tparam integer width
-- @tparam string|nil wanted one of configuration.servers, "all", or "none"; nil: the one that was recognised, else all
-- @treturn {string,...} lines; none where there is nothing to paste
function M.blocks(overview, width, wanted)
  local lines = {}
  if #overview.topics == 0 or wanted == "none" then
    return lines
  end
  if not wanted and overview.server then
    append(lines, wrap(("(The server calls itself %s. If another one speaks TLS in front of it: --advice, with nginx, "
      .. "haproxy, apache or envoy.)"):format(escape(overview.software)), width, "  "))
  end
  for _, server in ipairs(servers_of(overview, wanted)) do
    for _, topic in ipairs(overview.topics) do
      block_lines(server, configuration.blocks[topic][server], width, lines)
    end
  end
  return lines
end

return M
