-- --openmetrics_out /dev/full was no device any more: the file that was whole took its place, as root. So it was with
-- /dev/null, with a pipe that somebody reads, and with a link to a file.

local output = require "resum.cli.output"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local uv = require "luv"

local function write(host, path, text)
  local out, message = output.open_whole(host, path, "openmetrics_out")
  if not out then
    return nil, message
  end
  out:write(text)
  return out:finish()
end

for _, name in ipairs({ "uv", "luasocket" }) do
  local host = require("resum.host." .. name)

  describe("a file that is whole at once, over " .. name, function()
    local folder

    before_each(function()
      folder = process.temporary_directory()
    end)

    it("takes the place of a plain file, or of none", function()
      for _, text in ipairs({ "first", "second" }) do
        assert.is_true(write(host, folder .. "/plain", text))
        assert.equal(text, process.read_file(folder .. "/plain"))
      end
      assert.same({ "plain" }, process.list(folder))
    end)

    it("takes the place of what a link leads to, and the link stays", function()
      process.write_file(folder .. "/plain", "first")
      assert(uv.fs_symlink("plain", folder .. "/link"))
      assert.is_true(write(host, folder .. "/link", "second"))
      assert.equal("plain", uv.fs_readlink(folder .. "/link"))
      assert.equal("second", process.read_file(folder .. "/plain"))
    end)

    it("leaves a device as it is, and says what that says", function()
      assert(uv.fs_symlink("/dev/full", folder .. "/full")) -- should it fail, the link is lost, and no device
      local done, message = write(host, folder .. "/full", "text")
      assert.is_nil(done)
      assert.is_truthy(message:find("No space left on device", 1, true), message)
      assert(uv.fs_symlink("/dev/null", folder .. "/null"))
      assert.is_true(write(host, folder .. "/null", "text"))
      for link, device in pairs({ full = "/dev/full", null = "/dev/null" }) do
        assert.equal(device, uv.fs_readlink(folder .. "/" .. link))
        assert.equal("char", uv.fs_stat(device).type)
      end
    end)

    it("is no folder", function()
      assert.is_nil((write(host, folder, "text")))
      assert.equal("directory", uv.fs_stat(folder).type)
    end)
  end)
end

describe("--openmetrics_out", function()
  after_each(servers.stop_all)

  it("is read from a pipe by whoever waits there", function()
    local folder = process.temporary_directory()
    local pipe = folder .. "/pipe"
    assert(process.run { command = { "mkfifo", pipe } }.code == 0)
    local reader = process.start { command = { "cat", pipe } }
    local ended = process.resum("--quiet", "--timeout", "1", "--openmetrics_out", pipe,
      "127.0.0.1:" .. process.closed_port())
    assert.equal(1, ended.code, ended.stderr)
    assert.equal(0, reader.wait(process.PATIENCE))
    assert.is_truthy(reader.stdout():find("resum_scanned", 1, true))
    assert.equal("fifo", uv.fs_stat(pipe).type)
  end)
end)
