/* SHA-256 and SHA-384 without EVP around them (sha2.c). */
#ifndef RESUM_SHA2_H
#define RESUM_SHA2_H

#include "suites.h"
#include "wire.h"

/* The hash of the parts one after another. 0, with nothing done, where EVP has to. */
int rs_sha2(rs_hash hash, const rs_bytes *parts, size_t count, unsigned char *out);

#endif
