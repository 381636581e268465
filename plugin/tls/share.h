/* The client's key share in TLS 1.3 (share.c). */
#ifndef RESUM_TLS_SHARE_H
#define RESUM_TLS_SHARE_H

#include "wire.h"

#include <openssl/evp.h>

enum {
  RS_MAX_SHARE = 1665, /* a public value: P-384, uncompressed, and ML-KEM-1024 */
  RS_MAX_SHARED = 80   /* a shared secret: of those two */
};

/* Without a key it is the base point of X25519. */
typedef struct {
  EVP_PKEY *key; /* owned */
  unsigned group;
} rs_share;

/* A key pair for a group in place of the base point. Returns 0 when there is none of that group:
 * libcrypto has hybrid ones since 3.5. */
int rs_share_new_key(rs_share *share, unsigned group);
/* The public value; `room` holds RS_MAX_SHARE. Returns its length, 0 on failure. */
size_t rs_share_public(const rs_share *share, unsigned char *room);
/* The secret shared with the peer's public value, or in its ciphertext where the group is hybrid;
 * `out` holds RS_MAX_SHARED. Returns its length, 0 where that value is none. */
size_t rs_share_derive(const rs_share *share, rs_bytes peer, unsigned char *out);

#endif
