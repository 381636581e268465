/* The cipher suites whose records resum protects itself: GCM, CCM and ChaCha20-Poly1305 (TLS 1.2
 * and 1.3), and AES-CBC with HMAC (RFC 5246, RFC 5289). How the key was exchanged does not matter
 * to a resumption. What is missing here runs on libssl.
 */
#include "suites.h"

/* Releases of clang-format don't agree on these. */
/* clang-format off */
#define GCM_128(id) {id, RS_AES_128_GCM, 16, 16, 0, RS_SHA256}
#define GCM_256(id) {id, RS_AES_256_GCM, 32, 16, 0, RS_SHA384}
#define CHACHA20(id) {id, RS_CHACHA20_POLY1305, 32, 16, 0, RS_SHA256}
#define CCM_128(id, tag) {id, RS_AES_128_CCM, 16, tag, 0, RS_SHA256}
#define CCM_256(id, tag) {id, RS_AES_256_CCM, 32, tag, 0, RS_SHA256}
#define CBC_128(id, mac, hash) {id, RS_AES_128_CBC, 16, 0, mac, hash}
#define CBC_256(id, mac, hash) {id, RS_AES_256_CBC, 32, 0, mac, hash}
/* clang-format on */

/* Sorted by id. */
static const rs_suite suites[] = {
    CBC_128(0x002f, RS_SHA1, RS_SHA256),
    CBC_128(0x0033, RS_SHA1, RS_SHA256),
    CBC_256(0x0035, RS_SHA1, RS_SHA256),
    CBC_256(0x0039, RS_SHA1, RS_SHA256),
    CBC_128(0x003c, RS_SHA256, RS_SHA256),
    CBC_256(0x003d, RS_SHA256, RS_SHA256),
    CBC_128(0x0067, RS_SHA256, RS_SHA256),
    CBC_256(0x006b, RS_SHA256, RS_SHA256),
    GCM_128(0x009c),
    GCM_256(0x009d),
    GCM_128(0x009e),
    GCM_256(0x009f),
    GCM_128(0x1301),
    GCM_256(0x1302),
    CHACHA20(0x1303),
    CCM_128(0x1304, 16),
    CCM_128(0x1305, 8),
    CBC_128(0xc009, RS_SHA1, RS_SHA256),
    CBC_256(0xc00a, RS_SHA1, RS_SHA256),
    CBC_128(0xc013, RS_SHA1, RS_SHA256),
    CBC_256(0xc014, RS_SHA1, RS_SHA256),
    CBC_128(0xc023, RS_SHA256, RS_SHA256),
    CBC_256(0xc024, RS_SHA384, RS_SHA384),
    CBC_128(0xc027, RS_SHA256, RS_SHA256),
    CBC_256(0xc028, RS_SHA384, RS_SHA384),
    GCM_128(0xc02b),
    GCM_256(0xc02c),
    GCM_128(0xc02f),
    GCM_256(0xc030),
    CCM_128(0xc09c, 16),
    CCM_256(0xc09d, 16),
    CCM_128(0xc09e, 16),
    CCM_256(0xc09f, 16),
    CCM_128(0xc0a0, 8),
    CCM_256(0xc0a1, 8),
    CCM_128(0xc0a2, 8),
    CCM_256(0xc0a3, 8),
    CCM_128(0xc0ac, 16),
    CCM_256(0xc0ad, 16),
    CCM_128(0xc0ae, 8),
    CCM_256(0xc0af, 8),
    CHACHA20(0xcca8),
    CHACHA20(0xcca9),
    CHACHA20(0xccaa),
};

const rs_suite *rs_suite_find(unsigned id) {
  size_t low = 0, high = sizeof suites / sizeof suites[0];
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (suites[middle].id == id)
      return &suites[middle];
    if (suites[middle].id < id)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

int rs_cipher_is_new(unsigned id) {
  return id >> 8 == 0x13;
}

int rs_suite_is_cbc(const rs_suite *suite) {
  return suite->tag_length == 0;
}

int rs_suite_has_explicit_nonce(const rs_suite *suite) {
  return suite->cipher != RS_CHACHA20_POLY1305;
}
