-- A report of --json_out, given to --merge, was "no whole result", and a summary of nothing followed. A list of targets
-- that was a file of results was "no record of masscan".

local our_files = require "resum.cli.our_files"
local process = require "spec.support.process"

local RESUM = process.ROOT .. "/lua/bin/resum"
local OPTIONS = { "json_out", "csv_out", "openmetrics_out", "junit_out", "sarif_out", "html_out" }
local LINES, LIST = our_files.RESULTS, our_files.LIST

describe("a file of ours that an option does not take", function()
  local folder = process.temporary_directory()

  setup(function()
    local words = { RESUM, "--quiet", "127.0.0.1:" .. process.closed_port() }
    for _, option in ipairs(OPTIONS) do
      table.move({ "--" .. option, folder .. "/" .. option }, 1, 2, #words + 1, words)
    end
    process.run({ command = words })
    process.run({ command = { RESUM, "--quiet", "--json_lines", "--json_out", folder .. "/lines", words[3] } })
    process.run({ command = { RESUM, "--quiet", "--resume", folder .. "/list", words[3] } })
    process.write_file(folder .. "/watch", '{"resum_watch":1,"place":"127.0.0.1 1 localhost"}\n')
  end)

  local function run(option, name)
    return process.run({ command = { RESUM, "--dry_run", option, folder .. "/" .. name } })
  end

  local function merge(name)
    return process.run({ command = { RESUM, "--merge", folder .. "/" .. name } })
  end

  for _, option in ipairs(OPTIONS) do
    it("is called by its name, with what to do: --" .. option, function()
      local merged, listed = merge(option), run("--targets_in", option)
      assert.same({ 2, "" }, { merged.code, merged.stdout })
      assert.matches(("^resum: %%-%%-merge: %s/%s is an? ?.*%%-%%-%s%%); results are joined line by line: write them "
        .. "with %%-%%-json_lines\n$"):format(folder:gsub("%p", "%%%0"), option, option),
        (merged.stderr:gsub("of (%-%-%g+);", "(%1);"):gsub("is metrics", "is a metrics")))
      assert.same({ 2, "" }, { listed.code, listed.stdout })
      assert.matches("and no list of targets; give the list that was scanned\n$", listed.stderr)
    end)
  end

  it("is told what else it is for", function()
    local state, list, lines = merge("watch"), merge("list"), run("--targets_in", "lines")
    assert.same({ 2, 2, 2 }, { state.code, list.code, lines.code })
    assert.matches("a state file of a watch; name state files of the audit", state.stderr)
    assert.is_truthy(list.stderr:find(LIST .. "; name what --json_lines has written", 1, true))
    assert.is_truthy(lines.stderr:find(LINES .. ", and no list of targets; --resume skips", 1, true))
  end)

  it("is none where the option takes it", function()
    assert.equal(0, merge("lines").code)
    assert.equal(0, run("--targets_in", "list").code)
  end)
end)

describe("what somebody else has written", function()
  it("is no file of ours", function()
    for _, head in ipairs({ '{"command":"other"}', "target,port\n", "<!DOCTYPE html><title>x</title>", "# a list\n",
      '{"ip": "127.0.0.1", "ports": []}', "<?xml version=\"1.0\"?><nmaprun>" }) do
      assert.is_nil(our_files.kind(head), head)
    end
    assert.is_nil(our_files.kind(nil))
  end)
end)
