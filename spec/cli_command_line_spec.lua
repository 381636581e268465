-- The command as a report shows it: to be pasted, and without secrets.

local command_line = require "resum.cli.command_line"

describe("the command on a report", function()
  for given, expected in pairs({
    ["--resum --resum-rate a.example:443"] = "resum --resum --resum-rate a.example:443",
    ["--alpn h2,http/1.1 [2001:db8::1]:443"] = "resum --alpn h2,http/1.1 '[2001:db8::1]:443'",
    ["--pass pass:secret --cert c.pem"] = "resum --pass ... --cert c.pem",
    ["--pass=secret x"] = "resum --pass=... x",
    ["--proxy http://user:secret@proxy:3128 x"] = "resum --proxy http://...@proxy:3128 x",
    ["--proxy=socks5h://us%40er:sec@ret@proxy x"] = "resum --proxy=socks5h://...@proxy x",
    ["--https_tunnel user:secret@proxy:3128 x"] = "resum --https_tunnel ...@proxy:3128 x",
    ["--proxy user:sec/ret@proxy y"] = "resum --proxy ...@proxy y",
    ["--pass --proxy http://proxy x"] = "resum --pass ... http://proxy x",
    ["u:p@b.example -- http://u:p@x"] = "resum ...@b.example -- http://...@x",
    ["--request secret x"] = "resum --request ... x",
    ["-- --pass x"] = "resum -- --pass x",
    ["a$(b);c"] = "resum 'a$(b);c'",
  }) do
    it("is, of " .. given .. ", " .. expected, function()
      local words = {}
      for word in given:gmatch("%S+") do
        words[#words + 1] = word
      end
      assert.equal(expected, command_line.shown(words))
    end)
  end

  it("is what a shell takes for the same words, in ASCII", function()
    assert.equal([[resum 'it'\''s two words' '\xff\x1b[2J']], command_line.shown({ "it's two words", "\255\27[2J" }))
  end)
end)
