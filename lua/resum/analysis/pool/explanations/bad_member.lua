-- A member never accepts a session, nor are its own accepted anywhere: it issues none, or does not speak the version,
-- or issues what is worth nothing. The others share their sessions, or nothing.

local classes = require "resum.analysis.pool.classes"
local grouping = require "resum.analysis.pool.grouping"
local sighting = require "resum.analysis.pool.sighting"

local MUTE = { { sighting.NONE, "issues_nothing" }, { sighting.OTHER_VERSION, "other_version" } }

-- Names whose sessions resumed nowhere, nor did they accept others': those that refused them at home, together; of one
-- that was not seen at home nothing is known, so that it is alone.
local function never_seen_to_resume(evidence)
  local cells, at_home, alone = classes.cells(evidence), {}, {}
  for _, label in ipairs(classes.labels(evidence)) do
    local home, resumed = cells[label] and cells[label][label], 0
    for a, row in pairs(cells) do
      for b, cell in pairs(row) do
        resumed = resumed + ((a == label or b == label) and cell.resumed or 0)
      end
    end
    if resumed == 0 and home then
      at_home[label] = true
    elseif resumed == 0 then
      alone[#alone + 1] = { [label] = true }
    end
  end
  return at_home, alone
end

local function size_of(set)
  local count = 0
  for _ in pairs(set) do
    count = count + 1
  end
  return count
end

-- Was a PSK refused by who could have issued another, and did not? That may be a member that issues none, which so many
-- full handshakes would have met if it has a twelfth of the connections. (Of other sessions the label says so: see
-- resum.analysis.pool.sighting.)
local WOULD_SHOW = 60

local function silent_refusals(evidence)
  for _, offer in ipairs(evidence.full_tally.answered < WOULD_SHOW and evidence.offers or {}) do
    if evidence.mechanism == "psk" and not offer.resumed and not offer.answerer and offer.entry.awaited then
      return true
    end
  end
  return false
end

local MOST_ALONE = 3 -- names of which nothing is known: each is a question, and the most frequent are asked first

-- A member that issues what is worth nothing, among others that do as well as any, and that no name gives away, is much
-- rarer than servers that share nothing.
local RARE = math.log(1000)

local function add(list, how, candidates, cost)
  for _, one in ipairs(candidates) do
    one.how, one.choices = how, one.choices + (cost or 0)
    list[#list + 1] = one
  end
end

return {
  id = "bad_member",
  fit = function(evidence)
    local labels, _, none = classes.labels(evidence)
    local list = {}
    for _, one in ipairs(MUTE) do
      local label, how = one[1], one[2]
      if (none[label] or label == sighting.NONE and silent_refusals(evidence)) and #labels > 0 then
        add(list, how, grouping.candidates(evidence, { dead = { [label] = true }, apart = { label }, one = true,
          keys = false }))
      end
    end
    local at_home, alone = never_seen_to_resume(evidence)
    for _, dead in ipairs({ at_home, table.unpack(alone, 1, MOST_ALONE) }) do
      local size = size_of(dead)
      if size > 0 and size < #labels then
        add(list, "never_accepts", grouping.candidates(evidence, { dead = dead, one = true, keys = false }))
      end
    end
    if evidence.offers_tally.refused > 0 then
      add(list, "never_accepts", grouping.candidates(evidence, { hidden_dead = true, keys = false }), RARE)
    end
    return list
  end,
}
