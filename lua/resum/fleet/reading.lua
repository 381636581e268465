-- State files as tables: places (an address, a port and the name asked for), the keys that each was seen with, and who
-- was offered whose sessions. However many files and lines there are, one place's are in memory at a time. What the
-- tables come to, it does not know.

local key_names = require "resum.audit.keys.names"
local owners = require "resum.fleet.owner"
local states = require "resum.audit.keys.state"
local unreadables = require "resum.util.unreadable"

local M = {}

local TABLES = {
  "line (address, port INTEGER, sni, last INTEGER, text)",
  "offer (id INTEGER PRIMARY KEY, from_address, from_port INTEGER, from_sni, to_address, to_port INTEGER, to_sni, key, "
    .. "layout, outcome, at INTEGER, offered_as, from_certificate, to_certificate, text)",
  "place (id INTEGER PRIMARY KEY, address, port INTEGER, sni, certificate, last INTEGER, owner)",
  -- tells: 1 where who has the same name has the same key, as far as a name can tell
  "entry (id INTEGER PRIMARY KEY, place INTEGER, key, layout, first INTEGER, last INTEGER, is_current INTEGER, "
    .. "tells INTEGER, text)",
}

local function put_edge(add, edge, line)
  local from, to = edge.from, edge.to
  add(nil, from.address, from.port, from.sni or "", to.address, to.port, to.sni or "", edge.key, edge.layout,
    edge.outcome, edge.at, edge.offered_as or "", from.certificate, to.certificate, line)
end

-- Reads one file.
local function read(files, path, counts, add_line, add_edge)
  local head, message = files.head(path, states.HEAD)
  if not head then
    return nil, message
  end
  local ours, why = states.check_head(head)
  if not ours or head == "" then
    return nil, ("%s: %s"):format(path, why or "there is no such file, or nothing in it")
  end
  local unreadable = unreadables.new(path)
  counts.unreadable[#counts.unreadable + 1] = unreadable
  local done, rest = files.lines(path, states.LONGEST_LINE, function(line)
    unreadable:pass()
    local entry = line and states.decode(line)
    local edge = line and not entry and states.decode_edge(line)
    if entry then
      add_line(entry.address, entry.port, entry.sni or "", entry.last, states.encode(entry))
    elseif edge then
      put_edge(add_edge, edge, states.encode_edge(edge))
    elseif line and states.is_kept(line) then
      counts.sessions = counts.sessions + 1
    elseif line ~= "" and not (line and states.is_wiped(line)) then
      unreadable:note()
    end
  end)
  if done and rest > 0 then -- a last line without its end
    unreadable:pass()
    unreadable:note()
  end
  return done, rest
end

-- The lines of one place are one of its keys each; those of the last run that saw the place are in use.
local function put_place(tables, number, lines)
  local entries, last = states.combine(lines), {}
  for _, entry in ipairs(entries) do
    last = entry.last >= (last.last or 0) and entry or last
  end
  tables.add_place(number, last.address, last.port, last.sni or "", last.certificate, last.last,
    owners.of(last.sni or last.address))
  for _, entry in ipairs(entries) do
    tables.add_entry(nil, number, entry.key, entry.layout, entry.first, entry.last, entry.last == last.last and 1 or 0,
      key_names.tells(entry.key) and 1 or 0, states.encode(entry))
  end
end

-- Sorted, the lines of each place follow one another.
local function put_places(database, side, tables)
  local number, lines, place, before = 0, {}, nil, nil
  local function finish()
    if #lines > 0 then
      number = number + 1
      put_place(tables, number, lines)
    end
    lines = {}
  end
  for row in database:rows(("SELECT address, port, sni, text FROM %s_line ORDER BY address, port, sni, last, text")
    :format(side)) do
    local here, text = ("%s\n%d\n%s"):format(row[1], row[2], row[3]), row[4]
    if here ~= place then
      finish()
    end
    if here ~= place or text ~= before then -- what two files have in common is one line
      lines[#lines + 1] = states.decode(text)
    end
    place, before = here, text
  end
  finish()
end

--- Reads state files into tables whose names begin with a side.
-- @tparam table database see resum.fleet.database
-- @tparam string side "new" or "old"
-- @tparam table files resum.host.private_file
-- @tparam {string,...} paths
-- @treturn[1] table counts: unreadable (of each file, lines that are torn or say something else, see
--   resum.util.unreadable), sessions (lines that hold one, which are passed over)
-- @treturn[2] nil
-- @treturn[2] string message: a file can't be read, or is another's
function M.read(database, side, files, paths)
  local counts = { unreadable = {}, sessions = 0 }
  for _, definition in ipairs(TABLES) do
    database:run(("CREATE TABLE %s_%s"):format(side, definition))
  end
  local add_line, add_edge = database:inserter(side .. "_line", 5), database:inserter(side .. "_offer", 15)
  for _, path in ipairs(paths) do
    local fine, message = read(files, path, counts, add_line, add_edge)
    if not fine then
      return nil, message
    end
  end
  add_line()
  add_edge()
  local tables = { add_place = database:inserter(side .. "_place", 7),
    add_entry = database:inserter(side .. "_entry", 9) }
  put_places(database, side, tables)
  tables.add_place()
  tables.add_entry()
  database:run(("DROP TABLE %s_line"):format(side))
  database:run(("CREATE UNIQUE INDEX %s_places ON %s_place (address, port, sni)"):format(side, side))
  database:run(("CREATE INDEX %s_entries ON %s_entry (place, key, layout)"):format(side, side))
  database:run(("CREATE INDEX %s_keys ON %s_entry (key, layout)"):format(side, side))
  return counts
end

return M
