/* What bytes are compared by (inspect.c). */
#ifndef RESUM_LUA_INSPECT_H
#define RESUM_LUA_INSPECT_H

#include "compat.h"

/* Puts its functions into the module table on top. */
void rs_open_inspect(lua_State *L);

#endif
