--- Envoy refuses a configuration that names two fields of one "oneof". Its DownstreamTlsContext has three in one:
-- session_ticket_keys, session_ticket_keys_sds_secret_config and disable_stateless_session_resumption. The lines to
-- paste named two of them, under topics that a report may show together.

local configuration = require "resum.analysis.configuration"

local ONE_OF = { session_ticket_keys = true, session_ticket_keys_sds_secret_config = true,
  disable_stateless_session_resumption = true }

describe("lines for Envoy", function()
  it("have one field of each oneof, whichever topics stand together", function()
    local named, topics = {}, 0
    for _, block in pairs(configuration.blocks) do
      topics = topics + 1
      for _, line in ipairs(block.envoy.lines or {}) do
        local field = line:match("^([%w_]+):")
        named[#named + 1] = ONE_OF[field] and field or nil
      end
    end
    assert.same({ "session_ticket_keys" }, named)
    assert.is_true(topics >= 4)
  end)

  it("make keys of the length that it takes", function()
    assert.is_truthy(configuration.blocks.ticket_keys.envoy.shell[1]:find("openssl rand 80 ", 1, true))
  end)

  it("are followed by what has to be removed", function()
    assert.is_truthy(configuration.blocks.ticket_keys.envoy.note:find(
      "Remove disable_stateless_session_resumption", 1, true))
    assert.is_truthy(configuration.blocks.switch_on.envoy.note:find("disable_stateful_session_resumption", 1, true))
  end)
end)
