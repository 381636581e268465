/* Pushes names of the protocol's numbers, and sets fields of the table on top. A number without a
 * name is shown as a number ("0x1a2b").
 */
#include "push.h"

#include "tls/names.h"

#include <stdio.h>

static void push_name(lua_State *L, const char *name, unsigned number) {
  char text[16];
  if (!name) {
    (void)snprintf(text, sizeof text, "0x%04x", number & 0xffffu);
    name = text;
  }
  lua_pushstring(L, name);
}

void rs_push_version(lua_State *L, unsigned version) {
  push_name(L, rs_version_name(version), version);
}

void rs_push_cipher(lua_State *L, unsigned cipher) {
  push_name(L, rs_cipher_name(cipher), cipher);
}

void rs_push_group(lua_State *L, unsigned group) {
  push_name(L, rs_group_name(group), group);
}

void rs_push_message(lua_State *L, unsigned type) {
  push_name(L, rs_message_name(type), type);
}

void rs_push_extension(lua_State *L, unsigned type) {
  push_name(L, rs_extension_name(type), type);
}

void rs_set_bytes(lua_State *L, const char *name, rs_bytes value) {
  lua_pushlstring(L, value.length ? (const char *)value.bytes : "", value.length);
  lua_setfield(L, -2, name);
}

void rs_set_string(lua_State *L, const char *name, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

void rs_set_integer(lua_State *L, const char *name, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

void rs_set_boolean(lua_State *L, const char *name, int value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

void rs_append(lua_State *L) {
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}
