--- What nmap shows of the audit's scripts, with all that it can be told to say of them, is searched for every secret in
-- the server's keylog: as bytes, as hexadecimal digits, in its dumps of what goes over its sockets, and in base64. That
-- the search finds what is there, the ClientHellos' randoms show.

local hex = require "spec.support.hex"
local mime = require "mime"
local nmap = require "spec.support.nmap"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

-- The bytes of dumps, as digits: "00000010: 21 3a ... !:" on each line.
local function dumped(text)
  local digits = {}
  for line in text:gmatch("[^\n]+") do
    local bytes = line:match("%x%x%x%x%x%x%x%x: ([%x ]+)")
    for byte in (bytes or ""):sub(1, 48):gmatch("(%x%x) ") do
      digits[#digits + 1] = byte:lower()
    end
  end
  return table.concat(digits)
end

-- How a secret that is given in digits would look; its base64 wherever it begins in a longer text.
local function forms_of(digits)
  local bytes = hex.bytes(digits)
  local list = { bytes, digits:lower(), digits:upper() }
  for skipped = 0, 2 do
    list[#list + 1] = mime.b64(bytes:sub(skipped + 1, skipped + (#bytes - skipped) // 3 * 3))
  end
  return list
end

-- The lines of a keylog whose secret, or random, stands in a text.
local function found_in(text, keylog, column)
  local dump, count = dumped(text), 0
  for random, secret in keylog:gmatch("%u[%u_%d]+ (%x+) (%x+)") do
    local digits = column == "random" and random or secret
    local is_there = dump:find(digits:lower(), 1, true) ~= nil
    for _, form in ipairs(forms_of(digits)) do
      is_there = is_there or text:find(form, 1, true) ~= nil
    end
    count = count + (is_there and 1 or 0)
  end
  return count
end

describe("the audit in nmap #unsanitized", function()
  after_each(function()
    servers.stop_all()
  end)

  for name, case in pairs({
    ["without more"] = { more = {} },
    ["with -d2"] = { more = { "-d2" } },
    ["with -d2 and --script-trace"] = { more = { "-d2", "--script-trace" }, is_traced = true },
  }) do
    for script, checks in pairs({ ["tls-resumption-audit"] = "{single-use,forward-secrecy,known-key,ems,ticketbleed}",
      ["tls-resumption-audit-intrusive"] = "{binder,zero-secret}" }) do
      it(("shows no secret %s: %s"):format(name, script), function()
        local folder = process.temporary_directory()
        local log, normal = folder .. "/keylog", folder .. "/normal"
        local server = servers.s_server({ args = { "-keylogfile", log } })
        local more = table.move({ "-oN", normal, "-oG", folder .. "/greppable" }, 1, 4, #case.more + 1,
          table.move(case.more, 1, #case.more, 1, {}))
        local run = nmap.run({ ports = { server.port }, script = "+" .. script, more = more,
          arguments = script .. ".checks=" .. checks })
        assert.equal(0, run.code)
        assert.equal(1, #run.scripts)
        local keylog = process.read_file(log)
        local shown = run.stdout .. run.stderr .. process.read_file(normal) .. process.read_file(folder .. "/greppable")
        assert.is_true(select(2, keylog:gsub("\n", "")) > 20)
        assert.equal(0, found_in(shown, keylog, "secret"))
        assert.equal(case.is_traced or false, found_in(shown, keylog, "random") > 10)
      end)
    end
  end

  it("would show one if it stood there, in any form", function()
    local secret = ("0123456789abcdef"):rep(4)
    local log = "CLIENT_RANDOM " .. ("ab"):rep(32) .. " " .. secret
    local bytes = hex.bytes(secret)
    local dump = ("00000000: %s !!!\n00000010: %s\n"):format(secret:sub(1, 32):gsub("..", "%0 "),
      (secret:sub(33):gsub("..", "%0 ")))
    for _, text in ipairs({ bytes, secret, secret:upper(), mime.b64(bytes), mime.b64("a" .. bytes), dump }) do
      assert.equal(1, found_in("say: " .. text .. ".", log, "secret"))
    end
    assert.equal(0, found_in("nothing", log, "secret"))
  end)
end)
