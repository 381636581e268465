--- A simulated address for a watch: members behind it with keys, caches and certificates, and a clock that is moved by
-- who waits. Owns what such servers do with what is offered to them. It must not know what a watch makes of it.

local clocks = require "resum.watch.clock"
local places = require "resum.watch.place"
local random = require "resum.util.random"

local M = {}

local START = 1800000000 -- seconds since 1970
local NOWHERE = { code = "timeout", message = "connection: no answer in time" }
local DROPPED = { code = "reset", message = "connection: reset by the server" }

local Session = {}
Session.__index = Session

function Session:derive()
  return self
end

local DER = ">ns1s1" -- of issued, key and id, in the place of a session's DER

function Session:der()
  return DER:pack(self.issued, self.key, self.id) .. ("d"):rep(1000)
end

--- Reads what stands for a session, as resum.core.session does.
function M.read_session(fields)
  local fine, issued, key, id = pcall(string.unpack, DER, fields.der)
  return fine and setmetatable({ issued = issued, key = key, id = id }, Session) or nil
end

--- Files in memory, as resum.host.private_file has them on disk: path -> lines.
function M.files()
  local files, size, largest = {}, 0, 0
  local function put(path, lines)
    size = 0
    files[path] = lines
    for _, line in ipairs(lines) do
      size = size + #line + 1
    end
  end
  return {
    size = function() return size, largest end,
    cut = function(path, count) -- the last lines are torn
      put(path, table.move(files[path], 1, #files[path] - count, 1, {}))
    end,
    hold = function() return {} end,
    release = function() end,
    head = function(path, count)
      return table.concat(files[path] or {}, "\n"):sub(1, count)
    end,
    lines = function(path, _, take)
      for _, line in ipairs(files[path] or {}) do
        take(line)
      end
      return true
    end,
    append = function(path, text)
      files[path] = files[path] or {}
      for line in text:gmatch("([^\n]*)\n") do
        table.insert(files[path], line)
      end
      size = size + #text
      largest = math.max(largest, size)
      return true
    end,
    replace = function(path, _, _, next_line)
      local lines = {}
      for line in next_line do
        lines[#lines + 1] = line
      end
      put(path, lines)
      return true
    end,
  }
end

--- A member.
-- @tparam[opt] table fields key (16 bytes: of new tickets), old (list of keys that are still taken), cache (a table:
--   ids), certificate (bytes), lifetime (seconds of tickets), cache_s (seconds of the cache), drops and refuses
--   (shares), forgot (a time: tickets from before it are not taken), single_use, stateful, down, mechanisms (set of
--   those that it speaks), mute (issues nothing), nameless (tickets begin randomly), keeps_lifetime (tickets live as
--   long as was usual when they were made), countdown (a time: what new tickets promise is what is left until then)
-- @treturn table member
function M.member(fields)
  local member = { key = random.bytes(16), old = {}, cache = {}, certificate = random.bytes(32), spent = {},
    lifetime = 86400 * 30, cache_s = 86400 * 30, drops = 0, refuses = 0, weight = 1 }
  for name, value in pairs(fields or {}) do
    member[name] = value
  end
  return member
end

local World = {}
World.__index = World

local function by_chance(share)
  return share > 0 and random.integer(1000000) <= share * 1000000
end

-- What is due by now happens.
function World:advance(seconds)
  self.time = self.time + seconds
  while self.incidents[1] and START + self.incidents[1][1] <= self.time do
    table.remove(self.incidents, 1)[2](self)
  end
end

function World:route()
  local total = 0
  for _, member in ipairs(self.members) do
    total = total + member.weight
  end
  local at = random.integer(total)
  for _, member in ipairs(self.members) do
    at = at - member.weight
    if at <= 0 then
      return member
    end
  end
end

local function takes(world, member, session, mechanism)
  local age = world.time - session.issued
  if mechanism == "session_id" then
    return member.cache[session.id] ~= nil and age <= member.cache_s
  elseif member.single_use and member.spent[session.id] or session.issued <= (member.forgot or 0) then
    return false
  end
  local is_known = session.key == member.key
  for _, key in ipairs(member.old) do
    is_known = is_known or key == session.key
  end
  return is_known and age <= (member.keeps_lifetime and session.lifetime or member.lifetime)
end

local function new_ticket(member, time)
  local name = member.nameless and random.bytes(16) or member.key
  return { ticket = name .. ("\1"):rep(member.stateful and 0 or 100),
    lifetime_s = member.countdown and math.max(1, member.countdown - time) // 1 or member.promise or member.lifetime }
end

local function full(world, member, mechanism, record)
  record.facts = { tickets = {}, leaf_sha256 = member.certificate }
  if mechanism == "control" or member.mute then
    return record
  end
  local session = setmetatable({ issued = world.time, key = member.key, id = random.bytes(8),
    lifetime = member.lifetime }, Session)
  if mechanism == "session_id" then
    record.facts.session_id = session.id
    member.cache[session.id] = true
  else
    record.facts.tickets[1] = new_ticket(member, world.time)
  end
  record.sessions[1] = session
  return record
end

--- One connection, as resum.connection.client makes it.
function World:attempt(options)
  self:advance(self.gap)
  self.connections = self.connections + 1
  local mechanism, session = options.mechanism, options.session
  local member = self:route()
  local record = { mechanism = mechanism, outcome = "full", sessions = {}, timing = { total_s = 0 } }
  local speaks = not member or mechanism == "control" or not member.mechanisms or member.mechanisms[mechanism]
  if not member or member.down then
    record.outcome, record.error = "unreachable", NOWHERE
  elseif not speaks or by_chance(member.drops) then
    record.outcome, record.error = "reset", DROPPED
  elseif session and takes(self, member, session, mechanism) and not by_chance(member.refuses) then
    record.outcome, record.facts = "resumed", { tickets = {} }
    if member.single_use and mechanism ~= "session_id" then
      member.spent[session.id] = true
    end
  else
    record.outcome = session and "refused" or "full"
    return full(self, member, mechanism, record)
  end
  return record
end

--- A world.
-- @tparam table options members (list), incidents (list of {seconds after the start, function(world)}, in order), gap
--   (seconds that a connection takes, its turn included, 10), seed
-- @treturn table world: members, time, connections
function M.new(options)
  local incidents = options.incidents or {}
  incidents = table.move(incidents, 1, #incidents, 1, {})
  return setmetatable({ members = options.members, incidents = incidents, gap = options.gap or 10,
    time = START, apart = 0, slept = 0, connections = 0, address = "192.0.2.1" }, World)
end

--- A place that watches a world.
-- @tparam table world
-- @tparam table options seconds (how long), rounds (at most), every, store, mechanisms
-- @treturn table place
-- @treturn {table,...} events get here
function M.place(world, options)
  local events, ends = {}, world.time + options.seconds
  local place
  place = places.new(world, {
    host = {
      now = function() return world.time - world.slept end,
      sleep = function(seconds) world:advance(seconds) end,
    },
    clock = clocks.new({ monotonic = function() return world.time - world.slept end,
      boot = function() return world.time end, wall = function() return world.time + world.apart end }),
    mechanisms = options.mechanisms or { "session_id", "ticket", "psk" },
    every = options.every,
    cancelled = function()
      return world.time >= ends or options.rounds ~= nil and place ~= nil and place.round > options.rounds
    end,
    on_event = function(event) events[#events + 1] = event end,
    on_round = options.on_round,
    store = options.store,
    name = "a place",
    control = function() return world:attempt({ mechanism = "control" }) end,
  })
  return place, events
end

--- Watches a world for a while.
-- @tparam table world
-- @tparam table options see place
-- @treturn {table,...} events
-- @treturn table place
function M.watch(world, options)
  local place, events = M.place(world, options)
  place:run()
  return events, place
end

M.START = START

return M
