--- `--merge` and `--resume` of valid JSON of another shape ("error": null, no addresses, other types) ended in a
-- traceback. Such a line is told with file and number, and the rest is merged.

local cjson = require "cjson"
local many = require "spec.support.many"
local merge = require "resum.cli.merge"
local process = require "spec.support.process"
local resume = require "resum.cli.resume"
local summary_text = require("resum.report.text.summary").text

-- A result with every field that is used of one.
local function result()
  local attempt = { facts = { tickets = { { key_name = "0011", ticket = "0011" }, { key_name = "0011" } } } }
  return {
    target = { text = "a.example" }, status = "completed", error = { code = "x", message = "y" }, addresses = { {
      address = "192.0.2.1", status = "completed", control = attempt,
      support = { psk = { verdict = "supported", attempted = 5, lifetime_s = 7200, attempts = { attempt, attempt } },
        ticket = { verdict = "supported", attempted = 5, lifetime_hint_s = 7200 } },
      rate = { psk = { verdict = "supported", attempted = 100 } },
    } },
  }
end

local OTHERS = { cjson.null, 1, "x", true, cjson.decode("[]"), { 1 }, { a = 1 }, { { } }, -1e300, "\27[2J" }

-- Calls on_place(table, key) for every place in a value, over and over; the place is mended afterwards.
local function each_place(value, on_place)
  for key, inner in pairs(value) do
    on_place(value, key)
    if type(inner) == "table" then
      each_place(inner, on_place)
    end
  end
end

local function file_of(...)
  local path = process.temporary_directory() .. "/part"
  process.write_file(path, table.concat({ ... }, "\n") .. "\n")
  return path
end

local GOOD = '{"target":{"text":"b.example"},"status":"completed","addresses":[]}'

-- Merges in this process: the lines that count, and what was told.
local function merged_of(path)
  local kept, told = {}, {}
  local merged = assert(merge.files({ path }, function(line)
    kept[#kept + 1] = line
  end, function(message)
    told[#told + 1] = message
  end))
  assert.is_string(summary_text(merged.summary:fold()))
  return kept, told
end

describe("a line of JSON of another shape", function()
  it("is merged or told, and the others are merged", function()
    local whole, refused = result(), 0
    local lines = {}
    local function try()
      lines[#lines + 1] = cjson.encode(whole)
    end
    each_place(whole, function(place, key)
      local before = place[key]
      for _, other in ipairs(OTHERS) do
        place[key] = other
        try()
      end
      place[key] = nil
      if #place == 0 then -- else it would be a list with a hole
        try()
      end
      place[key] = before
    end)
    for _, line in ipairs(lines) do
      local path = file_of(line, GOOD)
      local kept, told = merged_of(path)
      assert.equal(GOOD .. "\n", kept[#kept], line)
      assert.equal(2, #kept + #told, line)
      if told[1] then
        refused = refused + 1
        assert.equal(path .. ": line 1 is no whole result and is left out", told[1])
      end
      local done, about = resume.read(path)
      assert.is_true(done["b.example"])
      assert.is_true(about.unreadable <= 1)
    end
    assert.is_true(#lines > 300 and refused > 100, #lines .. " " .. refused)
  end)

  it("is told by the command with file and number", function()
    local shapes = { '{"target":{"text":"c"},"status":"error","error":null,"addresses":[]}',
      '{"target":{"text":"c"},"status":"completed"}', '{"target":{"text":"c"},"status":7,"addresses":{}}',
      '{"target":{"text":"c"},"status":"completed","addresses":[null]}', "[]", "null", "1", '"x"', "{}",
      '{"target":null}', '{"target":{"text":["c"]}}', ("["):rep(5000) }
    for _, shape in ipairs(shapes) do
      local path = file_of(GOOD, shape)
      local ended = many.run("--merge", "--json_out", "-", path)
      assert.same({ 1, GOOD .. "\n" }, { ended.code, ended.stdout })
      assert.equal(("resum: %s: line 2 is no whole result and is left out"):format(path),
        many.lines_of(ended.stderr)[1])
    end
  end)

  it("is a line that --resume tells of and scans again", function()
    local path = file_of(GOOD, '{"target":{"text":"127.0.0.1:1"},"error":null}', '{"target":{"text":"c"},"error":7}')
    local ended = many.run("--quiet", "--retries", "0", "--resume", path, "--json_lines", "--json_out", path,
      "127.0.0.1:1", "b.example")
    assert.equal(("resum: --resume: %s: 2 lines are not results; their targets are scanned again"):format(path),
      many.lines_of(ended.stderr)[1])
    assert.equal(1, ended.code)
    assert.equal(4, #many.lines_of(process.read_file(path)))
  end)
end)
