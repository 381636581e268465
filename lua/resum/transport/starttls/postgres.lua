-- PostgreSQL ("SSL Session Encryption" in the chapter on its protocol): SSLRequest, answered by one letter. There is
-- nothing to ask inside TLS before a login, and a connection that ends there is not complained about.

local M = {}

local SSL_REQUEST = (">I4I4"):pack(8, 80877103)
local TOO_MANY_CONNECTIONS = "53300" -- SQLSTATE

-- ErrorResponse: a length, then fields, each a letter and a text that ends with NUL; a NUL alone ends it.
local function fail_with_error(talk)
  local length = (">I4"):unpack(talk:take(4, "the error message"))
  local body = talk:take(math.max(4, length) - 4, "the error message")
  local fields, at = {}, 1
  local stop = body:find("\0", at, true)
  while stop and stop > at do
    fields[body:sub(at, at)] = body:sub(at + 1, stop - 1)
    at = stop + 1
    stop = body:find("\0", at, true)
  end
  talk:fail(fields.C == TOO_MANY_CONNECTIONS and "busy" or "turned_away", "the server turned us away: %s",
    talk:quote(fields.M or body))
end

local function dialogue(talk)
  talk:send(SSL_REQUEST)
  local answer = talk:take(1, "the answer to SSLRequest")
  if answer == "N" then
    talk:fail("no_starttls", "TLS not offered")
  elseif answer == "E" then
    fail_with_error(talk)
  elseif answer ~= "S" then
    talk:fail_with("the answer to SSLRequest", answer)
  end
end

M.postgres = {
  ports = { 5432 },
  dialogue = dialogue,
}

return M
