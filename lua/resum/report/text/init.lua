-- A target's result for people: a block for the target, in it one for each address, in it a line for each
-- mechanism, and at its end what that means. Pure: result in, string out. What came from a server is escaped.

local balancer = require "resum.report.text.pool"
local figure = require "resum.report.text.figure"
local mechanisms = require "resum.connection.mechanism"
local escape = require "resum.util.escape"
local target = require "resum.target"

local M = {}

local STRIP_WIDTH = 50
local COLOURS = { good = "32", bad = "31", mixed = "33", faint = "2", strong = "1",
  -- which server answered: colours that most people tell apart (Okabe and Ito's, as near as a terminal has them)
  label1 = "38;5;32", label2 = "38;5;208", label3 = "38;5;36", label4 = "38;5;175", label5 = "38;5;220",
  label6 = "38;5;75", label7 = "38;5;166",
}
local VERDICT_COLOURS = { supported = "good", partially_supported = "mixed", not_supported = "bad" }

local VERDICT_WORDS = {
  supported = "supported",
  partially_supported = "partially supported",
  not_supported = "not supported",
  not_applicable = "not applicable",
  inconclusive = "inconclusive",
}

local REASON_WORDS = {
  not_issued = { session_id = "no session ID is issued", ticket = "no ticket is issued", psk = "no ticket is issued" },
  lifetime_zero = "issued with lifetime 0, so to be thrown away at once",
  issued_not_accepted = "issued, but never accepted",
  issued_not_always_accepted = "", -- what "partially" says
  alert_on_resumption = "the server answers an offered session with an alert",
  errors_on_resumption = "full handshakes work, but no connection that offered a session did",
  single_use_tickets = {
    session_id = "each session ID is good for one connection",
    ticket = "each ticket is good for one connection",
    psk = "each ticket is good for one connection",
  },
  no_attempts = "no attempt was made",
  timeout = "no answer in time",
  reset = "connections were reset",
  closed = "connections were closed in the middle",
  unreachable = "the server could not be reached any more",
  protocol_error = "answers broke the protocol",
  alert = "the server ends handshakes with an alert",
}

-- A resumed connection, a full handshake instead, an error; in colour and without.
local STRIP_MARKS = { resumed = { "#", "good" }, refused = { ".", "mixed" }, error = { "x", "bad" } }

local function painter(colour)
  return function(text, name)
    if colour and COLOURS[name] then
      return ("\27[%sm%s\27[0m"):format(COLOURS[name], text)
    end
    return text
  end
end

local function count_of(n, one, many)
  return ("%d %s"):format(n, n == 1 and one or many or one .. "s")
end

local function version_of(mechanism)
  return mechanism == "psk" and "TLS 1.3" or "TLS 1.2 or older"
end

local function shown_version(version)
  return version and version:gsub("^TLSv", "TLS ") or ""
end

local function reason_words(mechanism, verdict)
  local reason = verdict.reason
  local words = REASON_WORDS[reason]
  if reason == "version_not_supported" then
    return "the server does not speak " .. version_of(mechanism)
  elseif type(words) == "table" then
    return words[mechanism]
  elseif verdict.alert then
    return ("%s (%s)"):format(words, escape(verdict.alert))
  end
  return words or reason and escape(reason)
end

local function error_words(counts)
  if counts.errors == 0 then
    return nil
  end
  local kinds = {}
  for kind, n in pairs(counts.error_kinds) do
    kinds[#kinds + 1] = ("%s %d"):format(escape(kind), n)
  end
  table.sort(kinds)
  return ("%s (%s)"):format(count_of(counts.errors, "error"), table.concat(kinds, ", "))
end

-- What the server handed out, as far as it says more than the verdict.
local function issued_words(mechanism, verdict)
  if mechanism == "session_id" then
    return nil
  elseif mechanism == "ticket" and verdict.ticket_length then
    local hint = verdict.lifetime_hint_s == 0 and "no lifetime hint"
      or ("lifetime hint %.0f s"):format(verdict.lifetime_hint_s)
    return ("%d-byte ticket, %s"):format(verdict.ticket_length, hint)
  elseif mechanism == "psk" and verdict.lifetime_s then
    return ("%s, lifetime %.0f s"):format(count_of(verdict.tickets_issued, "ticket"), verdict.lifetime_s)
  end
end

local function answered(counts)
  return counts.resumed + counts.refused
end

local function count_words(counts)
  if counts.attempted == 0 then
    return nil
  end
  return ("%d of %d resumed"):format(counts.resumed, answered(counts))
end

local function append(list, more)
  table.move(more, 1, #more, #list + 1, list)
end

local function join(parts, separator)
  local present = {}
  for i = 1, parts.n do
    present[#present + 1] = parts[i] ~= "" and parts[i] or nil
  end
  return table.concat(present, separator)
end

local function each_mechanism(verdicts)
  local i = 0
  return function()
    repeat
      i = i + 1
    until not mechanisms.names[i] or verdicts[mechanisms.names[i]]
    return mechanisms.names[i], verdicts[mechanisms.names[i]]
  end
end

local function line_start(mechanism, verdict)
  return ("      %-17s  %-7s  "):format(mechanisms[mechanism].title, shown_version(verdict.version))
end

local function support_line(mechanism, verdict, paint)
  local words = VERDICT_WORDS[verdict.verdict] or escape(verdict.verdict)
  local details = join(table.pack(
    count_words(verdict),
    error_words(verdict),
    reason_words(mechanism, verdict),
    issued_words(mechanism, verdict)), "; ")
  return line_start(mechanism, verdict) .. paint(("%-21s"):format(words), VERDICT_COLOURS[verdict.verdict]) .. details
end

local function strip(sequence, paint)
  local lines, line = {}, {}
  for i, entry in ipairs(sequence) do
    local mark = STRIP_MARKS[entry.outcome] or STRIP_MARKS.error
    line[#line + 1] = paint(mark[1], mark[2])
    if #line == STRIP_WIDTH or i == #sequence then
      lines[#lines + 1] = "        " .. table.concat(line)
      line = {}
    end
  end
  return lines
end

local function crowd_words(rate)
  if rate.too_many_at_once then
    return ("measured with %s at once: %d were too many for the server"):format(
      count_of(rate.concurrency, "connection"), rate.too_many_at_once)
  end
end

local function rate_lines(mechanism, rate, paint)
  if not rate.rate then
    return { support_line(mechanism, rate, paint) }
  end
  local words = ("%3s %%  (%s)"):format(figure.percent(rate.rate), figure.interval(rate.interval))
  local details = join(table.pack(
    count_words(rate),
    error_words(rate),
    rate.design == "fresh" and REASON_WORDS.single_use_tickets[mechanism] .. ": fresh ones were offered" or nil,
    rate.reason == "alert_on_resumption" and reason_words(mechanism, rate) .. ", here x" or nil,
    crowd_words(rate),
    rate.engine_moved and ("measured with libssl only: %s"):format(escape(rate.engine_moved)) or nil), "; ")
  local lines = strip(rate.sequence, paint)
  table.insert(lines, 1,
    line_start(mechanism, rate) .. paint(("%-21s"):format(words), VERDICT_COLOURS[rate.verdict]) .. "  " .. details)
  return lines
end

-- Which mechanisms got which verdict, the rate's word before the support scan's: it had more attempts. Those in
-- `alerted` got it for an alert that any client meets, not only one that, like us, offers one version.
local function by_verdict(entry)
  local lists = {}
  for _, name in ipairs(mechanisms.names) do
    local judged = entry.rate and entry.rate[name]
    if not judged or judged.attempted == 0 then
      judged = entry.support and entry.support[name] or judged
    end
    if judged then
      local list = lists[judged.verdict] or {}
      lists[judged.verdict] = list
      list[#list + 1] = mechanisms[name].noun
      if judged.reason == "alert_on_resumption" and judged.alert ~= "protocol_version" then
        lists.alerted = lists.alerted or {}
        table.insert(lists.alerted, mechanisms[name].noun)
      end
    end
  end
  return lists
end

local function enumerate(list)
  if #list < 2 then
    return list[1]
  end
  return table.concat(list, ", ", 1, #list - 1) .. " and " .. list[#list]
end

local TURNED_AWAY = { "closed", "reset", "timeout", "unreachable" }
local MANY_TURNED_AWAY = 0.1 -- of a rate's attempts

-- Were so many connections turned away while others were open, and none when there was one at a time, that the server
-- may limit their number?
local function looks_limited(rate, support)
  local turned_away = 0
  for _, kind in ipairs(TURNED_AWAY) do
    turned_away = turned_away + (rate.error_kinds[kind] or 0)
  end
  if (rate.concurrency or 1) == 1 or (support and support.errors > 0) then
    return false
  end
  return turned_away > 0 and turned_away >= MANY_TURNED_AWAY * rate.attempted
end

local function say_limits(entry, say)
  for mechanism, rate in each_mechanism(entry.rate or {}) do
    if looks_limited(rate, entry.support and entry.support[mechanism]) then
      return say("Connections were turned away while up to %d were open at once: the server may limit their number. "
        .. "Try --concurrency %d, and --delay.", rate.concurrency, math.max(1, math.min(4, rate.concurrency // 2)))
    end
  end
end

-- The sentences at the end of an address.
local function conclusions(entry)
  local lists, sentences = by_verdict(entry), entry.balancer and balancer.conclusion(entry.balancer) or {}
  local function say(format, ...)
    sentences[#sentences + 1] = format:format(...)
  end
  if lists.partially_supported and not entry.balancer then
    say("Behind this address not every server shares its sessions. Resumption by %s works at times only.",
      enumerate(lists.partially_supported))
    say("Give all servers the same ticket keys and one session cache. (Is it one server? Then it forgets too soon.)")
  end
  if lists.supported then
    say("Resumption by %s works.", enumerate(lists.supported))
  end
  if lists.not_supported then
    say("Resumption by %s does not work%s.", enumerate(lists.not_supported),
      not lists.supported and not lists.partially_supported and not lists.alerted
        and ": every connection costs a full handshake" or "")
  end
  if lists.alerted then
    say("Who offers a %s may be turned away with an alert, and has to connect again.",
      table.concat(lists.alerted, " or a "))
  end
  if lists.inconclusive then
    say("Resumption by %s: too many errors to say.", enumerate(lists.inconclusive))
  end
  say_limits(entry, say)
  return sentences
end

local function problem_line(holder)
  local what = holder.status == "unreachable" and "unreachable" or "error"
  return ("%s: %s"):format(what, escape(holder.error and holder.error.message or "unknown", 200))
end

local function legend(rate)
  for _, one in each_mechanism(rate) do
    if one.rate then
      return ("    Rate, by up to %s each  (# resumed, . full handshake instead, x error; 95 %% interval)"):format(
        count_of(one.attempted, "attempt"))
    end
  end
  return "    Rate"
end

local CERTIFICATE_WORDS = {
  optional = "asked for; the handshake passes without one",
  required = "required: the handshake fails without one (--cert, --key)",
  accepted = "asked for, and ours was taken",
  refused = "asked for, and ours was refused",
  asked = "asked for; whether the handshake passes without one is not known",
}

local function address_lines(entry, paint)
  local lines = { "  " .. paint(escape(entry.address), "strong")
    .. (entry.resolved_by == "proxy" and " (looked up by the proxy: its addresses are not known here)" or "") }
  if entry.client_certificate then
    lines[#lines + 1] = "    Client certificate: " .. CERTIFICATE_WORDS[entry.client_certificate]
  end
  if entry.status ~= "completed" then
    lines[#lines + 1] = "    " .. paint(problem_line(entry), "bad")
  end
  if entry.support then
    lines[#lines + 1] = "    Support"
    for mechanism, verdict in each_mechanism(entry.support) do
      lines[#lines + 1] = support_line(mechanism, verdict, paint)
    end
  end
  if entry.rate then
    lines[#lines + 1] = legend(entry.rate)
    for mechanism, rate in each_mechanism(entry.rate) do
      append(lines, rate_lines(mechanism, rate, paint))
    end
  end
  if entry.balancer then
    append(lines, balancer.lines(entry.balancer, paint))
  end
  for i, sentence in ipairs(conclusions(entry)) do
    lines[#lines + 1] = (i == 1 and "    => " or "       ") .. paint(sentence, "strong")
  end
  return lines
end

-- How the target was reached, where that was not at once.
local function way_words(described)
  return (described.starttls and ", STARTTLS of " .. escape(described.starttls) or "")
    .. (described.proxy and ", through " .. escape(described.proxy) or "")
end

--- The report of one target.
-- @tparam table result what resum.run returned
-- @tparam[opt] table options colour (boolean: with the terminal's escape sequences)
-- @treturn string lines, the last one ended
function M.target(result, options)
  local paint = painter(options and options.colour)
  local lines = { paint(escape(target.label(result.target)), "strong") .. way_words(result.target) }
  if #result.addresses == 0 then
    lines[2] = "  " .. paint(problem_line(result), "bad")
  end
  for _, entry in ipairs(result.addresses) do
    append(lines, address_lines(entry, paint))
  end
  append(lines, balancer.across(result.across, paint))
  return table.concat(lines, "\n") .. "\n"
end

--- The report of one address, for where something else has said whose it is.
-- @tparam table entry one of a result's addresses
-- @treturn string lines, the first ones not indented, the last one ended
function M.address(entry)
  local lines = address_lines(entry, painter(false))
  for i = 2, #lines do
    lines[i] = lines[i]:sub(5) .. "\n"
  end
  return table.concat(lines, "", 2)
end

return M
