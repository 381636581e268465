--- INN's nnrpd, which serves news readers: unpacked under build/ by `make test-all`, as Debian's inn2 can't be
-- installed where the machine has no domain.
-- Owns its configuration, and where its files are. It must not know what a spec asks of it.

local place = require "spec.support.daemons.place"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local uv = require "luv"

local M = {}

local UNPACKED = process.ROOT .. "/build/spec/inn2/usr/lib/news/"

local INN = [[
mta: "/bin/false %s"
organization: spec
domain: news.test
fromhost: news.test
pathhost: news.test
server: localhost
runasuser: {user}
runasgroup: {group}
hismethod: hisv6
enableoverview: true
ovmethod: tradindexed
pathnews: {directory}
pathbin: {directory}/bin
pathdb: {directory}
pathetc: {directory}
pathlog: {directory}
pathrun: {directory}
pathspool: {directory}
patharticles: {directory}/articles
pathoverview: {directory}/overview
pathtmp: {directory}
tlscertfile: {certificate}
tlskeyfile: {key}
]]

local READERS = [[
auth "all" { hosts: "*" default: "<reader>" }
access "all" { users: "*" newsgroups: "*" access: R }
]]

local STORAGE = [[
method trash {
  newsgroups: *
  class: 0
}
]]

-- Who it runs as: itself it refuses to be anybody but whom the configuration names.
local function user_and_group()
  if place.is_root() then
    return "nobody", "nogroup"
  end
  local group = process.run({ command = { "id", "-gn" } }).stdout:match("%S+")
  return uv.os_get_passwd().username, group
end

-- Programs and libraries where whoever it runs as can read them; innbind without the bit that makes it root.
local function copy_programs(directory)
  place.prepare({ "sh", "-c", 'mkdir "$2/bin" && cp "$1"bin/nnrpd "$1"bin/innbind "$1"bin/makehistory "$2/bin" '
    .. '&& cp "$1"lib*.so.* "$2" && chmod 755 "$2"/bin/*', "sh", UNPACKED, directory })
end

--- nnrpd: a process for each connection.
-- @tparam[opt] table options tls: false: it has no certificate, and sees that only when it is asked
function M.nnrpd(options)
  options = options or {}
  return servers.launch("nnrpd", options, function(here)
    local certificate, key = place.identity(here, "nobody")
    local user, group = user_and_group()
    copy_programs(here.directory)
    place.folder(here, "articles", "nobody")
    place.folder(here, "overview", "nobody")
    local inn = place.write(here, "inn.conf", INN, { user = user, group = group, directory = here.directory,
      certificate = options.tls == false and "/no/such/file" or certificate, key = key })
    local readers = place.write(here, "readers.conf", READERS)
    place.write(here, "storage.conf", STORAGE)
    place.write(here, "active", "control 0000000000 0000000001 n\njunk 0000000000 0000000001 n\n")
    local function inn_command(program, ...)
      return place.as_nobody({ "env", "INNCONF=" .. inn, "LD_LIBRARY_PATH=" .. here.directory,
        here.directory .. "/bin/" .. program, ... })
    end
    place.prepare(inn_command("makehistory", "-O", "-x", "-F"))
    return inn_command("nnrpd", "-D", "-f", "-p", here.port, "-b", here.host, "-c", readers)
  end)
end

return M
