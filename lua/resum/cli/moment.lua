-- A moment as people write it (--until): "18:00", "2026-11-29T18:00", "90min". And a duration ("7d"). Words in, numbers
-- out; the clock is given.

local escape = require "resum.util.escape"
local tables = require "resum.util.tables"

local M = {}

local UNITS = { s = 1, min = 60, h = 3600, d = 86400 }
local MOST = 100 * 366 * 86400 -- seconds

--- Reads a duration.
-- @tparam string text a number and its unit: s, min, h or d
-- @treturn number|nil seconds; nil where it is none
function M.duration(text)
  local number, unit = text:match("^(%d+%.?%d*)%s*(%l+)$")
  local seconds = number and UNITS[unit] and tonumber(number) * UNITS[unit]
  return seconds and seconds > 0 and seconds <= MOST and seconds or nil
end

-- Does the calendar have this time? os.time makes the 1st of March of a 30th of February.
local function time_of(fields, offset)
  local time = os.time(tables.merged(fields)) -- which writes into the table
  local again = time and os.date("*t", time)
  for _, name in ipairs({ "year", "month", "day", "hour", "min" }) do
    if not again or again[name] ~= fields[name] then
      return nil
    end
  end
  return time + offset
end

-- Of local time, what has to be added to read it as UTC.
local function utc_offset(now)
  local utc = os.date("!*t", now)
  utc.isdst = false
  return os.difftime(now, os.time(utc))
end

local function date_of(text, now)
  local year, month, day, hour, min, sec, zone =
    text:match("^(%d%d%d%d)-(%d%d)-(%d%d)[T ](%d%d):(%d%d):?(%d?%d?)(Z?)$")
  if not year then
    return nil
  end
  local fields = { year = tonumber(year), month = tonumber(month), day = tonumber(day), hour = tonumber(hour),
    min = tonumber(min), sec = tonumber(sec) or 0 }
  if zone == "Z" then
    fields.isdst = false
    return time_of(fields, utc_offset(now))
  end
  return time_of(fields, 0)
end

-- The next time that a clock shows this.
local function clock_of(text, now)
  local hour, min = text:match("^(%d%d?):(%d%d)$")
  hour, min = tonumber(hour), tonumber(min)
  if not hour or hour > 23 or min > 59 then
    return nil
  end
  local fields = os.date("*t", now)
  fields.hour, fields.min, fields.sec, fields.isdst = hour, min, 0, nil
  local time = os.time(fields)
  if time <= now then
    fields.day = fields.day + 1
    fields.hour, fields.min, fields.isdst = hour, min, nil
    time = os.time(fields)
  end
  return time
end

--- Reads a moment that is to come.
-- @tparam string text a time of day, a date with a time of day (local; with Z: UTC), or a duration from now on
-- @tparam integer now seconds since 1970
-- @treturn[1] number seconds since 1970
-- @treturn[2] nil
-- @treturn[2] string message
function M.read(text, now)
  local duration = M.duration(text)
  local time = duration and now + duration or date_of(text, now) or clock_of(text, now)
  if not time then
    return nil, ("--until takes a time such as 18:00, 2026-11-29T18:00, 2026-11-29T18:00Z or 90min, not '%s'"):format(
      escape(text, 40))
  elseif time <= now then
    return nil, ("--until %s has passed"):format(escape(text, 40))
  end
  return time
end

return M
