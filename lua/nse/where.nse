description = [[
Prints where this nmap finds modules when the environment is empty, and where its scripts are. Makefile's install-nse
asks it; it is not installed. Needs no target.
]]

---
-- @usage
-- env -i nmap --script lua/nse/where.nse
-- @output
-- resum: share=/usr/local/share/lua/5.3
-- resum: library=/usr/local/lib/lua/5.3
-- resum: scripts=/usr/share/nmap/scripts

author = "the resum authors"
license = "MIT"
categories = { "safe" }

local nmap = require "nmap"

function prerule()
  return true
end

-- The first folder of a package path.
local function first_folder(path)
  return path:match("^([^;?]*)/%?")
end

function action()
  local scripts = nmap.fetchfile("scripts/script.db"):match("^(.*)/")
  for what, path in pairs({
    share = first_folder(package.path),
    library = first_folder(package.cpath),
    scripts = scripts:gsub("/[^/]*/%.%./", "/"),
  }) do
    print(("resum: %s=%s"):format(what, path))
  end
end
