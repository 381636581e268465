/* SHA-256 and SHA-384 without EVP around them. A resumption hashes some 20 to 40 times, a block or
 * two each, and EVP allocates, wipes and frees a context for every one of them: that costs more
 * than the hashing. These functions of libcrypto are deprecated, so a library may lack them: then
 * there is nothing here, and EVP does it.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "sha2.h"

#include "compat.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#if HAVE_SHA2_CONTEXTS

typedef char room_is_enough[sizeof(SHA512_CTX) <= sizeof(rs_sha2) ? 1 : -1];

static SHA256_CTX *sha2_small(rs_sha2 *state) {
  return (SHA256_CTX *)state->room;
}

static SHA512_CTX *sha2_large(rs_sha2 *state) {
  return (SHA512_CTX *)state->room;
}

int rs_sha2_start(rs_hash hash, rs_sha2 *state) {
  if (hash == RS_SHA256)
    return SHA256_Init(sha2_small(state));
  return hash == RS_SHA384 && SHA384_Init(sha2_large(state));
}

void rs_sha2_add(rs_hash hash, rs_sha2 *state, rs_bytes bytes) {
  if (hash == RS_SHA256)
    SHA256_Update(sha2_small(state), bytes.bytes, bytes.length);
  else
    SHA384_Update(sha2_large(state), bytes.bytes, bytes.length);
}

void rs_sha2_end(rs_hash hash, rs_sha2 *state, unsigned char *out) {
  if (hash == RS_SHA256) {
    SHA256_Final(out, sha2_small(state));
    OPENSSL_cleanse(state, sizeof(SHA256_CTX));
  } else {
    SHA384_Final(out, sha2_large(state));
    OPENSSL_cleanse(state, sizeof(SHA512_CTX));
  }
}

#else

int rs_sha2_start(rs_hash hash, rs_sha2 *state) {
  (void)hash, (void)state;
  return 0;
}

void rs_sha2_add(rs_hash hash, rs_sha2 *state, rs_bytes bytes) {
  (void)hash, (void)state, (void)bytes;
}

void rs_sha2_end(rs_hash hash, rs_sha2 *state, unsigned char *out) {
  (void)hash, (void)state, (void)out;
}

#endif
