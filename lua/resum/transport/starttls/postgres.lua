-- PostgreSQL ("SSL Session Encryption" in the chapter on its protocol): SSLRequest, answered by one letter. There is
-- nothing to ask inside TLS before a login, and a connection that ends there is not complained about.

local quote = require("resum.transport.dialogue").quote

local M = {}

local SSL_REQUEST = (">I4I4"):pack(8, 80877103)
local TOO_MANY_CONNECTIONS = "53300" -- SQLSTATE

-- ErrorResponse: a length, then fields, each a letter and a text that ends with NUL.
local function fail_with_error(talk)
  local length = (">I4"):unpack(talk:take(4, "the error message"))
  local body = talk:take(math.max(4, length) - 4, "the error message")
  local fields = {}
  for letter, text in body:gmatch("(%a)([^%z]*)%z") do
    fields[letter] = text
  end
  talk:fail(fields.C == TOO_MANY_CONNECTIONS and "busy" or "turned_away", "the server turned us away: %s",
    quote(fields.M or body))
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
