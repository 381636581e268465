-- What earlier runs saw of ticket keys (`--state FILE`): a JSON line for each key at each address, appended by every
-- run and merged by whoever reads, and one for each two places of which the one was offered a session of the other.
-- Ages are lower bounds, and what is missing makes them lower. It owns the lines and what they come to; the clock is
-- given, and the file is reached through what looks like resum.host.private_file.

local unreadables = require "resum.util.unreadable"

local M = {}

local SCHEMA = 1
local MARK = '{"resum_state":' -- every line begins so, which tells our file from others

--- Bytes of a line that is read: those of keys stay below 1,100 (names have 255 at most, keys 64 digits), those of
-- sessions have a chain of certificates in them.
M.LONGEST_LINE = 65536
--- Entries that are kept in memory, of some 500 bytes each. What is beyond is left out, and the store says so.
M.MOST_ENTRIES = 100000

local EDGE = ('%s%d,"edge":'):format(MARK, SCHEMA) -- what a line begins with that tells of two places

local DAY = 24 * 3600
local LONGEST = { key = 64, layout = 64, address = 64, sni = 255, certificate = 64 } -- bytes, as they are written
local LATEST = 2 ^ 53 -- whole numbers are exact so far

-- Lines ---------------------------------------------------------------------------------------------------------------

local function is_text(value, name)
  return type(value) == "string" and #value <= LONGEST[name] and not value:find("[%c\127-\255]")
end

local function whole(value, least)
  return type(value) == "number" and value >= least and value <= LATEST and value % 1 == 0 and math.tointeger(value)
    or nil
end

-- An entry of what a line says; nil where it is none of ours.
local function entry_of(fields)
  local entry = {
    first = whole(fields.first, 0), last = whole(fields.last, 0), runs = whole(fields.runs, 1),
    absent = whole(fields.absent, 0), returned = whole(fields.returned or 0, 0), port = whole(fields.port, 1),
  }
  if not (entry.first and entry.last and entry.runs and entry.returned and entry.port) or entry.last < entry.first then
    return nil
  end
  for _, name in ipairs({ "key", "layout", "address", "sni", "certificate" }) do
    local value = fields[name]
    if value ~= nil and not is_text(value, name) then
      return nil
    end
    entry[name] = value
  end
  return entry.key and entry.layout and entry.address and entry
end

--- Reads a line.
-- @tparam string line without its end
-- @treturn table|nil entry: key (the key's name, in hexadecimal digits), layout, address, port, sni (nil: none was
--   sent), first, last (seconds since 1970), absent (when a run before the first saw other keys there; nil: none did),
--   runs, returned (how often it was away and came back), certificate (SHA-256, hexadecimal digits); nil where the line
--   is torn or says something else
function M.decode(line)
  if line:sub(1, #MARK) ~= MARK or M.is_edge(line) then
    return nil
  end
  local good, fields = pcall(require("cjson").decode, line)
  if not good or type(fields) ~= "table" or fields.resum_state ~= SCHEMA then
    return nil
  end
  return entry_of(fields)
end

-- Text fields of a line, in the order of their names in the list; those that are absent are left out.
local function quoted_fields(from, names)
  local quoted, parts = require("cjson").encode, {}
  for _, name in ipairs(names) do
    parts[#parts + 1] = from[name] and ('"%s":%s'):format(name, quoted(from[name])) or nil
  end
  return table.concat(parts, ",")
end

--- Writes a line.
-- @tparam table entry see decode
-- @treturn string without its end
function M.encode(entry)
  local absent = entry.absent and (',"absent":%d'):format(entry.absent) or ""
  return ('%s%d,%s%s,"port":%d,"first":%d,"last":%d,"runs":%d,"returned":%d}'):format(MARK, SCHEMA,
    quoted_fields(entry, { "key", "layout", "address", "sni", "certificate" }), absent, entry.port, entry.first,
    entry.last, entry.runs, entry.returned or 0)
end

-- Edges ---------------------------------------------------------------------------------------------------------------

local OUTCOMES = { confirmed = true, refused = true }
local ENDS, END_FIELDS = { "from", "to" }, { "address", "sni", "certificate" }

local function end_of(fields)
  local place = type(fields) == "table" and { port = whole(fields.port, 1) } or {}
  if not place.port or fields.address == nil then
    return nil
  end
  for _, name in ipairs(END_FIELDS) do
    if fields[name] ~= nil and not is_text(fields[name], name) then
      return nil
    end
    place[name] = fields[name]
  end
  return place
end

local function edge_of(fields)
  local edge = { outcome = fields.edge, key = fields.key, layout = fields.layout, at = whole(fields.at, 0),
    from = end_of(fields.from), to = end_of(fields.to), offered_as = fields.offered_as }
  local is_whole = OUTCOMES[edge.outcome] and edge.at and edge.from and edge.to and is_text(edge.key, "key")
    and is_text(edge.layout, "layout") and (edge.offered_as == nil or is_text(edge.offered_as, "sni"))
  return is_whole and edge or nil
end

--- Reads a line that tells of two places of which the one was offered a session of the other.
-- @tparam string line without its end
-- @treturn table|nil edge: outcome ("confirmed": it resumed; "refused"), key and layout (what the session's ticket
--   names, and both places were seen with), at (seconds since 1970), from (where the session was made) and to (where it
--   was offered): address, port, sni, certificate (of each; see decode), offered_as (the name that was asked for there;
--   nil: none); nil where the line is torn or says something else
function M.decode_edge(line)
  if not M.is_edge(line) then
    return nil
  end
  local good, fields = pcall(require("cjson").decode, line)
  return good and type(fields) == "table" and fields.resum_state == SCHEMA and edge_of(fields) or nil
end

--- Does a line tell of two places, and not of a key?
-- @tparam string line
-- @treturn boolean
function M.is_edge(line)
  return line:sub(1, #EDGE) == EDGE
end

--- Writes such a line.
-- @tparam table edge see decode_edge
-- @treturn string without its end
function M.encode_edge(edge)
  local ends = {}
  for i, name in ipairs(ENDS) do
    ends[i] = ('"%s":{%s,"port":%d}'):format(name, quoted_fields(edge[name], END_FIELDS), edge[name].port)
  end
  return ('%s"%s",%s,%s,"at":%d}'):format(EDGE, edge.outcome, quoted_fields(edge, { "key", "layout", "offered_as" }),
    table.concat(ends, ","), edge.at)
end

-- Merging -------------------------------------------------------------------------------------------------------------

local function place_of(entry)
  return ("%s\n%d\n%s"):format(entry.address, entry.port, entry.sni or "")
end

local function name_of(entry)
  return ("%s\n%s\n%s"):format(entry.key, entry.layout, place_of(entry))
end

local Store = {}
Store.__index = Store

-- When runs saw any key at a place: the latest time, and the one before it.
local function note_run(store, entry)
  local name = place_of(entry)
  local runs = store.runs[name] or {}
  store.runs[name] = runs
  if entry.last > (runs.latest or -1) then
    runs.before, runs.latest = runs.latest, entry.last
  elseif entry.last < runs.latest then
    runs.before = math.max(runs.before or -1, entry.last)
  end
end

-- A run that saw the place, but not this key, stands between: the key was away.
local function was_away(store, known, entry)
  local runs = store.runs[place_of(entry)]
  local between = runs.latest < entry.first and runs.latest or runs.before
  return between ~= nil and between > known.last and between < entry.first
end

local function add(store, entry)
  local name = name_of(entry)
  local known = store.entries[name]
  if not known and #store.names == M.MOST_ENTRIES then
    store.left_out = store.left_out + 1
    return
  elseif not known then
    store.names[#store.names + 1] = name
    store.entries[name] = entry
    local same = store.by_key[entry.key] or {}
    store.by_key[entry.key] = same
    same[#same + 1] = entry
  else
    -- What is written twice, where a line and the file's replacement met, is one run.
    local again = entry.runs == 1 and entry.last == known.last
    known.returned = known.returned + entry.returned + (was_away(store, known, entry) and 1 or 0)
    known.runs = known.runs + (again and 0 or entry.runs)
    known.certificate = entry.last >= known.last and entry.certificate or known.certificate
    if entry.first < known.first then
      known.absent = entry.absent
    end
    known.first, known.last = math.min(known.first, entry.first), math.max(known.last, entry.last)
  end
  note_run(store, entry)
end

local function is_newer(line)
  local schema = line:match("^" .. MARK .. "(%d+)")
  return schema ~= nil and tonumber(schema) > SCHEMA
end

--- Is a file ours, by its first bytes?
-- @tparam string head its first bytes, M.HEAD of them or all that there are
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string why not, in words
function M.check_head(head)
  local first = head:match("^[^\n]*\n")
  while first and MARK:find(first:sub(1, -2), 1, true) == 1 do -- torn before its mark was whole, or before all of it
    head = head:sub(#first + 1)
    first = head:match("^[^\n]*\n")
  end
  if head == "" or head:sub(1, #MARK) == MARK:sub(1, #head) then
    if is_newer(head) then
      return nil, "a newer resum wrote it, and it is left as it is"
    end
    return true
  end
  return nil, "it is no state file of resum, and is left as it is"
end

--- How many bytes check_head wants.
M.HEAD = 64

--- Does a line hold a session (see resum.audit.lifetime.kept_sessions), and not what was seen of a key?
-- @tparam string line
-- @treturn boolean
function M.is_kept(line)
  return line:sub(1, #M.KEPT) == M.KEPT
end

--- What a line that holds a session begins with.
M.KEPT = ('%s%d,"kept":'):format(MARK, SCHEMA)

--- What is left of a line whose session was wiped: the file is still seen to be ours.
M.WIPED = ("%s%d"):format(MARK, SCHEMA)

--- Is a line what is left of one that was wiped?
-- @tparam string line
-- @treturn boolean
function M.is_wiped(line)
  return line:sub(1, #M.WIPED) == M.WIPED and not line:find("[^ ]", #M.WIPED + 1)
end

-- Of what a whole file is made of, so that it can be written anew; edges are many, and are in nobody's way else.
local function keep_edge(store, line, since)
  local edge = M.decode_edge(line)
  if edge and edge.at >= since then
    store.kept[#store.kept + 1] = line
  end
  return edge ~= nil
end

-- What takes in lines; `wanted(entry)` says which. Of edges, those since a time are kept; without one none is.
local function take_into(store, wanted, edges_since)
  return function(line)
    store.unreadable:pass()
    local entry = line and M.decode(line)
    if entry then
      if not wanted or wanted(entry) then
        add(store, entry)
      end
    elseif line and M.is_edge(line) and keep_edge(store, line, edges_since or math.huge) then
      return
    elseif line and is_newer(line) then
      store.newer = store.newer + 1
    elseif line and M.is_kept(line) then
      store.kept[#store.kept + 1] = line
    elseif line ~= "" and not (line and M.is_wiped(line)) then
      store.unreadable:note()
    end
  end
end

local function new_store(path, options)
  return setmetatable({
    path = path, files = options.files, now = options.now,
    names = {}, entries = {}, -- the entries by name, and the names in order
    by_key = {}, -- key -> its entries
    runs = {}, -- place -> when runs saw keys there
    kept = {}, -- lines that are written again as they are: those that hold sessions, and edges
    unreadable = unreadables.new(path), newer = 0, left_out = 0,
    failure = nil, -- why something could not be written down
  }, Store)
end

--- Writes lines behind the others. That it has failed once is remembered: later runs will not know what this one saw.
-- @function store:append
-- @tparam string text whole lines
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string message
function Store:append(text)
  local written, message = self.files.append(self.path, text)
  self.failure = self.failure or not written and message or nil
  return written, message
end

--- Notes the keys that a run has seen at a place, and writes them down.
-- @function store:note
-- @tparam {table,...} seen key, layout, address, port, sni, certificate of each
-- @treturn[1] {table,...} the entries of these keys at that place as they are now, see decode
-- @treturn[2] nil
-- @treturn[2] string message
function Store:note(seen)
  local now, lines, entries = math.floor(self.now()), {}, {}
  for i, one in ipairs(seen) do
    local entry = entry_of({ key = one.key, layout = one.layout, address = one.address, port = one.port, sni = one.sni,
      certificate = one.certificate, first = now, last = now, runs = 1 })
    if not entry then
      error("audit: what was seen of a key can't be written down", 0)
    end
    entries[i] = entry
  end
  for _, entry in ipairs(entries) do
    local runs = self.entries[name_of(entry)] == nil and self.runs[place_of(entry)]
    entry.absent = runs and (runs.latest < now and runs.latest or runs.before) or nil
  end
  for i, entry in ipairs(entries) do
    lines[i] = M.encode(entry)
    add(self, entry)
    entries[i] = self.entries[name_of(entry)] or entry
  end
  if #lines == 0 then
    return entries
  end
  local written, message = self:append(table.concat(lines, "\n") .. "\n")
  return written and entries, message
end

--- Writes down that a place was offered a session of another one.
-- @function store:note_edge
-- @tparam table edge see decode_edge; without its time
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string message
function Store:note_edge(edge)
  local fields = setmetatable({ edge = edge.outcome, at = math.floor(self.now()) }, { __index = edge })
  local checked = edge_of(fields)
  if not checked then
    error("audit: what was seen of two servers can't be written down", 0)
  end
  return self:append(M.encode_edge(checked) .. "\n")
end

--- Entries, in the order in which they were met.
-- @function store:all
-- @tparam[opt] table reader what keeps `at`, how far it came: it is given what it has not met yet
-- @treturn function iterator: entry (see decode)
function Store:all(reader)
  reader = reader or {}
  return function()
    reader.at = (reader.at or 0) + 1
    local entry = self.entries[self.names[reader.at]]
    reader.at = entry and reader.at or reader.at - 1
    return entry
  end
end

--- The entries of a key, wherever it was seen.
-- @function store:of_key
-- @tparam string key name, in hexadecimal digits
-- @treturn {table,...} see decode
function Store:of_key(key)
  return self.by_key[key] or {}
end

--- What of the file is left out, in sentences.
-- @function store:problems
-- @treturn {string,...}
function Store:problems()
  local list = { self.unreadable:words() }
  if self.newer > 0 then
    list[#list + 1] = ("%s: lines of a newer resum are left out: %d"):format(self.path, self.newer)
  end
  if self.left_out > 0 then
    list[#list + 1] = ("%s: keys of places beyond %d are left out: %d"):format(self.path, M.MOST_ENTRIES,
      self.left_out)
  end
  return list
end

-- Which entries a run has seen since then, by name.
local function seen_since(store, since)
  local seen = {}
  local read, message = store.files.lines(store.path, M.LONGEST_LINE, function(line)
    local entry = line and M.decode(line)
    if entry and entry.last >= since then
      seen[name_of(entry)] = true
    end
  end)
  return read and seen, message
end

-- Why a store may not stand in the place of the file that it was read from.
local function loses(store)
  if store.newer > 0 then
    return "a newer resum has written to it: nothing is forgotten"
  elseif store.left_out > 0 then
    return ("more than %d keys are to be kept: forget more"):format(M.MOST_ENTRIES)
  end
end

-- Reads the file into a store, but for what no run has seen for so long; that is cut from the file, and each entry is
-- one line then.
local function forget(store, days)
  local since = math.floor(store.now()) - days * DAY
  local seen, message = seen_since(store, since)
  if not seen then
    return nil, message
  end
  local at = 0
  return store.files.replace(store.path, M.LONGEST_LINE, take_into(store, function(entry)
    return entry.last >= since or seen[name_of(entry)]
  end, since), function()
    local problem = loses(store)
    if problem then
      return false, problem
    end
    at = at + 1
    local name = store.names[at]
    return name and M.encode(store.entries[name]) or store.kept[at - #store.names]
  end)
end

--- What lines of one place come to.
-- @tparam {table,...} entries see decode, in the order of their last times
-- @treturn {table,...} one for each key
function M.combine(entries)
  local store, list = new_store(nil, {}), {}
  for _, entry in ipairs(entries) do
    add(store, entry)
  end
  for i, name in ipairs(store.names) do
    list[i] = store.entries[name]
  end
  return list
end

--- Opens a state file; it need not be there yet.
-- @tparam string path
-- @tparam table options files (resum.host.private_file), now (function: seconds since 1970), forget_days (entries that
--   no run has seen for so many days are left out, and cut from the file)
-- @treturn[1] table store: note, all, problems; unreadable (lines that are torn or none of ours, see
--   resum.util.unreadable), newer (lines of a newer resum), left_out (entries beyond MOST_ENTRIES), failure (why
--   something could not be written down)
-- @treturn[2] nil
-- @treturn[2] string message; the file is as it was
function M.open(path, options)
  local head, message = options.files.head(path, M.HEAD)
  if not head then
    return nil, message
  end
  local ours, why = M.check_head(head)
  if not ours then
    return nil, ("%s: %s"):format(path, why)
  end
  local can_append, problem = options.files.can_append(path)
  if not can_append then
    return nil, problem
  end
  local store = new_store(path, options)
  local read
  if options.forget_days then
    read, message = forget(store, options.forget_days)
  else
    read, message = options.files.lines(path, M.LONGEST_LINE, take_into(store))
  end
  if not read then
    return nil, message
  end
  return store
end

return M
