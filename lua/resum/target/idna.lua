-- Names with letters beyond ASCII, in the form that DNS and TLS carry (RFC 5890: A-labels). Pure. Where libidn2 was
-- when resum was built, it maps (UTS 46: capitals, other full stops) and encodes. Elsewhere resum encodes (RFC 3492)
-- and maps nothing, as Unicode's tables would outweigh it: what is visibly not mapped yet is turned down with a reason;
-- a rare one that slips through makes a name that no name server knows, never another server's name.

local found, idn2 = pcall(require, "resum.target.idn2")

local M = {}

local BASE, T_MIN, T_MAX, SKEW, DAMP, INITIAL_BIAS, INITIAL_N = 36, 1, 26, 38, 700, 72, 128 -- RFC 3492, section 5

local function adapt(delta, points, first)
  delta = delta // (first and DAMP or 2)
  delta = delta + delta // points
  local k = 0
  while delta > (BASE - T_MIN) * T_MAX // 2 do
    delta = delta // (BASE - T_MIN)
    k = k + BASE
  end
  return k + (BASE - T_MIN + 1) * delta // (delta + SKEW)
end

local function digit(value)
  return string.char(value < 26 and value + 97 or value + 22) -- a to z, 0 to 9
end

-- One number as a variable-length integer (RFC 3492, section 3.3).
local function add_number(out, number, bias)
  local k = BASE
  while true do
    local t = math.max(T_MIN, math.min(T_MAX, k - bias))
    if number < t then
      break
    end
    out[#out + 1] = digit(t + (number - t) % (BASE - t))
    number = (number - t) // (BASE - t)
    k = k + BASE
  end
  out[#out + 1] = digit(number)
end

local function next_point(points, at_least)
  local least
  for _, point in ipairs(points) do
    if point >= at_least and (not least or point < least) then
      least = point
    end
  end
  return least
end

-- RFC 3492, section 6.3. Labels are short, so its integers can't overflow Lua's.
local function encode(points)
  local out = {}
  for _, point in ipairs(points) do
    if point < INITIAL_N then
      out[#out + 1] = string.char(point)
    end
  end
  local basic = #out
  local handled = basic
  if basic > 0 then
    out[#out + 1] = "-"
  end
  local n, delta, bias = INITIAL_N, 0, INITIAL_BIAS
  while handled < #points do
    local m = next_point(points, n)
    delta = delta + (m - n) * (handled + 1)
    n = m
    for _, point in ipairs(points) do
      if point < n then
        delta = delta + 1
      elseif point == n then
        add_number(out, delta, bias)
        bias = adapt(delta, handled + 1, handled == basic)
        delta, handled = 0, handled + 1
      end
    end
    n, delta = n + 1, delta + 1
  end
  return table.concat(out)
end

-- first, last, step of ranges of capital letters: Latin-1, Latin Extended-A, Greek, Cyrillic, Armenian, Latin Extended
-- Additional, full-width.
local CAPITALS = {
  { 0xC0, 0xD6, 1 }, { 0xD8, 0xDE, 1 }, { 0x100, 0x136, 2 }, { 0x139, 0x147, 2 }, { 0x14A, 0x176, 2 },
  { 0x178, 0x179, 1 }, { 0x17B, 0x17D, 2 }, { 0x386, 0x386, 1 }, { 0x388, 0x38F, 1 }, { 0x391, 0x3AB, 1 },
  { 0x400, 0x42F, 1 }, { 0x460, 0x480, 2 }, { 0x48A, 0x4BE, 2 }, { 0x4D0, 0x52E, 2 }, { 0x531, 0x556, 1 },
  { 0x1E00, 0x1E94, 2 }, { 0x1E9E, 0x1EFE, 2 }, { 0xFF21, 0xFF3A, 1 },
}

-- C1 controls and the signs of Latin-1 up to the middle dot, general punctuation, ideographic and full-width full
-- stops, private use and surrogates, the byte order mark.
local NO_LETTERS = {
  { 0x80, 0xA9, 1 }, { 0xAB, 0xB6, 1 }, { 0xB8, 0xB9, 1 }, { 0xBB, 0xBF, 1 }, { 0x2000, 0x206F, 1 },
  { 0x3000, 0x3002, 1 }, { 0xD800, 0xF8FF, 1 }, { 0xFEFF, 0xFEFF, 1 }, { 0xFF0E, 0xFF0E, 1 }, { 0xFF61, 0xFF61, 1 },
  { 0xFFF0, 0xFFFF, 1 },
}

local COMBINING = { { 0x300, 0x36F, 1 } }

local function lies_in(ranges, point)
  for _, range in ipairs(ranges) do
    if point >= range[1] and point <= range[2] and (point - range[1]) % range[3] == 0 then
      return true
    end
  end
  return false
end

local function problem_of(points)
  for _, point in ipairs(points) do
    if lies_in(CAPITALS, point) then
      return "letters beyond ASCII must be written in lower case"
    elseif lies_in(COMBINING, point) then
      return "accented letters must be written as one character each (Unicode's NFC)"
    elseif lies_in(NO_LETTERS, point) then
      return "it contains a character that is not a letter"
    end
  end
end

--- As to_ascii, without libidn2.
-- @tparam string name UTF-8, beyond ASCII
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string what is wrong, in words
function M.encode(name)
  local problem
  local converted = name:gsub("[^.]+", function(label)
    if not label:find("[\128-\255]") then
      return label
    end
    local points = { utf8.codepoint(label:lower(), 1, -1) }
    problem = problem or problem_of(points)
    return not problem and "xn--" .. encode(points)
  end)
  if problem then
    return nil, problem .. "; write it as it is registered, or in its xn-- form"
  end
  return converted
end

--- A host name as DNS and TLS carry it: labels beyond ASCII become "xn--…" (RFC 5891, section 4.4), mapped as UTS 46
-- wants it. An ASCII name is returned as it is.
-- @tparam string name UTF-8
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string what is wrong, in words
function M.to_ascii(name)
  if not name:find("[\128-\255]") then
    return name
  elseif not utf8.len(name) then
    return nil, "it is not UTF-8"
  end
  -- IDNA2008 has no symbols; but names with some are registered, and browsers look them up. Those need no mapping.
  local mapped = found and not name:find("\0", 1, true) and idn2.to_ascii(name)
  if mapped then
    return mapped
  end
  return M.encode(name)
end

return M
