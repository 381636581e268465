--- A server that has neither X25519MLKEM768 nor x25519 (vsftpd has P-256 alone) refuses with an alert what
-- pq-resumption asks with, and that was said to be a failed connection. It is an answer, also where plain text follows
-- it in the same packet; another alert, or one of the two answers alone, is none.

local audit = require "spec.support.audit"
local hello_hook = require "spec.support.hello_hook"
local listener = require "spec.support.listener"
local pq_resumption = require "resum.audit.checks.pq_resumption"
local wire = require "spec.support.wire"

local HANDSHAKE_FAILURE, INTERNAL_ERROR = 40, 80
local ASKED = "\0\4\x11\xec\0\29" -- the two groups

-- Answers whoever names these two groups alone with an alert, and with words behind it.
local function start(code, words)
  local server = listener.start({}, { bytes = hello_hook.new(function(hello)
    local groups = hello.extensions[wire.EXTENSION.supported_groups]
    return groups == ASKED and hello_hook.alert(code) .. words or nil
  end) })
  finally(server.close)
  return server
end

describe("a server that has neither of the groups", function()
  for _, words in ipairs({ "", "500 OOPS: no suitable key share\r\n" }) do
    it(("is answered about in full handshakes: %q"):format(words), function()
      local server = start(HANDSHAKE_FAILURE, words)
      local context = audit.context(pq_resumption, server.port)
      context.spare_session = function() end -- full handshakes alone
      assert.equal("inconclusive - connection_failed", audit.words(pq_resumption.run(context)))
      assert.equal(1, context:made()) -- it was an answer, and needed no second one
    end)
  end

  it("prefers the hybrid group in neither kind of handshake", function()
    assert.same({ "info", "none" }, { pq_resumption.decide("refused", "refused").verdict,
      pq_resumption.decide("refused", "refused").reason })
    for _, answers in ipairs({ { "refused", false }, { true, "refused" }, { "refused", nil } }) do
      assert.equal("connection_failed", pq_resumption.decide(answers[1], answers[2]).reason)
    end
  end)

  it("is told from one that fails otherwise", function()
    local context = audit.context(pq_resumption, start(INTERNAL_ERROR, "").port)
    context.spare_session = function() end
    assert.equal("inconclusive - connection_failed", audit.words(pq_resumption.run(context)))
    assert.equal(2, context:made())
  end)

  it("is asked with a session as well", function()
    local server = listener.start({ groups = "P-256" })
    finally(server.close)
    assert.equal("info - none", audit.words((audit.run(pq_resumption, server.port))))
  end)
end)
