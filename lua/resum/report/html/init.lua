-- Results as one page: no request leaves it, no script is needed to read it. Pure: results in, string out. What came
-- from a server is escaped.

local balancer = require "resum.report.html.pool"
local markup = require "resum.report.html.markup"
local mechanisms = require "resum.connection.mechanism"
local style = require "resum.report.html.style"
local target = require "resum.target"

local M = {}

local escape, text = markup.escape, markup.text

-- Nothing may be loaded from anywhere, whatever stands in the page.
local POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

--- The page up to the first target.
-- @tparam table about version (of resum), started_at (ISO 8601)
-- @treturn string
function M.head(about)
  return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
    .. '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
    .. '<meta http-equiv="Content-Security-Policy" content="%s">\n<title>TLS session resumption</title>\n'
    .. '<link rel="icon" href="data:,">\n<style>%s</style></head>\n<body><header><h1>TLS session resumption</h1>'
    .. '<p class="soft">resum %s, %s</p></header>\n<main>\n'):format(
    POLICY, style, escape(about.version), escape(about.started_at))
end

local function problem(holder)
  local found = holder.error or {}
  return text("p", "verdict bad", (holder.status == "unreachable" and "Unreachable: " or "Error: ")
    .. (found.message or "unknown"))
end

local function counted(one)
  return ("%d of %d"):format(one.resumed, one.resumed + one.refused)
end

local function support(verdicts)
  local rows = {}
  for _, name in ipairs(mechanisms.names) do
    local one = verdicts[name]
    rows[#rows + 1] = one and { escape(mechanisms[name].title), balancer.badge(one.verdict), escape(counted(one)),
      escape(one.errors), escape(one.reason and one.reason:gsub("_", " ") or "") } or nil
  end
  return "<h3>Support</h3>" .. markup.table({ "mechanism", "verdict", "resumed", "errors", "reason" }, rows)
end

local function rates(measured)
  local rows = {}
  for _, name in ipairs(mechanisms.names) do
    local one = measured[name]
    rows[#rows + 1] = one and { escape(mechanisms[name].title),
      one.rate and escape(("%.0f %%"):format(100 * one.rate)) or balancer.badge(one.verdict),
      one.interval and escape(("%.0f to %.0f %%"):format(100 * one.interval[1], 100 * one.interval[2])) or "",
      escape(counted(one)), escape(one.errors) } or nil
  end
  return "<h3>The plain figure</h3>"
    .. markup.table({ "mechanism", "rate", "95 % interval", "resumed", "errors" }, rows)
end

local function address(entry)
  local parts = { '<section class="card">', text("h3", "mono", entry.address) }
  if entry.status ~= "completed" then
    parts[#parts + 1] = problem(entry)
  end
  if entry.balancer then
    parts[#parts + 1] = balancer.verdict(entry.balancer)
  end
  parts[#parts + 1] = entry.support and support(entry.support) or nil
  parts[#parts + 1] = entry.rate and rates(entry.rate) or nil
  parts[#parts + 1] = entry.balancer and balancer.details(entry.balancer) or nil
  parts[#parts + 1] = "</section>"
  return table.concat(parts, "\n")
end

local function across(measured)
  local grids = {}
  for _, name in ipairs(mechanisms.names) do
    local one = measured[name]
    grids[#grids + 1] = one and { mechanism = name, verdict = one.verdict, names = one.addresses, matrix = one.matrix }
      or nil
  end
  return '<section class="card"><h3>Across addresses</h3>' .. balancer.places(grids) .. "</section>"
end

--- One target.
-- @tparam table result what resum.run returned
-- @treturn string
function M.target(result)
  local name = result.target.port and target.label(result.target) or result.target.text
  local parts = { text("h2", nil, name) }
  if #result.addresses == 0 then
    parts[2] = '<section class="card">' .. problem(result) .. "</section>"
  end
  for _, entry in ipairs(result.addresses) do
    parts[#parts + 1] = address(entry)
  end
  parts[#parts + 1] = result.across and across(result.across) or nil
  return table.concat(parts, "\n") .. "\n"
end

--- The end of the page.
-- @tparam table about elapsed_s (seconds)
-- @treturn string
function M.tail(about)
  return ('</main>\n<footer><p>Done in %.1f s. Errors are counted apart, and never as "not supported".</p></footer>'
    .. "</body></html>\n"):format(about.elapsed_s or 0)
end

return M
