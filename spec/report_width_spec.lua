--- Every kind of text report, at the width of a usual terminal and of a narrow one: nothing is wider, no key's name and
-- no word is cut, no code of JSON stands among the words, every mark is explained, and nothing is said to be in order
-- where something is not.

local configuration = require "resum.analysis.configuration"
local hex = require "resum.util.hex"
local page = require "spec.support.page"
local pools = require "spec.support.pools"
local report = require "resum.report.text"
local simulation = require "spec.support.simulation"
local summary_text = require("resum.report.text.summary").text
local summaries = require "resum.analysis.summary"

local WIDTHS = { 80, 60, 40 }
local EACH = 1 -- pools of each class

-- Codes that are words of their own are no codes to a reader: only what has an underscore betrays itself.
local function codes()
  local found = {}
  for heading, rows in pairs(page.by_heading(page.text("json.md"):match("\n## Values\n(.*)$"))) do
    for code in pairs(rows) do
      found[code] = code:find("_", 1, true) and heading or nil
    end
  end
  return found
end

local function support(verdict, more)
  local one = { verdict = verdict, attempted = 5, resumed = 5, refused = 0, errors = 0, error_kinds = {}, designs = {},
    attempts = {}, version = "TLSv1.2" }
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

local function result_of(entries, more)
  local result = { target = { text = "www.some-long-name.example.com", host = "www.some-long-name.example.com",
    port = 443 }, status = "completed", elapsed_s = 1, addresses = entries }
  for i, entry in ipairs(entries) do
    entry.address = entry.address or ("192.0.2.%d"):format(i)
    entry.status = entry.status or "completed"
  end
  for name, value in pairs(more or {}) do
    result[name] = value
  end
  return result
end

local function problem(status, code, message)
  return { status = status, error = { code = code, message = message } }
end

local ALL = { session_id = support("not_supported", { resumed = 0, refused = 5, reason = "issued_not_accepted" }),
  ticket = support("partially_supported", { resumed = 2, refused = 3, lifetime_hint_s = 7200, ticket_length = 176,
    reason = "issued_not_always_accepted" }),
  psk = support("inconclusive", { version = "TLSv1.3", resumed = 0, attempted = 9, errors = 9,
    reason = "protocol_error", error_kinds = { protocol_error = 5, no_starttls = 4 } }) }

local function interrupted()
  local entry = problem("error", "interrupted", "interrupted")
  entry.support = { ticket = support("supported"), psk = support("inconclusive", { attempted = 0, resumed = 0,
    reason = "no_attempts" }) }
  return entry
end

local BROWSER = { attempted = 12, resumed = 8, errors = 1, share = 8 / 12, tickets_after_full = 2,
  tickets_after_resumed = 0 }

local cell = { resumed = 3, answered = 3, errors = 0 }

local KINDS = {
  ["support"] = function()
    return result_of({ { support = ALL, browser = BROWSER, client_certificate = "optional",
      server_software = "nginx/1.22.1" } })
  end,
  ["alerts"] = function()
    return result_of({ { support = { ticket = support("not_supported", { resumed = 0, refused = 5,
      reason = "alert_on_resumption", alert = "illegal_parameter" }) } } })
  end,
  ["unreachable"] = function()
    return result_of({ problem("unreachable", "refused", "connect: refused. Is the port right?") })
  end,
  ["a name without an address"] = function()
    return result_of({}, problem("unreachable", "unreachable",
      "resolve: no address for www.some-long-name.example.com"))
  end,
  ["interrupted"] = function()
    return result_of({ interrupted() })
  end,
  ["many addresses"] = function()
    local entries, names, matrix = {}, {}, {}
    for i = 1, 6 do
      names[i] = ("2001:db8::%d:ffff:1"):format(i)
      entries[i] = { address = names[i], support = i < 5 and { ticket = support("supported") } or ALL }
    end
    for _, from in ipairs(names) do
      matrix[from] = {}
      for _, at in ipairs(names) do
        matrix[from][at] = cell
      end
    end
    return result_of(entries, { across = { ticket = { verdict = "shared", addresses = names, matrix = matrix } } })
  end,
}

local function simulated(options, more)
  local summary, _, rate = simulation.run(options, more)
  return result_of({ { rate = rate, balancer = summary, browser = not (more and more.quick) and BROWSER or nil,
    costs = { psk = { full = { count = 30, handshake_s = 0.1003, bytes = 4000, at_once = 10 },
      resumed = { count = 12, handshake_s = 0.0503, bytes = 900, at_once = 9 } } } } })
end

for _, class in ipairs(pools.classes) do
  for i = 1, EACH do
    KINDS[("pool %s, %d"):format(class, i)] = function()
      return simulated(pools.draw(class, i * 104729))
    end
  end
  KINDS["quick " .. class] = function()
    return simulated(pools.draw(class, 15485863), { quick = true })
  end
end

-- What is to be pasted is never wrapped.
local function pasted()
  local lines = {}
  for _, servers in pairs(configuration.blocks) do
    for _, block in pairs(servers) do
      for _, list in ipairs({ block.lines or {}, block.shell or {} }) do
        for _, line in ipairs(list) do
          lines[line] = true
        end
      end
    end
  end
  return lines
end

local PASTED = pasted()

local function is_pasted(line)
  local words = line:match("^ *$? ?(.*)$")
  return PASTED[words] or PASTED["  " .. words] or words:find("^resum %-%-") ~= nil
    or PASTED[line:match("^    (.*)$") or ""]
end

local function assert_fits(text, width)
  for line in text:gmatch("[^\n]+") do
    local is_one_word = line:find("^%s*%S+$") -- no word is cut
    assert.is_true(#line <= width or is_pasted(line) ~= nil and is_pasted(line) or is_one_word ~= nil,
      ("%d columns: %s"):format(#line, line))
    assert.is_nil(line:find("%s$"), "blanks at the end: " .. line)
  end
end

local CODES = codes()

local function assert_no_codes(text)
  for line in text:gmatch("[^\n]+") do
    if not is_pasted(line) then
      local words = line:gsub("%-%-[%l_]+", ""):gsub("ssl_[%l_]+", "")
      for word in words:gmatch("%l+_[%l_]+") do
        assert.is_nil(CODES[word], ("%s is a code: %s"):format(word, line))
      end
    end
  end
end

-- The marks of strips are explained in the section that they stand in.
local function assert_legends(text)
  for section in (text .. "\n"):gmatch("(.-\n)\n") do
    local has_strips = section:find("^Which server") or section:find("^How often")
    local legend = has_strips and section:match("^[^\n]*\n(.-)\n    "):gsub("%s+", " ") or ""
    section = has_strips and section or ""
    local marks = section:find("^Which server") and "[A-Za-z#.!*%-]" or "[#.x]"
    for strip in section:gmatch("\n    (" .. marks .. "+)%f[\n]") do
      for mark in strip:gmatch(".") do
        local known = legend:find(mark .. " ", 1, true) or mark:find("%u") and legend:find("A, B, ...:", 1, true)
          or mark:find("%l") and mark ~= "x" and legend:find("in lower case: that server refused", 1, true)
        assert.is_truthy(known, ("%s is not explained: %s"):format(mark, section))
      end
    end
  end
end

local function assert_keys_whole(result, text)
  for _, entry in ipairs(result.addresses) do
    for _, one in pairs(entry.balancer and entry.balancer.mechanisms or {}) do
      for _, label in ipairs(one.labels) do
        assert.is_truthy(not label.value or text:find(hex(label.value), 1, true), text)
      end
    end
  end
end

local function all_resume(result)
  for _, entry in ipairs(result.addresses) do
    for _, verdicts in ipairs({ entry.support or {}, entry.rate or {} }) do
      for _, one in pairs(verdicts) do
        if one.verdict ~= "supported" and one.verdict ~= "not_applicable" then
          return false
        end
      end
    end
  end
  return true
end

describe("a text report #unsanitized", function()
  for name, make in pairs(KINDS) do
    it("fits, and explains itself: " .. name, function()
      local result = make()
      for _, width in ipairs(WIDTHS) do
        local text = report.target(result, { width = width, advice = "all" })
        assert_fits(text, width)
        assert_no_codes(text)
        assert_legends(text)
        assert_keys_whole(result, text)
        assert.is_true(all_resume(result) or not text:find("Nothing to do", 1, true), text)
      end
    end)
  end

  it("says where there is nothing to do that there is nothing", function()
    local text = report.target(result_of({ { support = { ticket = support("supported") } } }))
    assert.is_truthy(text:find("\n  Nothing to do.\n", 1, true), text)
    for _, verdict in ipairs({ "partially_supported", "not_supported", "inconclusive" }) do
      text = report.target(result_of({ { support = { ticket = support("supported"), psk = support(verdict,
        { resumed = 0 }) } } }))
      assert.is_nil(text:find("Nothing to do", 1, true), text)
    end
  end)

  it("has no colour but where something is said with it", function()
    local text = report.target(KINDS.support(), { colour = true })
    assert.matches("^\27%[1;31mwww", text) -- broken is red
    assert.equal(report.target(KINDS.support()), (text:gsub("\27%[[%d;]*m", "")))
  end)

  it("sums many targets up in lines that fit", function()
    local summary = summaries.new()
    for i = 1, 40 do
      local result = KINDS.support()
      result.addresses[1].support.ticket.lifetime_hint_s = 10 ^ (i % 9)
      summary:add(result)
      summary:add(result_of({}, problem("unreachable",
        ({ "not_tls", "no_starttls", "timeout", "dh_too_large" })[i % 4 + 1], "x")))
    end
    for _, width in ipairs({ 80, 60 }) do
      local text = summary_text(summary:fold(), width)
      assert_fits(text, width)
      assert_no_codes(text)
    end
  end)
end)
