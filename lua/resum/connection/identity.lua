-- Who the client is: a certificate and its private key, or nobody. The key and its passphrase stay in here: no table
-- has them as a field, so none can be shown by mistake.

local core = require "resum.core"
local tables = require "resum.util.tables"

local M = {}

--- Reads who the client is.
-- @tparam table options certificate, private_key, key_form, passphrase (see resum.core.context)
-- @treturn[1] function new_context(offer) makes a context of this client's, see resum.core.context
-- @treturn[1] boolean has it a certificate?
-- @treturn[2] nil
-- @treturn[2] string message: the certificate or the key can't be used
function M.read(options)
  local own = {
    certificate = options.certificate,
    private_key = options.private_key,
    key_form = options.key_form,
    passphrase = options.passphrase,
  }
  local usable, message = core.context(own)
  if not usable then
    return nil, message
  end
  return function(offer)
    return core.context(tables.merged(own, offer))
  end, own.certificate ~= nil
end

return M
