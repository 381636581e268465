-- The fleet's map for Graphviz: a cluster for each group, an edge for each of the tree that spans it. What nobody has
-- confirmed is dashed, what was refused is red and dotted. Pure: items come one by one, text goes out in pieces.

local escape = require "resum.util.escape"
local words = require "resum.analysis.fleet_words"

local M = {}

local function quoted(text)
  return '"' .. escape(text):gsub('["\\]', "\\%0") .. '"'
end

local function label_of(place)
  local at = words.at(place)
  return quoted(place.sni and place.sni .. " " .. at or at)
end

local function node(id, place)
  return ("    n%d [label=%s];\n"):format(id, label_of(place))
end

local function line(edge, style)
  return ("  n%d -- n%d [%s];\n"):format(edge.from, edge.to, style)
end

local function write_group(map, group, title, write)
  write(("  subgraph cluster_%d {\n    label=%s;\n"):format(group.number, quoted(title)))
  for member in map:members(group.number) do
    write(node(member.id, member))
  end
  write("  }\n")
  for edge in map:edges(group.number) do
    write(line(edge, edge.outcome == "confirmed" and "style=solid" or 'style=dashed, label="not confirmed"'))
  end
end

--- Writes a map.
-- @tparam table map see resum.fleet
-- @tparam function title_of a group's title, in words
-- @tparam function write called with each piece
function M.write(map, title_of, write)
  write('graph "shared ticket keys" {\n  node [shape=box, fontname="sans-serif"];\n  edge [fontname="sans-serif"];\n')
  for group in map:groups() do
    write_group(map, group, title_of(group), write)
  end
  for edge in map:refusals() do
    write(node(edge.from, edge.from_place) .. node(edge.to, edge.to_place))
    write(line(edge, 'style=dotted, color=red, constraint=false, label="refused"'))
  end
  write("}\n")
end

return M
