--- Real nmap for specs: our scripts and module staged as `make install-nse` installs them, nmap run with an empty
-- environment, its XML read. It must not know what the scripts say.
--
-- With an empty environment nmap's Lua looks into the working directory last, so it runs where the staged module is;
-- nothing is installed on the machine.

local lxp = require "lxp"
local process = require "spec.support.process"
local uv = require "luv"

local M = {}

local SECONDS = 120 -- how long a run of nmap may take

-- What an outer make has told its children, and a sanitizer that is preloaded for the module under test.
local MAKE_ENVIRONMENT = { MAKEFLAGS = false, MAKELEVEL = false, MFLAGS = false, SAN = false, LD_PRELOAD = false }

local function in_empty_environment(arguments, variables)
  local command = { "env", "-i" }
  for _, part in ipairs({ variables or {}, { (assert(process.find("nmap"), "nmap is not installed")) }, arguments }) do
    table.move(part, 1, #part, #command + 1, command)
  end
  return command
end

--- Where nmap with an empty environment finds modules and scripts, as it says itself.
-- @treturn table share, library, scripts (folders)
function M.paths()
  local result = process.run({
    command = in_empty_environment({ "--script", process.ROOT .. "/lua/nse/where.nse" }),
    seconds = SECONDS,
  })
  local paths = {}
  for what, path in result.stdout:gmatch("resum: (%w+)=(%C+)") do
    paths[what] = path
  end
  return paths
end

-- A module that is installed on this machine would be found first: then the stage has to be named.
local function path_of(staged, paths)
  if not uv.fs_stat(paths.share .. "/resum") and not uv.fs_stat(paths.library .. "/resum") then
    return {}
  end
  local folder = staged.working_directory
  return { ("LUA_PATH=%s/?.lua;%s/?/init.lua;;"):format(folder, folder), ("LUA_CPATH=%s/?.so;;"):format(folder) }
end

--- Installs for nmap, or takes it away again.
-- @tparam string target "install-nse" or "uninstall-nse"
-- @tparam string folder DESTDIR
function M.make(target, folder)
  local made = process.run({
    command = { "make", "-s", target, "DESTDIR=" .. folder },
    working_directory = process.ROOT,
    environment = MAKE_ENVIRONMENT,
    seconds = SECONDS,
  })
  if made.code ~= 0 then
    error(("make %s failed:\n%s"):format(target, made.stderr), 2)
  end
end

local NOWHERE = { "LUA_PATH=/nonexistent/?.lua", "LUA_CPATH=/nonexistent/?.so" }

local stage

--- Installs into a folder of this spec run, once.
-- @treturn table folder (the DESTDIR), scripts (folder in it), working_directory (from where nmap finds the module),
--   environment (list; empty, unless resum is installed for nmap on this machine)
function M.stage()
  if stage then
    return stage
  end
  local folder, paths = process.temporary_directory(), M.paths()
  M.make("install-nse", folder)
  stage = { folder = folder, scripts = folder .. paths.scripts, working_directory = folder .. paths.share }
  local core = "/resum/core.so"
  process.write_file(stage.working_directory .. core, process.read_file(folder .. paths.library .. core))
  stage.environment = path_of(stage, paths)
  return stage
end

-- The XML of tables and elements in a script's result: keys to values, and lists where there are no keys. Which of its
-- elements are numbers XML does not tell.
local function reader_of_scripts(scripts)
  local open, text = {}, nil
  local function add(key, value)
    local parent = open[#open]
    parent[key or #parent + 1] = value
  end
  return {
    StartElement = function(_, name, attributes)
      if name == "script" then
        open = { { output = attributes.output } }
        scripts[#scripts + 1] = { id = attributes.id, port = scripts.port, result = open[1] }
      elseif name == "port" then
        scripts.port = math.floor(tonumber(attributes.portid))
      elseif name == "table" then
        local value = {}
        add(attributes.key, value)
        open[#open + 1] = value
      elseif name == "elem" then
        text = { key = attributes.key }
      end
    end,
    CharacterData = function(_, piece)
      if text then
        text[#text + 1] = piece
      end
    end,
    EndElement = function(_, name)
      if name == "table" then
        open[#open] = nil
      elseif name == "elem" then
        add(text.key, table.concat(text))
        text = nil
      end
    end,
  }
end

local function scripts_of(xml)
  local scripts = {}
  local parser = lxp.new(reader_of_scripts(scripts))
  local fine, message = parser:parse(xml)
  assert(fine, message)
  parser:parse()
  parser:close()
  scripts.port = nil
  return scripts
end

--- Runs a script of the specs, which needs no target. It finds resum in the stage and the specs' modules in the tree.
-- @tparam string path
-- @tparam string arguments for --script-args
-- @treturn table code, stdout, stderr
function M.run_script(path, arguments)
  local folder = M.stage().working_directory
  local variables = {
    ("LUA_PATH=%s/?.lua;%s/?/init.lua;%s/?.lua;;"):format(folder, folder, process.ROOT),
    ("LUA_CPATH=%s/?.so;;"):format(folder),
  }
  return process.run({
    command = in_empty_environment({ "--script", path, "--script-args", arguments }, variables),
    seconds = SECONDS,
  })
end

--- Runs nmap on ports of 127.0.0.1 with scripts of ours.
-- @tparam table options ports (list), script (its name without .nse, or a whole path, perhaps with + before it; default
--   "+tls-resumption"), arguments (for --script-args), more (list of further options), target (default "127.0.0.1"),
--   without_module (true: it finds no resum, be it staged or installed)
-- @treturn table code, stdout, stderr, scripts: list of {id, port, result}; result is a table of strings and tables,
--   its field output is what nmap shows
function M.run(options)
  local staged = M.stage()
  local forced, name = (options.script or "+tls-resumption"):match("^(%+?)(.*)$")
  local xml = process.temporary_directory() .. "/scan.xml"
  local arguments = {
    "-n", "-Pn", "-sT", "--unprivileged", "-oX", xml, "-p", table.concat(options.ports, ","),
    "--script", forced .. (name:find("^/") and name or ("%s/%s.nse"):format(staged.scripts, name)),
    options.target or "127.0.0.1",
  }
  if options.arguments then
    table.move({ "--script-args", options.arguments }, 1, 2, #arguments + 1, arguments)
  end
  table.move(options.more or {}, 1, #(options.more or {}), #arguments + 1, arguments)
  local result = process.run({
    command = in_empty_environment(arguments, options.without_module and NOWHERE or staged.environment),
    working_directory = options.without_module and "/" or staged.working_directory,
    seconds = SECONDS,
  })
  result.scripts = scripts_of(process.read_file(xml))
  process.remove(xml:match("^(.*)/"))
  return result
end

return M
