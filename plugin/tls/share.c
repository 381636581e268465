/* Key shares of TLS 1.3 (RFC 8446, section 4.2.8): key pairs on libcrypto, or the base point of
 * X25519, of which nothing has to be computed: its scalar is 1, so the shared secret is the peer's
 * own share.
 */
#include "share.h"

#include "numbers.h"

#include <string.h>

enum { X25519_SHARE = 32 };

typedef struct {
  const char *type;  /* libcrypto's name of the keys */
  const char *curve; /* of EC keys */
  unsigned group;
  int is_kem; /* the server's share is a ciphertext for our key */
} share_kind;

/* The hybrid ones: draft-ietf-tls-ecdhe-mlkem. */
static const share_kind share_kinds[] = {
    {"X25519", NULL, RS_GROUP_X25519, 0},
    {"EC", "P-256", RS_GROUP_SECP256R1, 0},
    {"EC", "P-384", RS_GROUP_SECP384R1, 0},
    {"EC", "P-521", RS_GROUP_SECP521R1, 0},
    {"SecP256r1MLKEM768", NULL, RS_GROUP_SECP256R1MLKEM768, 1},
    {"X25519MLKEM768", NULL, RS_GROUP_X25519MLKEM768, 1},
    {"SecP384r1MLKEM1024", NULL, RS_GROUP_SECP384R1MLKEM1024, 1},
};

static const share_kind *share_find_kind(unsigned group) {
  for (size_t i = 0; i < sizeof share_kinds / sizeof share_kinds[0]; i++)
    if (share_kinds[i].group == group)
      return &share_kinds[i];
  return NULL;
}

int rs_share_new_key(rs_share *share, unsigned group) {
  const share_kind *kind = share_find_kind(group);
  EVP_PKEY_free(share->key);
  share->key = NULL;
  if (kind)
    share->key = kind->curve ? EVP_PKEY_Q_keygen(NULL, NULL, kind->type, kind->curve)
                             : EVP_PKEY_Q_keygen(NULL, NULL, kind->type);
  share->group = group;
  return share->key != NULL;
}

size_t rs_share_public(const rs_share *share, unsigned char *room) {
  if (!share->key) {
    memset(room, 0, X25519_SHARE);
    room[0] = 9; /* RFC 7748, section 6.1 */
    return X25519_SHARE;
  }
  unsigned char *bytes = NULL;
  size_t length = EVP_PKEY_get1_encoded_public_key(share->key, &bytes);
  if (length > RS_MAX_SHARE)
    length = 0;
  if (length > 0)
    memcpy(room, bytes, length);
  OPENSSL_free(bytes);
  return length;
}

static EVP_PKEY *share_peer_key(const EVP_PKEY *own, rs_bytes peer) {
  EVP_PKEY *key = EVP_PKEY_new();
  if (key && (!EVP_PKEY_copy_parameters(key, own) ||
              !EVP_PKEY_set1_encoded_public_key(key, peer.bytes, peer.length))) {
    EVP_PKEY_free(key);
    key = NULL;
  }
  return key;
}

/* The points of low order (RFC 7748, section 6.1): a scalar of X25519 makes zero of them, and a
 * client refuses that. */
static int share_has_low_order(const unsigned char *u) {
  static const unsigned char points[][X25519_SHARE] = {
      {0},
      {1},
      {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
       0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
       0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
      {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
       0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
       0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
      {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
  };
  for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
    if (memcmp(u, points[i], X25519_SHARE) == 0)
      return 1;
  return 0;
}

/* The number that the bytes stand for, modulo 2^255 - 19 (RFC 7748, section 5): the topmost bit
 * does not count. */
static void share_reduce(unsigned char *u) {
  enum { PRIME_AT_0 = 0xed, PRIME_AT_31 = 0x7f };
  u[X25519_SHARE - 1] &= PRIME_AT_31;
  int reaches_prime = u[0] >= PRIME_AT_0 && u[X25519_SHARE - 1] == PRIME_AT_31;
  for (size_t i = 1; i + 1 < X25519_SHARE; i++)
    reaches_prime &= u[i] == 0xff;
  if (!reaches_prime)
    return;
  u[0] = (unsigned char)(u[0] - PRIME_AT_0);
  memset(u + 1, 0, X25519_SHARE - 1);
}

static size_t share_derive_from_base_point(rs_bytes peer, unsigned char *out) {
  if (peer.length != X25519_SHARE)
    return 0;
  memcpy(out, peer.bytes, X25519_SHARE);
  share_reduce(out);
  return share_has_low_order(out) ? 0 : X25519_SHARE;
}

static int share_agree(EVP_PKEY_CTX *ctx, const rs_share *share, rs_bytes peer, unsigned char *out,
                       size_t *length) {
  EVP_PKEY *theirs = share_peer_key(share->key, peer);
  int good = theirs && EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, theirs) > 0 &&
             EVP_PKEY_derive(ctx, out, length) > 0;
  EVP_PKEY_free(theirs);
  return good;
}

static int share_decapsulate(EVP_PKEY_CTX *ctx, rs_bytes peer, unsigned char *out, size_t *length) {
  return EVP_PKEY_decapsulate_init(ctx, NULL) > 0 &&
         EVP_PKEY_decapsulate(ctx, out, length, peer.bytes, peer.length) > 0;
}

size_t rs_share_derive(const rs_share *share, rs_bytes peer, unsigned char *out) {
  size_t length = RS_MAX_SHARED;
  if (!share->key)
    return share_derive_from_base_point(peer, out);
  const share_kind *kind = share_find_kind(share->group);
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, share->key, NULL);
  int good = ctx && kind &&
             (kind->is_kem ? share_decapsulate(ctx, peer, out, &length)
                           : share_agree(ctx, share, peer, out, &length));
  EVP_PKEY_CTX_free(ctx);
  return good ? length : 0;
}
