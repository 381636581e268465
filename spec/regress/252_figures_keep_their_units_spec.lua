--- A line ended between a figure and its unit: "lifetime hint 300", and "s" alone on the next one.

local layout = require "resum.report.text.layout"

describe("a line is not broken", function()
  for text, lines in pairs({
    ["lifetime hint 300 s"] = { "lifetime hint", "300 s" },
    ["it was about 14 %, and 3"] = { "it was about", "14 %, and 3" },
    ["a median of 0.6 ms here"] = { "a median of", "0.6 ms here" },
    ["by them with TLS 1.2 only"] = { "by them with", "TLS 1.2 only" },
    ["these were 547 bytes"] = { "these were", "547 bytes" },
  }) do
    it("between a figure and its unit: " .. text, function()
      assert.same(lines, layout.wrap(text, 15))
    end)
  end
end)

it("a figure and a word that is no unit may part", function()
  assert.same({ "the figure is 3", "servers" }, layout.wrap("the figure is 3 servers", 15))
  assert.same({ "there were 1234", "seconds" }, layout.wrap("there were 1234 seconds", 15))
end)

it("no word is cut where they are wider than the line", function()
  assert.same({ "of", "1234567 ms", "it" }, layout.wrap("of 1234567 ms it", 6))
end)
