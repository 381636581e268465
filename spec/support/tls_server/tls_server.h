/* spec.support.tls_server: a TLS server on libssl over memory BIOs, for specs without a port. It
 * steps like resum.handshake: bytes in, bytes out. Its sessions live and die as in any OpenSSL
 * server: a connection freed without close_notify takes its session out of the cache. Its facts are
 * libssl's own, so that specs can compare them with what resum read from the wire. It must not use
 * what is under test: of resum only the options reader and the error funnel are linked in.
 */
#ifndef SPEC_TLS_SERVER_H
#define SPEC_TLS_SERVER_H

#include "lua/error.h"
#include "lua/options.h"

#include <openssl/ssl.h>

/* What the callbacks of a connection need; copied into each, so that no connection depends on the
 * life of its server object. */
typedef struct {
  unsigned char alpn[256]; /* the names as ALPN's wire form */
  size_t alpn_length;
  int renew_tickets, accept_tickets, early_data;
  SSL_CTX *other; /* borrowed from the server; NULL for none */
  char other_name[64];
  int switches_early, exact_name;
} server_policy;

/* connection.c. Pushes a new connection. */
int connection_push(lua_State *L, SSL_CTX *ctx, const server_policy *policy);
/* Sets what libssl calls; none of it touches Lua. */
void connection_callbacks(SSL_CTX *ctx, const server_policy *policy);
void connection_class(lua_State *L);

/* server.c. A class whose methods and metamethods stand in one table. */
void new_class(lua_State *L, const char *name, const luaL_Reg methods[]);

#endif
