-- Where results go: reports for people, documents in several formats, JSON as one line a target, metrics, names of
-- targets that are done. A sink takes results one by one (write) and the end of the run (finish); both return true, or
-- nil and a message. It keeps no result (but metrics, which are small, and the page, up to a size), and knows no scan
-- and no exit code.

local csv = require "resum.report.csv"
local html = require "resum.report.html"
local json = require "resum.report.json"
local junit = require "resum.report.junit"
local openmetrics = require "resum.report.openmetrics"
local resume = require "resum.cli.resume"
local sarif = require "resum.report.sarif"
local summary_text = require("resum.report.text.summary").text
local text = require "resum.report.text"

local M = {}

local Text = {}
Text.__index = Text

function Text:write(result)
  if result.unusable then
    return true
  end
  local report = (self.begun and "\n\n" or "") .. text.target(result, self.style)
  self.begun = true
  self.progress:clear()
  return self.output:write(report)
end

function Text.finish()
  return true
end

--- Reports for people.
-- @tparam table output see resum.cli.output
-- @tparam table progress the line that has to make room
-- @tparam table style colour, width, advice: see resum.report.text.target
-- @treturn table sink
function M.text(output, progress, style)
  return setmetatable({ output = output, progress = progress, style = style }, Text)
end

local Summary = {}
Summary.__index = Summary

function Summary.write()
  return true
end

function Summary:finish(about)
  return self.output:write(self.separator .. summary_text(about.summary, self.width))
end

--- The summary for people, at the end.
-- @tparam table output see resum.cli.output
-- @tparam boolean after_reports does it follow reports there?
-- @tparam integer|nil width columns
-- @treturn table sink
function M.summary(output, after_reports, width)
  return setmetatable({ output = output, separator = after_reports and "\n\n" or "", width = width }, Summary)
end

local Lines = {}
Lines.__index = Lines

function Lines:write(result)
  return self.output:write(json.line(result) .. "\n")
end

function Lines.finish()
  return true
end

--- JSON, one object a line.
-- @tparam table output see resum.cli.output
-- @treturn table sink
function M.lines(output)
  return setmetatable({ output = output, as_they_come = true }, Lines)
end

local Document = {}
Document.__index = Document

-- What stands between two items, or in front of the first.
function Document:lead()
  local lead = self.begun and self.format.separator or self.format.head(self.about)
  self.begun = true
  return lead
end

function Document:write(result)
  local item = self.format.item(result)
  if item == "" then
    return true
  end
  return self.output:write(self:lead() .. item)
end

function Document:finish(about)
  return self.output:write((self.begun and "" or self.format.head(self.about)) .. self.format.tail(about))
end

local function nothing()
  return ""
end

-- What a document of each format is made of.
local FORMATS = {
  json = { head = json.head, item = json.line, separator = ",", tail = function(about)
    return json.tail(about) .. "\n"
  end },
  junit = { head = junit.head, item = junit.target, separator = "", tail = junit.tail },
  sarif = { head = sarif.head, item = sarif.target, separator = ",", tail = sarif.tail },
  csv = { head = csv.head, item = csv.target, separator = "", tail = nothing },
}

--- One document, in one of several formats; it is whole when the run has ended.
-- @tparam table output see resum.cli.output
-- @tparam string format "json", "junit", "sarif" or "csv"
-- @tparam table about see resum.report.json.head
-- @treturn table sink
function M.document(output, format, about)
  return setmetatable({ output = output, format = FORMATS[format], about = about, begun = false }, Document)
end

local Page = {}
Page.__index = Page

function Page:write(result)
  self.page:add(result)
  return true
end

function Page:finish(about)
  return self.output:write(self.page:finish(about))
end

--- The page of HTML, written when the run has ended: what it begins with is known only then.
-- @tparam table output see resum.cli.output
-- @tparam table about see resum.report.html.new
-- @treturn table sink
function M.page(output, about)
  return setmetatable({ output = output, page = html.new(about) }, Page)
end

local Metrics = {}
Metrics.__index = Metrics

function Metrics:write(result)
  self.samples:add(result)
  return true
end

function Metrics:finish()
  self.output:write(self.samples:text())
  return self.output:finish()
end

--- OpenMetrics, written when the run has ended.
-- @tparam table output see resum.cli.output, open_whole
-- @treturn table sink
function M.metrics(output)
  return setmetatable({ output = output, samples = openmetrics.new() }, Metrics)
end

local State = {}
State.__index = State

function State:write(result)
  if result.unusable or not resume.is_done(result) then
    return true
  end
  local head = self.head
  self.head = ""
  return self.output:write(head .. result.target.text .. "\n")
end

function State.finish()
  return true
end

--- The targets that are done, one a line, for resum.cli.resume. It comes after the sinks that show them.
-- @tparam table output see resum.cli.output
-- @tparam boolean is_new it is empty so far
-- @treturn table sink
function M.state(output, is_new)
  return setmetatable({ output = output, head = is_new and resume.HEAD .. "\n" or "", notes_done = true }, State)
end

return M
