/* resum.probe (probe.c). */
#ifndef RESUM_LUA_PROBE_H
#define RESUM_LUA_PROBE_H

#include "compat.h"

/* Puts the constructor into the module table on top. */
void rs_open_probe(lua_State *L);

#endif
