-- --audit --state missing/file found out when all was over that there is no such folder, and so with a disk that became
-- full: key-age was "inconclusive", and with --quiet nothing was said, and the exit code was 0.

local files = require "resum.host.private_file"
local process = require "spec.support.process"
local run = require "resum.cli.run"
local servers = require "spec.support.servers"
local state = require "resum.audit.keys.state"

local function now()
  return 1000000
end

local function seen_at(byte)
  return { key = byte:rep(16), layout = "openssl", address = "192.0.2.1", port = 443, sni = "www.example" }
end

describe("a state file", function()
  it("that can't be made is told before anything is asked", function()
    local path = process.temporary_directory() .. "/missing/state"
    local ended = process.resum("--quiet", "--audit", "--state", path, "127.0.0.1:" .. process.closed_port())
    assert.same({ 2, ("resum: --state: %s: No such file or directory\n"):format(path) }, { ended.code, ended.stderr })
  end)

  it("is not made before there is something to write", function()
    local folder = process.temporary_directory()
    assert(state.open(folder .. "/state", { files = files, now = now }))
    assert.same({}, process.list(folder))
  end)

  it("remembers that something could not be written", function()
    local full = setmetatable({ append = function(path)
      return nil, path .. ": No space left on device"
    end }, { __index = files })
    local path = process.temporary_directory() .. "/state"
    local store = assert(state.open(path, { files = full, now = now }))
    assert.is_nil(store.failure)
    assert.is_falsy((store:note({ seen_at("ab") })))
    assert.equal(path .. ": No space left on device", store.failure)
  end)

  it("that has lost something ends the run with 4, and a word", function()
    local said, none = {}, function() end
    local one = run.new({
      parsed = { expect = {}, quiet = true }, at_once = 1, sinks = { as_they_come = {}, in_order = {} },
      targets = { next = none, next_argument = none, skipped = 1 },
      progress = { clear = none, finished = none, event = none, close = none },
      host = { name = "scripted", now = now, parallel = function(next_job)
        assert(next_job() == nil)
        return {}
      end },
      scanner = { options = { store = { failure = "state: No space left on device" } } },
    })
    one.complain = function(_, format, ...)
      said[#said + 1] = format:format(...)
    end
    assert.same({ 4, { "--state: state: No space left on device" } }, { one:go(), said })
  end)

  it("that may not grow any more is told by the command", function()
    local server, path = servers.s_server(), process.temporary_directory() .. "/state"
    local store, seen = assert(state.open(path, { files = files, now = now })), {}
    for i = 1, 10 do
      seen[i] = seen_at(("%02x"):format(i))
    end
    assert(store:note(seen)) -- more than one block, as the shell counts
    local ended = process.run { command = { "sh", "-c", 'ulimit -f 1; exec "$@"', "-", "lua5.4",
      process.ROOT .. "/lua/bin/resum", "--quiet", "--audit", "--audit_checks", "key-age", "--state", path,
      server.address } }
    server.stop()
    assert.same({ 4, ("resum: --state: %s: File too large\n"):format(path) }, { ended.code, ended.stderr })
  end)
end)
