-- What port scanners write, read as lists of targets, in whatever pieces it comes. The texts are theirs, shortened.

local lists = require "resum.cli.list"
local process = require "spec.support.process"

local GREPPABLE = [[
# Nmap 7.93 scan initiated Sat Nov 28 20:56:43 2026 as: nmap -sV -oG - 192.0.2.0/28
Host: 192.0.2.1 (rev.example)	Status: Up
Host: 192.0.2.1 (rev.example)	Ports: 80/open/tcp//http//nginx 1.22.1/, 443/open/tcp//ssl|http//nginx 1.22.1/, 8000/open/tcp//ssl|unknown///, 993/closed/tcp//imaps///, 853/open/udp//domain-s///	Ignored State: filtered (995)
Host: 192.0.2.2 ()	Ports: 443/open/tcp//http//Apache httpd 2.4 ((Debian), PHP)/, 995/open/tcp//pop3s///, 25/open/tcp//smtp//Postfix smtpd/
Host: 2001:db8::2 ()	Ports: 443/open/tcp//https///, 465/filtered/tcp//smtps///
# Nmap done at Sat Nov 28 20:57:28 2026 -- 16 IP addresses (3 hosts up) scanned in 44.57 seconds
]]

local MASSCAN_GREPPABLE = [[
# Masscan 1.3.2 scan initiated Sat Nov 28 20:56:43 2026
# Ports scanned: TCP(1;443-443) UDP(0;) SCTP(0;) PROTOCOLS(0;)
Timestamp: 1795899404	Host: 192.0.2.1 ()	Ports: 443/open/tcp//https//
Timestamp: 1795899405	Host: 192.0.2.2 ()	Ports: 80/open/tcp//http//
# Masscan done at Sat Nov 28 20:57:28 2026
]]

local XML = [[
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE nmaprun>
<?xml-stylesheet href="file:///usr/bin/../share/nmap/nmap.xsl" type="text/xsl"?>
<!-- Nmap 7.93 scan initiated as: nmap -sV -oX - www.example <port portid="1"> -->
<nmaprun scanner="nmap" args="nmap -sV" version="7.93" xmloutputversion="1.05">
<host starttime="1795899404" endtime="1795899447"><status state="up" reason="syn-ack" reason_ttl="0"/>
<address addr="192.0.2.1" addrtype="ipv4"/>
<address addr="02:00:00:00:00:01" addrtype="mac"/>
<hostnames>
<hostname name="www.example" type="user"/>
<hostname name="rev.example" type="PTR"/>
</hostnames>
<ports><extraports state="filtered" count="990"><extrareasons reason="no-response" count="990"/></extraports>
<port protocol="tcp" portid="80"><state state="open" reason="syn-ack"/><service name="http" product="nginx" method="probed" conf="10"/></port>
<port protocol="tcp" portid="8000"><state state="open" reason="syn-ack"/><service name="http" tunnel="ssl" method="probed" conf="10"/><script id="ssl-cert" output="&lt;x&gt;&#xa;"><table key="a"><elem key="b">&amp;</elem></table></script></port>
<port protocol="tcp" portid="993"><state state="closed" reason="reset"/><service name="imaps" method="table" conf="3"/></port>
<port protocol="udp" portid="443"><state state="open" reason="udp-response"/><service name="https" method="table" conf="3"/></port>
<port protocol="tcp" portid="443"><state state="open" reason="syn-ack"/><service name="ssh" method="probed" conf="10"/></port>
</ports></host>
<host><status state="up" reason="syn-ack"/>
<address addr="2001:db8::2" addrtype="ipv6"/>
<hostnames><hostname name="rev.example" type="PTR"/></hostnames>
<ports><port protocol="tcp" portid="5223"><state state="open"/><service name="hpvirtgrp" method="table" conf="3"/></port>
<port protocol="tcp" portid="25"><state state="open"/><service name="smtp" method="table" conf="3"/></port></ports></host>
<runstats><finished time="1" exit="success"/><hosts up="2" down="0" total="2"/></runstats>
</nmaprun>
]]

local MASSCAN_XML = [[
<?xml version="1.0"?>
<!-- masscan v1.0 scan -->
<nmaprun scanner="masscan" start="1795899404" version="1.0-BETA"  xmloutputversion="1.03">
<scaninfo type="syn" protocol="tcp" />
<host endtime="1795899405"><address addr="192.0.2.1" addrtype="ipv4"/><ports><port protocol="tcp" portid="443"><state state="open" reason="syn-ack" reason_ttl="54"/></port></ports></host>
<host endtime="1795899405"><address addr="192.0.2.2" addrtype="ipv4"/><ports><port protocol="tcp" portid="22"><state state="open" reason="syn-ack" reason_ttl="54"/></port></ports></host>
<runstats><finished time="1795899410" elapsed="6" /><hosts up="2" down="0" total="2" /></runstats>
</nmaprun>
]]

local JSON = [[
[
{   "ip": "192.0.2.1",   "timestamp": "1795899404", "ports": [ {"port": 443, "proto": "tcp", "status": "open", "reason": "syn-ack", "ttl": 54} ] }
,
{   "ip": "192.0.2.1",   "timestamp": "1795899404", "ports": [ {"port": 80, "proto": "tcp", "status": "open", "reason": "syn-ack", "ttl": 54} ] },
{   "ip": "192.0.2.1",   "timestamp": "1795899404", "ports": [ {"port": 443, "proto": "tcp", "service": {"name": "ssl", "banner": "TLS\/1.2 \" } { \\"}} ] },
{   "ip": "192.0.2.3",   "timestamp": "1795899404", "ports": [ {"port": 7443, "proto": "tcp", "service": {"name": "ssl", "banner": "x"}} ] },
{   "ip": "2001:db8::2",   "timestamp": "1795899404", "ports": [ {"port": 993, "proto": "tcp", "status": "open"}, {"port": 25, "proto": "tcp", "status": "open"}, {"port": 443, "proto": "udp", "status": "open"}, {"port": 995, "proto": "tcp", "status": "closed"} ] },
{finished: 1}
]
]]

-- A stream that gives a text in pieces of so many bytes.
local function stream_of(text, size)
  local at = 1
  return {
    read = function()
      if at > #text then
        return nil, "eof"
      end
      at = at + size
      return text:sub(at - size, at - 1)
    end,
  }
end

local function read(text, protocol, size)
  local told, found = {}, {}
  local next_targets = lists.reader(stream_of(text, size or 16384), {
    protocol = protocol,
    on_problem = function(number, problem)
      told[#told + 1] = ("%d: %s"):format(number, problem)
    end,
  })
  local list, problem = next_targets()
  while list do
    table.move(list, 1, #list, #found + 1, found)
    list, problem = next_targets()
  end
  return found, told, problem
end

local FORMATS = {
  ["nmap's -oG"] = { GREPPABLE, { "192.0.2.1:443", "192.0.2.1:8000", "192.0.2.2:995", "[2001:db8::2]:443" },
    auto = { "192.0.2.1:443", "192.0.2.1:8000", "192.0.2.2:995", "192.0.2.2:25", "[2001:db8::2]:443" },
    smtp = { "192.0.2.2:25" } },
  ["masscan's -oG"] = { MASSCAN_GREPPABLE, { "192.0.2.1:443" }, auto = { "192.0.2.1:443" }, smtp = {} },
  ["nmap's -oX"] = { XML, { "www.example:8000{192.0.2.1}", "[2001:db8::2]:5223" },
    auto = { "www.example:8000{192.0.2.1}", "[2001:db8::2]:5223", "[2001:db8::2]:25" },
    smtp = { "[2001:db8::2]:25" } },
  ["masscan's -oX"] = { MASSCAN_XML, { "192.0.2.1:443" }, auto = { "192.0.2.1:443" }, smtp = {} },
  ["masscan's -oJ"] = { JSON, { "192.0.2.1:443", "192.0.2.3:7443", "[2001:db8::2]:993" },
    auto = { "192.0.2.1:443", "192.0.2.3:7443", "[2001:db8::2]:993", "[2001:db8::2]:25" },
    smtp = { "[2001:db8::2]:25" } },
}

describe("a list of a port scanner", function()
  for name, case in pairs(FORMATS) do
    it("may be " .. name .. ": its open ports with TLS are targets", function()
      assert.same({ case[2], {} }, { read(case[1]) })
    end)

    it("may be " .. name .. ": with --starttls those where TLS can be asked for", function()
      assert.same({ case.auto, {} }, { read(case[1], "auto") })
      assert.same({ case.smtp, {} }, { read(case[1], "smtp") })
    end)

    it("may be " .. name .. ", in whatever pieces and with whatever line ends it comes", function()
      for _, size in ipairs({ 1, 2, 3, 7, 64, 1000 }) do
        assert.same({ case[2], {} }, { read(case[1], nil, size) }, size)
      end
      assert.same({ case[2], {} }, { read("\239\187\191" .. case[1]:gsub("\n", "\r\n")) })
    end)
  end

  it("may be JSON with an object in several lines, or without an array", function()
    local spread = JSON:gsub("[{,]", "%0\n ")
    assert.same({ FORMATS["masscan's -oJ"][2], {} }, { read(spread) })
    assert.same({ FORMATS["masscan's -oJ"][2], {} }, { read((JSON:gsub("^%[\n", ""):gsub("%]\n$", ""))) })
  end)

  it("tells an object that is none, with its line, and goes on", function()
    local found, told = read('[\n{"ip": "x", "ports": []},\n{"a": 1},\n{bad},\n'
      .. '{"ip": "192.0.2.1", "ports": [3, {"port": 443, "proto": "tcp", "status": "open"}]}\n]')
    assert.same({ "192.0.2.1:443" }, found)
    local words = 'this is no record of masscan: {"ip": ADDRESS, "ports": [...]}'
    assert.same({ "2: " .. words, "3: " .. words, "4: " .. words }, told)
  end)

  it("tells what is no JSON, an object that does not end, and one that is too long", function()
    assert.same({ {}, { "2: this is no JSON of masscan" } }, { read("[\nnonsense\nmore\n]") })
    assert.same({ {}, { "2: the list ends within this object" } }, { read('[\n{"ip": "192.0.2.1", "po') })
    local found, told = read('[{"a": "' .. ("x"):rep(200000) .. '"},\n{"ip": "192.0.2.1", "ports": [{"port": 443, '
      .. '"proto": "tcp", "status": "open"}]}]', nil, 1000)
    assert.same({ { "192.0.2.1:443" }, { "1: this object is longer than 65536 bytes" } }, { found, told })
  end)

  it("tells a line of -oG that names no address", function()
    assert.same({ { "192.0.2.1:443" }, { "1: behind 'Host:' stands no IP address" } },
      { read("Host: x ()\tPorts: 443/open/tcp//https///\nHost: 192.0.2.1 ()\tPorts: 443/open/tcp//https///\n") })
  end)

  it("is not read on where its XML is broken, cut off or another's, and gives what came before", function()
    local found, told, problem = read(XML:sub(1, XML:find("2001:db8::2", 1, true)))
    assert.same({ { "www.example:8000{192.0.2.1}" }, {}, "line 21: the XML ends too early" }, { found, told, problem })
    problem = select(3, read("<nmaprun>\n<host></port>"))
    assert.matches("^line 2: ", problem)
    assert.equal("line 1: this is no XML of nmap or masscan", (select(3, read("<html></html>"))))
  end)

  it("takes bounded memory, however long or deep an element is", function()
    local function endless(begin, piece)
      local first, pieces = begin, 0
      return { read = function()
        local bytes = first or piece
        first, pieces = nil, pieces + 1
        return bytes, pieces > 100000 and error("it reads on and on") or nil
      end }
    end
    for problem, stream in pairs({
      ["line 1: an element is longer than 4194304 bytes"] = endless('<nmaprun a="', ("x"):rep(16384)),
      ["line 1: elements stand more than 100 deep"] = endless("<nmaprun>", ("<a>"):rep(1000)),
    }) do
      local next_targets = lists.reader(stream, { on_problem = error })
      local list, why = next_targets()
      while list do
        list, why = next_targets()
      end
      assert.equal(problem, why)
    end
  end)

  it("is a plain list where it begins with an IPv6 address in brackets", function()
    assert.same({ { "[2001:db8::1]:443", "[::1]" }, {} }, { read("[2001:db8::1]:443\n[::1]\n", nil, 1) })
  end)

  it("may be XML only where lua-expat is", function()
    local without = process.run({ command = { "lua5.4", "-e", [[
      package.preload.lxp = function() error("not here") end
      local lists = require "resum.cli.list"
      print(lists.reader({ read = function() return "<nmaprun/>" end }, {})())]] } })
    assert.equal("nil\tthis is XML, and lua-expat, which reads it, is not installed for Lua 5.4\n", without.stdout)
  end)
end)
