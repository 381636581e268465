--- Lua's pattern matching, written in Lua: so that debug.sethook counts what a pattern costs, which is one instruction
-- otherwise, however long it takes. It knows what the manual (section 6.4.1) says of patterns; it must not know who
-- matches what.

local M = {}

local MOST_CAPTURES = 32

local CLASSES = {
  a = "[A-Za-z]", d = "[0-9]", l = "[a-z]", s = "[\t-\r ]", u = "[A-Z]", w = "[0-9A-Za-z]", x = "[0-9A-Fa-f]",
}

local byte_class = {} -- class letter -> set of bytes

local find = string.find

for letter, set in pairs(CLASSES) do
  byte_class[letter] = {}
  for code = 0, 255 do
    byte_class[letter][code] = find(string.char(code), set) ~= nil
  end
end
byte_class.c, byte_class.g, byte_class.p, byte_class.z = {}, {}, {}, {}
for code = 0, 255 do
  byte_class.c[code] = code < 32 or code == 127
  byte_class.g[code] = code > 32 and code < 127
  byte_class.p[code] = byte_class.g[code] and not byte_class.w[code]
  byte_class.z[code] = code == 0
end

local function in_class(code, letter)
  local set = byte_class[string.lower(letter)]
  if not set then
    return code == string.byte(letter)
  end
  return set[code] == (letter == string.lower(letter))
end

-- Behind the single-character item at p.
local function item_end(pattern, p)
  local first = string.sub(pattern, p, p)
  if first == "%" then
    return p + 2
  elseif first ~= "[" then
    return p + 1
  end
  p = p + (string.sub(pattern, p + 1, p + 1) == "^" and 2 or 1)
  repeat
    p = p + (string.sub(pattern, p, p) == "%" and 2 or 1)
  until string.sub(pattern, p, p) == "]"
  return p + 1
end

local function in_set(code, pattern, p, last)
  local positive = true
  if string.sub(pattern, p + 1, p + 1) == "^" then
    positive, p = false, p + 1
  end
  p = p + 1
  while p < last do
    local first = string.sub(pattern, p, p)
    if first == "%" then
      if in_class(code, string.sub(pattern, p + 1, p + 1)) then
        return positive
      end
      p = p + 2
    elseif string.sub(pattern, p + 1, p + 1) == "-" and p + 2 < last then
      if code >= string.byte(first) and code <= string.byte(pattern, p + 2) then
        return positive
      end
      p = p + 3
    else
      if code == string.byte(first) then
        return positive
      end
      p = p + 1
    end
  end
  return not positive
end

local function single(state, s, p, after)
  local code = string.byte(state.text, s)
  if not code then
    return false
  end
  local first = string.sub(state.pattern, p, p)
  if first == "." then
    return true
  elseif first == "%" then
    return in_class(code, string.sub(state.pattern, p + 1, p + 1))
  elseif first == "[" then
    return in_set(code, state.pattern, p, after - 1)
  end
  return code == string.byte(first)
end

local match_here

local function frontier(state, s, p)
  local after = item_end(state.pattern, p)
  local before, here = s > 1 and string.byte(state.text, s - 1) or 0, string.byte(state.text, s) or 0
  if not in_set(before, state.pattern, p, after - 1) and in_set(here, state.pattern, p, after - 1) then
    return match_here(state, s, after)
  end
end

local function open_capture(state, s, p, length)
  local n = #state.captures + 1
  assert(n <= MOST_CAPTURES)
  state.captures[n] = { from = s, length = length }
  local stop = match_here(state, s, p)
  if not stop then
    state.captures[n] = nil
  end
  return stop
end

local function close_capture(state, s, p)
  for i = #state.captures, 1, -1 do
    local one = state.captures[i]
    if not one.length then
      one.length = s - one.from
      local stop = match_here(state, s, p)
      one.length = stop and one.length or nil
      return stop
    end
  end
  error("invalid pattern capture")
end

local function most_first(state, s, p, after, least)
  local count = 0
  while single(state, s + count, p, after) do
    count = count + 1
  end
  while count >= least do
    local stop = match_here(state, s + count, after + 1)
    if stop then
      return stop
    end
    count = count - 1
  end
end

local function least_first(state, s, p, after)
  while true do
    local stop = match_here(state, s, after + 1)
    if stop then
      return stop
    elseif not single(state, s, p, after) then
      return nil
    end
    s = s + 1
  end
end

local function item(state, s, p)
  local after = item_end(state.pattern, p)
  local suffix = string.sub(state.pattern, after, after)
  if suffix == "*" or suffix == "+" then
    return most_first(state, s, p, after, suffix == "+" and 1 or 0)
  elseif suffix == "-" then
    return least_first(state, s, p, after)
  elseif suffix == "?" then
    return single(state, s, p, after) and match_here(state, s + 1, after + 1) or match_here(state, s, after + 1)
  end
  return single(state, s, p, after) and match_here(state, s + 1, after) or nil
end

-- Matches the pattern from p on at s: the position behind the match, or nil.
function match_here(state, s, p)
  local pattern = state.pattern
  if p > #pattern then
    return s
  end
  local two = string.sub(pattern, p, p + 1)
  local first = string.sub(two, 1, 1)
  if two == "()" then
    return open_capture(state, s, p + 2, "position")
  elseif first == "(" then
    return open_capture(state, s, p + 1, nil)
  elseif first == ")" then
    return close_capture(state, s, p + 1)
  elseif first == "$" and p == #pattern then
    return s == #state.text + 1 and s or nil
  elseif two == "%f" then
    return frontier(state, s, p + 2)
  elseif two == "%b" or two == "%1" then
    error("patterns: " .. two .. " is not used here")
  end
  return item(state, s, p)
end

local function captures_of(state, from, stop, whole)
  local list = {}
  for i, one in ipairs(state.captures) do
    list[i] = one.length == "position" and one.from or string.sub(state.text, one.from, one.from + one.length - 1)
  end
  if #list == 0 and whole then
    list[1] = string.sub(state.text, from, stop - 1)
  end
  return list
end

-- The first match from init on: its start, the position behind it, its captures; or nil.
local function search(text, pattern, init, whole)
  local anchored = string.sub(pattern, 1, 1) == "^"
  for s = init, anchored and init or #text + 1 do
    local state = { text = text, pattern = pattern, captures = {} }
    local stop = match_here(state, s, anchored and 2 or 1)
    if stop then
      return s, stop, captures_of(state, s, stop, whole)
    end
  end
end

local function start_of(text, init)
  init = init or 1
  return init < 0 and math.max(1, #text + init + 1) or math.max(1, init)
end

--- As string.find.
function M.find(text, pattern, init, plain)
  init = start_of(text, init)
  if plain then
    return find(text, pattern, init, true)
  end
  local from, stop, captures = search(text, pattern, init, false)
  if from then
    return from, stop - 1, table.unpack(captures)
  end
  return nil
end

--- As string.match.
function M.match(text, pattern, init)
  local from, _, captures = search(text, pattern, start_of(text, init), true)
  if from then
    return table.unpack(captures)
  end
  return nil
end

--- As string.gmatch.
function M.gmatch(text, pattern)
  local at, last = 1, nil
  return function()
    while at <= #text + 1 do
      local from, stop, captures = search(text, pattern, at, true)
      if not from then
        at = #text + 2
      elseif stop == last then
        at = from + 1 -- an empty match right behind the one before
      else
        at, last = stop, stop
        return table.unpack(captures)
      end
    end
  end
end

local function replacement(with, text, from, stop, captures)
  local value
  if type(with) == "function" then
    value = with(table.unpack(captures))
  elseif type(with) == "table" then
    value = with[captures[1]]
  else
    value = ""
    local escaped = false
    for i = 1, #with do
      local one = string.sub(with, i, i)
      if escaped then
        value = value .. (one == "0" and string.sub(text, from, stop - 1) or captures[tonumber(one)] or one)
        escaped = false
      elseif one == "%" then
        escaped = true
      else
        value = value .. one
      end
    end
  end
  return value or string.sub(text, from, stop - 1)
end

--- As string.gsub.
function M.gsub(text, pattern, with, most)
  local anchored = string.sub(pattern, 1, 1) == "^"
  local out, at, count, last = {}, 1, 0, nil
  while count < (most or math.huge) do
    local state = { text = text, pattern = pattern, captures = {} }
    local stop = match_here(state, at, anchored and 2 or 1)
    if stop and stop ~= last then -- no empty match right behind another
      count = count + 1
      out[#out + 1] = replacement(with, text, at, stop, captures_of(state, at, stop, true))
    end
    if stop and stop ~= last then
      at, last = stop, stop
    elseif at <= #text then
      out[#out + 1] = string.sub(text, at, at)
      at = at + 1
    else
      break
    end
    if anchored then
      break
    end
  end
  return table.concat(out) .. string.sub(text, at), count
end

return M
