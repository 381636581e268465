-- Joins results of several runs, as JSON lines: of each target the last one counts, in the order of the files, and what
-- was interrupted counts only where there is nothing better. It reads the files twice; in between it keeps in mind
-- where each target's line begins, and no result.

local EXIT = require "resum.cli.exit"
local lines = require "resum.cli.lines"
local resume = require "resum.cli.resume"
local say = require "resum.cli.say"
local system = require "resum.cli.system"
local summaries = require "resum.analysis.summary"
local summary_text = require("resum.report.text.summary").text

local M = {}

local SHOWN = 10 -- of the lines that can't be read

-- Where a line stands, as one number: the file's, the offset, and whether its target is done.
local FILE_BIT, DONE = 48, 1

-- Calls on_line(line, offset, number) for each line of a file; the line is false where it is too long.
local function each_line(path, on_line)
  local file, message = resume.open(path)
  if not file then
    return nil, message
  end
  local next_line = lines.of_file(file)
  local line, number, offset = next_line()
  while line ~= nil do
    on_line(line, offset, number)
    line, number, offset = next_line()
  end
  file:close()
  return not number or nil, number
end

local function read_line(path, offset)
  local file = assert(io.open(path, "rb"))
  file:seek("set", offset)
  local line = lines.of_file(file)()
  file:close()
  return line
end

local Merge = {}
Merge.__index = Merge

function Merge:note_torn(path, number)
  self.torn = self.torn + 1
  if self.torn <= SHOWN then
    self.warn(("%s: line %d is no whole result and is left out"):format(path, number))
  end
end

local function place_of(index, offset)
  return index << FILE_BIT | offset << 1
end

function Merge:line_at(place)
  return read_line(self.paths[place >> FILE_BIT], (place & (1 << FILE_BIT) - 1) >> 1)
end

-- Which of two lines of a target counts?
function Merge:note(text, line, place, is_done)
  local before = self.places[text]
  if before and self:line_at(before) == line then
    self.identical = self.identical + 1
  elseif before then
    self.replaced = self.replaced + 1
  end
  if not before or is_done or before & DONE == 0 then
    self.places[text] = place | (is_done and DONE or 0)
  end
end

function Merge:scan(index, path)
  return each_line(path, function(line, offset, number)
    local result = line and resume.decode(line, true)
    if result then
      self:note(result.target.text, line, place_of(index, offset), resume.is_done(result))
    elseif not line or line:find("%S") then
      self:note_torn(path, number)
    end
  end)
end

function Merge:write(index, path, on_line)
  each_line(path, function(line, offset)
    local result = line and resume.decode(line, true)
    local place = result and self.places[result.target.text]
    if place and place & ~DONE == place_of(index, offset) then
      self.summary:add(result)
      on_line(line:sub(-1) == "\n" and line or line .. "\n")
    end
  end)
end

local function once(paths)
  local list, seen = {}, {}
  for _, path in ipairs(paths) do
    if not seen[path] then
      seen[path] = true
      list[#list + 1] = path
    end
  end
  return list
end

--- Joins files.
-- @tparam {string,...} paths
-- @tparam function on_line called with each line that counts, its end included
-- @tparam function warn called with a message for what can't be read
-- @treturn[1] table identical (lines that stand there twice), replaced (lines that another one counts for), torn (lines
--   that are no results), summary (see resum.analysis.summary)
-- @treturn[2] nil
-- @treturn[2] string message: a file can't be read
function M.files(paths, on_line, warn)
  local merge = setmetatable({
    paths = once(paths),
    places = {}, -- text of a target -> where the line stands that counts
    identical = 0,
    replaced = 0,
    torn = 0,
    summary = summaries.new(),
    warn = warn,
  }, Merge)
  for index, path in ipairs(merge.paths) do
    local read, message = merge:scan(index, path)
    if not read then
      return nil, message
    end
  end
  for index, path in ipairs(merge.paths) do
    merge:write(index, path, on_line)
  end
  if merge.torn > SHOWN then
    warn(("and %d more such lines"):format(merge.torn - SHOWN))
  end
  return merge
end

-- Where joined lines go: a file of its own, or nowhere.
local function open_output(parsed)
  local path = parsed.json_out
  if not path then
    return {}
  elseif path == "-" then
    return { file = io.stdout }
  end
  for _, input in ipairs(parsed.targets) do
    if system.same_file(path, input) then
      return nil, "is among the files to be joined"
    end
  end
  local file, message = io.open(path, "wb")
  return file and { file = file }, message
end

local function write_line(output, line)
  if output.file and not output.failure then
    local written, message = output.file:write(line)
    output.failure = not written and message or nil
  end
end

local function flush(output)
  if output.file and not output.failure then
    local flushed, message = output.file:flush()
    output.failure = not flushed and message or nil
  end
  return output.failure
end

--- The command with --merge: joins files and summarises them.
-- @tparam table parsed see resum.cli.options: targets (the files), json_out, quiet
-- @treturn integer exit code: 0, 1 (some line is no result), 2 (a file can't be read), 4 (the results can't be written)
function M.command(parsed)
  local output, message = open_output(parsed)
  if not output then
    say("--json_out: %s", message)
    return EXIT.usage
  end
  local merged
  merged, message = M.files(parsed.targets, function(line)
    write_line(output, line)
  end, function(problem)
    say("%s", problem)
  end)
  if not merged then
    say("--merge: %s", message)
    return EXIT.usage
  end
  local failure = flush(output)
  if failure then
    say("--json_out: %s", failure)
  end
  if merged.identical + merged.replaced > 0 then
    say("%d identical lines and %d older results are left out", merged.identical, merged.replaced)
  end
  local shown = parsed.quiet and {} or { file = parsed.json_out == "-" and io.stderr or io.stdout }
  if not parsed.quiet then
    write_line(shown, summary_text(merged.summary:fold(), system.columns(1)))
  end
  local not_shown = flush(shown)
  if not_shown then
    say("summary: %s", not_shown)
  end
  return (failure or not_shown) and EXIT.stopped or merged.torn > 0 and EXIT.not_all_scanned
    or EXIT.all_scanned
end

return M
