--- What the exit codes mean was told in three wordings, and was not always so: --help, --version and --dry_run ended
-- with 0 on a full disk, as did an audit whose state file could not be written; a program that was not built ended as
-- if a target had been down. --openmetrics_out /dev/null put a file in the place of the device.

local EXIT = require "resum.cli.exit"
local parsers = require "resum.cli.parser"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local system = require "resum.cli.system"
local uv = require "luv"

local resum = process.resum

local function read(name)
  return process.read_file(process.ROOT .. "/" .. name)
end

local function on_one_line(text)
  return (text:gsub("%s+", " "))
end

-- The manual's section without its macros.
local function manual_section()
  local text = read("docs/resum.1"):match("%.Sh EXIT STATUS\n(.-)%.Sh ")
  return on_one_line(text:gsub("%.Fl %-(%l+) ?", "--%1"):gsub("(%-%-%l+)\n:", "%1:"))
end

describe("what an exit code means", function()
  it("is told in the same words by --help, the manual and docs/method.md", function()
    local help, manual = on_one_line(parsers.new():get_help()), manual_section()
    local page = read("docs/method.md"):gsub("`", "")
    local last = 0
    for _, one in ipairs(EXIT.meanings) do
      local code, words = one[1], one[2]
      assert.is_truthy(help:find(("%d %s."):format(code, words), 1, true), words)
      assert.is_truthy(page:find(("| %d | %s |"):format(code, words), 1, true), words)
      local at = manual:find((".It %d %s "):format(code, words), last + 1, true)
      assert.is_truthy(at, words)
      last = at
    end
  end)

  it("is there for each that the program has", function()
    local told, there = {}, {}
    for _, one in ipairs(EXIT.meanings) do
      told[#told + 1] = one[1]
    end
    for _, value in pairs(EXIT) do
      there[#there + 1] = math.type(value) == "integer" and value or nil
    end
    table.sort(there)
    assert.same(told, there)
  end)
end)

describe("what could not be written", function()
  after_each(servers.stop_all)

  for _, word in ipairs({ "--help", "--version", "--dry_run" }) do
    it("ends with 4: " .. word, function()
      local run = process.run({ command = { "sh", "-c", 'exec "$0" "$@" > /dev/full',
        process.ROOT .. "/lua/bin/resum", word, "127.0.0.1:1" } })
      assert.same({ 4, "resum: stdout: No space left on device\n" }, { run.code, run.stderr })
    end)
  end

  it("is told before anything is asked where the folder of a state file is missing", function()
    local folder = process.temporary_directory()
    local run = resum("--audit", "--state", folder .. "/none/state", "127.0.0.1:1")
    assert.same({ 2, "", ("resum: --state: %s/none/state: No such file or directory\n"):format(folder) },
      { run.code, run.stdout, run.stderr })
    assert.equal(2, resum("--dry_run", "--audit", "--state", folder .. "/none/state", "127.0.0.1:1").code)
  end)

  it("ends with 4 where a state file can't grow", function()
    local server = servers.nginx({ session_cache = "off", session_tickets = "on" })
    local state = process.temporary_directory() .. "/state"
    local words = { "--quiet", "--audit", "--audit_checks", "key-age", "--state", state, server.address }
    assert.equal(0, resum(table.unpack(words)).code)
    process.write_file(state, process.read_file(state):rep(40)) -- what the shell limits are blocks of up to 1,024 bytes
    local run = process.run({ command = { "sh", "-c", 'ulimit -f 4; exec "$0" "$@"', process.ROOT .. "/lua/bin/resum",
      table.unpack(words) } })
    assert.equal(4, run.code, run.stderr)
    assert.matches("^resum: %-%-state: ", run.stderr)
  end)
end)

describe("a file that is replaced when it is whole", function()
  local folder = process.temporary_directory()

  it("is no device and no pipe", function()
    assert.is_nil(system.replaceable("/dev/null"))
    local pipe = folder .. "/pipe"
    process.run({ command = { "mkfifo", pipe } })
    local reader = process.start({ command = { "cat", pipe } })
    local run = resum("--quiet", "--openmetrics_out", pipe, "127.0.0.1:1")
    assert.equal(1, run.code, run.stderr)
    assert.is_truthy(process.wait_until(process.PATIENCE, function() return reader.exited end))
    assert.matches("# EOF\n$", reader.stdout())
    assert.equal("fifo", uv.fs_stat(pipe).type)
  end)

  it("is the one behind a link, which stays", function()
    process.write_file(folder .. "/file", "old")
    uv.fs_symlink("file", folder .. "/link")
    assert.equal(1, resum("--quiet", "--openmetrics_out", folder .. "/link", "127.0.0.1:1").code)
    assert.equal("link", uv.fs_lstat(folder .. "/link").type)
    assert.matches("# EOF\n$", process.read_file(folder .. "/file"))
    assert.is_nil(uv.fs_stat(folder .. "/file.new"))
  end)
end)
