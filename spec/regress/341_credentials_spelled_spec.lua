-- A proxy's credentials were shown when it spelled them: with spaces between their letters, as numbers, backwards,
-- escaped as HTML, C, JSON or mail do.

local hex = require "resum.util.hex"
local proxy = require "resum.transport.proxy"
local redaction = require "resum.util.redaction"
local script = require "spec.support.script"
local dial = require "resum.transport.dialer"

local USER, PASSWORD = "jane.doe", "pa:ss/W+rd?9"

local function each(text, format, number)
  return (text:gsub(".", function(letter)
    return format:format(number and letter:byte() or letter)
  end))
end

local function swapped(text)
  return (text:gsub("%a", function(letter)
    return letter:lower() == letter and letter:upper() or letter:lower()
  end))
end

local WAYS = {
  ["spaces between"] = function(text) return each(text, "%s ") end,
  ["commas and quotes between"] = function(text) return each(text, "'%s', ") end,
  ["line ends between"] = function(text) return each(text, "%s\r\n ") end,
  ["the other case, with dots"] = function(text) return each(swapped(text), "%s.") end,
  ["backwards"] = string.reverse,
  ["backwards, with spaces"] = function(text) return each(text:reverse(), "%s ") end,
  ["HTML's decimal entities"] = function(text) return each(text, "&#%d;", true) end,
  ["HTML's hexadecimal entities"] = function(text) return each(text, "&#x%04X;", true) end,
  ["HTML's entities without their ends"] = function(text) return each(text, "&#%03d", true) end,
  ["JSON's escapes"] = function(text) return each(text, "\\u%04x", true) end,
  ["escapes of ES6"] = function(text) return each(text, "\\u{%x}", true) end,
  ["C's hexadecimal escapes"] = function(text) return each(text, "\\x%02X", true) end,
  ["C's octal escapes"] = function(text) return each(text, "\\%03o", true) end,
  ["quoted-printable"] = function(text) return each(text, "=%02X", true) end,
  ["hex"] = hex,
  ["hex with colons"] = function(text) return each(text, "%02X:", true) end,
  ["numbers of C"] = function(text) return each(text, "0x%02x, ", true) end,
  ["decimal codes"] = function(text) return each(text, "%d, ", true) end,
  ["Base64 in lines of four"] = function(text) return (redaction.base64(text):gsub("....", "%0\r\n ")) end,
  ["percent-encoded JSON"] = function(text) return each(each(text, "\\u%04x", true), "%%%02x", true) end,
  ["JSON of percent-encoded"] = function(text) return each(each(text, "%%%02x", true), "\\u%04x", true) end,
}

describe("credentials that a proxy spells", function()
  local redact = redaction.of(USER, PASSWORD)

  for name, way in pairs(WAYS) do
    it("are not shown: " .. name, function()
      for _, secret in ipairs({ USER, PASSWORD, USER .. ":" .. PASSWORD }) do
        local shown = redact("you said [" .. way(secret) .. "] to me")
        assert.is_nil(shown:find("%d%d"), shown) -- nor their codes
        assert.is_truthy(#shown < 45 and shown:find("^you said %[") and shown:find(" to me$"), shown)
      end
    end)
  end

  it("are not shown where the text ends amid them", function()
    for cut = 5, 8 do
      local shown = redact("you are " .. each(PASSWORD:sub(1, cut), "%s "))
      assert.is_truthy(shown:find("^you are %.%.%. [ +/]*$"), shown) -- signs at its end are no letters
    end
  end)

  it("are not shown by whoever shows it", function()
    local line = "HTTP/1.1 403 " .. each(PASSWORD, "%s ") .. "of " .. each(USER, "&#%d;", true)
    local request = "C: CONNECT www.example:443 HTTP/1.1\r\nHost: www.example:443\r\nProxy-Authorization: Basic "
    request = request .. redaction.base64(USER .. ":" .. PASSWORD) .. "\r\n\r\n"
    local host = script.host({ request, "S: " .. line .. "\r\n\r\n" }, { names = { p = { "192.0.2.9" } } })
    local url = ("http://%s:%s@p"):format(USER, each(PASSWORD, "%%%02x", true))
    local _, message = dial.open(host, { address = "www.example", port = 443, proxy = assert(proxy.parse(url)) }, 5)
    assert.equal('proxy http://p:80: no tunnel: "HTTP/1.1 403 ... of ..."', message)
  end)
end)

describe("what stands in a text by chance", function()
  it("is no secret where this is short: it is looked for as it is", function()
    local redact = redaction.of("me", "a-b")
    assert.equal("so ... and ..., but not m e, tab or a. b", redact("so me and a-b, but not m e, tab or a. b"))
    redact = redaction.of("me", "a-bcd") -- four letters
    assert.equal("but not ...", redact("but not a b-c d"))
  end)

  it("stays as it is", function()
    local redact = redaction.of(USER, PASSWORD)
    for _, text in ipairs({ "&amp; &lt;p&gt; \\n \\\\ =3D 0x00 &#0; &#xFFFFFF; \\u{FFFFFF} & &# &#; \\", "%", "=", "0x",
      "HTTP/1.1 407 Proxy Authentication Required", ("&#"):rep(500), ("\\"):rep(500) }) do
      assert.equal(text, redact(text))
    end
  end)
end)
