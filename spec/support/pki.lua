--- The specs' certificates, made at run time with the openssl command and kept under build/spec/pki.
-- Owns the names of the identities and their files. It must not know which server uses which.

local uv = require "luv"
local process = require "spec.support.process"

local M = {}

local FOLDER = process.ROOT .. "/build/spec/pki"
local DAYS = 30
local LOCAL_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"

local P256 = { "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256" }
local RSA = { "-newkey", "rsa:2048" }

-- The first one signs the others.
local IDENTITIES = {
  { name = "ca", subject = "/CN=resum spec CA", key = P256, extension = "basicConstraints=critical,CA:TRUE" },
  { name = "ecdsa", subject = "/CN=localhost", key = P256, extension = LOCAL_NAMES },
  { name = "rsa", subject = "/CN=localhost", key = RSA, extension = LOCAL_NAMES },
  { name = "other", subject = "/CN=other.test", key = P256, extension = "subjectAltName=DNS:other.test" },
  { name = "client", subject = "/CN=resum spec client", key = P256, extension = "extendedKeyUsage=clientAuth" },
}

-- The system's openssl.cnf would add extensions of its own.
local CONFIG = "[req]\ndistinguished_name = subject\n[subject]\n"

local function files(folder, name)
  local base = folder .. "/" .. name
  return { certificate = base .. ".crt", key = base .. ".key", bundle = base .. ".pem" }
end

local function openssl(arguments)
  local result = process.run { command = { "openssl", table.unpack(arguments) }, environment = { LD_PRELOAD = false } }
  return result.code == 0, result.stderr
end

local function make_identity(folder, identity)
  local paths = files(folder, identity.name)
  local arguments = {
    "req", "-x509", "-new", "-nodes", "-config", folder .. "/openssl.cnf", "-days", DAYS,
    "-subj", identity.subject, "-addext", identity.extension, "-keyout", paths.key, "-out", paths.certificate,
  }
  table.move(identity.key, 1, #identity.key, #arguments + 1, arguments)
  if identity.name ~= "ca" then
    local ca = files(folder, "ca")
    table.move({ "-CA", ca.certificate, "-CAkey", ca.key }, 1, 4, #arguments + 1, arguments)
  end
  local made, reason = openssl(arguments)
  if not made then
    error("pki: openssl could not make " .. identity.name .. ": " .. reason)
  end
  process.write_file(paths.bundle, process.read_file(paths.certificate) .. process.read_file(paths.key))
end

local function usable(folder)
  for _, identity in ipairs(IDENTITIES) do
    for _, path in pairs(files(folder, identity.name)) do
      if not uv.fs_stat(path) then
        return false
      end
    end
  end
  local youngest = files(folder, IDENTITIES[#IDENTITIES].name).certificate
  return (openssl { "x509", "-in", youngest, "-noout", "-checkend", 24 * 3600 })
end

local function make_folders(path)
  local parent = path:match("^(.+)/[^/]+$")
  if parent and not uv.fs_stat(parent) then
    make_folders(parent)
  end
  uv.fs_mkdir(path, 493) -- 0755; another process may have been faster
end

-- Made aside and renamed: of several processes that build at once, one wins and the others take what it made.
local function build(folder)
  make_folders(folder:match("^(.+)/"))
  local aside = assert(uv.fs_mkdtemp(folder .. ".XXXXXX"))
  process.write_file(aside .. "/openssl.cnf", CONFIG)
  for _, identity in ipairs(IDENTITIES) do
    make_identity(aside, identity)
  end
  if uv.fs_stat(folder) and not usable(folder) then
    local outdated = aside .. ".outdated"
    uv.fs_rename(folder, outdated)
    process.remove(outdated)
  end
  uv.fs_rename(aside, folder)
  process.remove(aside)
end

--- Makes all identities in a folder, unless they are there and good for another day.
-- @tparam string folder absolute path
function M.make(folder)
  if not usable(folder) then
    build(folder)
    assert(usable(folder), "pki: " .. folder .. " could not be made")
  end
end

local made = false

--- The files and the PEM text of an identity; all are made when they are missing or about to expire.
-- @tparam string name "ca", "ecdsa" or "rsa" (localhost, 127.0.0.1, ::1), "other" (other.test), "client"
-- @treturn table {certificate=, key=, bundle=} (absolute paths; bundle: certificate and key in one file),
--   certificate_pem, key_pem (text)
function M.get(name)
  if not made then
    M.make(FOLDER)
    made = true
  end
  local identity = files(FOLDER, name)
  if not uv.fs_stat(identity.key) then
    error("pki: no identity named " .. tostring(name), 2)
  end
  identity.certificate_pem = process.read_file(identity.certificate)
  identity.key_pem = process.read_file(identity.key)
  return identity
end

return M
