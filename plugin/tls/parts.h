/* What a session is made of. */
#ifndef RESUM_TLS_PARTS_H
#define RESUM_TLS_PARTS_H

#include "wire.h"

/* The pointers borrow. */
typedef struct {
  unsigned version, cipher;
  int extended_master_secret;
  rs_bytes secret; /* the master secret up to TLS 1.2, the PSK in TLS 1.3 */
  rs_bytes id, ticket, alpn, server_name;
  uint32_t lifetime_s, age_add, max_early_data;
  int64_t time_s; /* when it was issued, in seconds since 1970; 0: now */
} rs_session_parts;

#endif
