--- What is written for people holds: pages explain every code, commands in them can be typed, links lead somewhere, and
-- figures that stand in several places are the same.

local mechanisms = require "resum.connection.mechanism"
local options = require "resum.cli.options"
local page = require "spec.support.page"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local starttls = require "resum.transport.starttls"
local summary = require "resum.analysis.summary"
local vocabulary = require "resum.analysis.vocabulary"

local LARGEST_README, LARGEST_SCREENSHOT = 7 * 1024, 200000

local function pages()
  local found = { ["README.md"] = process.read_file(process.ROOT .. "/README.md") }
  for _, name in ipairs(process.list(process.ROOT .. "/docs")) do
    if name:find("%.md$") then
      found["docs/" .. name] = page.text(name)
    end
  end
  return found
end

local function explained(file, heading)
  return assert(page.by_heading(page.text(file))[heading], heading)
end

describe("docs/vocabulary.md", function()
  it("explains every code that reports have words for, and no other", function()
    assert.same({}, page.differences(vocabulary.verdicts, explained("vocabulary.md", "Verdicts")))
    assert.same({}, page.differences(vocabulary.reasons, explained("vocabulary.md", "Reasons")))
    assert.same({}, page.differences(vocabulary.severities, explained("vocabulary.md", "How bad it is")))
    assert.same({}, page.differences(vocabulary.client_certificates, explained("vocabulary.md", "Client certificates")))
    assert.same({}, page.differences(vocabulary.client_hellos, explained("vocabulary.md", "ClientHellos")))
  end)

  it("calls samplings by the questions that reports ask", function()
    local samplings = explained("vocabulary.md", "Samplings")
    assert.same({}, page.differences(vocabulary.questions, samplings))
    for code, row in pairs(samplings) do
      assert.equal(vocabulary.questions[code], row.cells[2])
    end
  end)

  it("calls verdicts and mechanisms what reports call them", function()
    local tables = page.by_heading(page.text("vocabulary.md"))
    for code, row in pairs(tables.Verdicts) do
      assert.equal(vocabulary.verdicts[code], row.cells[2])
    end
    local count = 0
    for code, row in pairs(tables.Mechanisms) do
      count = count + 1
      assert.equal(mechanisms[code].title, row.cells[2])
    end
    assert.equal(#mechanisms.names, count)
  end)
end)

describe("docs/method.md", function()
  it("has every verdict and every reason of a mechanism", function()
    local codes = {}
    for code in page.text("method.md"):match("\n## Verdicts\n(.-)\n## "):gmatch("`(%l[%l_]+)`") do
      codes[code] = true
    end
    for _, verdict in ipairs(summary.VERDICTS) do
      assert.is_true(codes[verdict] == true, verdict)
    end
    for reason in pairs(vocabulary.reasons) do
      assert.is_true(codes[reason] == true, reason)
    end
  end)

  it("has the same verdicts on set-ups as docs/json.md", function()
    local text = page.text("method.md"):match("\n## Behind a load balancer\n(.-)\n## ")
    local codes = {}
    for _, row in ipairs(page.rows(text)) do
      codes[row.code] = true
    end
    for code in text:match("`%-%-quick`.-%."):gmatch("%f[%w_`]`(%l[%l_]+)`") do
      codes[code] = true
    end
    for code in text:match("It gives a verdict%s*%((.-)%)"):gmatch("`(%l[%l_]+)`") do
      codes[code] = true
    end
    assert.same({}, page.differences(explained("json.md", "set-up"), codes))
  end)
end)

describe("README.md", function()
  it("is short enough to be read", function()
    local size = #process.read_file(process.ROOT .. "/README.md")
    assert.is_true(size <= LARGEST_README, size .. " bytes")
  end)

  it("has a picture that is one, and small", function()
    local picture = process.read_file(process.ROOT .. "/docs/screenshot.png")
    assert.equal("\137PNG\r\n\26\n", picture:sub(1, 8))
    assert.is_true(#picture < LARGEST_SCREENSHOT, #picture .. " bytes")
  end)
end)

describe("the pages", function()
  local function anchor_of(heading)
    return (heading:lower():gsub("[^%w _-]", ""):gsub(" ", "-"))
  end

  local function has_anchor(text, anchor)
    for heading in text:gmatch("\n#+ ([^\n]+)") do
      if anchor_of(heading) == anchor then
        return true
      end
    end
    return false
  end

  it("link to files and headings that there are", function()
    local all, count = pages(), 0
    for name, text in pairs(all) do
      for link in text:gmatch("%]%(([^)]+)%)") do
        local file, anchor = link:match("^([^#]*)#?(.*)$")
        if not link:find("^https?:") then
          count = count + 1
          local path = file == "" and name or (name:match("^docs/") or "") .. file
          assert.is_true(pcall(process.read_file, process.ROOT .. "/" .. path), name .. ": " .. link)
          assert.is_true(anchor == "" or has_anchor(all[path], anchor), name .. ": " .. link)
        end
      end
    end
    assert.is_true(count > 50)
  end)

  local THERE = { ["me.pem"] = pki.get("client").bundle } -- files in the pages' commands that are read at once

  -- The words of a command line as a shell would have them, as far as the pages need one.
  local function words_of(line)
    local words = {}
    for word in line:gsub('"([^"]*)"', function(quoted)
      return (quoted:gsub(" ", "\1"))
    end):gmatch("%S+") do
      words[#words + 1] = THERE[word] or (word:gsub("\1", " "))
    end
    return words
  end

  it("show commands that resum takes", function()
    local count = 0
    local texts = pages()
    texts["docs/resum.1"] = process.read_file(process.ROOT .. "/docs/resum.1"):gsub("%.Dl %$ ", "")
    for name, text in pairs(texts) do
      for line in ("\n" .. text:gsub("\\\n", " ")):gmatch("\n%s*[./%w]-resum ([^\n]*)") do
        local command = line:gsub("%s[|>]%s.*", ""):gsub("%s#.*", "")
        local is_command = command:find("^%-") or command:find("^%w[%w.]*%.example%.com")
        if is_command and not command:find("--help", 1, true) and not command:find("[{$]") then
          count = count + 1
          local parsed, message = options.parse(words_of(command))
          assert.is_truthy(parsed, ("%s: resum %s: %s"):format(name, command, tostring(message)))
        end
      end
    end
    assert.is_true(count >= 12, count .. " commands")
  end)
end)

describe("docs/resum.1", function()
  it("names every STARTTLS protocol", function()
    local manual = process.read_file(process.ROOT .. "/docs/resum.1")
    local list = manual:match("Ask for TLS in this protocol first:\n%.Cm ([^\n]*)")
    assert.equal(table.concat(starttls.names, " , "), (list:gsub(" ,$", "")))
  end)
end)

describe("the number of connections", function()
  it("is the same in README, --help, the manual and docs/method.md", function()
    local help = process.run({ command = { "./lua/bin/resum", "--help" }, working_directory = process.ROOT }).stdout
    local manual = process.read_file(process.ROOT .. "/docs/resum.1")
    local method = page.text("method.md")
    local readme = process.read_file(process.ROOT .. "/README.md")
    local figures = {}
    for place, text in pairs({ help = help, manual = manual, method = method, readme = readme }) do
      local flat = text:gsub("\n%.Fl[^\n]*", ""):gsub("[`%s]+", " ")
      local few, many, low, high = flat:match("makes (%d+) to (%d+) connections to an address.-(%d+) to (%d+)[.;]")
      figures[place] = ("%s to %s, %s to %s"):format(few, many, low, high)
    end
    local rows = page.by_heading(method)["How many connections"]
    local support, rate = rows["--resum"].cells, rows["--resum_rate"].cells
    local wanted = ("%s to %s, %s to %s"):format(support[2], support[3], rate[2], rate[3])
    assert.same({ help = wanted, manual = wanted, method = wanted, readme = wanted }, figures)
  end)
end)
