local suggestion = require "resum.util.suggestion"

describe("a word that is no option", function()
  local names = { "resum-rate", "json-out", "json-lines", "psk", "html-out", "sni", "no-sni", "starttls",
    "timeout", "cert" }

  for word, meant in pairs({ rate = "resum-rate", json = "json-out", ["jsno-out"] = "json-out", html = "html-out",
    ["time-out"] = "timeout", certs = "cert", startls = "starttls", snj = "sni", pskt = "psk" }) do
    it(("brings %s to mind: %s"):format(meant, word), function()
      assert.equal(meant, suggestion.of(word, names))
    end)
  end

  it("brings nothing to mind when it is like none", function()
    for _, word in ipairs({ "bogus", "", "x", "no", "out-of-order", "rsa" }) do
      assert.is_nil(suggestion.of(word, names))
    end
  end)
end)
