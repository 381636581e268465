/* Key shares of TLS 1.3 (RFC 8446, section 4.2.8): key pairs on libcrypto, or the base point of
 * X25519, of which nothing has to be computed: its scalar is 1, so the shared secret is the peer's
 * own share.
 */
#include "share.h"

#include "numbers.h"

#include <string.h>

enum { X25519_SHARE = 32 };

static const char *share_group_name(unsigned group) {
  switch (group) {
  case RS_GROUP_X25519:
    return "X25519";
  case RS_GROUP_SECP256R1:
    return "P-256";
  case RS_GROUP_SECP384R1:
    return "P-384";
  case RS_GROUP_SECP521R1:
    return "P-521";
  default:
    return NULL;
  }
}

int rs_share_new_key(rs_share *share, unsigned group) {
  const char *name = share_group_name(group);
  EVP_PKEY_free(share->key);
  share->key = NULL;
  if (name)
    share->key = group == RS_GROUP_X25519 ? EVP_PKEY_Q_keygen(NULL, NULL, name)
                                          : EVP_PKEY_Q_keygen(NULL, NULL, "EC", name);
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

size_t rs_share_derive(const rs_share *share, rs_bytes peer, unsigned char *out) {
  size_t length = RS_MAX_SHARED;
  if (!share->key)
    return share_derive_from_base_point(peer, out);
  EVP_PKEY *theirs = share_peer_key(share->key, peer);
  EVP_PKEY_CTX *ctx = theirs ? EVP_PKEY_CTX_new_from_pkey(NULL, share->key, NULL) : NULL;
  int good = ctx && EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, theirs) > 0 &&
             EVP_PKEY_derive(ctx, out, &length) > 0;
  EVP_PKEY_CTX_free(ctx);
  EVP_PKEY_free(theirs);
  return good ? length : 0;
}
