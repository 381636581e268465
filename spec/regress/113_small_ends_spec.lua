--- How the command ends: without luv, Ctrl-C was an internal error with a source path, and in a rate "attempt to index
-- a nil value"; SIGHUP tore the JSON; a file that must not grow any more killed without a word; and where too few files
-- may be open, "a module is not installed".

local cjson = require "cjson"
local many = require "spec.support.many"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

describe("the command", function()
  local server

  setup(function()
    server = servers.nginx({ session_cache = "shared:SSL:1m" })
  end)

  teardown(servers.stop_all)

  -- Starts it slowly, sends a signal when it is at work, and waits for its end.
  local function stop(signal, before, ...)
    local out = process.temporary_directory() .. "/out.json"
    local child = process.start({ working_directory = process.ROOT,
      command = many.join(before, many.command("--json_out", out, "--delay", "0.1", ...), { server.address }) })
    process.wait_until(many.PATIENCE, function()
      return child.exited or child.log():find("connections", 1, true) or child.log():find("attempt", 1, true)
    end)
    child.kill(signal)
    local code = child.wait(many.PATIENCE)
    child.stop()
    return code, child.log(), process.read_file(out)
  end

  for _, scan in ipairs({ "--resum", "--resum_rate" }) do
    it("ends with 130 and no error of ours at Ctrl-C, also without luv: " .. scan, function()
      local code, log, written = stop("sigint", {}, "--host", "luasocket", "--progress", "json", scan)
      assert.equal(130, code, log)
      assert.is_nil(log:find("internal", 1, true), log)
      assert.is_nil(log:find(".lua:", 1, true), log)
      assert.equal("interrupted", cjson.decode(written).targets[1].error.code)
    end)
  end

  it("writes whole JSON when its terminal goes", function()
    local code, log, written = stop("sighup", {}, "--progress", "json", "--resum_rate")
    assert.equal(129, code, log)
    assert.equal("interrupted", cjson.decode(written).targets[1].error.code)
  end)

  for _, host in ipairs({ "uv", "luasocket", "cqueues" }) do
    it("says so where a file must not grow any more, on " .. host, function()
      local folder = process.temporary_directory()
      local ended = many.run({ "sh", "-c", 'ulimit -f 1; exec "$@"', "sh",
        table.unpack(many.command("--host", host, "--json_out", folder .. "/out.json", server.address)) })
      assert.same({ 4, "resum: --json_out: File too large\n" }, { ended.code, ended.stderr })
    end)
  end

  it("says so where too few files may be open", function()
    local lua = "lua" .. _VERSION:match("%d%.%d")
    local ended = many.run({ "sh", "-c", 'ulimit -n 6; exec "$@"', "sh", lua, process.ROOT .. "/lua/bin/resum",
      server.address })
    assert.same({ 2, "resum: too few files may be open (see ulimit -n)\n" }, { ended.code, ended.stderr })
  end)
end)
