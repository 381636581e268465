/* Classes of userdata (class.c). */
#ifndef RESUM_LUA_CLASS_H
#define RESUM_LUA_CLASS_H

#include "compat.h"

/* Makes the metatable of a class from its tables; __gc and __close stand in `metamethods`. */
void rs_new_class(lua_State *L, const char *name, const luaL_Reg methods[],
                  const luaL_Reg metamethods[]);

#endif
