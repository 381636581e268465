/* Makes the classes of userdata. */
#include "class.h"

#include "guard.h"

void rs_new_class(lua_State *L, const char *name, const luaL_Reg methods[],
                  const luaL_Reg metamethods[]) {
  luaL_newmetatable(L, name);
  rs_set_functions(L, metamethods);
  lua_newtable(L);
  rs_set_functions(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}
