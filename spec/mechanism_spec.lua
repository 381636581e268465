--- How the wire shows that something was issued and offered, and which versions each mechanism belongs to.

local mechanisms = require "resum.connection.mechanism"

local function facts(...)
  return { tickets = { ... }, session_id = "" }
end

describe("a mechanism", function()
  it("issued a PSK only where it may be kept (RFC 8446, section 4.6.1)", function()
    assert.is_false(mechanisms.psk.issued(facts({ ticket = "t", lifetime_s = 0 })))
    assert.is_true(mechanisms.psk.issued(facts({ ticket = "t", lifetime_s = 0 }, { ticket = "t", lifetime_s = 1 })))
  end)

  it("issued a ticket only where it has content, whatever its hint (RFC 5077, sections 3.3 and 5.6)", function()
    assert.is_false(mechanisms.ticket.issued(facts({ ticket = "", lifetime_s = 300 })))
    assert.is_true(mechanisms.ticket.issued(facts({ ticket = "t", lifetime_s = 0 })))
  end)

  it("belongs to its versions of TLS and no others", function()
    local spoken = {}
    for _, name in ipairs(mechanisms.names) do
      for _, version in ipairs({ "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3" }) do
        spoken[#spoken + 1] = mechanisms.speaks(mechanisms[name], version) and version:sub(-1) or "-"
      end
    end
    assert.equal("012-012----3", table.concat(spoken))
  end)

  it("offers what both it and the user allow", function()
    local context = { min_version = "TLSv1.1", max_version = "TLSv1.2" }
    assert.is_true(mechanisms.narrow(context, { min_version = "TLSv1.2", max_version = "TLSv1.3" }))
    assert.same({ min_version = "TLSv1.2", max_version = "TLSv1.2" }, context)
    assert.is_false(mechanisms.narrow(context, { min_version = "TLSv1.3" }))
    assert.same({ min_version = "TLSv1.2", max_version = "TLSv1.2" }, context)
  end)

  it("walk what is kept by mechanism in their order, whatever else is there", function()
    local walked = {}
    for name, value in mechanisms.each({ psk = 3, session_id = false, other = 4 }) do
      walked[#walked + 1] = ("%s %s"):format(name, value)
    end
    assert.same({ "session_id false", "psk 3" }, walked)
  end)
end)
