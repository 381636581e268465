/* resum.context (context.c). */
#ifndef RESUM_LUA_CONTEXT_H
#define RESUM_LUA_CONTEXT_H

#include "compat.h"

#include <openssl/ssl.h>

/* Borrows. */
SSL_CTX *rs_context_check(lua_State *L, int arg);
/* Bits of the largest Diffie-Hellman group that a connection of such a context computes. */
int rs_context_max_dh_bits(const SSL *ssl);
/* Puts the constructor into the module table on top. */
void rs_open_context(lua_State *L);

#endif
