/* The client certificate of a context (identity.c). */
#ifndef RESUM_LUA_IDENTITY_H
#define RESUM_LUA_IDENTITY_H

#include "compat.h"

#include <openssl/ssl.h>

/* Reads the options of the client certificate and puts it into ctx. Returns 0, or the number of
 * results of the error that it pushed. */
int rs_identity_set(lua_State *L, SSL_CTX *ctx);

#endif
