-- With stdout closed (">&-"), the event loop's own files took its place, and the program ended with an assertion of
-- libuv's.

local process = require "spec.support.process"

local RESUM = ("lua%s '%s/lua/bin/resum'"):format(_VERSION:match("%d%.%d"), process.ROOT)

local function run(redirection)
  local address = "127.0.0.1:" .. process.closed_port()
  return process.run({ command = { "sh", "-c", ("%s %s %s"):format(RESUM, address, redirection) } }), address
end

describe("the command with closed streams", function()
  for streams, redirection in pairs({ stdin = "<&-", stderr = "2>&-", ["stdin and stderr"] = "<&- 2>&-" }) do
    it("reports as ever without " .. streams, function()
      local result, address = run(redirection)
      assert.same({ 1, 0, address .. ": unreachable: connection refused. Is the port right?\n" },
        { result.code, result.signal, result.stdout })
    end)
  end

  it("says that stdout can't be written to", function()
    local result = run(">&-")
    assert.same({ code = 4, signal = 0, stdout = "", stderr = "resum: stdout: Bad file descriptor\n" }, result)
  end)

  it("ends in order without any", function()
    local result = run("<&- >&- 2>&-")
    assert.same({ code = 4, signal = 0, stdout = "", stderr = "" }, result)
  end)
end)
