/* What the world did, told to Lua (error.c). */
#ifndef RESUM_LUA_ERROR_H
#define RESUM_LUA_ERROR_H

#include "compat.h"

/* The only way to report what the world did. Both push nil, "operation: reason", code and return 3.
 * rs_error_openssl takes the reason from OpenSSL's queue. */
int rs_error(lua_State *L, const char *operation, const char *reason, const char *code);
int rs_error_openssl(lua_State *L, const char *operation, const char *code);
/* The root reason in OpenSSL's queue (which it empties), or `otherwise`. A static string. */
const char *rs_openssl_reason(const char *otherwise);

#endif
