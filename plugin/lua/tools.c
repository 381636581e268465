/* Gives each Lua state its fetched algorithms and contexts (tls/crypto.h): made when the module is
 * loaded, freed with the state. They stand in the registry, so that they outlive every probe.
 */
#include "tools.h"

#include "class.h"

#define TOOLS "resum.tools"

/* Its address is their place in the registry. */
static const char tools_key;

rs_tools *rs_tools_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tools_key);
  rs_tools *tools = (rs_tools *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  return tools;
}

static int tools_close(lua_State *L) {
  rs_tools_close((rs_tools *)luaL_checkudata(L, 1, TOOLS));
  return 0;
}

/* MISSING: names of what the probe would use and OpenSSL, as it is configured, does not have. */
static void tools_set_missing(lua_State *L, const rs_tools *tools) {
  const char *name;
  lua_newtable(L);
  for (size_t i = 0; (name = rs_tools_missing(tools, i)) != NULL; i++) {
    lua_pushstring(L, name);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "MISSING");
}

static rs_tools *tools_new(lua_State *L) {
  rs_tools *tools = (rs_tools *)lua_newuserdatauv(L, sizeof *tools, 0);
  memset(tools, 0, sizeof *tools);
  luaL_setmetatable(L, TOOLS);
  rs_tools_open(tools);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &tools_key);
  return tools;
}

void rs_open_tools(lua_State *L) {
  static const luaL_Reg methods[] = {{NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", tools_close}, {NULL, NULL}};
  rs_new_class(L, TOOLS, methods, metamethods);
  /* Once, however often the module is opened: probes hold a pointer to them. */
  rs_tools *tools = rs_tools_of(L);
  tools_set_missing(L, tools ? tools : tools_new(L));
}
