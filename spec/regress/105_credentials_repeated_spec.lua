--- A proxy's credentials were shown when it repeated them behind its 200 (in one segment or later, where TLS should
-- begin), in clear behind SOCKS 5, in a STARTTLS greeting through it, or percent-encoded. One place takes them out of
-- whatever is shown, whoever said it.

local attempt = require "resum.connection.client"
local hex = require "resum.util.hex"
local json = require "resum.report.json"
local proxy = require "resum.transport.proxy"
local redaction = require "resum.util.redaction"
local resum = require "resum"
local script = require "spec.support.script"
local starttls = require "resum.transport.starttls"

local USER, PASSWORD = "jane.doe", "pa:ss/w+rd?"
local BASIC = redaction.base64(USER .. ":" .. PASSWORD)

local function percent(text, all)
  return (text:gsub(all and "." or "[^%w.]", function(letter)
    return ("%%%02X"):format(letter:byte())
  end))
end

-- Ways to say them again.
local WAYS = {
  { "the header", "Proxy-Authorization: Basic " .. BASIC },
  { "in clear", USER .. ":" .. PASSWORD },
  { "the password alone", "bad password " .. PASSWORD },
  { "the user alone", "unknown user " .. USER },
  { "percent-encoded", percent(USER .. ":" .. PASSWORD) },
  { "percent-encoded, every letter, twice", percent(percent(PASSWORD, true), true) },
  { "Base64, percent-encoded", percent(BASIC, true) },
  { "Base64 of more", redaction.base64("you said " .. USER .. ":" .. PASSWORD .. "!") },
  { "Base64 of the password, one byte on", redaction.base64("-" .. PASSWORD) },
  { "Base64 of the password, for URLs", (redaction.base64("--" .. PASSWORD):gsub("[+/=]", { ["+"] = "-", ["/"] = "_",
    ["="] = "" })) },
  { "the log-in of SOCKS", ("Bs1s1"):pack(1, USER, PASSWORD) },
  { "in hex", "0x" .. hex(USER .. ":" .. PASSWORD):upper() },
  { "in capitals", (USER .. ":" .. PASSWORD):upper() },
  { "the first half", "you are " .. USER .. ":" .. PASSWORD:sub(1, 7) },
}

-- Parts that nobody may see: four characters of the password, or eight of what it is encoded to.
local function parts()
  local list = {}
  local function add(text, length)
    for i = 1, #text - length + 1 do
      list[#list + 1] = text:sub(i, i + length - 1):lower()
    end
  end
  add(PASSWORD, 4)
  add(USER, 5)
  add(BASIC, 8)
  add(hex(PASSWORD), 10)
  add(percent(PASSWORD), 6)
  add(percent(PASSWORD, true), 6)
  add(percent(BASIC, true), 9)
  for offset = 0, 2 do
    add(redaction.base64(("-"):rep(offset) .. PASSWORD):sub(5, -5), 6)
  end
  return list
end

local SECRETS = parts()

local function shows(text)
  text = text:lower()
  for _, part in ipairs(SECRETS) do
    if text:find(part, 1, true) then
      return part
    end
  end
end

local GREETING = "\5\2"
local BOUND = "\5\0\0\1\0\0\0\0\0\0"

-- Where it says so: the kind of proxy, what it says turn by turn, STARTTLS.
local PLACES = {
  { "in its status line", "http", { "HTTP/1.1 407 %s\r\n\r\n" } },
  { "in a refusal", "http", { "HTTP/1.1 503 %s\r\n\r\n" } },
  { "in what is no HTTP", "http", { "%s\r\n" } },
  { "behind its 200", "http", { "HTTP/1.1 200 OK\r\n\r\n%s" }, "smtp" },
  { "where TLS should begin", "http", { "HTTP/1.1 200 OK\r\n\r\n", "%s" } },
  { "where TLS should begin, in two pieces", "http", { "HTTP/1.1 200 OK\r\n\r\n", "cut %s" } },
  { "in a STARTTLS greeting", "http", { "HTTP/1.1 200 OK\r\n\r\n", "554 %s\r\n" }, "smtp" },
  { "in a STARTTLS greeting's other lines", "http", { "HTTP/1.1 200 OK\r\n\r\n", "554-%s\r\n554 %s\r\n" }, "smtp" },
  { "in an IMAP greeting", "http", { "HTTP/1.1 200 OK\r\n\r\n", "* BYE %s\r\n" }, "imap" },
  { "in a postgres error", "http", { "HTTP/1.1 200 OK\r\n\r\n", "E\0\0\1\0M%s" }, "postgres" },
  { "behind SOCKS", "socks5h", { GREETING, "\1\0", BOUND .. "%s" }, "smtp" },
  { "behind SOCKS, later", "socks5h", { GREETING, "\1\0", BOUND, "%s" } },
}

-- A peer that says the next of its turns whenever it is read.
local function host_of(turns)
  local host = script.host({}, { names = { p = { "192.0.2.9" } } })
  function host.connect()
    local number = 0
    return { read = function()
      number = number + 1
      return turns[number], not turns[number] and "eof" or nil
    end, write = function()
      return true
    end, close = function() end }
  end
  return host
end

-- One turn is what is read at once. "cut" leaves the last letters for another turn.
local function turns_of(place, said)
  local turns = {}
  for i, turn in ipairs(place[3]) do
    local text = turn:gsub("%%s", function()
      return said
    end)
    turns[i] = text
    if turn:find("^cut ") then
      text = text:sub(5)
      turns[i], turns[i + 1] = text:sub(1, -4), text:sub(-3)
    elseif place[4] == "postgres" and i == #place[3] then
      turns[i] = text .. ("\0"):rep(256 - #text)
    end
  end
  return turns
end

local function proxy_of(kind)
  return assert(proxy.parse(("%s://%s:%s@p"):format(kind, percent(USER, true), percent(PASSWORD, true))))
end

describe("credentials that a proxy repeats", function()
  for _, place in ipairs(PLACES) do
    it("are not shown: " .. place[1], function()
      for _, way in ipairs(WAYS) do
        local client = attempt.new_client({ address = "www.example", port = 443, proxy = proxy_of(place[2]),
          starttls = place[4] and starttls.find(place[4]) }, { host = host_of(turns_of(place, way[2])) })
        local record = client:attempt({ mechanism = "psk" })
        assert.is_table(record.error)
        assert.is_nil(shows(record.error.message), way[1] .. ": " .. record.error.message)
        assert.is_nil(shows(record.said or ""), way[1])
      end
    end)
  end

  it("stand in no output of a scan", function()
    for _, place in ipairs(PLACES) do
      for _, way in ipairs(WAYS) do
        local result = resum.run("www.example:443", { host = host_of(turns_of(place, way[2])),
          proxy = proxy_of(place[2]), starttls = place[4], retries = 0 })
        local written = tostring(result) .. json.line(result)
        assert.is_nil(shows(written), way[1])
      end
    end
  end)
end)

describe("a text without secrets", function()
  it("stays as it is", function()
    local redact = redaction.of(USER, PASSWORD)
    local long = ("x"):rep(1000)
    for _, text in ipairs({ "", "HTTP/1.1 407 Proxy Authentication Required", "100% of %41 and %zz", long }) do
      assert.equal(text, redact(text))
    end
  end)

  it("keeps what stands around a secret", function()
    local redact = redaction.of("u", "")
    assert.equal("a ... b", redact("a u b"))
    redact = redaction.of(USER, PASSWORD)
    assert.equal("no ... and ... here", redact(("no %s and %s here"):format(USER, percent(PASSWORD))))
  end)
end)
