/* DER, as much as is needed of it (der.c): an element, and the parts of a session where libssl has
 * no getter or setter for one. */
#ifndef RESUM_DER_H
#define RESUM_DER_H

#include "wire.h"

#include <openssl/ssl.h>

/* The next element, as a reader of its content, and its tag; bad where it does not fit. */
rs_reader rs_read_element(rs_reader *r, unsigned *tag);

/* What a session is made of. The pointers borrow. */
typedef struct {
  unsigned version, cipher;
  int extended_master_secret;
  rs_bytes secret; /* the master secret up to TLS 1.2, the PSK in TLS 1.3 */
  rs_bytes id, ticket, alpn, server_name;
  uint32_t lifetime_s, age_add, max_early_data;
  int64_t time_s; /* when it was issued, in seconds since 1970; 0: now */
} rs_session_parts;

/* Fills extended_master_secret and age_add. Returns 0 when libssl can't write the session down. */
int rs_session_read_hidden(const SSL_SESSION *session, rs_session_parts *parts);

/* A new session of these parts, or NULL where libssl refuses them (a cipher that it doesn't know).
 */
SSL_SESSION *rs_session_build(const rs_session_parts *parts);

#endif
