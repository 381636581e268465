-- Whose a name is, as far as the name tells: a guess by its last labels, for whoever compares fleets. It asks nobody.
-- Pure.

local ip_address = require "resum.target.ip_address"

local M = {}

-- What stands below a country's label where names are given out one label further down.
local SECOND = {}
for word in ("ac asso co com edu firm gob gov govt gouv go gr ind info ltd me mil ne net nhs nom or org plc sch")
  :gmatch("%a+") do
  SECOND[word] = true
end

--- The name that its owner registered: its last two labels, or three below such as "co.uk". Of an address, itself.
-- @tparam string name of a host, or its address
-- @treturn string
function M.of(name)
  local labels = {}
  for label in name:lower():gmatch("[^.]+") do
    labels[#labels + 1] = label
  end
  if #labels < 3 or ip_address.family(name) then
    return name:lower()
  end
  local is_country = #labels[#labels] == 2 and SECOND[labels[#labels - 1]]
  return table.concat(labels, ".", #labels - (is_country and 2 or 1))
end

return M
