/* Freeing a connection of libssl's (reclaim.c). */
#ifndef RESUM_LUA_RECLAIM_H
#define RESUM_LUA_RECLAIM_H

#include <openssl/ssl.h>

/* SSL_free, and none of the connection's secrets stays in what it has freed. NULL is fine. */
void rs_ssl_free(SSL *ssl);

#endif
