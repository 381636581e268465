-- A pipe to which nobody wrote, given for a file, was waited for without a word; where a file is read twice, it was
-- waited for although it is of no use there.

local process = require "spec.support.process"
local uv = require "luv"

local RESUM = process.ROOT .. "/lua/bin/resum"
local WAITING = "waiting for somebody to write to the pipe "

local function new_pipe()
  local pipe = process.temporary_directory() .. "/pipe"
  assert.equal(0, process.run({ command = { "mkfifo", pipe } }).code)
  return pipe
end

local function start(...)
  return process.start({ command = { RESUM, "--quiet", ... } })
end

-- Starts the command, and waits until it has said what it waits for.
local function start_and_hear(...)
  local child = start(...)
  assert.is_truthy(process.wait_until(process.PATIENCE, function()
    return child.stderr():find(WAITING, 1, true)
  end))
  return child
end

local function write(pipe, bytes)
  local writer
  process.wait_until(process.PATIENCE, function()
    writer = uv.fs_open(pipe, uv.constants.O_WRONLY + uv.constants.O_NONBLOCK, 0)
    return writer
  end)
  uv.fs_write(writer, bytes, -1)
  uv.fs_close(writer)
end

-- Ends within the half second after which somebody at a terminal tries again, on a busy machine too.
local SOON = 5

describe("a pipe to which nobody has written", function()
  local file = process.temporary_directory() .. "/certificate"
  process.write_file(file, "none\n")

  for name, words in pairs({ ["--cert"] = { "--cert", "%s" }, ["--key"] = { "--cert", file, "--key", "%s" },
    ["--pass"] = { "--cert", file, "--pass", "file:%s" }, ["--targets_in"] = { "--targets_in", "%s" } }) do
    it("is said to be waited for, and Ctrl-C ends that at once: " .. name, function()
      local pipe, list = new_pipe(), {}
      for i, word in ipairs(words) do
        list[i] = word:format(pipe)
      end
      list[#list + 1] = "127.0.0.1:1"
      local child = start_and_hear(table.unpack(list))
      assert.is_truthy(child.stderr():find(("resum: %s: %s%s (Ctrl-C ends it)\n"):format(name, WAITING, pipe), 1, true))
      child.kill("sigint")
      assert.equal(130, child.wait(SOON))
      child.stop()
    end)
  end

  it("is read when somebody does, and however late", function()
    local pipe = new_pipe()
    local child = start_and_hear("--cert", pipe, "127.0.0.1:1")
    write(pipe, "none\n")
    assert.equal(2, child.wait(process.PATIENCE))
    assert.matches("%-%-cert: there is no certificate in it", child.stderr())
    child.stop()
  end)

  it("is empty where somebody opened it and left", function()
    local pipe = new_pipe()
    local child = start("--cert", pipe, "127.0.0.1:1")
    write(pipe, "")
    assert.equal(2, child.wait(process.PATIENCE))
    assert.equal("resum: --cert: there is no certificate in it that OpenSSL can read\n", child.stderr())
    child.stop()
  end)

  for _, words in ipairs({ { "--merge", "%s" }, { "--resume", "%s", "127.0.0.1:1" } }) do
    it("is no file that can be read twice: " .. words[1], function()
      local run = process.run({ seconds = process.PATIENCE,
        command = { RESUM, words[1], words[2]:format(new_pipe()), words[3] } })
      assert.equal(2, run.code)
      assert.matches("no file but a pipe, and it is read twice", run.stderr)
    end)
  end
end)

describe("what a shell puts in the place of a file", function()
  it("is read as it comes, in pieces and without a word", function()
    local run = process.run({ command = { "bash", "-c",
      'exec "$0" --cert <(printf no; sleep 0.2; printf ne) --key <(echo none) 127.0.0.1:1', RESUM } })
    assert.same({ 2, "resum: --cert: there is no certificate in it that OpenSSL can read\n" }, { run.code, run.stderr })
  end)
end)
