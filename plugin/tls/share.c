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

static size_t share_derive_from_base_point(rs_bytes peer, unsigned char *out) {
  const unsigned char zeros[X25519_SHARE] = {0};
  if (peer.length != X25519_SHARE || memcmp(peer.bytes, zeros, X25519_SHARE) == 0)
    return 0;
  memcpy(out, peer.bytes, X25519_SHARE);
  return X25519_SHARE;
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
