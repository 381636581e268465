-- What went wrong, as a value: a message for people, a code for programs. Pure.

local Problem = {}

function Problem:__tostring()
  local said = self.message:find(self.code, 1, true)
  return said and self.message or ("%s (%s)"):format(self.message, self.code)
end

--- Makes one.
-- @tparam string message what went wrong, with where it did before a colon
-- @tparam string code a short word
-- @tparam[opt] string stage of a connection: "connect", "proxy", "starttls", "handshake"
-- @treturn table {message, code, stage}; tostring() of it is a line
return function(message, code, stage)
  return setmetatable({ message = message, code = code, stage = stage }, Problem)
end
