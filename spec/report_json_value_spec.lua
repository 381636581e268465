local values = require "resum.report.json.value"

describe("values for JSON", function()
  it("are plain ones only: no table and no handle slips in", function()
    for _, value in ipairs({ {}, io.stdout, { "text" } }) do
      assert.has_error(function()
        values.pick({ field = value }, "field")
      end, "report.json: field is not a plain value")
    end
  end)

  it("are those that are named, strings escaped", function()
    assert.same({ a = "\\x1b[2J", b = false, c = 0 },
      values.pick({ a = "\27[2J", b = false, c = 0, secret = "s" }, "a b c d"))
  end)

  it("are seconds to the microsecond", function()
    assert.equal(0.001123, values.seconds(0.00112345))
    assert.is_nil(values.seconds(nil))
  end)
end)
