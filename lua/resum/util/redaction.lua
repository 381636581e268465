-- Takes secrets out of what others said, before it is shown. Recognised are, in letters of either case: a secret in
-- clear, in hex, in decimal codes, in Base64 (alone or amid other bytes) and backwards; each of them escaped up to
-- three times (percent-encoding, HTML's entities, \u0041, \x41, \101, 0x41, =41), with whatever stands between its
-- letters that is neither letter nor digit, and cut off at an end of the text. What cannot be recognised: a secret of
-- fewer than four letters and digits in all, spelled out, and the signs at the ends of any that is spelled; letters in
-- exchange for others (ROT13, alphabets that look alike), words between them, and what is compressed, hashed or
-- encrypted. Pure.

local hex = require "resum.util.hex"

local M = {}

local IN_PLACE = "..."
local DECODED = 3 -- times that percent-encoding is taken off
local LEAST_PART = 3 -- characters of a secret at an end of the text that count as a part of it
local LEAST_BASE64 = 4 -- characters: a group
-- Letters and digits of what is looked for whatever stands between them: fewer stand in many a text by chance.
local LEAST_SPELLED = 4

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

-- Letters and digits of a text.
local function spelled(text)
  return (text:gsub("[^%w\128-\255]", ""))
end

-- Adds what is looked for as it is, and, where it is long enough, whatever stands between its letters.
local function add_word(words, word)
  word = word:lower()
  words.exact[#words.exact + 1] = word
  word = spelled(word)
  words.spelled[#words.spelled + 1] = #word >= LEAST_SPELLED and word or nil
end

local function add_secret(words, secret)
  if secret == "" then
    return
  end
  add_word(words, secret)
  add_word(words, secret:reverse())
  add_word(words, hex(secret))
  add_word(words, (secret:gsub(".", function(letter)
    return ("%d "):format(letter:byte())
  end)))
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

local MOST_UNICODE = 0x10FFFF

local function byte_of(digits, base)
  return string.char(tonumber(digits, base or 16))
end

local function character_of(digits, base)
  local code = tonumber(digits, base or 16)
  return code <= MOST_UNICODE and utf8.char(code) or nil
end

local ENTITIES = { amp = "&", lt = "<", gt = ">", quot = '"', apos = "'" }

-- Ways to write a character, by what they begin with.
local ESCAPES = {
  ["%"] = { { "^%%(%x%x)", byte_of } }, -- RFC 3986, section 2.1
  ["="] = { { "^=(%x%x)", byte_of } }, -- RFC 2045, section 6.7
  ["0"] = { { "^0x(%x%x)", byte_of } },
  ["&"] = {
    { "^&#x0*(%x%x?%x?%x?%x?%x?);?", character_of },
    { "^&#0*(%d%d?%d?%d?%d?%d?);?", function(digits) return character_of(digits, 10) end },
    { "^&(%a%a%a?%a?);", function(name) return ENTITIES[name] end },
  },
  ["\\"] = {
    { "^\\u(%x%x%x%x)", character_of },
    { "^\\u{0*(%x%x?%x?%x?%x?%x?)}", character_of },
    { "^\\x(%x%x)", byte_of },
    { "^\\([0-3][0-7][0-7])", function(digits) return byte_of(digits, 8) end },
    { "^\\(%p)", function(letter) return letter end },
  },
}

-- What is written at a place of the text, and where that ends; nil: itself.
local function escaped_at(said, i)
  for _, way in ipairs(ESCAPES[said:sub(i, i)] or {}) do
    local first, last, digits = said:find(way[1], i)
    local bytes = first and way[2](digits)
    if bytes then
      return bytes, last
    end
  end
end

-- The same without one layer of escapes.
local function decode(list, said)
  local out, i = {}, 1
  while i <= #list do
    local bytes, last = escaped_at(said, i)
    for letter in (bytes or list[i].byte):gmatch(".") do
      out[#out + 1] = { byte = letter, from = list[i].from, to = list[last or i].to }
    end
    i = (last or i) + 1
  end
  return out
end

local function mark(secret, list, first, last)
  for i = list[first].from, list[last].to do
    secret[i] = true
  end
end

-- Parts of a word that the text begins or ends with.
local function mark_parts(secret, list, said, word, least)
  for length = math.min(#word - 1, #said), least, -1 do
    if said:sub(-length) == word:sub(1, length) then
      mark(secret, list, #list - length + 1, #list)
    end
    if said:sub(1, length) == word:sub(-length) then
      mark(secret, list, 1, length)
    end
  end
end

local function mark_word(secret, list, said, word, least)
  local first, last = said:find(word, 1, true)
  while first do
    mark(secret, list, first, last)
    first, last = said:find(word, first + 1, true)
  end
  mark_parts(secret, list, said, word, least)
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

-- Letters and digits of a text, as its characters.
local function letters_of(list)
  local letters = {}
  for _, one in ipairs(list) do
    letters[#letters + 1] = spelled(one.byte) ~= "" and one or nil
  end
  return letters
end

local function mark_words(secret, list, said, words)
  for _, word in ipairs(words.exact) do
    mark_word(secret, list, said, word, LEAST_PART)
  end
  local letters = letters_of(list)
  local only = joined(letters)
  for _, word in ipairs(words.spelled) do
    mark_word(secret, letters, only, word, LEAST_SPELLED)
  end
end

--- A function that takes a user's name and password out of a text.
-- @tparam string user
-- @tparam string password
-- @treturn function (text) -> text; it takes time by the length of the text, which should be bounded
function M.of(user, password)
  local words = { exact = {}, spelled = {} }
  for _, secret in ipairs({ user .. ":" .. password, user, password }) do
    add_secret(words, secret)
  end
  return function(text)
    local secret, list = {}, characters_of(text)
    for _ = 0, DECODED do
      local said, before = joined(list), #list
      mark_words(secret, list, said, words)
      list = decode(list, said)
      if #list == before then
        break
      end
    end
    return next(secret) and without(text, secret) or text
  end
end

return M
