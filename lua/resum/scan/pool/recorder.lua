-- A client that keeps a journal: every connection of the scans of one address, in the order in which they were started,
-- as the plain entries that the analysis reads, each naming the connection that issued the session it offered. It also
-- spreads connections over several local addresses where there are. Judges nothing.

local labels = require "resum.analysis.pool.labels"
local random = require "resum.util.random"

local M = {}

local Journal = {}

-- What it does not do itself, the client does.
local function index(journal, name)
  local own = Journal[name]
  if own ~= nil then
    return own
  end
  return rawget(journal, "client")[name]
end

-- Full handshakes take the local addresses in turn, so that there are sessions from each; the rest at random, so that
-- no rotation falls into step.
local function choose_source(journal, options)
  local sources = journal.sources
  if not options.session and not options.sessions then
    journal.turn = journal.turn % #sources + 1
    return sources[journal.turn]
  end
  return sources[random.integer(#sources)]
end

-- A clock that counts starts and ends: what was at the same time needs no seconds.
function Journal:tick()
  self.clock = self.clock + 1
  return self.clock
end

--- One connection, written down.
-- @function journal:attempt
-- @tparam table options see resum.connection.client; source is chosen when it is not given and there are several
-- @treturn table record of resum.connection.client
-- @treturn table entry {order, mechanism, design, from, source, awaited, started, ended}, and what
--   resum.analysis.pool.labels.read adds; {} where the scan was over
function Journal:attempt(options)
  if self.client.cancelled() then
    return self.client:attempt(options), {}
  end
  local source = options.source or (self.sources and choose_source(self, options)) or nil
  local entry = {
    order = #self.entries + 1,
    mechanism = options.mechanism,
    design = options.design,
    from = options.session and self.issued[options.session] or nil,
    source = source,
    awaited = options.want_tickets,
    started = self:tick(),
  }
  self.entries[entry.order] = entry
  local made = {}
  for name, value in pairs(options) do
    made[name] = value
  end
  made.source = source
  local record = self.client:attempt(made)
  entry.ended = self:tick()
  if record.outcome == "interrupted" then -- it keeps its number, and says nothing
    return record, entry
  end
  labels.read(entry, record)
  if options.sessions and entry.outcome == "resumed" then
    entry.from = self.issued[options.sessions[record.facts.selected_identity + 1]]
  end
  for _, session in ipairs(record.sessions) do
    self.issued[session] = entry.order
  end
  self.newest[entry.order] = record.sessions[#record.sessions]
  return record, entry
end

--- @tparam table client see resum.connection.client
-- @tparam[opt] {string,...} sources local addresses to connect from
-- @treturn table journal: the client, and the fields entries (list), newest (order -> the newest session issued there)
function M.new(client, sources)
  return setmetatable({
    client = client,
    sources = sources and #sources > 0 and sources or nil,
    turn = 0,
    clock = 0,
    entries = {},
    newest = {},
    issued = setmetatable({}, { __mode = "k" }),
  }, { __index = index })
end

return M
