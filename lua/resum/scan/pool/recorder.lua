-- A client that keeps a journal: every connection of the scans of one address, in the order in which they were started,
-- as the plain entries that the analysis reads, each naming the connection that issued the session it offered. It also
-- spreads connections over several local addresses where there are. Judges nothing.

local lines = require "resum.scan.line"
local own_crowd = require "resum.scan.own_crowd"
local random = require "resum.util.random"
local sighting = require "resum.analysis.pool.sighting"
local tables = require "resum.util.tables"

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

--- The local address for what begins with a full handshake: they are taken in turn, so that there are sessions from
-- each.
-- @function journal:next_source
-- @treturn string|nil nil where the system chooses
function Journal:next_source()
  if self.sources then
    self.turn = self.turn % #self.sources + 1
    return self.sources[self.turn]
  end
end

-- The rest takes them at random, so that no rotation falls into step.
local function choose_source(journal, options)
  if not options.session and not options.sessions then
    return journal:next_source()
  end
  return journal.sources[random.integer(#journal.sources)]
end

-- A clock that counts starts and ends: what was at the same time needs no seconds.
function Journal:tick()
  self.clock = self.clock + 1
  return self.clock
end

-- What there is to say of an offer before it is answered: which connection issued the session, which of its sessions it
-- is, and how often it was offered before.
local function note_offer(journal, entry, session)
  local issue = journal.issued[session]
  entry.from, entry.from_number = issue and issue.order or nil, issue and issue.number or nil
  entry.offered_before = journal.offered[session] or 0
  journal.offered[session] = entry.offered_before + 1
end

local function note_sessions(journal, entry, sessions)
  for number, session in ipairs(sessions) do
    journal.issued[session] = journal.issued[session] or { order = entry.order, number = number }
  end
  journal.newest[entry.order] = sessions[#sessions]
end

-- The place among all connections, also those by which an attempt's engine is checked: a balancer counts them, too.
local function next_order(journal)
  local last = journal.entries[#journal.entries]
  return math.max(journal.client.connections, last and last.order or 0) + 1
end

local function new_entry(journal, options, source)
  local entry = {
    order = next_order(journal),
    mechanism = options.mechanism,
    design = options.design,
    source = source,
    awaited = options.want_tickets,
    started = journal:tick(),
    started_s = journal.host.now() - journal.began,
    at_once = journal.under_way,
    crowd = options.crowd,
  }
  journal.entries[#journal.entries + 1] = entry
  if options.session then
    note_offer(journal, entry, options.session)
  end
  return entry
end

-- The options of a connection, and what the journal wants to hear of it meanwhile: the session that it offers in the
-- end, and its goodbye, after which it counts as gone.
local function watched(journal, options, entry, place)
  local made = tables.merged(options)
  made.place, made.crowd, made.source = nil, nil, entry.source
  made.stays = options.stays or journal.stays
  if options.late then
    function made.late()
      local session = options.late()
      entry.hello, entry.hello_s = journal:tick(), journal.host.now() - journal.began
      if session then
        note_offer(journal, entry, session)
      end
      return session
    end
  end
  function made.on_goodbye(record)
    entry.goodbye, entry.goodbye_s = journal:tick(), journal.host.now() - journal.began
    note_sessions(journal, entry, record.sessions)
    if options.on_goodbye then
      options.on_goodbye(record)
    end
    if not made.stays then
      place:give()
    end
  end
  return made
end

-- Where somebody will ask which sessions were lost. The sessions are needed as long as the journal is.
local function note_answer(journal, entry, record, session)
  if not journal.answers then
    return
  end
  journal.records[#journal.records + 1] = record
  if session then
    journal.answers[#journal.answers + 1] = { mechanism = entry.mechanism, record = record, session = session,
      started = entry.started, ended = entry.ended }
  end
end

local function close_entry(journal, entry, record, options)
  entry.ended, entry.ended_s = journal:tick(), journal.host.now() - journal.began
  entry.hello_s = entry.hello_s or entry.started_s + (record.timing.connect_s or 0)
  record.at_once = entry.at_once
  sighting.read(entry, record)
  local design = entry.design
  function record.on_doubt() -- an offer of a spent session shows nothing; and it may turn out that it was not spent
    if record.outcome == "unknown" then
      journal:leave_out(entry, "doubtful")
      entry.doubt = record.doubt
    elseif entry.doubt then
      entry.design, entry.doubt = design, nil
      sighting.read(entry, record)
    end
  end
  if record.outcome == "unknown" then
    record.on_doubt()
  end
  note_answer(journal, entry, record, options.session)
  if options.sessions and entry.outcome == "resumed" then
    note_offer(journal, entry, options.sessions[record.facts.selected_identity + 1])
  end
  note_sessions(journal, entry, record.sessions)
end

local function connect(journal, options, place)
  local source = options.source or (journal.sources and choose_source(journal, options)) or nil
  local entry = new_entry(journal, options, source)
  return journal.client:attempt(watched(journal, options, entry, place)), entry
end

--- One connection, written down. It is started when there is a place in the line.
-- @function journal:attempt
-- @tparam table options see resum.connection.client; source is chosen when it is not given and there are several;
--   place (in the line, see resum.scan.line; else it asks for one), crowd (number: see resum.scan.pool.crowd)
-- @treturn table record of resum.connection.client; at_once as the entry's
-- @treturn table entry {order (of the starts), mechanism, design, from (order of the connection that issued the
--   session), from_number (which of its sessions), offered_before (times), source, awaited, started, hello (where it
--   waited for what to offer), goodbye (ours) and ended (ticks), started_s, hello_s (the ClientHello), goodbye_s and
--   ended_s (seconds since the journal began), at_once (under way when it started, with itself), crowd (those of one
--   number were open at the same time)}, and what resum.analysis.pool.sighting.read adds; {} where the scan was over
function Journal:attempt(options)
  local place = options.place or self.line:places(1)[1]
  place:take()
  if self.client.cancelled() then
    place:give()
    return self.client:attempt({ mechanism = options.mechanism, design = options.design }), {}
  end
  self.under_way = self.under_way + 1
  local fine, record, entry = pcall(connect, self, options, place)
  self.under_way = self.under_way - 1
  place:give() -- also after an error in here: others wait for it
  if not fine then
    error(record, 0)
  end
  if record.outcome ~= "interrupted" then -- else it keeps its number, and says nothing
    close_entry(self, entry, record, options)
  end
  return record, entry
end

--- Keeps what every connection from now on comes to, and every session, for whoever asks which were lost: see
-- second_look.at_losses.
-- @function journal:keep_answers
function Journal:keep_answers()
  self.records, self.answers = {}, {}
end

--- Takes an attempt for one that was not made.
-- @function journal:leave_out
-- @tparam table entry of this journal
-- @tparam string why in place of its design: "idle" (dropped as it waited for its neighbour), "crowded" (as many were
--   open), "doubtful" (a spent session)
function Journal.leave_out(_, entry, why)
  entry.outcome, entry.design = nil, why
end

--- Takes those for not made that were turned away beside others of ours: they came too many at once.
-- @function journal:leave_crowd_out
function Journal:leave_crowd_out()
  for _, entry in ipairs(self.entries) do
    if entry.at_once > 1 and not entry.begun and own_crowd.is_turned_away(entry) then
      self:leave_out(entry, "crowded")
    end
  end
end

--- Offers that show nothing, as their session was spent, by how that came about.
-- @function journal:left_out
-- @treturn {string=number,...}|nil as resum.analysis.counting.left_out; nil: none
function Journal:left_out()
  local kinds
  for _, entry in ipairs(self.entries) do
    if entry.doubt then
      kinds = kinds or {}
      kinds[entry.doubt] = (kinds[entry.doubt] or 0) + 1
    end
  end
  return kinds
end

--- Offers of tickets that are good for one connection say nothing of sharing: their design is "spent" from now on.
-- @function journal:set_spent_aside
-- @tparam table single_use mechanism -> whether its tickets are
function Journal:set_spent_aside(single_use)
  for _, entry in ipairs(self.entries) do
    if entry.design == "fixed" and single_use[entry.mechanism] then
      entry.design = "spent"
    end
  end
end

--- How many connections were made to this address, with those that other scans made.
-- @function journal:connections
-- @treturn integer
function Journal:connections()
  return self.client.connections
end

--- @tparam table client see resum.connection.client
-- @tparam integer concurrency connections at once
-- @tparam[opt] {string,...} sources local addresses to connect from
-- @treturn table journal: the client, and the fields stays (true: every connection holds its place until the server has
--   closed it, too), too_many (so many at once were too many), crowd_look (see resum.scan.own_crowd), entries
--   (list), answers (false, or see journal:keep_answers: offers as resum.analysis.lost_session takes them, and
--   mechanism) and records (of all connections), newest (order -> the newest session issued there), line (see
--   resum.scan.line)
function M.new(client, concurrency, sources)
  return setmetatable({
    client = client,
    sources = sources and #sources > 0 and sources or nil,
    turn = 0,
    clock = 0,
    began = client.host.now(),
    under_way = 0,
    crowds = 0,
    stays = false,
    too_many = nil,
    crowd_look = nil,
    line = lines.new(client.host, concurrency),
    entries = {},
    answers = false,
    newest = {},
    issued = setmetatable({}, { __mode = "k" }),
    offered = setmetatable({}, { __mode = "k" }),
  }, { __index = index })
end

return M
