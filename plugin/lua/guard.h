/* The way from Lua into the module's functions (guard.c). */
#ifndef RESUM_LUA_GUARD_H
#define RESUM_LUA_GUARD_H

#include "compat.h"

/* Sets functions in the table on top, guarded. Nothing else gives Lua a function of the module's.
 */
void rs_set_function(lua_State *L, const char *name, lua_CFunction function);
void rs_set_functions(lua_State *L, const luaL_Reg functions[]);
/* Runs one on what stands on the stack: its results, or the error that it raised. */
int rs_guarded(lua_State *L, lua_CFunction function);

#endif
