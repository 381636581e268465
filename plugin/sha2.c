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

static int sha256(const rs_bytes *parts, size_t count, unsigned char *out) {
  SHA256_CTX ctx;
  int good = SHA256_Init(&ctx);
  for (size_t i = 0; good && i < count; i++)
    good = SHA256_Update(&ctx, parts[i].bytes, parts[i].length);
  good = good && SHA256_Final(out, &ctx);
  OPENSSL_cleanse(&ctx, sizeof ctx);
  return good;
}

static int sha384(const rs_bytes *parts, size_t count, unsigned char *out) {
  SHA512_CTX ctx;
  int good = SHA384_Init(&ctx);
  for (size_t i = 0; good && i < count; i++)
    good = SHA384_Update(&ctx, parts[i].bytes, parts[i].length);
  good = good && SHA384_Final(out, &ctx);
  OPENSSL_cleanse(&ctx, sizeof ctx);
  return good;
}

int rs_sha2(rs_hash hash, const rs_bytes *parts, size_t count, unsigned char *out) {
  if (hash == RS_SHA256)
    return sha256(parts, count, out);
  return hash == RS_SHA384 && sha384(parts, count, out);
}

#else

int rs_sha2(rs_hash hash, const rs_bytes *parts, size_t count, unsigned char *out) {
  (void)hash, (void)parts, (void)count, (void)out;
  return 0;
}

#endif
