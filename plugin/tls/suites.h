/* What a cipher suite is made of, for those whose records resum protects itself (suites.c). */
#ifndef RESUM_TLS_SUITES_H
#define RESUM_TLS_SUITES_H

#include <stddef.h>
#include <stdint.h>

/* Places in the tools' table of fetched digests (crypto.c). MD5 and MD5_SHA1: TLS 1.0 and 1.1
 * only. */
typedef enum { RS_SHA256, RS_SHA384, RS_SHA1, RS_MD5, RS_MD5_SHA1, RS_HASHES } rs_hash;

/* Places in the tools' table of fetched ciphers (crypto.c). */
typedef enum {
  RS_AES_128_GCM,
  RS_AES_256_GCM,
  RS_CHACHA20_POLY1305,
  RS_AES_128_CCM,
  RS_AES_256_CCM,
  RS_AES_128_CBC,
  RS_AES_256_CBC,
  RS_CIPHERS
} rs_cipher;

typedef struct {
  uint16_t id;
  uint8_t cipher;     /* rs_cipher */
  uint8_t key_length; /* bytes */
  uint8_t tag_length; /* bytes; 0 for CBC */
  uint8_t mac;        /* rs_hash of CBC's HMAC */
  uint8_t hash;       /* rs_hash of the PRF (TLS 1.2) or the key schedule (TLS 1.3) */
} rs_suite;

/* NULL for a suite that isn't in the table. */
const rs_suite *rs_suite_find(unsigned id);
/* Whether the number belongs to TLS 1.3 (RFC 8446, appendix B.4). */
int rs_cipher_is_new(unsigned id);
int rs_suite_is_cbc(const rs_suite *suite);
/* TLS 1.2 puts 8 bytes of the nonce on the wire: GCM and CCM, not ChaCha20 (RFC 7905). */
int rs_suite_has_explicit_nonce(const rs_suite *suite);

#endif
