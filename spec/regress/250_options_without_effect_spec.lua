--- --merge and --repl took every option and ignored it, several --source did nothing without the rate, and --expect
-- took rules that no such run could meet: of a mechanism that --mechanisms or --tls leaves out, or of a verdict that
-- --quick alone gives, or never. A gate that can't be met is a fault of the command, and not of the server.

local options = require "resum.cli.options"
local parsers = require "resum.cli.parser"
local process = require "spec.support.process"

local function refusal(line)
  local words = {}
  for word in line:gmatch("%S+") do
    words[#words + 1] = word
  end
  local parsed, message = options.parse(words)
  return parsed and "taken" or message
end

-- A value that the option takes.
local VALUES = { tls = "1.2", engine = "probe", host = "uv", progress = "json", advice = "nginx", starttls = "xmpp",
  proxy = "http://a:1", ["https-tunnel"] = "http://a:1", ["proxy-protocol"] = "1", keyform = "pem", shard = "1/2",
  mechanisms = "psk", expect = "psk=supported", ["audit-checks"] = "ems", ["until"] = "5min", source = "127.0.0.1",
  timeout = "1", delay = "1", every = "1" }
local FLAGS = {}
for flag in ("resum resum-rate audit quick no-balancer intrusive lifetime json-lines summary quiet dry-run no-sni "
  .. "watch merge repl"):gmatch("%S+") do
  FLAGS[flag] = true
end
local ABOUT = { help = true, version = true }

-- What each of these commands takes, besides what names it.
local TAKEN = {
  repl = {},
  merge = { ["json-out"] = true, ["json-lines"] = true, summary = true, quiet = true, state = true, compare = true,
    ["html-out"] = true, ["dot-out"] = true },
}

for command, taken in pairs(TAKEN) do
  it(("--%s refuses each option that it would ignore"):format(command), function()
    local refused = 0
    for _, name in ipairs(parsers.names(parsers.new())) do
      if not ABOUT[name] and name ~= command and not taken[name] then
        local given = FLAGS[name] and "--" .. name or ("--%s %s"):format(name, VALUES[name] or "5")
        local said = refusal(("--%s %s"):format(command, given))
        assert.matches(" does not go with %-%-%l+", said, given)
        refused = refused + 1
      end
    end
    assert.is_true(refused > 30)
  end)
end

describe("what would have no effect is refused:", function()
  for line, said in pairs({
    ["--repl a.example"] = "a target does not go with --repl",
    ["--merge -6 x.jsonl"] = "-6 does not go with --merge",
    ["--source 127.0.0.1 --source 127.0.0.2 a"] = "several --source are about the rate: add --resum_rate",
    ["--expect psk=supported --mechanisms ticket a"] =
      "--expect psk=supported is about psk, which --mechanisms leaves out",
    ["--expect ticket=not_supported --tls 1.3 a"] =
      "--expect ticket=not_supported is about ticket, which --tls 1.3 leaves out",
    ["--expect browser>=0.9 --tls 1.2 a"] = "--expect browser>=0.9 is about psk, which --tls 1.2 leaves out",
    ["--watch --expect psk>=0.9 --mechanisms ticket a"] =
      "--expect psk>=0.9 is about psk, which --mechanisms leaves out",
    ["--resum_rate --quick --expect balancer=nothing_shared a"] =
      "--expect balancer=nothing_shared is not what --quick finds out: leave out --quick, or expect balancer=healthy",
    ["--resum_rate --expect balancer=broken a"] =
      "--expect balancer=broken is what --quick finds out: add --quick, or expect balancer=all_shared",
  }) do
    it(line, function()
      assert.equal(said, refusal(line))
    end)
  end
end)

describe("what has an effect is taken:", function()
  for _, line in ipairs({ "--repl", "--resum_rate --source 127.0.0.1 --source 127.0.0.2 a", "--source 127.0.0.1 a",
    "--expect psk=supported --tls 1.3 a", "--expect ticket=supported --mechanisms ticket,psk a",
    "--resum_rate --quick --expect balancer=no_resumption a", "--resum_rate --expect balancer=no_resumption a",
    "--resum_rate --quick --expect balancer=healthy a" }) do
    it(line, function()
      assert.equal("taken", refusal(line))
    end)
  end
end)

describe("a slip of the finger", function()
  for line, meant in pairs({
    ["--expect tiket=supported a"] = "ticket=supported", ["--expect ticket=suported a"] = "ticket=supported",
    ["--expect psk=95% --resum_rate a"] = "psk>=95%", ["--expect psk>0.9 --resum_rate a"] = "psk>=0.9",
    ["--expect balancer=all_sharde a"] = "balancer=all_shared", ["--expect no-finding>=hgh a"] = "no-finding>=high",
    ["--watch --expect no-event=server_dwn a"] = "no-event=server_down",
    ["--watch --expect keyage<7d a"] = "key-age<7d",
    ["-json a"] = "--json_out", ["--jsn_out=x a"] = "--json_out",
  }) do
    it(("in %s brings %s to mind"):format(line, meant), function()
      assert.is_truthy(refusal(line):find(("; did you mean '%s'?"):format(meant), 1, true), refusal(line))
    end)
  end

  it("of one letter brings nothing to mind, and no option of another letter", function()
    assert.equal("unknown option '-q' (resum --help lists the options)", refusal("-q a"))
    assert.equal("unknown option '-p' (resum --help lists the options)", refusal("-ps3cret a"))
  end)

  it("in an option's value is told with the option as it is written everywhere", function()
    assert.equal("--proxy_protocol takes one of '1', '2' (resum --help lists the options)",
      refusal("--proxy-protocol 3 a"))
  end)
end)

it("--merge --quiet shows no summary", function()
  local directory = process.temporary_directory()
  process.write_file(directory .. "/a.jsonl", "")
  local run = process.resum("--merge", "--quiet", directory .. "/a.jsonl")
  assert.same({ "", "", 0 }, { run.stdout, run.stderr, run.code })
end)
