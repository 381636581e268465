-- A moment as ISO 8601, in UTC, to the second, as files for machines have it. Pure: os.date would be the world's.

local FORMAT = "%04d-%02d-%02dT%02d:%02d:%02dZ"
local DAY, ERA = 86400, 146097 -- seconds; days of 400 years
local BEFORE_1970 = 719468 -- days from the 1st of March of the year 0

-- The proleptic Gregorian calendar, of years that begin in March: a leap day is the last of them.
local function date_of(days)
  local of_era = (days + BEFORE_1970) % ERA
  local year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
  local of_year = of_era - (365 * year + year // 4 - year // 100)
  local month = (5 * of_year + 2) // 153 -- 0 is March
  local is_next = month >= 10
  return (days + BEFORE_1970) // ERA * 400 + year + (is_next and 1 or 0), month + (is_next and -9 or 3),
    of_year - (153 * month + 2) // 5 + 1
end

--- @tparam number time seconds since 1970
-- @treturn string such as "2026-11-29T14:02:10Z"
return function(time)
  local seconds = math.floor(time)
  local year, month, day = date_of(seconds // DAY)
  local left = seconds % DAY
  return FORMAT:format(year, month, day, left // 3600, left // 60 % 60, left % 60)
end
