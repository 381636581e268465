-- What a server answers to a request inside TLS, as far as it is to be compared with another answer: an HTTP status,
-- where it leads to, the title of the page, length and SHA-256 of the body. The body is read up to a bound and not
-- kept. It reads no socket and knows no handshake.

local core = require "resum.core"

local M = {}

--- Bytes of an answer that are read: beyond them it is cut, and so is what is compared.
M.MOST = 64 * 1024
local LONGEST_TEXT = 120 -- bytes of a title or a place

local Response = {}
Response.__index = Response

--- Takes in what came.
-- @function response:add
-- @tparam string bytes
function Response:add(bytes)
  local room = M.MOST - self.length
  if #bytes > room then
    bytes, self.is_cut = bytes:sub(1, room), true
  end
  if bytes ~= "" then
    self.pieces[#self.pieces + 1], self.length = bytes, self.length + #bytes
    self.text = nil
  end
end

function Response:bytes()
  self.text = self.text or table.concat(self.pieces)
  return self.text
end

-- The header of an HTTP answer and its body; nil where it is none, or not all there.
local function parts_of(text)
  if not text:find("^HTTP/%d%.%d %d%d%d") then
    return nil
  end
  local first, last = text:find("\r?\n\r?\n")
  return first and text:sub(1, first), first and text:sub(last + 1)
end

local function field(header, name)
  for key, value in header:gmatch("\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
    if key:lower() == name then
      return value
    end
  end
end

-- A line of SMTP's or FTP's that says that more follows, and one of IMAP's that answers no command.
local MORE_FOLLOWS = { "^%d%d%d%-", "^%*" }

-- What is no HTTP is a few lines, which end with one that says so.
local function ends_in_full(text)
  local last = text:match("([^\n]*)\r?\n$")
  if not last or text:find("^HTTP/") then
    return false
  end
  for _, pattern in ipairs(MORE_FOLLOWS) do
    if last:find(pattern) then
      return false
    end
  end
  return true
end

--- Is it known to be all there? Where only the end of the connection tells, it is not.
-- @function response:is_complete
-- @treturn boolean
function Response:is_complete()
  if self.is_cut then
    return true
  end
  local text = self:bytes()
  local header, body = parts_of(text)
  if not header then
    return ends_in_full(text)
  end
  local length = tonumber(field(header, "content-length") or "")
  if length then
    return #body >= length
  end
  local coding = field(header, "transfer-encoding")
  return coding ~= nil and coding:lower():find("chunked", 1, true) ~= nil and body:find("\r\n0\r\n\r\n", 1, true) ~= nil
end

local function short(text)
  return text and text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""):sub(1, LONGEST_TEXT)
end

-- <title> in any case of letters.
local function title_of(body)
  return short(body:match("<[Tt][Ii][Tt][Ll][Ee][^>]*>([^<]*)<"))
end

--- What there is to compare.
-- @function response:fields
-- @treturn table|nil length and sha256 (of the body; of all that came where it is no HTTP), and of HTTP status
--   (number), location and title; is_cut (there was more than is read); nil where nothing came
function Response:fields()
  local text = self:bytes()
  if text == "" then
    return nil
  end
  local header, body = parts_of(text)
  if not header then
    return { length = #text, sha256 = core.sha256(text), is_cut = self.is_cut }
  end
  return {
    status = tonumber(header:match("^HTTP/%d%.%d (%d%d%d)")),
    location = short(field(header, "location")),
    title = title_of(body),
    length = #body,
    sha256 = core.sha256(body),
    is_cut = self.is_cut,
  }
end

--- @treturn table response, empty
function M.new()
  return setmetatable({ pieces = {}, length = 0, text = nil, is_cut = nil }, Response)
end

return M
