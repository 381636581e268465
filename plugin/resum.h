/* What the files of resum.core share. Arrows point one way: module -> classes (context, handshake,
 * session, probe) -> transcript, hello -> names, wire. Nobody calls Lua functions of the user,
 * opens a socket, reads a clock or prints.
 */
#ifndef RESUM_H
#define RESUM_H

#include "compat.h"
#include "wire.h"

#include <openssl/ssl.h>

/* The release; the rockspec, the report and the JSON take it from here. */
#define RS_VERSION "0.1.0"

/* error.c: the only way to report what the world did. Both push nil, "operation: reason", code,
 * return 3 and leave OpenSSL's queue empty. rs_error_openssl takes the reason from there. */
int rs_error(lua_State *L, const char *operation, const char *reason, const char *code);
int rs_error_openssl(lua_State *L, const char *operation, const char *code);
/* The root reason in OpenSSL's queue (which it empties), or `otherwise`. A static string. */
const char *rs_openssl_reason(const char *otherwise);

/* options.c: fields of an options table, type-checked; a wrong type is the caller's mistake. `arg`
 * is the table's place from the bottom. Strings are borrowed from the table. */
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

/* Makes the metatable of a class from its tables; __gc and __close stand in `metamethods`. */
void rs_new_class(lua_State *L, const char *name, const luaL_Reg methods[],
                  const luaL_Reg metamethods[]);

/* session.c. Pushes an empty session and returns the place that owns what is put there; checking
 * borrows. */
SSL_SESSION **rs_session_push(lua_State *L);
SSL_SESSION *rs_session_check(lua_State *L, int arg);
/* The same for an option; NULL when it was not given. */
SSL_SESSION *rs_session_option(lua_State *L, int arg, const char *name);

/* identity.c. Reads the options of the client certificate and puts it into ctx. Returns 0, or the
 * number of results of the error that it pushed. */
int rs_identity_set(lua_State *L, SSL_CTX *ctx);

/* context.c. Borrows. */
SSL_CTX *rs_context_check(lua_State *L, int arg);

/* Each class and group of functions puts its constructor into the module table on top. */
void rs_open_context(lua_State *L);
void rs_open_handshake(lua_State *L);
void rs_open_session(lua_State *L);
void rs_open_probe(lua_State *L);

#endif
