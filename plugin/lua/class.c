/* Makes the classes of userdata. */
#include "class.h"

void rs_new_class(lua_State *L, const char *name, const luaL_Reg methods[],
                  const luaL_Reg metamethods[]) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}
