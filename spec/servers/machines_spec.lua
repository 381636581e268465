-- Work shared among machines, by the commands of docs/many-targets.md as they stand there. GNU parallel is the real
-- one; of Slurm and Kubernetes there is what they give a job: a number in the environment.

local many = require "spec.support.many"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local SHARES = 4

local function example(name, language)
  local page = process.read_file("docs/many-targets.md")
  local found = page:match("<!%-%- " .. name .. " %-%->%s*```" .. language .. "\n(.-)```")
  return found or error("no example " .. name)
end

-- The container's script: what is indented below "- |".
local function kubernetes_script()
  local script = example("kubernetes", "yaml"):match("%- |\n(.-)\n        %S")
  return (script:gsub("\n? +", function(blank)
    return blank:sub(1, 1) == "\n" and "\n" or nil
  end))
end

-- The command, with one attempt: --merge makes none.
local QUICKLY = [[
case $1 in --merge) exec real-resum "$@" ;; esac
exec real-resum "$@" --attempts 1 --max_connections 50
]]

describe("work shared among machines", function()
  local server, folder, list, single

  setup(function()
    server = servers.nginx({ host = "0.0.0.0", session_cache = "shared:SSL:1m" })
    list = many.addresses(server.port, 40)
    list[41] = "127.0.0.1:1" -- nobody listens there
    single = process.temporary_directory() .. "/single.jsonl"
    local alone = many.run("--quiet", "--targets_in", many.write_list(list), "--json_lines", "--json_out", single,
      "--attempts", "1")
    assert.equal(1, alone.code)
  end)

  local function write_script(name, text)
    process.write_file(folder .. "/" .. name, "#!/bin/sh\n" .. text)
    assert(require("luv").fs_chmod(folder .. "/" .. name, 493)) -- rwxr-xr-x
  end

  -- A folder with the list, and the command on PATH.
  before_each(function()
    folder = process.temporary_directory()
    process.write_file(folder .. "/targets.txt", table.concat(list, "\n") .. "\n")
    write_script("real-resum", ('exec %s "$@"\n'):format(table.concat(many.command(), " ")))
    write_script("resum", QUICKLY)
  end)

  teardown(servers.stop_all)

  local function run(script, environment)
    local variables = {
      HOME = folder, -- GNU parallel keeps its own files there
      PATH = folder .. ":" .. os.getenv("PATH"),
      LUA_PATH = process.ROOT .. "/lua/?.lua;" .. process.ROOT .. "/lua/?/init.lua;;",
    }
    for name, value in pairs(environment or {}) do
      variables[name] = value
    end
    return process.run({ command = { "sh", "-c", script }, working_directory = folder, environment = variables,
      seconds = many.PATIENCE })
  end

  -- What was found out about each target, without what differs from run to run.
  local function verdicts_of(path)
    local verdicts = {}
    for text, result in pairs((many.results_of(path))) do
      local words = { result.status }
      for _, mechanism in ipairs({ "session_id", "ticket", "psk" }) do
        words[#words + 1] = result.addresses[1].support and result.addresses[1].support[mechanism].verdict
      end
      verdicts[text] = table.concat(words, " ")
    end
    return verdicts
  end

  -- One of the targets is down, which is said.
  local function without_the_dead_one(said)
    return (said:gsub("resum: 127%.0%.0%.1:1: [^\n]*refused[^\n]*\n", ""))
  end

  local function assert_same_as_single_run()
    local merged = run(example("merge", "sh"))
    assert.same({ 0, "" }, { merged.code, merged.stderr })
    assert.matches("^Summary: 40 targets scanned, 1 unreachable; 40 services\n", merged.stdout)
    local expected = verdicts_of(single)
    assert.equal("completed supported supported supported", expected[list[1]])
    assert.same(expected, verdicts_of(folder .. "/all.jsonl"))
  end

  it("by GNU parallel comes to the same as a single run", function()
    local ended = run(example("parallel", "sh"))
    assert.same({ 0, "", "" }, { ended.code, ended.stdout, without_the_dead_one(ended.stderr) })
    assert_same_as_single_run()
  end)

  it("by GNU parallel is completed by running again the share that was killed", function()
    -- the third share is slow, and killed when it has some results
    write_script("resum", [[
case "$*" in *part-3.jsonl*) if mkdir killed 2>/dev/null; then
  real-resum "$@" --attempts 1 --max_connections 1 --delay 0.1 & pid=$!
  until [ -s part-3.jsonl ]; do sleep 0.01; done
  kill -9 $pid
  wait $pid
  exit
fi ;; esac
]] .. QUICKLY)
    local command = example("parallel", "sh")
    assert.equal(1, run(command).code) -- one job failed
    local before = #many.lines_of(process.read_file(folder .. "/part-3.jsonl"))
    assert.is_true(before < 5, "the third share was done: " .. before)
    many.cut_file(folder .. "/part-3.jsonl", 50) -- and its last line is torn
    local again = run((command:gsub("%-%-joblog", "--resume-failed --joblog")))
    assert.equal(0, again.code)
    assert.matches("an incomplete last line of %d+ bytes was cut off", again.stderr)
    assert_same_as_single_run()
  end)

  for name, case in pairs({
    ["a Slurm array"] = { script = example("slurm", "sh"), variable = "SLURM_ARRAY_TASK_ID", first = 1 },
    ["a Kubernetes indexed Job"] = { script = kubernetes_script(), variable = "JOB_COMPLETION_INDEX", first = 0 },
  }) do
    it("by " .. name .. " comes to the same as a single run", function()
      for index = case.first, case.first + SHARES - 1 do
        local ended = run(case.script, { [case.variable] = ("%d"):format(index) })
        assert.same({ 0, "", "" }, { ended.code, ended.stdout, without_the_dead_one(ended.stderr) })
      end
      assert_same_as_single_run()
    end)
  end
end)
