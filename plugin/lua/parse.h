/* resum.parse (parse.c). */
#ifndef RESUM_LUA_PARSE_H
#define RESUM_LUA_PARSE_H

#include "compat.h"

/* Puts the function into the module table on top. */
void rs_open_parse(lua_State *L);

#endif
