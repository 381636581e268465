/* Names and fields on Lua's stack (push.c). */
#ifndef RESUM_LUA_PUSH_H
#define RESUM_LUA_PUSH_H

#include "compat.h"
#include "tls/wire.h"

/* Each pushes one string: the number's name, or the number. */
void rs_push_version(lua_State *L, unsigned version);
void rs_push_cipher(lua_State *L, unsigned cipher);
void rs_push_group(lua_State *L, unsigned group);
void rs_push_message(lua_State *L, unsigned type);
void rs_push_extension(lua_State *L, unsigned type);

/* Each sets a field of the table on top. */
void rs_set_bytes(lua_State *L, const char *name, rs_bytes value);
void rs_set_string(lua_State *L, const char *name, const char *value);
void rs_set_integer(lua_State *L, const char *name, lua_Integer value);
void rs_set_boolean(lua_State *L, const char *name, int value);

/* Pops a value, and appends it to the list below it. */
void rs_append(lua_State *L);

#endif
