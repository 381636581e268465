-- The evidence of one address: what was found, in sentences, and then the figures. Pure.

local audit = require "resum.report.html.audit"
local conclusion = require "resum.analysis.conclusion"
local fold = require "resum.report.html.fold"
local markup = require "resum.report.html.markup"
local overviews = require "resum.analysis.overview"
local pool = require "resum.report.html.pool"
local rates = require "resum.report.html.rates"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local element, text = markup.element, markup.text

local function found(entry)
  local list = conclusion.evidence(entry, overviews.headline(entry))
  if entry.client_certificate then
    list[#list + 1] = ("Client certificate: %s."):format(vocabulary.client_certificates[entry.client_certificate])
  end
  if entry.client_hello then
    list[#list + 1] = ("ClientHello: %s."):format(vocabulary.client_hello(entry.client_hello))
  end
  if entry.server_software then
    list[#list + 1] = ("The server calls itself %s."):format(entry.server_software)
  end
  if entry.resolved_by == "proxy" then
    list[#list + 1] = "The proxy looked the name up: its addresses are not known here."
  end
  return markup.section("What was found", markup.list(list))
end

--- The details of an address.
-- @tparam table entry one of a result's addresses
-- @tparam boolean alone is it the target's only address, whose conclusion stands above?
-- @tparam[opt] {table,...} steps what stands there as to be done, see resum.analysis.overview
-- @treturn string
function M.of(entry, alone, steps)
  local head = alone and "" or element("div", { class = "lead small" }, text("p", "mono", entry.address)
    .. fold.badge(overviews.severity(entry)) .. text("p", "headline", fold.headline(overviews.headline(entry))))
    .. fold.picture(entry)
  return head .. found(entry) .. (entry.audit and audit.section(entry.audit, steps) or "") .. rates.of(entry)
    .. rates.support(entry) .. (entry.balancer and pool.of(entry) or "")
end

return M
