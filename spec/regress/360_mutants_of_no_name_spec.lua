--- A filter that no mutant fits, a mistyped one, was "0 mutants, 0 killed, 0 survived" and a success. The kind: a trial
-- that tried nothing must not pass.

local process = require "spec.support.process"
local uv = require "luv"

local function run(folder, ...)
  local result = process.run { working_directory = folder, command = { uv.exepath(), "spec/mutants/run.lua", ... } }
  return result.code, result.stdout, result.stderr
end

describe("a trial of mutants", function()
  it("fails where none fits the filter, whether they are only counted or tried", function()
    for _, words in ipairs({ { "nowhere.lua" }, { "--check", "nowhere.lua" } }) do
      local code, said, complaint = run(process.ROOT, table.unpack(words))
      assert.same({ 1, "", "no mutant has 'nowhere.lua' in its name, file, spec or list\n" }, { code, said, complaint })
    end
  end)

  it("counts those that fit, and fails where their text is not there", function()
    local code, said = run(process.ROOT, "--check", "proxy")
    assert.equal(0, code)
    assert.matches("^[1-9]%d* mutants, 0 do not apply\n$", said)
    local folder = process.temporary_directory()
    assert.equal(0, process.run { command = { "cp", "-r", process.ROOT .. "/spec", folder .. "/spec" } }.code)
    code, said = run(folder, "--check", "proxy")
    assert.equal(1, code)
    assert.matches("\n0 mutants, [1-9]%d* do not apply\n$", said)
    process.remove(folder)
  end)
end)
