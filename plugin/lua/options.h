/* Fields of an options table, type-checked; a wrong type is the caller's mistake (options.c). `arg`
 * is the table's place from the bottom. Strings are borrowed from the table. */
#ifndef RESUM_LUA_OPTIONS_H
#define RESUM_LUA_OPTIONS_H

#include "compat.h"
#include "tls/wire.h"

/* Raises for an option whose name is not in the list (of at most 64), and returns the places of
 * those given. */
uint64_t rs_options_check(lua_State *L, int arg, const char *const names[]);
/* Pushes the option and returns its type, LUA_TNIL when it was not given. */
int rs_option_push(lua_State *L, int arg, const char *name);
/* Raises for the option's value on top. */
void rs_option_wrong(lua_State *L, int arg, const char *name, const char *expected);
const char *rs_option_string(lua_State *L, int arg, const char *name, size_t *length);
int rs_option_boolean(lua_State *L, int arg, const char *name, int otherwise);
lua_Integer rs_option_integer(lua_State *L, int arg, const char *name, lua_Integer low,
                              lua_Integer high, lua_Integer otherwise);
/* Option 'alpn', a list of names, in ALPN's wire form (RFC 7301, section 3.1); no bytes where it
 * isn't given. */
rs_bytes rs_option_alpn(lua_State *L, int arg, unsigned char *room, size_t size);
unsigned rs_option_version(lua_State *L, int arg, const char *name, unsigned otherwise);
unsigned rs_option_cipher(lua_State *L, int arg, const char *name, unsigned otherwise);

/* What stands at that place of the stack: a number below 65536, or a name whose number
 * `number_of` gives. RS_NO_NUMBER for anything else. */
unsigned rs_number_at(lua_State *L, int index, unsigned (*number_of)(const char *));

#endif
