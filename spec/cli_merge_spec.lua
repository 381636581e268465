-- Results of several runs, joined by the command.

local many = require "spec.support.many"
local process = require "spec.support.process"

local function line(text, status, code, more)
  return ('{"target":{"text":"%s"},"status":"%s",%s"addresses":[],"elapsed_s":%s}\n'):format(text, status,
    code and ('"error":{"code":"%s","message":"x"},'):format(code) or "", more or 1)
end

local function write(...)
  local path = process.temporary_directory() .. "/part.jsonl"
  process.write_file(path, table.concat({ ... }))
  return path
end

-- What --merge wrote as lines, and how it ended.
local function merge(...)
  local out = process.temporary_directory() .. "/out.jsonl"
  local ended = many.run("--merge", "--json_out", out, ...)
  return process.read_file(out), ended
end

local A, B, C = line("a.example", "completed"), line("b.example", "unreachable", "timeout"),
  line("c.example", "completed")

describe("joining results", function()
  it("keeps every target, in the order of the files, and summarises them", function()
    local lines, ended = merge(write(A, B), write(C))
    assert.equal(A .. B .. C, lines)
    assert.same({ 0, "" }, { ended.code, ended.stderr })
    assert.equal("Summary: 2 targets scanned, 1 unreachable; 0 services", many.lines_of(ended.stdout)[1])
    assert.equal("  Targets that could not be scanned: timeout 1", many.lines_of(ended.stdout)[8])
  end)

  it("drops what stands there twice", function()
    local part = write(A, B, A)
    local lines, ended = merge(part, write(B, C), part)
    assert.equal(B:len() + A:len() + C:len(), #lines)
    assert.same({ 0, "resum: 2 identical lines and 0 older results are left out\n" }, { ended.code, ended.stderr })
  end)

  it("lets the last result of a target count", function()
    local newer = line("b.example", "completed", nil, 2)
    local lines, ended = merge(write(A, B), write(newer))
    assert.equal(A .. newer, lines)
    assert.equal("resum: 0 identical lines and 1 older results are left out\n", ended.stderr)
    assert.equal(B, (merge(write(newer), write(B))))
  end)

  it("takes what was interrupted only where there is nothing better", function()
    local interrupted = line("a.example", "error", "interrupted")
    assert.equal(A, (merge(write(A), write(interrupted))))
    assert.equal(A, (merge(write(interrupted), write(A))))
    assert.equal(interrupted, (merge(write(interrupted))))
  end)

  it("reports torn lines, leaves them out and ends with 1", function()
    local part = write(A, B:sub(1, 20) .. "\n", "no result\n", "\n", C:sub(1, 30))
    local lines, ended = merge(part)
    assert.equal(A, lines)
    assert.same({ 1, {
      ("resum: %s: line 2 is no whole result and is left out"):format(part),
      ("resum: %s: line 3 is no whole result and is left out"):format(part),
      ("resum: %s: line 5 is no whole result and is left out"):format(part),
    } }, { ended.code, many.lines_of(ended.stderr) })
  end)

  it("names ten torn lines and counts the others", function()
    local _, ended = merge(write(("torn\n"):rep(25)))
    local said = many.lines_of(ended.stderr)
    assert.same({ 11, "resum: and 15 more such lines" }, { #said, said[11] })
  end)

  it("adds the line end that a whole last line lacks", function()
    assert.equal(A .. B, (merge(write(A, B:sub(1, -2)))))
  end)

  it("writes to stdout when asked, and the summary to stderr then", function()
    local ended = many.run("--merge", "--json_out", "-", write(A))
    assert.same({ 0, A }, { ended.code, ended.stdout })
    assert.matches("^Summary: 1 target scanned", ended.stderr)
  end)

  it("only summarises when nothing is said about lines", function()
    local ended = many.run("--merge", write(A))
    assert.matches("^Summary: 1 target scanned", ended.stdout)
  end)

  it("says what it can't read or write, and touches none of its files", function()
    local part = write(A)
    for _, case in ipairs({
      { "--merge needs files of results, or state files", "--merge" },
      { "--merge: /no/such/file: No such file or directory", "--merge", part, "/no/such/file" },
      { "--merge: /: Is a directory", "--merge", part, "/" },
      { "--json_out: is among the files to be joined", "--merge", "--json_out", part, part },
      { "--json_out: /no/such/folder/x: No such file or directory",
        "--merge", part, "--json_out", "/no/such/folder/x" },
    }) do
      local ended = many.run(table.unpack(case, 2))
      assert.same({ 2, "resum: " .. case[1] .. "\n", "" }, { ended.code, ended.stderr, ended.stdout })
    end
    assert.equal(A, process.read_file(part))
    local full = many.run("--merge", "--json_out", "/dev/full", part)
    assert.same({ 4, "resum: --json_out: No space left on device\n" }, { full.code, full.stderr })
  end)
end)
