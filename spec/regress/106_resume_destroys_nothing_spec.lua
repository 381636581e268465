--- `--resume FILE` destroyed files: a whole last record without a line's end was cut, any other file given by mistake
-- was emptied, and the list given as its own state scanned nothing and ended with 0. What is not ours is refused and
-- stays as it is; so does what is read and would be written.

local many = require "spec.support.many"
local process = require "spec.support.process"
local uv = require "luv"
local resume = require "resum.cli.resume"

local NOBODY = "127.0.0.1:1" -- refuses at once

local FOREIGN = {
  ["a text"] = "Dear all,\nthis is not yours.\n",
  ["a text without a line's end"] = "one word",
  ["a list of names"] = "a.example\nb.example:443\n",
  ["a list without the last line's end"] = "a.example\nb.example:443",
  ["a brace and more"] = "{ this: is a configuration }",
  ["JSON of others"] = '{"name":"x"}\n{"name":"y"}\n',
  ["bytes"] = ("\0\255\1"):rep(1000),
  ["a long line"] = ("x"):rep(200000) .. "\n",
  ["a long line without an end"] = ("x"):rep(200000),
  ["a comment"] = "# targets\na.example\n",
  ["a line that begins as ours, and is whole"] = '{"addresses":[]}\n',
  ["the head in the middle"] = "a\n" .. resume.HEAD .. "\nb\n",
}

local function file_of(bytes)
  local path = process.temporary_directory() .. "/file"
  process.write_file(path, bytes)
  return path
end

-- The command's words, without those that change nothing here.
local function run(...)
  return many.run("--quiet", "--retries", "0", ...)
end

describe("--resume", function()
  for what, bytes in pairs(FOREIGN) do
    it("refuses and does not touch " .. what, function()
      local path = file_of(bytes)
      for _, arguments in ipairs({ { "--resume", path }, { "--resume", path, "--json_lines", "--json_out", path },
        { "--resume", path .. ".new", "--json_lines", "--json_out", path } }) do
        local ended = run(NOBODY, table.unpack(arguments))
        assert.same({ 2, bytes }, { ended.code, process.read_file(path) })
        assert.is_truthy(ended.stderr:find(path .. ": this is no file of results", 1, true), ended.stderr)
      end
    end)
  end

  it("refuses the list as its own state, however it is named", function()
    local path = file_of("127.0.0.1:1\n")
    local folder = path:match("^(.*)/")
    assert(uv.fs_symlink("file", folder .. "/link"))
    assert(uv.fs_link(path, folder .. "/other"))
    for _, other in ipairs({ path, folder .. "/./file", folder .. "/link", folder .. "/other" }) do
      local ended = run("--targets_in", path, "--resume", other)
      assert.same({ 2, "resum: --targets_in and --resume name one file\n", "127.0.0.1:1\n" },
        { ended.code, ended.stderr, process.read_file(path) })
    end
    assert.equal(2, run("--targets_in", path, "--resume", file_of("127.0.0.1:1\n")).code) -- a copy of it
  end)

  it("keeps a whole last record without a line's end", function()
    local out = file_of("")
    assert.equal(1, run("--json_lines", "--json_out", out, NOBODY).code)
    local record = process.read_file(out)
    process.write_file(out, (record:gsub("\n$", "")))
    local ended = run("--json_lines", "--json_out", out, "--resume", out, NOBODY, "127.0.0.1:2")
    local now = process.read_file(out)
    assert.same({ "", record, 2 }, { ended.stderr:match("cut off") or "", now:sub(1, #record), #many.lines_of(now) })
  end)

  it("goes on with what it made itself, torn or not, and says what it cut", function()
    local state = process.temporary_directory() .. "/state"
    run("--resume", state, NOBODY)
    local made = process.read_file(state)
    assert.equal(resume.HEAD .. "\n" .. NOBODY .. "\n", made)
    process.write_file(state, made .. "127.0.0")
    local ended = run("--resume", state, NOBODY)
    assert.equal(("resum: --resume: %s: an incomplete last line of 7 bytes was cut off\n"):format(state), ended.stderr)
    assert.equal(made, process.read_file(state))
  end)
end)

describe("what is read", function()
  it("is not written over", function()
    local path = file_of("127.0.0.1:1\n")
    for _, output in ipairs({ "json_out", "html_out", "junit_out", "sarif_out", "csv_out", "openmetrics_out" }) do
      local ended = run("--targets_in", path, "--" .. output, path)
      assert.same({ 2, ("resum: --targets_in and --%s name one file\n"):format(output), "127.0.0.1:1\n" },
        { ended.code, ended.stderr, process.read_file(path) })
    end
  end)

  it("is not written over where it is the state, too", function()
    local state = file_of(resume.HEAD .. "\n")
    local ended = run("--resume", state, "--csv_out", state, NOBODY)
    assert.same({ 2, "resum: --resume and --csv_out name one file\n", resume.HEAD .. "\n" },
      { ended.code, ended.stderr, process.read_file(state) })
  end)
end)
