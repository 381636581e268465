-- Where results go: reports for people, JSON as one document or as one line a target, a page of HTML, names of targets
-- that are done. A
-- sink takes results one by one (write) and the end of the run (finish); both return true, or nil and a message. It
-- keeps no result, and knows no scan and no exit code.

local html = require "resum.report.html"
local json = require "resum.report.json"
local resume = require "resum.cli.resume"
local summary_text = require("resum.report.text.summary").text
local text = require "resum.report.text"

local M = {}

local Text = {}
Text.__index = Text

function Text:write(result)
  if result.unusable then
    return true
  end
  local report = (self.begun and "\n" or "") .. text.target(result, { colour = self.colour })
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
-- @tparam boolean colour
-- @treturn table sink
function M.text(output, progress, colour)
  return setmetatable({ output = output, progress = progress, colour = colour }, Text)
end

local Summary = {}
Summary.__index = Summary

function Summary.write()
  return true
end

function Summary:finish(about)
  return self.output:write(self.separator .. summary_text(about.summary))
end

--- The summary for people, at the end.
-- @tparam table output see resum.cli.output
-- @tparam boolean after_reports does it follow reports there?
-- @treturn table sink
function M.summary(output, after_reports)
  return setmetatable({ output = output, separator = after_reports and "\n" or "" }, Summary)
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

function Document:write(result)
  local separator = self.begun and "," or json.head(self.about)
  self.begun = true
  return self.output:write(separator .. json.line(result))
end

function Document:finish(about)
  return self.output:write((self.begun and "" or json.head(self.about)) .. json.tail(about) .. "\n")
end

--- JSON, one document; it is whole when the run has ended.
-- @tparam table output see resum.cli.output
-- @tparam table about see resum.report.json.head
-- @treturn table sink
function M.document(output, about)
  return setmetatable({ output = output, about = about }, Document)
end

local Page = {}
Page.__index = Page

function Page:write(result)
  local head = self.begun and "" or html.head(self.about)
  self.begun = true
  return self.output:write(head .. html.target(result))
end

function Page:finish(about)
  return self.output:write((self.begun and "" or html.head(self.about)) .. html.tail(about))
end

--- A page of HTML; it is whole when the run has ended.
-- @tparam table output see resum.cli.output
-- @tparam table about see resum.report.html.head
-- @treturn table sink
function M.page(output, about)
  return setmetatable({ output = output, about = about }, Page)
end

local State = {}
State.__index = State

function State:write(result)
  if result.unusable or not resume.is_done(result) then
    return true
  end
  return self.output:write(result.target.text .. "\n")
end

function State.finish()
  return true
end

--- The targets that are done, one a line, for resum.cli.resume. It comes after the sinks that show them.
-- @tparam table output see resum.cli.output
-- @treturn table sink
function M.state(output)
  return setmetatable({ output = output, notes_done = true }, State)
end

return M
