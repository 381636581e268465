/* The tools of a Lua state (tools.c). */
#ifndef RESUM_LUA_TOOLS_H
#define RESUM_LUA_TOOLS_H

#include "compat.h"
#include "tls/crypto.h"

/* Borrows: they live as long as the Lua state. */
rs_tools *rs_tools_of(lua_State *L);
/* Makes them; before the classes that use them. */
void rs_open_tools(lua_State *L);

#endif
