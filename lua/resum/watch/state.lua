-- The file from which a watch goes on after its end, whatever that was (`--state FILE`): JSON lines, appended as things
-- happen, and written anew when most of them are out of date. Sessions hold secrets: the file is for its owner only. It
-- owns the lines; the file is reached through what looks like resum.host.private_file.

local core = require "resum.core"
local hex = require "resum.util.hex"
local mechanisms = require "resum.connection.mechanism"
local watches = require "resum.analysis.watch"
local words = require "resum.analysis.watch.words"
local unhex = require "resum.util.unhex"
local unreadables = require "resum.util.unreadable"

local M = {}

local SCHEMA = 1
local MARK = '{"resum_watch":' -- every line begins so, which tells our file from others
local LONGEST_LINE = 1024 * 1024 -- bytes; what was known of an address takes some tens of thousands
local LONGEST_SESSION = 64 * 1024 -- bytes; what is larger is held in memory only
--- Events of an address that are kept.
M.EVENTS = watches.EVENTS
--- Bytes that are out of date before the file is written anew, or as many as are not: so what is written anew is never
-- more than what was appended.
M.LEAST = 64 * 1024

local function line_of(name, kind, value)
  local quoted = require("cjson").encode
  return ('%s%d,"place":%s,"%s":%s}'):format(MARK, SCHEMA, quoted(name), kind, quoted(value))
end

local function nothing() end

local Store = {}
Store.__index = Store

local function new_place()
  return { sessions = {}, order = {}, events = {}, watch = nil }
end

function Store:place(name)
  if not self.places[name] then
    self.places[name] = new_place()
    self.names[#self.names + 1] = name
  end
  return self.places[name]
end

-- Reading -------------------------------------------------------------------------------------------------------------

local function is_session(value)
  return type(value) == "table" and type(value.id) == "number" and value.id % 1 == 0 and type(value.der) == "string"
    and type(value.issued) == "number" and type(value.promise) == "number" and mechanisms[value.mechanism] ~= nil
    and (value.key == nil or type(value.key) == "string")
end

-- Does something work with what a damaged file may say? Whoever uses it would fail in the middle of a watch.
local function works_with(use, value)
  return type(value) == "table" and pcall(use, value)
end

local function tell(event)
  assert(type(event.time) == "number")
  return words.sentence(event, function(time) return ("%d"):format(time // 1 | 0) end)
end

local function go_on(saved)
  assert(type(saved.time) == "number" and math.abs(saved.time) < math.huge)
  saved.watch.events = {}
  return watches.new(saved.watch):state()
end

local function session_of(fields, read)
  local der = unhex(fields.der)
  local session = der and read({ der = der })
  return session and { session = session, id = fields.id, mechanism = fields.mechanism, issued = fields.issued,
    promise = fields.promise, key = fields.key, again = true } or nil
end

-- What a line of each kind does, as far as it is whole; returns whether it is.
local TAKE = {
  session = function(place, value, line)
    if not is_session(value) then
      return false
    end
    place.sessions[value.id] = line
    place.order[#place.order + 1] = value.id
    return true
  end,
  drop = function(place, value)
    place.sessions[value] = nil
    return type(value) == "number"
  end,
  event = function(place, value, line)
    if not works_with(tell, value) then
      return false
    end
    place.events[#place.events + 1] = line
    if #place.events > M.EVENTS then
      table.remove(place.events, 1)
    end
    return true
  end,
  watch = function(place, value, line)
    local is_whole = works_with(go_on, value)
    place.watch = is_whole and line or place.watch -- an older one that is whole says more than one that is not
    return is_whole
  end,
}

local function decode(line)
  local good, fields = pcall(require("cjson").decode, line)
  return good and type(fields) == "table" and fields.resum_watch == SCHEMA and type(fields.place) == "string" and fields
    or nil
end

function Store:take(line)
  local fields = line and line:sub(1, #MARK) == MARK and decode(line)
  for kind, take in pairs(fields and TAKE or {}) do
    if fields[kind] ~= nil then
      local taken = take(self:place(fields.place), fields[kind], line)
      local id = taken and kind == "session" and fields.session.id or nil
      self.id = math.max(self.id, id or 0)
      return taken, id
    end
  end
  return line == ""
end

-- Sessions that nobody has dropped, and that can't be read. Where their lines stand is known by their ids.
function Store:drop_unreadable(number_of)
  for _, place in pairs(self.places) do
    for id, line in pairs(place.sessions) do
      if not session_of(decode(line).session, self.read) then
        self.unreadable:note(number_of[id])
        place.sessions[id] = nil
      end
    end
  end
end

-- Takes in all lines. What an end without a word has torn is a line, too: it got its end when the lock was taken.
function Store:read_file()
  local unreadable, number_of = self.unreadable, {}
  local read, message = self.files.lines(self.path, LONGEST_LINE, function(line)
    unreadable:pass()
    local taken, id = self:take(line)
    if not taken then
      unreadable:note()
    end
    number_of[id or 0] = unreadable.number
    self.added = self.added + #(line or "")
  end)
  self:drop_unreadable(number_of)
  local lost = read and unreadable:words()
  if lost then
    self.on_problem(lost)
  end
  return read, message
end

--- What an earlier watch has left of an address.
-- @function store:left
-- @tparam string name
-- @treturn table sessions (list: session, id, mechanism, issued, promise, key, again), watch (see
--   resum.analysis.watch), time (when that was written); the latter two are nil where there was none
function Store:left(name)
  local place, left = self:place(name), { sessions = {} }
  for _, id in ipairs(place.order) do
    local line = place.sessions[id]
    left.sessions[#left.sessions + 1] = line and session_of(decode(line).session, self.read)
  end
  if place.watch then
    local known = decode(place.watch).watch
    left.watch, left.time = known.watch, known.time
    left.watch.events = {}
    for i, line in ipairs(place.events) do
      left.watch.events[i] = decode(line).event
    end
  end
  return left
end

-- Writing -------------------------------------------------------------------------------------------------------------

-- All that is not out of date.
function Store:live_lines()
  local lines = {}
  for _, name in ipairs(self.names) do
    local place, order = self.places[name], {}
    for _, id in ipairs(place.order) do
      if place.sessions[id] then
        lines[#lines + 1], order[#order + 1] = place.sessions[id], id
      end
    end
    place.order = order
    table.move(place.events, 1, #place.events, #lines + 1, lines)
    lines[#lines + 1] = place.watch
  end
  return lines
end

-- Nobody sees half of the new file; it takes the old one's place when it is whole.
function Store:write_anew()
  local lines, at, size = self:live_lines(), 0, 0
  local done, message = self.files.replace(self.path, LONGEST_LINE, function() end, function()
    at = at + 1
    size = size + #(lines[at] or "")
    return lines[at]
  end, self.lock)
  if done then
    self.live, self.added = size, 0
  end
  return done, message
end

-- What can't be written is said once; the watch goes on, and what comes next is tried again.
function Store:flush()
  local text = table.concat(self.waiting)
  if text == "" then
    return
  end
  local done, message = self.files.append(self.path, text)
  if done then
    self.waiting, self.added = {}, self.added + #text
    if self.added > math.max(M.LEAST, self.live) then
      done, message = self:write_anew()
    end
  end
  if #self.waiting > M.EVENTS then -- what is kept in memory makes it whole again
    self.waiting, self.added = {}, math.huge
  end
  if not done and message ~= self.said then
    self.on_problem(message)
  end
  self.said = not done and message or nil
end

function Store:add(line)
  self.waiting[#self.waiting + 1] = line .. "\n"
end

--- Keeps a session.
-- @function store:keep
-- @tparam string name of the place
-- @tparam string mechanism
-- @tparam table one session, issued, promise, key; gets its id
function Store:keep(name, mechanism, one)
  local der = one.session:der()
  if #der > LONGEST_SESSION then
    return
  end
  self.id = self.id + 1
  one.id = self.id
  local line = line_of(name, "session", { id = one.id, mechanism = mechanism, issued = one.issued,
    promise = one.promise, key = one.key, der = hex(der) })
  local place = self:place(name)
  place.sessions[one.id] = line
  place.order[#place.order + 1] = one.id
  self:add(line)
end

--- Keeps a session no longer.
-- @function store:drop
-- @tparam string name of the place
-- @tparam table one see keep
function Store:drop(name, one)
  if one.id and self:place(name).sessions[one.id] then
    self:place(name).sessions[one.id] = nil
    self:add(line_of(name, "drop", one.id))
  end
end

--- Keeps an event, at once.
-- @function store:event
-- @tparam string name of the place
-- @tparam table event see resum.analysis.watch
function Store:event(name, event)
  local line = line_of(name, "event", event)
  TAKE.event(self:place(name), event, line)
  self:add(line)
  self:flush()
end

--- Keeps what is known of a place, and all that waits to be written.
-- @function store:save
-- @tparam string name of the place
-- @tparam table watch see resum.analysis.watch, save
-- @tparam number time
function Store:save(name, watch, time)
  watch.events = nil -- they have lines of their own
  local line = line_of(name, "watch", { watch = watch, time = time })
  self:place(name).watch = line
  self:add(line)
  self:flush()
end

-- Is a file ours, by its first bytes?
local function problem_of(head)
  if head:sub(1, #MARK) ~= MARK:sub(1, #head) then
    return "it is no state file of a watch, and is left as it is"
  end
  local schema = head:match("^" .. MARK .. "(%d+)")
  return schema and tonumber(schema) > SCHEMA and "a newer resum wrote it, and it is left as it is" or nil
end

--- Lets others have the file.
-- @function store:close
function Store:close()
  self.files.release(self.lock)
end

--- Opens a state file; it need not be there yet. One watch has it at a time.
-- @tparam string path
-- @tparam table options files (resum.host.private_file), on_problem (called with a message when it can't be written,
--   and when some of its lines can't be read), read (makes a session of {der}; by default resum.core.session)
-- @treturn[1] table store
-- @treturn[2] nil
-- @treturn[2] string message
function M.open(path, options)
  local head, message = options.files.head(path, #MARK + 8)
  local problem = head and problem_of(head)
  if not head or problem then
    return nil, problem and ("%s: %s"):format(path, problem) or message
  end
  local lock, why = options.files.hold(path)
  if not lock then
    return nil, why or path .. ": another watch has it, and one has it at a time"
  end
  local store = setmetatable({ path = path, lock = lock, files = options.files,
    on_problem = options.on_problem or nothing, read = options.read or core.session,
    places = {}, names = {}, id = 0, waiting = {}, live = 0, added = 0,
    unreadable = unreadables.new(path) }, Store)
  local read
  read, why = store:read_file()
  if not read then
    store:close()
    return nil, why
  end
  return store
end

return M
