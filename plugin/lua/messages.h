/* resum.client_hello and resum.parse (messages.c). */
#ifndef RESUM_LUA_MESSAGES_H
#define RESUM_LUA_MESSAGES_H

#include "compat.h"

/* Puts both into the module table on top. */
void rs_open_messages(lua_State *L);

#endif
