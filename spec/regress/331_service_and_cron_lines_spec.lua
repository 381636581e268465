--- The unit of docs/watch.md had one state folder for all its instances, each of which had a user of its own: whichever
-- was started last took the files of all others (systemd.exec(5): ownership is changed recursively), whose watches then
-- could not write their state. A folder for each is no way out: targets may have a colon, which parts two words there.
-- Cron's lines named a program that is not in cron's PATH (/usr/bin:/bin).

local process = require "spec.support.process"

local TEXT = process.read_file(process.ROOT .. "/docs/watch.md")
local UNIT = TEXT:match("```\n(%[Unit%].-)```")

local function lines_with(pattern)
  local list = {}
  for line in TEXT:gmatch("[^\n]+") do
    list[#list + 1] = line:match(pattern) and line or nil
  end
  return list
end

describe("docs/watch.md", function()
  it("has a unit whose instances share a folder, and its user", function()
    local folder = UNIT:match("\nStateDirectory=(%S+)\n")
    assert.is_nil(folder:find("%", 1, true))
    assert.is_truthy(UNIT:find("\nUser=%l+\n"))
    assert.is_nil(UNIT:find("DynamicUser", 1, true))
    local command, files = UNIT:match("\nExecStart=([^\n]+)"), 0
    for path in command:gmatch(" (%%S/%S+)") do
      assert.equal("%S/" .. folder .. "/%i.", path:sub(1, #folder + 7), path)
      files = files + 1
    end
    assert.equal(3, files)
    assert.is_nil(command:find(" /var", 1, true))
  end)

  it("has lines for cron that do not need a PATH, and no percent sign, which cron takes for a line's end", function()
    local lines = lines_with("^%d+ %d+ %S+ %S+ %S+ +root ")
    assert.equal(2, #lines)
    for _, line in ipairs(lines) do
      assert.is_truthy(line:find(" root /usr/local/bin/resum --watch ", 1, true), line)
      assert.is_nil(line:find("%", 1, true), line)
    end
  end)
end)
