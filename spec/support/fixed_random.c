/* spec.support.fixed_random: libcrypto's random bytes, the same on every run (fixed_random.h). */
#include "fixed_random.h"

#include <lauxlib.h>
#include <lua.h>

static int module_stop(lua_State *L) {
  (void)L;
  fixed_random_stop();
  return 0;
}

static int module_start(lua_State *L) {
  (void)L;
  fixed_random_start();
  return 0;
}

static int module_restart(lua_State *L) {
  (void)L;
  fixed_random_restart();
  return 0;
}

__attribute__((visibility("default"))) int luaopen_spec_support_fixed_random(lua_State *L);

int luaopen_spec_support_fixed_random(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"start", module_start}, {"restart", module_restart}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_newtable(L); /* libcrypto asks its method at exit, when Lua has unloaded this module */
  lua_pushcfunction(L, module_stop);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  return 1;
}
