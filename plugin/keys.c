/* Hashes, HMAC, the PRF of TLS up to 1.2 and the key schedule of TLS 1.3, on libcrypto's digests.
 * Pure: secrets in, secrets out; it keeps none, and knows no message and no connection. RFC 2104,
 * RFC 2246 section 5, RFC 5246 section 5, RFC 5869, RFC 8446 section 7.1.
 */
#include "keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

typedef struct {
  const char *name; /* of provider(7) */
  uint8_t length, block;
} hash_row;

static const hash_row hashes[RS_HASHES] = {
    [RS_SHA256] = {"SHA256", 32, 64},     [RS_SHA384] = {"SHA384", 48, 128},
    [RS_SHA1] = {"SHA1", 20, 64},         [RS_MD5] = {"MD5", 16, 64},
    [RS_MD5_SHA1] = {"MD5-SHA1", 36, 64},
};

static const char *const ciphers[RS_CIPHERS] = {
    [RS_AES_128_GCM] = "AES-128-GCM",
    [RS_AES_256_GCM] = "AES-256-GCM",
    [RS_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
    [RS_AES_128_CCM] = "AES-128-CCM",
    [RS_AES_256_CCM] = "AES-256-CCM",
    [RS_AES_128_CBC] = "AES-128-CBC",
    [RS_AES_256_CBC] = "AES-256-CBC",
};

/* --- tools --- */

static EVP_CIPHER_CTX *new_ciphering(const char *name) {
  EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
  EVP_CIPHER_CTX *ctx = cipher ? EVP_CIPHER_CTX_new() : NULL;
  if (ctx && !EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, 1, NULL)) {
    EVP_CIPHER_CTX_free(ctx);
    ctx = NULL;
  }
  if (ctx && EVP_CIPHER_get_mode(cipher) == EVP_CIPH_CBC_MODE)
    EVP_CIPHER_CTX_set_padding(ctx, 0); /* TLS pads in its own way */
  EVP_CIPHER_free(cipher);              /* the context holds a reference of its own */
  return ctx;
}

void rs_tools_open(rs_tools *tools) {
  for (size_t i = 0; i < RS_HASHES; i++) {
    tools->digests[i] = EVP_MD_fetch(NULL, hashes[i].name, NULL);
    tools->hashing[i] = tools->digests[i] ? EVP_MD_CTX_new() : NULL;
    if (tools->hashing[i] && !EVP_DigestInit_ex2(tools->hashing[i], tools->digests[i], NULL)) {
      EVP_MD_CTX_free(tools->hashing[i]);
      tools->hashing[i] = NULL;
    }
    if (tools->hashing[i])
      rs_digest(tools, (rs_hash)i, (rs_bytes){NULL, 0}, tools->nothing[i]);
  }
  for (size_t i = 0; i < RS_CIPHERS; i++)
    tools->ciphering[i] = new_ciphering(ciphers[i]);
}

void rs_tools_close(rs_tools *tools) {
  for (size_t i = 0; i < RS_HASHES; i++) {
    EVP_MD_CTX_free(tools->hashing[i]);
    EVP_MD_free(tools->digests[i]);
  }
  for (size_t i = 0; i < RS_CIPHERS; i++)
    EVP_CIPHER_CTX_free(tools->ciphering[i]);
  memset(tools, 0, sizeof *tools);
}

int rs_tools_can_hash(const rs_tools *tools, rs_hash hash) {
  return tools->hashing[hash] != NULL;
}

int rs_tools_can_protect(const rs_tools *tools, const rs_suite *suite, unsigned version) {
  if (version < RS_TLS10 || version > RS_TLS13 ||
      rs_cipher_is_new(suite->id) != (version == RS_TLS13))
    return 0;
  int has_prf = version >= RS_TLS12
                    ? rs_tools_can_hash(tools, (rs_hash)suite->hash)
                    : rs_tools_can_hash(tools, RS_MD5_SHA1) && rs_tools_can_hash(tools, RS_MD5);
  return tools->ciphering[suite->cipher] && has_prf &&
         (!rs_suite_is_cbc(suite) || rs_tools_can_hash(tools, (rs_hash)suite->mac));
}

int rs_random(rs_tools *tools, unsigned char *out, size_t length) {
  if (tools->random_left < length) {
    if (RAND_bytes(tools->random, RS_RANDOM_POOL) != 1)
      return 0;
    tools->random_left = RS_RANDOM_POOL;
  }
  memcpy(out, tools->random + RS_RANDOM_POOL - tools->random_left, length);
  tools->random_left -= length;
  return 1;
}

/* --- hashes --- */

size_t rs_hash_length(rs_hash hash) {
  return hashes[hash].length;
}

int rs_hash_start(rs_tools *tools, rs_hash hash, rs_sha2 *state) {
  return rs_tools_can_hash(tools, hash) && rs_sha2_start(hash, state);
}

static int digest_by_evp(rs_tools *tools, rs_hash hash, const rs_bytes *parts, size_t count,
                         unsigned char *out) {
  EVP_MD_CTX *ctx = tools->hashing[hash];
  int good = ctx && EVP_DigestInit_ex2(ctx, NULL, NULL);
  for (size_t i = 0; good && i < count; i++)
    good = parts[i].length == 0 || EVP_DigestUpdate(ctx, parts[i].bytes, parts[i].length);
  return good && EVP_DigestFinal_ex(ctx, out, NULL);
}

/* Goes on from the state, and uses it up. */
static void digest_rest(rs_hash hash, rs_sha2 *state, const rs_bytes *parts, size_t count,
                        unsigned char *out) {
  for (size_t i = 0; i < count; i++)
    rs_sha2_add(hash, state, parts[i]);
  rs_sha2_end(hash, state, out);
}

int rs_digest_parts(rs_tools *tools, rs_hash hash, const rs_bytes *parts, size_t count,
                    unsigned char *out) {
  rs_sha2 state;
  if (!rs_hash_start(tools, hash, &state))
    return digest_by_evp(tools, hash, parts, count, out);
  digest_rest(hash, &state, parts, count, out);
  return 1;
}

int rs_digest(rs_tools *tools, rs_hash hash, rs_bytes data, unsigned char *out) {
  return rs_digest_parts(tools, hash, &data, 1, out);
}

/* XORs a byte into all of a pad; word by word, as a compiler can. */
static void turn_pad(uint64_t *pad, size_t block, unsigned char byte) {
  const uint64_t word = byte * UINT64_C(0x0101010101010101);
  for (size_t i = 0; i < block / sizeof *pad; i++)
    pad[i] ^= word;
}

/* --- HMAC: RFC 2104 by hand, as two runs of a hash that is there cost a third of EVP_MAC's set-up
 * --- */

int rs_hmac_prepare(rs_tools *tools, rs_hash hash, rs_bytes key, rs_hmac_key *out) {
  const size_t block = hashes[hash].block;
  memset(out, 0, sizeof *out);
  const rs_bytes pad = {(const unsigned char *)out->pad, block};
  out->hash = hash;
  if (key.length > block && !rs_digest(tools, hash, key, (unsigned char *)out->pad))
    return 0;
  if (key.length > 0 && key.length <= block)
    memcpy(out->pad, key.bytes, key.length);
  out->started = rs_hash_start(tools, hash, &out->outer) && rs_hash_start(tools, hash, &out->inner);
  turn_pad(out->pad, block, 0x5c);
  if (out->started)
    rs_sha2_add(hash, &out->outer, pad);
  turn_pad(out->pad, block, 0x5c ^ 0x36);
  if (out->started)
    rs_sha2_add(hash, &out->inner, pad);
  return 1;
}

static int hmac_by_evp(rs_tools *tools, const rs_hmac_key *key, const rs_bytes *parts, size_t count,
                       unsigned char *out) {
  enum { MOST_PARTS = 4 };
  const size_t block = hashes[key->hash].block;
  uint64_t pad[RS_MAX_BLOCK / sizeof(uint64_t)];
  rs_bytes all[MOST_PARTS + 1] = {{(const unsigned char *)pad, block}};
  int good = count <= MOST_PARTS;
  memcpy(pad, key->pad, sizeof pad);
  for (size_t i = 0; good && i < count; i++)
    all[i + 1] = parts[i];
  good = good && digest_by_evp(tools, key->hash, all, count + 1, out);
  turn_pad(pad, block, 0x36 ^ 0x5c);
  all[1] = (rs_bytes){out, hashes[key->hash].length};
  good = good && digest_by_evp(tools, key->hash, all, 2, out);
  OPENSSL_cleanse(pad, sizeof pad);
  return good;
}

int rs_hmac_with(rs_tools *tools, const rs_hmac_key *key, const rs_bytes *parts, size_t count,
                 unsigned char *out) {
  if (!key->started)
    return hmac_by_evp(tools, key, parts, count, out);
  rs_sha2 state = key->inner;
  digest_rest(key->hash, &state, parts, count, out);
  const rs_bytes inner = {out, hashes[key->hash].length};
  state = key->outer;
  digest_rest(key->hash, &state, &inner, 1, out);
  return 1;
}

int rs_hmac(rs_tools *tools, rs_hash hash, rs_bytes key, const rs_bytes *parts, size_t count,
            unsigned char *out) {
  rs_hmac_key prepared;
  int good = rs_hmac_prepare(tools, hash, key, &prepared) &&
             rs_hmac_with(tools, &prepared, parts, count, out);
  OPENSSL_cleanse(&prepared, sizeof prepared);
  return good;
}

int rs_mac_fits(const unsigned char *mac, const unsigned char *expected, size_t length) {
  return RS_WITHOUT_PROOFS || CRYPTO_memcmp(mac, expected, length) == 0;
}

/* --- TLS up to 1.2 --- */

/* P_hash of RFC 5246, section 5, XORed into `out`. */
static int p_hash(rs_tools *tools, rs_hash hash, rs_bytes secret, rs_bytes label, rs_bytes seed,
                  unsigned char *out, size_t length) {
  const size_t size = hashes[hash].length;
  unsigned char a[RS_MAX_HASH], block[RS_MAX_HASH];
  const rs_bytes first[] = {label, seed};
  rs_hmac_key key;
  int good = rs_hmac_prepare(tools, hash, secret, &key) && rs_hmac_with(tools, &key, first, 2, a);
  for (size_t done = 0; good && done < length; done += size) {
    const rs_bytes parts[] = {{a, size}, label, seed};
    good = rs_hmac_with(tools, &key, parts, 3, block);
    for (size_t i = 0; i < size && done + i < length; i++)
      out[done + i] ^= block[i];
    if (done + size < length)
      good = good && rs_hmac_with(tools, &key, parts, 1, a);
  }
  OPENSSL_cleanse(&key, sizeof key);
  OPENSSL_cleanse(a, size);
  OPENSSL_cleanse(block, size);
  return good;
}

int rs_prf(rs_tools *tools, rs_hash hash, rs_bytes secret, const char *label_text, rs_bytes seed,
           unsigned char *out, size_t length) {
  const rs_bytes label = {(const unsigned char *)label_text, strlen(label_text)};
  memset(out, 0, length);
  if (hash != RS_MD5_SHA1)
    return p_hash(tools, hash, secret, label, seed, out, length);
  /* RFC 2246: the halves overlap by a byte where the secret has an odd length. */
  const size_t half = (secret.length + 1) / 2;
  const rs_bytes left = {secret.bytes, half};
  const rs_bytes right = {secret.bytes + secret.length - half, half};
  return p_hash(tools, RS_MD5, left, label, seed, out, length) &&
         p_hash(tools, RS_SHA1, right, label, seed, out, length);
}

/* --- TLS 1.3 --- */

int rs_hkdf_extract(rs_tools *tools, rs_hash hash, rs_bytes salt, rs_bytes key,
                    unsigned char *out) {
  return rs_hmac(tools, hash, salt, &key, 1, out);
}

/* One block of HKDF-Expand is enough: no key of TLS is longer than its hash. */
int rs_hkdf_expand_label_with(rs_tools *tools, const rs_hmac_key *secret, const char *label,
                              rs_bytes context, unsigned char *out, size_t length) {
  unsigned char info[2 + 1 + 255 + 1 + 255 + 1], block[RS_MAX_HASH];
  rs_writer w = rs_writer_of(info, sizeof info);
  rs_write_number(&w, (uint32_t)length, 2);
  size_t mark = rs_write_open(&w, 1);
  rs_write_bytes(&w, "tls13 ", 6);
  rs_write_bytes(&w, label, strlen(label));
  rs_write_close(&w, mark, 1);
  mark = rs_write_open(&w, 1);
  rs_write_bytes(&w, context.bytes, context.length);
  rs_write_close(&w, mark, 1);
  rs_write_number(&w, 1, 1); /* the counter of RFC 5869 */
  if (w.full || length > hashes[secret->hash].length)
    return 0;
  const rs_bytes data = {info, w.used};
  int good = rs_hmac_with(tools, secret, &data, 1, block);
  if (good)
    memcpy(out, block, length);
  OPENSSL_cleanse(block, sizeof block);
  return good;
}

int rs_hkdf_expand_label(rs_tools *tools, rs_hash hash, const unsigned char *secret,
                         const char *label, rs_bytes context, unsigned char *out, size_t length) {
  rs_hmac_key key;
  int good = rs_hmac_prepare(tools, hash, (rs_bytes){secret, hashes[hash].length}, &key) &&
             rs_hkdf_expand_label_with(tools, &key, label, context, out, length);
  OPENSSL_cleanse(&key, sizeof key);
  return good;
}

int rs_derive_over_nothing(rs_tools *tools, rs_hash hash, const unsigned char *secret,
                           const char *label, unsigned char *out) {
  const size_t length = hashes[hash].length;
  return rs_hkdf_expand_label(tools, hash, secret, label, (rs_bytes){tools->nothing[hash], length},
                              out, length);
}

int rs_psk_schedule_of(rs_tools *tools, rs_hash hash, rs_bytes psk, rs_psk_schedule *out) {
  static const unsigned char zeros[RS_MAX_HASH];
  const size_t length = hashes[hash].length;
  const rs_bytes none = {NULL, 0}, no_psk = {zeros, length};
  unsigned char binder[RS_MAX_HASH];
  int good = rs_hkdf_extract(tools, hash, none, psk.length ? psk : no_psk, out->early_secret) &&
             rs_derive_over_nothing(tools, hash, out->early_secret, "res binder", binder) &&
             rs_hkdf_expand_label(tools, hash, binder, "finished", none, out->binder_key, length) &&
             rs_derive_over_nothing(tools, hash, out->early_secret, "derived", out->salt);
  OPENSSL_cleanse(binder, sizeof binder);
  return good;
}
