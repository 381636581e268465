-- Results as one page: no request leaves it, no script is needed to read it. Pure: results in, string out. What came
-- from a server is escaped.

local audit = require "resum.report.html.audit"
local balancer = require "resum.report.html.pool"
local markup = require "resum.report.html.markup"
local conclusion = require "resum.analysis.conclusion"
local mechanisms = require "resum.connection.mechanism"
local style = require "resum.report.html.style"
local target = require "resum.target"
local vocabulary = require "resum.analysis.vocabulary"

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
  return text("p", "verdict bad", vocabulary.problem(holder))
end

-- The same details as in the text report.
local function details(mechanism, one)
  local parts = {}
  for _, words in ipairs({ vocabulary.errors(one) or "", vocabulary.reason(mechanism, one) or "",
    vocabulary.issued(mechanism, one) or "" }) do
    parts[#parts + 1] = words ~= "" and words or nil
  end
  return table.concat(parts, "; ")
end

local function support(verdicts)
  local rows = {}
  for name, one in vocabulary.each_mechanism(verdicts) do
    rows[#rows + 1] = { escape(mechanisms[name].title), escape(vocabulary.version(one.version)),
      balancer.badge(vocabulary.verdict_shown(one)), escape(vocabulary.resumed(one) or ""), escape(details(name, one)) }
  end
  return "<h3>Support</h3>" .. markup.table({ "mechanism", "version", "verdict", "resumed", "details" }, rows)
end

local function rates(measured)
  local rows = {}
  for name, one in vocabulary.each_mechanism(measured) do
    rows[#rows + 1] = { escape(mechanisms[name].title), escape(vocabulary.version(one.version)),
      one.rate and escape(vocabulary.percent(one.rate) .. " %") or balancer.badge(vocabulary.verdict_shown(one)),
      one.interval and escape(vocabulary.interval(one.interval)) or "", escape(vocabulary.resumed(one) or ""),
      escape(details(name, one)) }
  end
  return "<h3>The plain figure</h3>"
    .. markup.table({ "mechanism", "version", "rate", "95 % interval", "resumed", "details" }, rows)
end

local function browsers(browser)
  return "<h3>As a browser, each ticket once</h3>"
    .. text("p", nil, ("%s %%: %s"):format(vocabulary.percent(browser.share), vocabulary.browser(browser)))
end

-- What it means; the verdict on what stands behind the address has its own place.
local function meaning(entry)
  local items = {}
  for i, sentence in ipairs(conclusion.of_mechanisms(entry)) do
    items[i] = text("li", nil, sentence)
  end
  return #items > 0 and '<ul class="meaning">' .. table.concat(items) .. "</ul>" or nil
end

local function address(entry)
  local parts = { '<section class="card">', text("h3", "mono", entry.address) }
  if entry.resolved_by == "proxy" then
    parts[#parts + 1] = text("p", "soft", "Looked up by the proxy: its addresses are not known here.")
  end
  if entry.client_certificate then
    parts[#parts + 1] = text("p", "soft", "Client certificate: "
      .. vocabulary.client_certificates[entry.client_certificate])
  end
  if entry.client_hello then
    parts[#parts + 1] = text("p", "soft", "ClientHello: " .. vocabulary.client_hello(entry.client_hello))
  end
  if entry.status ~= "completed" then
    parts[#parts + 1] = problem(entry)
  end
  parts[#parts + 1] = meaning(entry)
  if entry.balancer then
    parts[#parts + 1] = balancer.verdict(entry.balancer)
  end
  parts[#parts + 1] = entry.support and support(entry.support) or nil
  parts[#parts + 1] = entry.rate and rates(entry.rate) or nil
  parts[#parts + 1] = entry.browser and browsers(entry.browser) or nil
  parts[#parts + 1] = entry.balancer and balancer.details(entry.balancer) or nil
  parts[#parts + 1] = entry.audit and audit.section(entry.audit) or nil
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
  local parts = { text("h2", nil, table.concat({ name, table.unpack(vocabulary.way(result.target)) }, ", ")) }
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
  return ('</main>\n<footer><p>Done in %.1f s. Errors are counted separately and never reported as "not supported".'
    .. "</p></footer>"
    .. "</body></html>\n"):format(about.elapsed_s or 0)
end

return M
