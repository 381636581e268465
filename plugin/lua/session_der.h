/* Parts of a session where libssl has no getter or setter for one (session_der.c). */
#ifndef RESUM_LUA_SESSION_DER_H
#define RESUM_LUA_SESSION_DER_H

#include "tls/parts.h"

#include <openssl/ssl.h>

/* Fills extended_master_secret and age_add. Returns 0 when libssl can't write the session down. */
int rs_session_read_hidden(const SSL_SESSION *session, rs_session_parts *parts);

/* A new session of these parts, or NULL where libssl refuses them (a cipher that it doesn't
 * know). */
SSL_SESSION *rs_session_build(const rs_session_parts *parts);

#endif
