-- Where results go: reports on stdout in the order of the command line, JSON as one document or as one line a target.
-- A sink takes each result as its target is done (finished), and at the end all of them (conclude). It knows no scan
-- and no exit code; what could not be written it says.

local json = require "resum.report.json"
local text = require "resum.report.text"

local M = {}

-- Reports: each as soon as those before it are shown.
local Text = {}
Text.__index = Text

function Text:finished(number, result)
  self.waiting[number] = result
  while self.waiting[self.shown + 1] do
    self.shown = self.shown + 1
    local next_one = self.waiting[self.shown]
    if not next_one.unusable then
      self.progress:clear()
      io.stdout:write(self.shown > 1 and "\n" or "", text.target(next_one, { colour = self.colour }))
      io.stdout:flush()
    end
  end
  return true
end

function Text.conclude()
  return true
end

--- Reports for people, on stdout.
-- @tparam table progress the line that has to make room
-- @tparam boolean colour
-- @treturn table sink
function M.text(progress, colour)
  return setmetatable({ progress = progress, colour = colour, waiting = {}, shown = 0 }, Text)
end

local function write_line(file, line)
  local written, message = file:write(line, "\n")
  if not written or not file:flush() then
    return nil, "--json_out: " .. (message or "not written")
  end
  return true
end

local Lines = {}
Lines.__index = Lines

function Lines:finished(_, result)
  return write_line(self.file, json.line(result))
end

function Lines.conclude()
  return true
end

local Document = {}
Document.__index = Document

function Document.finished()
  return true
end

function Document:conclude(about, results)
  return write_line(self.file, json.run(about, results))
end

--- JSON.
-- @tparam string path "-" is stdout
-- @tparam boolean lines one object a line, as each target is done; else one document at the end
-- @treturn[1] table sink
-- @treturn[2] nil
-- @treturn[2] string message
function M.json(path, lines)
  local file, message = io.stdout, nil
  if path ~= "-" then
    file, message = io.open(path, "w")
  end
  if not file then
    return nil, "--json_out: " .. message
  end
  return setmetatable({ file = file }, lines and Lines or Document)
end

return M
