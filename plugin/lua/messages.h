/* resum.client_hello (messages.c). */
#ifndef RESUM_LUA_MESSAGES_H
#define RESUM_LUA_MESSAGES_H

#include "compat.h"

/* Puts the function into the module table on top. */
void rs_open_messages(lua_State *L);

#endif
