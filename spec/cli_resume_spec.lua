--- What an earlier run has done, read from files that it may have left torn.

local process = require "spec.support.process"
local resume = require "resum.cli.resume"

local function file_of(bytes)
  local path = process.temporary_directory() .. "/results"
  process.write_file(path, bytes)
  return path
end

local function line(text, code)
  return ('{"target":{"text":"%s"}%s}\n'):format(text, code and (',"error":{"code":"%s"}'):format(code) or "")
end

describe("a file of results", function()
  it("says which targets are done: those that failed are, those that were interrupted are not", function()
    local done, about = resume.read(file_of(line("a") .. line("b", "refused") .. line("c", "interrupted")))
    assert.same({ { a = true, b = true }, { results = true, unreadable = 0 } }, { done, about })
  end)

  it("may hold lines that are no results: their targets are not done", function()
    local done, about = resume.read(file_of('{"target":{"text":"a"\n' .. line("b") .. '{"target":1}\n'))
    assert.same({ { b = true }, { results = true, unreadable = 2 } }, { done, about })
  end)

  it("may be a list of names instead, or not there yet", function()
    assert.same({ { ["a.example"] = true, ["b:443"] = true }, { results = false, unreadable = 0 } },
      { resume.read(file_of("a.example\n\nb:443\n")) })
    assert.same({ {}, { results = false, unreadable = 0 } },
      { resume.read(process.temporary_directory() .. "/none") })
  end)
end)

describe("a torn last line", function()
  local LONG = ("x"):rep(200000) -- longer than what is read at once

  it("is cut, and nothing else", function()
    local whole = line("a") .. line("b")
    for torn, expected in pairs({ [""] = whole, ['{"target'] = whole, [LONG] = whole }) do
      local path = file_of(whole .. torn)
      assert.equal(#torn, resume.cut(path))
      assert.equal(expected, process.read_file(path))
    end
  end)

  it("may be all that there is, or stand behind a line that is longer than what is read at once", function()
    local path = file_of("torn")
    assert.same({ 4, "" }, { resume.cut(path), process.read_file(path) })
    path = file_of(LONG .. "\n" .. LONG)
    assert.same({ #LONG, LONG .. "\n" }, { resume.cut(path), process.read_file(path) })
  end)

  it("is not there where there is no file, or what is no file", function()
    assert.equal(0, resume.cut(process.temporary_directory() .. "/none"))
    assert.equal(0, resume.cut("/dev/null"))
  end)
end)

describe("a result", function()
  it("is done unless it was interrupted", function()
    assert.is_true(resume.is_done({}))
    assert.is_true(resume.is_done({ error = { code = "refused" } }))
    assert.is_false(resume.is_done({ error = { code = "interrupted" } }))
  end)
end)
