-- masscan's JSON (-oJ, -oD): objects, in an array or not, in lines or not, one for each open port. It takes one object
-- after another out of what comes in pieces, and holds no more than that one.

local address = require "resum.target.ip_address"
local cjson = require "cjson"
local interrupt = require "resum.cli.interrupt"
local ports = require "resum.cli.list.ports"
local service = require "resum.target.service"

local M = {}

local LONGEST = 64 * 1024 -- bytes of an object: masscan's have some hundreds, and a banner

local Objects = {}
Objects.__index = Objects

function Objects:keep(from, to)
  self.length = self.length + to - from + 1
  if self.length <= LONGEST then
    self.parts[#self.parts + 1] = self.piece:sub(from, to)
  else
    self.parts = {}
  end
end

-- What stands between two objects, or behind the last.
function Objects:check_between(from, to)
  if not self.between_told and self.piece:sub(from, to):find("[^%s,%[%]]") then
    self.between_told = true
    self.on_problem(self.number, "this is no JSON of masscan")
  end
end

-- A quote, a brace, a line end or a backslash, which is what may change what comes next. True: an object is whole.
function Objects:meet(char)
  if char == "\n" then
    self.number = self.number + 1
  elseif self.in_string then
    self.in_string = char ~= '"'
    self.escaped = char == "\\"
    self.in_string = self.in_string or self.escaped
  elseif char == '"' then
    self.in_string = self.depth > 0
  elseif char == "{" then
    self.depth = self.depth + 1
  elseif char == "}" and self.depth > 0 then
    self.depth = self.depth - 1
    return self.depth == 0
  end
end

-- Goes on to the next such sign in this piece. Returns an object's text, false where one is too long, nil: the piece is
-- at its end.
function Objects:advance()
  while self.at <= #self.piece do
    if self.escaped then
      self.at, self.escaped = self.at + 1, false
      self:keep(self.at - 1, self.at - 1)
    end
    local from, was_inside = self.at, self.depth > 0
    local stop = self.piece:find(self.in_string and '["\\\n]' or '["{}\n]', from)
    self.at = (stop or #self.piece) + 1
    local char = stop and self.piece:sub(stop, stop)
    if was_inside then
      self:keep(from, self.at - 1)
    else
      self:check_between(from, char == "{" and stop - 1 or self.at - 1)
    end
    local ended = char and self:meet(char)
    if not was_inside and self.depth > 0 then
      self.parts, self.length, self.begin = {}, 0, self.number
      self:keep(stop, stop)
    end
    if ended then
      return self.length <= LONGEST and table.concat(self.parts)
    end
  end
end

-- The next object and the number of its first line; false: it is too long; nil, and what went wrong, after the last.
function Objects:next()
  local object = self:advance()
  while object == nil do
    local bytes, why = self.read()
    if not bytes then
      if why == "eof" and self.depth > 0 then
        self.depth = 0
        self.on_problem(self.begin, "the list ends within this object")
      end
      return nil, why ~= "eof" and why or nil
    end
    self.piece, self.at = bytes, 1
    object = self:advance()
  end
  return object, self.begin
end

local function decode(text)
  local good, record = pcall(cjson.decode, text)
  if not good and interrupt.is(record) then
    error(record, 0)
  end
  return good and type(record) == "table" and record or nil
end

-- The port of an entry when it is to be scanned. With --banners there are entries of what was heard as well: of TLS
-- they tell where the number of the port does not.
local function wanted_port(entry, protocol)
  local port = type(entry) == "table" and math.tointeger(entry.port)
  if not port or entry.proto ~= "tcp" then
    return nil
  end
  local heard = type(entry.service) == "table" and entry.service.name
  local found = { name = "" }
  if heard then
    found = { name = "ssl", tunnel = "ssl" }
    return heard == "ssl" and not service.is_tls_port(port) and ports.are_wanted(port, found, protocol) and port or nil
  end
  return entry.status == "open" and ports.are_wanted(port, found, protocol) and port or nil
end

local function is_record(record)
  return record ~= nil and type(record.ip) == "string" and address.family(record.ip) ~= nil
    and type(record.ports) == "table"
end

-- What an object says, as a list of targets; or nil and what is wrong with it.
local function read(text, protocol)
  local record = decode(text)
  if not record and text:find('^{%s*"?finished') then
    return {} -- the last line of older versions, which need be no JSON
  elseif not is_record(record) then
    return nil, "this is no record of masscan: {\"ip\": ADDRESS, \"ports\": [...]}"
  end
  local targets = {}
  for _, entry in ipairs(record.ports) do
    local port = wanted_port(entry, protocol)
    targets[#targets + 1] = port and ports.target(record.ip, port)
  end
  return targets
end

--- A reader of such a list.
-- @tparam function read_bytes see resum.cli.list.plain
-- @tparam table options see resum.cli.list.plain
-- @treturn function see resum.cli.list.plain
function M.reader(read_bytes, options)
  local objects = setmetatable({
    read = read_bytes,
    on_problem = options.on_problem,
    piece = "",
    at = 1, -- of the piece, what comes next
    depth = 0, -- of braces
    in_string = false,
    escaped = false, -- the next byte has no meaning
    between_told = false,
    parts = {}, -- of the object that has begun
    length = 0,
    begin = 1, -- the line where it has
    number = 1,
  }, Objects)
  return function()
    local text, number = objects:next()
    if text == nil then
      return nil, number
    end
    local targets, problem = nil, ("this object is longer than %d bytes"):format(LONGEST)
    if text then
      targets, problem = read(text, options.protocol)
    end
    if problem then
      options.on_problem(number, problem)
    end
    return targets or {}, number
  end
end

return M
