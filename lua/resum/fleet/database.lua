-- Tables that need not fit in memory: a private SQLite database, which SQLite keeps in a file of its own without a name
-- and which goes with the process. It knows how rows go in and out, and nothing of what stands in them.

local M = {}

local CACHE_KB = 16 * 1024 -- what is kept in memory; the rest is in the file
local ROWS = 200 -- of one INSERT: SQLite takes 500 terms, and parsing one statement costs as much as some rows

local Database = {}
Database.__index = Database

local function literal(value)
  if value == nil then
    return "NULL"
  elseif math.type(value) == "integer" then
    return ("%d"):format(value)
  end
  return "'" .. value:gsub("'", "''") .. "'"
end

--- Runs a statement.
-- @function database:run
-- @tparam string sql
-- @raise what SQLite says, such as that the disk is full
function Database:run(sql)
  local done, message = self.connection:execute(sql)
  if not done then
    error("SQLite: " .. tostring(message), 0)
  end
  return done
end

local function as_integer(value)
  return type(value) == "number" and math.tointeger(value) or value
end

--- The rows of a query.
-- @function database:rows
-- @tparam string sql
-- @treturn function iterator: a list of values, the same table each time
function Database:rows(sql)
  local cursor, row = self:run(sql), {}
  self.cursors[cursor] = true
  return function()
    if cursor and not cursor:fetch(row, "n") then
      self.cursors[cursor], cursor = nil, nil -- it closes itself at its end
    end
    for i, value in pairs(cursor and row or {}) do
      row[i] = as_integer(value)
    end
    return cursor and row or nil
  end
end

--- The first row of a query.
-- @function database:row
-- @tparam string sql
-- @return its values
function Database:row(sql)
  local cursor = self:run(sql)
  local row = cursor:fetch({}, "n") or {}
  cursor:close()
  for i, value in pairs(row) do
    row[i] = as_integer(value)
  end
  return table.unpack(row)
end

--- What puts rows into a table, many at once.
-- @function database:inserter
-- @tparam string name of the table
-- @tparam integer columns
-- @treturn function add(values...): a row; without values what is left is put in
function Database:inserter(name, columns)
  local waiting = {}
  return function(...)
    if select("#", ...) > 0 then
      local values = {}
      for i = 1, columns do
        values[i] = literal((select(i, ...)))
      end
      waiting[#waiting + 1] = "(" .. table.concat(values, ",") .. ")"
    end
    if #waiting == ROWS or #waiting > 0 and select("#", ...) == 0 then
      self:run("INSERT INTO " .. name .. " VALUES " .. table.concat(waiting, ","))
      waiting = {}
    end
  end
end

--- Closes it, and all of it is gone.
-- @function database:close
function Database:close()
  for cursor in pairs(self.cursors) do -- of whoever did not read to the end
    cursor:close()
  end
  self.connection:close()
  self.environment:close()
end

--- @treturn[1] table database, empty
-- @treturn[2] nil
-- @treturn[2] string message: the library is missing
function M.open()
  local found, luasql = pcall(require, "luasql.sqlite3")
  if not found then
    return nil, "the map of shared keys needs SQLite for Lua (lua-sql-sqlite3)"
  end
  local environment = luasql.sqlite3()
  local connection, message = environment:connect("") -- no name: private, and in a file only as far as it is large
  if not connection then
    return nil, "SQLite: " .. tostring(message)
  end
  local database = setmetatable({ environment = environment, connection = connection, cursors = {} }, Database)
  database:run(("PRAGMA cache_size=-%d"):format(CACHE_KB))
  database:run("PRAGMA temp_store=FILE")
  database:row("PRAGMA journal_mode=OFF") -- it goes with the process: there is nothing to go back to
  database:run("PRAGMA synchronous=OFF")
  return database
end

return M
