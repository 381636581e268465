/* resum.handshake (handshake.c). */
#ifndef RESUM_LUA_HANDSHAKE_H
#define RESUM_LUA_HANDSHAKE_H

#include "compat.h"

/* Puts the constructor into the module table on top. */
void rs_open_handshake(lua_State *L);

#endif
