-- A conversation: one connection on which a caller's own machines take turns. It has the way, the limits and the
-- timeouts of an attempt; what is said is the caller's. It judges nothing.

local new_failure = require "resum.util.failure"

local M = {}

local MOST = 1024 * 1024 -- bytes that are taken in, as of a handshake on libssl

local Talk = {}
Talk.__index = Talk

--- Says something.
-- @function talk:write
-- @tparam string bytes
-- @treturn true|nil
-- @treturn string|nil code: "timeout", "reset"
function Talk:write(bytes)
  if bytes == "" then
    return true
  end
  return self.stream:write(bytes, self.now() + self.timeout)
end

--- Hears something.
-- @function talk:read
-- @treturn string|nil bytes
-- @treturn string|nil code: "timeout", "reset", "eof", "too_much"
function Talk:read()
  if self.taken >= MOST then
    return nil, "too_much"
  end
  local bytes, code = self.stream:read(self.now() + self.timeout)
  self.taken = self.taken + #(bytes or "")
  return bytes, code
end

--- Lets a machine of resum.core go on until it wants nothing more.
-- @function talk:run
-- @tparam table machine core.probe or core.handshake, not stepped yet
-- @treturn string|nil its last state; nil where it or the connection failed
-- @treturn string|nil code
function Talk:run(machine)
  local state, out, _, code = machine:step()
  while state do
    local sent, why = self:write(out)
    if not sent then
      return nil, why
    elseif state ~= "want" then
      return state
    end
    local bytes
    bytes, why = self:read()
    if bytes then
      state, out, _, code = machine:step(bytes)
    elseif why == "eof" then
      state, out, _, code = machine:eof()
    else
      return nil, why
    end
  end
  self:write(out or "") -- our alert
  return nil, code
end

local function open_and_talk(client, talk, record)
  local stream, message, code, stage = client.dialer:open()
  if not stream then
    record.error = new_failure(message, code, stage)
    return
  end
  local fine, result = pcall(talk, setmetatable({ stream = stream, now = client.host.now, timeout = client.timeout,
    taken = 0 }, Talk))
  stream:close()
  if not fine then
    error(result, 0)
  end
  record.result = result
end

--- One conversation.
-- @tparam table client of resum.connection.client
-- @tparam function talk called with the talk (write, read, run), when the way is open; what it returns is the result
-- @treturn table record: result, error ({message, code, stage}: the way was not to be had), total_s
function M.run(client, talk)
  local release = client.admit(client.address)
  client.connections = client.connections + 1
  local record, started = {}, client.host.now()
  local fine, problem = pcall(open_and_talk, client, talk, record)
  record.total_s = client.host.now() - started
  release() -- also after an error in here: others wait for the place
  if not fine then
    error(problem, 0)
  end
  return record
end

return M
