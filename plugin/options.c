/* Reads the options tables of constructors. A misspelt option or a wrong type raises an argument
 * error that names the option; what a value means is the constructor's business. Reading is raw: a
 * metamethod would be Lua called from C, and could give a string that nothing keeps alive.
 */
#include "resum.h"

#include <string.h>

static int option_known(const char *name, const char *const names[]) {
  for (size_t i = 0; names[i]; i++)
    if (strcmp(name, names[i]) == 0)
      return 1;
  return 0;
}

void rs_options_check(lua_State *L, int arg, const char *const names[]) {
  if (lua_isnoneornil(L, arg))
    return;
  luaL_checktype(L, arg, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_argerror(L, arg, "options have names");
    if (!option_known(lua_tostring(L, -2), names))
      luaL_argerror(L, arg, lua_pushfstring(L, "unknown option '%s'", lua_tostring(L, -2)));
  }
}

int rs_option_push(lua_State *L, int arg, const char *name) {
  if (lua_isnoneornil(L, arg)) {
    lua_pushnil(L);
    return LUA_TNIL;
  }
  lua_pushstring(L, name);
  return lua_rawget(L, arg);
}

void rs_option_wrong(lua_State *L, int arg, const char *name, const char *expected) {
  const char *got = luaL_typename(L, -1);
  luaL_argerror(L, arg,
                lua_pushfstring(L, "option '%s': %s expected, got %s", name, expected, got));
}

const char *rs_option_string(lua_State *L, int arg, const char *name, size_t *length) {
  int type = rs_option_push(L, arg, name);
  const char *value = NULL;
  if (type == LUA_TSTRING) {
    value = lua_tolstring(L, -1, length);
    if (!length && strlen(value) != lua_rawlen(L, -1))
      luaL_argerror(L, arg, lua_pushfstring(L, "option '%s' has a NUL byte", name));
  } else if (type != LUA_TNIL) {
    rs_option_wrong(L, arg, name, "string");
  }
  lua_pop(L, 1); /* the options table keeps the string alive */
  return value;
}

int rs_option_boolean(lua_State *L, int arg, const char *name, int otherwise) {
  int type = rs_option_push(L, arg, name);
  if (type != LUA_TBOOLEAN && type != LUA_TNIL)
    rs_option_wrong(L, arg, name, "boolean");
  int value = type == LUA_TNIL ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

lua_Integer rs_option_integer(lua_State *L, int arg, const char *name, lua_Integer low,
                              lua_Integer high, lua_Integer otherwise) {
  int type = rs_option_push(L, arg, name);
  lua_Integer value = otherwise;
  if (type != LUA_TNIL) {
    int whole;
    value = lua_tointegerx(L, -1, &whole);
    if (type != LUA_TNUMBER || !whole)
      rs_option_wrong(L, arg, name, "integer");
    if (value < low || value > high)
      luaL_argerror(L, arg, lua_pushfstring(L, "option '%s': %I to %I expected", name, low, high));
  }
  lua_pop(L, 1);
  return value;
}
