-- libuv's names of errors, as the codes that hosts have in common and as words. Pure.

local M = {}

--- What a network gives, as host codes; any other of connect is "unreachable".
M.CODES = {
  ECONNREFUSED = "refused",
  ECONNRESET = "reset",
  ECONNABORTED = "reset",
  ETIMEDOUT = "timeout",
}

local WORDS = {
  EACCES = "permission denied",
  EADDRINUSE = "address already in use",
  EADDRNOTAVAIL = "address not available",
  EAFNOSUPPORT = "address family not supported",
  EAI_AGAIN = "temporary failure",
  EAI_FAIL = "permanent failure",
  EAI_NONAME = "unknown name",
  EHOSTUNREACH = "host is unreachable",
  EINVAL = "invalid address",
  EMFILE = "too many open files",
  ENETDOWN = "network is down",
  ENETUNREACH = "network is unreachable",
  EPERM = "operation not permitted",
}

--- Words for one of libuv's names; a name that has none is its own.
-- @tparam string|nil name
-- @treturn string|nil
function M.words(name)
  return WORDS[name] or name
end

return M
