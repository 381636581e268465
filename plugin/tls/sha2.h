/* SHA-256 and SHA-384 without EVP around them (sha2.c). */
#ifndef RESUM_TLS_SHA2_H
#define RESUM_TLS_SHA2_H

#include "suites.h"
#include "wire.h"

/* A hash under way. A plain copy of it goes on from the same place. What stands in it is
 * libcrypto's business. */
typedef struct {
  uint64_t room[27];
} rs_sha2;

/* 0 where EVP has to hash. */
int rs_sha2_start(rs_hash hash, rs_sha2 *state);
void rs_sha2_add(rs_hash hash, rs_sha2 *state, rs_bytes bytes);
/* Wipes the state. */
void rs_sha2_end(rs_hash hash, rs_sha2 *state, unsigned char *out);

#endif
