--- What the daemons of spec.support.daemons have in common: a place of their own, and a user who is not root.
-- Owns directories, owners and users. It must not know what a daemon is.

local pki = require "spec.support.pki"
local process = require "spec.support.process"
local uv = require "luv"

local M = {}

local EVERYBODY = tonumber("755", 8)
local OWNER_ONLY = tonumber("600", 8)

--- Are we root? Then some daemons have to be somebody else, and others only then can be themselves.
function M.is_root()
  return uv.getuid() == 0
end

-- The numbers of a user: user, group.
local function ids_of(user)
  local uid, gid = process.read_file("/etc/passwd"):match("%f[^\n%z]" .. user .. ":[^:]*:(%d+):(%d+):")
  return math.floor(tonumber(uid)), math.floor(tonumber(gid))
end

--- Makes a folder in the place.
-- @treturn string its path
function M.folder(place, name, owner)
  local path = place.directory .. "/" .. name
  assert(uv.fs_mkdir(path, EVERYBODY))
  if owner and M.is_root() then
    assert(uv.fs_chown(path, ids_of(owner)))
  end
  return path
end

--- Copies of a certificate and its key, the key for its owner's eyes only; the place can be entered by everybody.
-- @treturn string certificate's path
-- @treturn string key's path
function M.identity(place, owner)
  local identity = pki.get("rsa")
  local certificate, key = place.directory .. "/cert.pem", place.directory .. "/key.pem"
  process.write_file(certificate, identity.certificate_pem)
  process.write_file(key, identity.key_pem)
  assert(uv.fs_chmod(place.directory, EVERYBODY))
  assert(uv.fs_chmod(key, OWNER_ONLY))
  if owner and M.is_root() then
    assert(uv.fs_chown(key, ids_of(owner)))
    assert(uv.fs_chown(place.directory, ids_of(owner)))
  end
  return certificate, key
end

--- Writes a configuration file from a template: {name} stands for a value, where there is one of that name.
-- @treturn string path
function M.write(place, name, template, values)
  local path = place.directory .. "/" .. name
  process.write_file(path, (template:gsub("{([%w_]+)}", values or {})))
  return path
end

--- A command as nobody, where we are root. The kernel forgets whose death ends it when the user changes: it is told
-- again.
function M.as_nobody(command)
  if not M.is_root() then
    return command
  end
  local prefix = { "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig", "TERM", "--" }
  prefix[#prefix + 1] = process.find(command[1]) or command[1]
  return table.move(command, 2, #command, #prefix + 1, prefix)
end

--- Runs a command that prepares something, to its end.
-- @tparam {string,...} command
-- @tparam[opt] string input bytes for its stdin
function M.prepare(command, input)
  local run = process.run({ command = command, input = input })
  if run.code ~= 0 then
    error(("%s ended with code %s; it said:\n%s%s"):format(command[1], run.code, run.stdout, run.stderr), 2)
  end
end

return M
