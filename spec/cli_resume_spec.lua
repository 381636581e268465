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

local function kind_of(about)
  return { about.kind, about.unreadable }
end

describe("a file of results", function()
  it("says which targets are done: those that failed are, those that were interrupted are not", function()
    local done, about = resume.read(file_of(line("a") .. line("b", "refused") .. line("c", "interrupted")))
    assert.same({ { a = true, b = true }, { "results", 0 } }, { done, kind_of(about) })
  end)

  it("may hold lines that are no results: their targets are not done", function()
    local done, about = resume.read(file_of('{"target":{"text":"a"\n' .. line("b") .. '{"target":1}\n'))
    assert.same({ { b = true }, { "results", 2 } }, { done, kind_of(about) })
  end)

  it("may be one of names instead, or not there yet, or empty", function()
    local done, about = resume.read(file_of(resume.HEAD .. "\na.example\n\nb:443\n"))
    assert.same({ { ["a.example"] = true, ["b:443"] = true }, { "names", 0 } }, { done, kind_of(about) })
    for _, path in ipairs({ process.temporary_directory() .. "/none", file_of("") }) do
      done, about = resume.read(path)
      assert.same({ {}, { "new", 0 } }, { done, kind_of(about) })
    end
  end)
end)

-- What stays of a file, and how much was cut.
local function mend(path)
  local _, about = resume.read(path)
  return resume.mend(path, about), process.read_file(path)
end

describe("a torn last line", function()
  local LONG = '{"addresses":[' .. ("x"):rep(200000) -- longer than what is read at once

  it("is cut, and nothing else", function()
    local whole = line("a") .. line("b")
    for torn, expected in pairs({ [""] = whole, ['{"target'] = whole, [LONG] = whole }) do
      assert.same({ #torn, expected }, { mend(file_of(whole .. torn)) })
    end
    local names = resume.HEAD .. "\na.example\n"
    assert.same({ 5, names }, { mend(file_of(names .. "b.exa")) })
  end)

  it("may be all that there is", function()
    for _, torn in ipairs({ LONG, LONG:sub(1, 5), "{", '{"across":{"ticket', resume.HEAD, resume.HEAD:sub(1, 1) }) do
      assert.same({ #torn, "" }, { mend(file_of(torn)) })
    end
  end)

  it("is somebody else's where it is not the beginning of ours", function()
    for _, note in ipairs({ "a.example", '{"name":"a"}', "{ }" }) do
      assert.is_nil((resume.read(file_of(note))), note)
    end
  end)

  it("is none where it is a whole result: it gets its end", function()
    for _, before in ipairs({ "", line("a") }) do
      assert.same({ 0, before .. line("b") }, { mend(file_of(before .. line("b"):sub(1, -2))) })
    end
  end)

  it("is not there where there is no file, or what is no file", function()
    local path = process.temporary_directory() .. "/none"
    assert.equal(0, resume.mend(path, select(2, resume.read(path))))
    assert.equal(0, resume.mend("/dev/null", select(2, resume.read("/dev/null"))))
  end)
end)

describe("a result", function()
  it("is done unless it was interrupted", function()
    assert.is_true(resume.is_done({}))
    assert.is_true(resume.is_done({ error = { code = "refused" } }))
    assert.is_false(resume.is_done({ error = { code = "interrupted" } }))
  end)
end)
