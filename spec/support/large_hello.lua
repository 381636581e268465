--- Gives this program the ClientHello that it has with OpenSSL 3.5: where libssl knows no hybrid groups, a session that
-- no server knows is offered where none else is, and its ticket takes the key share's place. So specs of what can't
-- bear the size hold with every libssl. Loading it does that, also in a program that loads nothing else of the specs;
-- undo() ends it. It must not know what a server does with it.

local core = require "resum.core"

local M = {}

--- Bytes of a ClientHello of today, at least (of TLS 1.3 alone, without a server name), and of one without the share,
-- at most.
M.USUAL, M.SMALL = 1450, 1000

--- Has libssl hybrid groups of its own?
M.HAS_HYBRID = core.context({ groups = "X25519MLKEM768" }) ~= nil

local SHARE = 1216 -- bytes of the key share of X25519MLKEM768

local new_context, new_handshake = core.context, core.handshake
local with_share = setmetatable({}, { __mode = "k" }) -- contexts

-- Up to TLS 1.2 there is no key share.
local function has_share(options)
  options = options or {}
  return options.hybrid ~= false and not options.groups and (options.max_version or "TLSv1.3") == "TLSv1.3"
end

local function unknown_session()
  return assert(core.session({ version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256", secret = ("\1"):rep(32),
    ticket = ("\2"):rep(SHARE), lifetime_s = 7200, time_s = os.time() }))
end

--- As it was.
function M.undo()
  core.context, core.handshake = new_context, new_handshake
end

if not M.HAS_HYBRID then
  function core.context(options)
    local context, message, code = new_context(options)
    if context and has_share(options) then
      with_share[context] = true
    end
    return context, message, code
  end

  function core.handshake(context, options)
    local all = {}
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    all.session = all.session or with_share[context] and unknown_session() or nil
    return new_handshake(context, all)
  end
end

return M
