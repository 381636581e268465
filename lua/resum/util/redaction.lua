-- Takes secrets out of what others said, before it is shown: in clear, in hex, in Base64 (alone or amid other bytes),
-- each of them percent-encoded as often as one likes, in letters of either case, and cut off at an end of the text. It
-- cannot know what else one may make of a secret. Pure.

local hex = require "resum.util.hex"

local M = {}

local IN_PLACE = "..."
local DECODED = 3 -- times that percent-encoding is taken off
local LEAST_PART = 3 -- characters of a secret at an end of the text that count as a part of it
local LEAST_BASE64 = 4 -- characters: a group

local BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

--- RFC 4648, section 4.
-- @tparam string bytes
-- @treturn string
function M.base64(bytes)
  local out = bytes:gsub("..?.?", function(group)
    local a, b, c = group:byte(1, 3)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    local digits = {}
    for i = 1, #group + 1 do
      local digit = (bits >> (24 - 6 * i) & 63) + 1
      digits[i] = BASE64:sub(digit, digit)
    end
    return table.concat(digits) .. ("="):rep(3 - #group)
  end)
  return out
end

-- Digits of a secret that stands `offset` bytes behind the start of a group: those that no neighbour has a bit of.
local function amid_others(secret, offset)
  local digits = M.base64(("\0"):rep(offset) .. secret)
  return digits:sub((offset * 8 + 5) // 6 + 1, (offset + #secret) * 8 // 6)
end

local function add_word(words, word)
  words[#words + 1] = word:lower()
end

local function add_secret(words, secret)
  if secret == "" then
    return
  end
  add_word(words, secret)
  add_word(words, hex(secret))
  for offset = 0, 2 do
    local digits = amid_others(secret, offset)
    if #digits >= LEAST_BASE64 then
      add_word(words, digits)
      add_word(words, (digits:gsub("[+/]", { ["+"] = "-", ["/"] = "_" }))) -- RFC 4648, section 5
    end
  end
  add_word(words, M.base64(secret))
end

-- The text as its characters: of each the byte, and where it begins and ends.
local function characters_of(text)
  local list = {}
  for i = 1, #text do
    list[i] = { byte = text:sub(i, i), from = i, to = i }
  end
  return list
end

-- The same without one layer of percent-encoding (RFC 3986, section 2.1).
local function decode(list)
  local out, i = {}, 1
  while i <= #list do
    local one, high, low = list[i], list[i + 1], list[i + 2]
    local code = one.byte == "%" and low and (high.byte .. low.byte):match("^%x%x$")
    out[#out + 1] = code and { byte = string.char(tonumber(code, 16)), from = one.from, to = low.to } or one
    i = i + (code and 3 or 1)
  end
  return out
end

local function mark(secret, list, first, last)
  for i = list[first].from, list[last].to do
    secret[i] = true
  end
end

-- Parts of a word that the text begins or ends with.
local function mark_parts(secret, list, said, word)
  for length = math.min(#word - 1, #said), LEAST_PART, -1 do
    if said:sub(-length) == word:sub(1, length) then
      mark(secret, list, #list - length + 1, #list)
    end
    if said:sub(1, length) == word:sub(-length) then
      mark(secret, list, 1, length)
    end
  end
end

local function mark_word(secret, list, said, word)
  local first, last = said:find(word, 1, true)
  while first do
    mark(secret, list, first, last)
    first, last = said:find(word, first + 1, true)
  end
  mark_parts(secret, list, said, word)
end

local function without(text, secret)
  local out = {}
  for i = 1, #text do
    if not secret[i] then
      out[#out + 1] = text:sub(i, i)
    elseif not secret[i - 1] then
      out[#out + 1] = IN_PLACE
    end
  end
  return table.concat(out)
end

local function joined(list)
  local bytes = {}
  for i, one in ipairs(list) do
    bytes[i] = one.byte
  end
  return table.concat(bytes):lower()
end

--- A function that takes a user's name and password out of a text.
-- @tparam string user
-- @tparam string password
-- @treturn function (text) -> text; it takes time by the length of the text, which should be bounded
function M.of(user, password)
  local words = {}
  for _, secret in ipairs({ user .. ":" .. password, user, password }) do
    add_secret(words, secret)
  end
  return function(text)
    local secret, list = {}, characters_of(text)
    for _ = 0, DECODED do
      local said, before = joined(list), #list
      for _, word in ipairs(words) do
        mark_word(secret, list, said, word)
      end
      list = decode(list)
      if #list == before then
        break
      end
    end
    return next(secret) and without(text, secret) or text
  end
end

return M
