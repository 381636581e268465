--- One pattern, `(%a)([^%z]*)%z`, took 44 s of CPU for an error message of 65 KB without NUL from a postgres server,
-- and all other targets waited. Each dialogue gets 64 KB of the worst at each of its turns; what that costs is counted:
-- in instructions, with Lua's pattern matching written in Lua so that it counts too, and in bytes of new strings.

local dial = require "resum.transport.dialer"
local patterns = require "spec.support.patterns"
local proxy = require "resum.transport.proxy"
local script = require "spec.support.script"
local starttls = require "resum.transport.starttls"

local SIZE = 64 * 1024
local WHOLE = 1024 * 1024 -- as a chunk: a step comes in one piece

-- A byte may cost so many instructions, with those of the matcher (measured: 1,100 at most, for lines of one letter),
-- and so many bytes of new strings and tables (90 at most, where they come one by one). What is quadratic, if only
-- within a line of 8 KB, takes 80,000 and 4,000.
local INSTRUCTIONS, STRINGS = 2500, 200

local HELLO = "S: <?xml version='1.0'?><stream:stream id='1'>"
local OFFER = "<stream:features><starttls/></stream:features>"
local MYSQL = "\10" .. "10.11.6\0" .. ("x"):rep(13)

-- What the server says, turn by turn, up to its go-ahead; what we say is not looked at here.
local DIALOGUES = {
  smtp = { "220 hi\r\n", "250-a\r\n250 STARTTLS\r\n", "220 go\r\n" },
  lmtp = { "220 hi\r\n", "250-a\r\n250 STARTTLS\r\n", "220 go\r\n" },
  imap = { "* OK hi\r\n", "* CAPABILITY STARTTLS\r\nr1 OK\r\n", "r2 OK\r\n" },
  pop3 = { "+OK\r\n", "+OK\r\nSTLS\r\n.\r\n", "+OK\r\n" },
  sieve = { '"STARTTLS"\r\nOK\r\n', "OK\r\n" },
  ftp = { "220 hi\r\n", "504 what\r\n", "334 go\r\n" },
  nntp = { "200 hi\r\n", "101 list\r\nSTARTTLS\r\n.\r\n", "382 go\r\n" },
  irc = { ":a 670 * :go\r\n" },
  xmpp = { HELLO:sub(4) .. OFFER, "<proceed/>" },
  ["xmpp-server"] = { HELLO:sub(4) .. OFFER, "<proceed/>" },
  ldap = { "\48\12\2\1\1\120\7\10\1\0\4\0\4\0" },
  postgres = { "S" },
  mysql = { ("<I3B"):pack(#MYSQL + 2, 0) .. MYSQL .. "\254\255" },
  rdp = { "\3\0\0\19\14\208\0\0\18\52\0\2\31\8\0\1\0\0\0" },
  http = { "HTTP/1.1 200 OK\r\n\r\n" },
  socks5 = { "\5\2", "\1\0", "\5\0\0\1\0\0\0\0\0\0" },
  socks5h = { "\5\2", "\1\0", "\5\0\0\1\0\0\0\0\0\0" },
}

-- Behind what each turn begins with (nothing, or what leads into the dialogue's own rules), these without end.
local STARTS = { "", "250-", "220 ", "* ", "* CAPABILITY ", "r1 OK ", "+OK ", '"X" {', ":a ", "<", "HTTP/1.1 200 ", "E",
  "E\0\0\255\240", "E\0\0\255\240C", "\48\131\0\255\240", "\240\255\0\0\255", "\240\255\0\0\10", "\3\0\255\240",
  "101 list\r\n", "+OK\r\n", "120 wait\r\n", "HTTP/1.1 200 OK\r\n" }
local WORST = { "A", "\r", "1", " ", "x\n", "<a>", "STARTTLS" }
local FLOODS = { "A", "\r", "\n", " ", "\0", "1", "<", "<a", ">", "{1", "STARTTLS", "250-\r\n", "a:", "\255", "x\n",
  "PING x\n", "* X\n", "<a>", "120 x\n", '"x" {1}\n1\n', "HTTP/1.1 100 x\n\n" }

-- A peer that does not listen, and says its turns whatever it hears.
local function host_of(turns, chunk)
  local host = script.host({}, { names = { p = { "192.0.2.9" } } })
  function host.connect()
    local said = table.concat(turns)
    local at = 1
    return { read = function()
      local piece = said:sub(at, at + chunk - 1)
      at = at + #piece
      if piece == "" then
        return nil, "eof"
      end
      return piece
    end, write = function()
      return true
    end, close = function() end }
  end
  return host
end

local function open(name, turns, chunk)
  local endpoint = { address = "192.0.2.1", port = 1, name = "a.example" }
  if DIALOGUES[name] and starttls.find(name) then
    endpoint.starttls = starttls.find(name)
  else
    endpoint.proxy = assert(proxy.parse(name .. "://user:secret@p"))
  end
  return dial.open(host_of(turns, chunk), endpoint, 5)
end

local MATCHERS = { "find", "match", "gmatch", "gsub" }

-- With the matcher that is counted.
local function with_patterns(run, ...)
  local kept = {}
  for _, name in ipairs(MATCHERS) do
    kept[name] = string[name]
    rawset(string, name, patterns[name])
  end
  local result = table.pack(pcall(run, ...))
  for _, name in ipairs(MATCHERS) do
    rawset(string, name, kept[name])
  end
  return table.unpack(result, 1, result.n)
end

local STEP = 1000

-- Instructions that a call takes; it is stopped when they are too many.
local function instructions_of(run, ...)
  local count = 0
  debug.sethook(function()
    count = count + STEP
    if count > INSTRUCTIONS * SIZE then
      debug.sethook()
      error("too many instructions", 0)
    end
  end, "", STEP)
  local fine, problem = with_patterns(run, ...)
  debug.sethook()
  assert(fine, problem)
  return count
end

-- Bytes that a call allocates.
local function bytes_of(run, ...)
  collectgarbage()
  collectgarbage("stop")
  local before = collectgarbage("count")
  local fine, problem = pcall(run, ...)
  local after = collectgarbage("count")
  collectgarbage("restart")
  assert(fine, problem)
  return (after - before) * 1024
end

local function turns_before(turns, number, flood)
  local all = table.move(turns, 1, number - 1, 1, {})
  all[number] = flood
  return all
end

local names = {}
for name in pairs(DIALOGUES) do
  names[#names + 1] = name
end
table.sort(names)

describe("64 KB of the worst bytes #unsanitized", function()
  it("meet all dialogues that there are", function()
    for _, name in ipairs(starttls.names) do
      assert.is_table(DIALOGUES[name], name)
    end
    for _, name in ipairs(names) do
      assert.is_truthy(open(name, DIALOGUES[name], 1), name)
    end
  end)

  for _, name in ipairs(names) do
    it("cost a bounded number of instructions: " .. name, function()
      for number = 1, #DIALOGUES[name] do
        for _, start in ipairs(STARTS) do
          for _, flood in ipairs(start == "" and FLOODS or WORST) do
            local bytes = start .. flood:rep((SIZE - #start) // #flood)
            local turns = turns_before(DIALOGUES[name], number, bytes)
            local fine, problem = pcall(instructions_of, open, name, turns, WHOLE)
            assert(fine, ("turn %d, %q and %q: %s"):format(number, start, flood, problem))
          end
        end
      end
    end)

    it("are copied a few times only, also when they come one by one: " .. name, function()
      for number = 1, #DIALOGUES[name] do
        for _, start in ipairs({ "", "E\0\0\255\240", "\48\131\0\255\240", "\240\255\0\0", "\3\0\255\240", "250-",
          "HTTP/1.1 200 OK\r\n" }) do
          for _, flood in ipairs({ "A", "\n", "x\n" }) do
            local turns = turns_before(DIALOGUES[name], number, start .. flood:rep((SIZE - #start) // #flood))
            for _, chunk in ipairs({ 1, 16 * 1024 }) do
              local bytes = bytes_of(open, name, turns, chunk)
              assert(bytes <= STRINGS * SIZE,
                ("turn %d, %q and %q by %d: %d"):format(number, start, flood, chunk, bytes))
            end
          end
        end
      end
    end)
  end
end)

describe("Lua's patterns written in Lua #unsanitized", function()
  it("match as string's do", function()
    local texts = { "", "abc", "  x y ", "250-STARTTLS\r", "{12+}", "<a><b x='1'/>", "* OK hi", "a,b,,c", "a\0b", "x/" }
    local all = { "^(%d%d%d)([ -]?)(.*)$", "\r$", "^%s*(.-)%s*$", "{(%d+)%+?}$", "<([^<]*)$", "^[/?]?([%w_.:-]+)",
      "%f[%w]STARTTLS", "^(%w+) *(.*)$", "()a", "[^,]*", "(%a)([^%z]*)%z", "b*", "%W" }
    for _, text in ipairs(texts) do
      for _, pattern in ipairs(all) do
        for _, name in ipairs({ "find", "match" }) do
          assert.same(table.pack(string[name](text, pattern)), table.pack(patterns[name](text, pattern)))
        end
        assert.same(table.pack(text:gsub(pattern, "<%0>")), table.pack(patterns.gsub(text, pattern, "<%0>")))
        local one, other = {}, {}
        for found in text:gmatch(pattern) do
          one[#one + 1] = found
        end
        for found in patterns.gmatch(text, pattern) do
          other[#other + 1] = found
        end
        assert.same(pattern:find("^", 1, true) == 1 and other or one, other)
      end
    end
  end)

  it("show what is quadratic", function()
    assert.has_error(function()
      instructions_of(function()
        for _ in (("A"):rep(SIZE)):gmatch("(%a)([^%z]*)%z") do
          error("there is no match")
        end
      end)
    end)
  end)
end)
