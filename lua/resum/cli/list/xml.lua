-- nmap's and masscan's XML (-oX): hosts with their open ports. It is read in pieces, on lua-expat, which is loaded only
-- here; what is held is one host and one element.

local address = require "resum.target.ip_address"
local ports = require "resum.cli.list.ports"

local M = {}

local LONGEST = 4 * 1024 * 1024 -- bytes of one element: a script's output may be long
local DEEPEST = 100 -- elements within one another; nmap's go to about ten

local Document = {}
Document.__index = Document

-- What an element means, when it begins.
local START = {
  host = function(document)
    document.address, document.name = nil, nil
  end,
  address = function(document, attributes)
    if attributes.addrtype == "ipv4" or attributes.addrtype == "ipv6" then
      document.address = attributes.addr
    end
  end,
  hostname = function(document, attributes) -- the other type is PTR: the address's name in reverse
    document.name = attributes.type == "user" and attributes.name or document.name
  end,
  port = function(document, attributes)
    document.port = attributes.protocol == "tcp" and math.tointeger(tonumber(attributes.portid)) or nil
    document.is_open, document.found = false, { name = "" }
  end,
  state = function(document, attributes)
    document.is_open = attributes.state == "open"
  end,
  service = function(document, attributes)
    document.found = {
      name = attributes.name or "",
      tunnel = attributes.tunnel,
      probed = attributes.method == "probed",
    }
  end,
}

function Document:on_start(name, attributes)
  if self.depth == 0 and name ~= "nmaprun" then
    self.problem = self.problem or "this is no XML of nmap or masscan"
  end
  self.depth, self.unheard = self.depth + 1, 0
  if self.depth > DEEPEST then
    self.problem = self.problem or ("elements stand more than %d deep"):format(DEEPEST)
  elseif START[name] then
    START[name](self, attributes)
  end
end

function Document:add_port()
  if not self.port or not self.is_open or not ports.are_wanted(self.port, self.found, self.protocol) then
    return
  elseif not self.address or not address.family(self.address) then
    self.on_problem(self.parser:pos(), "this port belongs to no IP address")
    return
  end
  self.targets[#self.targets + 1] = ports.target(self.address, self.port, self.name)
end

function Document:on_end(name)
  self.depth, self.unheard = self.depth - 1, 0
  if name == "port" then
    self:add_port()
    self.port = nil
  end
end

-- The next bytes for the parser. Returns what is wrong, in words.
function Document:feed(bytes)
  self.unheard = self.unheard + #(bytes or "")
  local good, message, line
  if bytes then
    good, message, line = self.parser:parse(bytes)
  else
    good, message, line = self.parser:parse()
  end
  if not good then
    return ("line %d: %s"):format(line, bytes and message or "the XML ends too early")
  elseif self.unheard > LONGEST then
    self.problem = self.problem or ("an element is longer than %d bytes"):format(LONGEST)
  end
  return self.problem and ("line %d: %s"):format((self.parser:pos()), self.problem)
end

local function new_parser(document, lxp)
  local function heard()
    document.unheard = 0
  end
  return lxp.new({
    StartElement = function(_, name, attributes)
      document:on_start(name, attributes)
    end,
    EndElement = function(_, name)
      document:on_end(name)
    end,
    CharacterData = heard,
    Default = heard,
  })
end

--- A reader of such a list.
-- @tparam function read_bytes see resum.cli.list.plain
-- @tparam table options see resum.cli.list.plain
-- @treturn[1] function see resum.cli.list.plain
-- @treturn[2] nil
-- @treturn[2] string message: lua-expat is not there
function M.reader(read_bytes, options)
  local found, lxp = pcall(require, "lxp")
  if not found then
    return nil, "this is XML, and lua-expat, which reads it, is not installed for " .. _VERSION
  end
  local document = setmetatable({ depth = 0, unheard = 0, targets = {}, protocol = options.protocol,
    on_problem = options.on_problem }, Document)
  document.parser = new_parser(document, lxp)
  local over, problem = false, nil
  return function()
    if over then
      return nil, problem
    end
    local bytes, why = read_bytes()
    document.targets = {}
    if bytes or why == "eof" then
      problem = document:feed(bytes)
    else
      problem = why
    end
    over = not bytes or problem ~= nil
    return document.targets, (document.parser:pos())
  end
end

return M
