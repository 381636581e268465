/* Hashes, HMAC (RFC 2104) and random bytes on libcrypto, and the algorithms that records are
 * protected with, fetched once. Pure: secrets in, secrets out; it keeps none, and knows no message
 * and no connection.
 */
#include "crypto.h"

#include "numbers.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

typedef struct {
  const char *name; /* of provider(7) */
  uint8_t length, block;
} crypto_hash;

static const crypto_hash hashes[RS_HASHES] = {
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

static EVP_CIPHER_CTX *crypto_new_cipher(const char *name) {
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
    tools->ciphering[i] = crypto_new_cipher(ciphers[i]);
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

static int crypto_can_hash(const rs_tools *tools, rs_hash hash) {
  return tools->hashing[hash] != NULL;
}

EVP_CIPHER_CTX *rs_tools_cipher(rs_tools *tools, rs_cipher cipher) {
  tools->keyed[cipher] = 1;
  return tools->ciphering[cipher];
}

/* Another key, and a block for what a context keeps of the last one. Cheaper than a new context. */
static void crypto_forget(EVP_CIPHER_CTX *ctx) {
  static const unsigned char zeros[RS_MAX_KEY];
  unsigned char block[EVP_MAX_BLOCK_LENGTH] = {0};
  int n;
  if (EVP_CipherInit_ex2(ctx, NULL, zeros, zeros, 1, NULL) &&
      EVP_CIPHER_CTX_get_mode(ctx) != EVP_CIPH_CCM_MODE)
    EVP_CipherUpdate(ctx, block, &n, block, EVP_MAX_BLOCK_LENGTH / 2);
}

void rs_tools_forget(rs_tools *tools) {
  for (size_t i = 0; i < RS_CIPHERS; i++) {
    if (tools->keyed[i] && tools->ciphering[i])
      crypto_forget(tools->ciphering[i]);
    tools->keyed[i] = 0;
  }
}

const char *rs_tools_missing(const rs_tools *tools, size_t place) {
  for (size_t i = 0; i < RS_HASHES; i++)
    if (!crypto_can_hash(tools, (rs_hash)i) && place-- == 0)
      return hashes[i].name;
  for (size_t i = 0; i < RS_CIPHERS; i++)
    if (!tools->ciphering[i] && place-- == 0)
      return ciphers[i];
  return NULL;
}

const char *rs_tools_missing_for(const rs_tools *tools, const rs_suite *suite, unsigned version) {
  const rs_hash prf = version < RS_TLS12 ? RS_MD5_SHA1 : (rs_hash)suite->hash;
  const rs_hash needed[] = {prf, version < RS_TLS12 ? RS_MD5 : prf,
                            rs_suite_is_cbc(suite) ? (rs_hash)suite->mac : prf};
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
    if (!crypto_can_hash(tools, needed[i]))
      return hashes[needed[i]].name;
  return tools->ciphering[suite->cipher] ? NULL : ciphers[suite->cipher];
}

int rs_tools_can_protect(const rs_tools *tools, const rs_suite *suite, unsigned version) {
  return version >= RS_TLS10 && version <= RS_TLS13 &&
         rs_cipher_is_new(suite->id) == (version == RS_TLS13) &&
         !rs_tools_missing_for(tools, suite, version);
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
  return crypto_can_hash(tools, hash) && rs_sha2_start(hash, state);
}

static int crypto_digest_by_evp(rs_tools *tools, rs_hash hash, const rs_bytes *parts, size_t count,
                                unsigned char *out) {
  EVP_MD_CTX *ctx = tools->hashing[hash];
  int good = ctx && EVP_DigestInit_ex2(ctx, NULL, NULL);
  for (size_t i = 0; good && i < count; i++)
    good = parts[i].length == 0 || EVP_DigestUpdate(ctx, parts[i].bytes, parts[i].length);
  return good && EVP_DigestFinal_ex(ctx, out, NULL);
}

/* Goes on from the state, and uses it up. */
static void crypto_digest_rest(rs_hash hash, rs_sha2 *state, const rs_bytes *parts, size_t count,
                               unsigned char *out) {
  for (size_t i = 0; i < count; i++)
    rs_sha2_add(hash, state, parts[i]);
  rs_sha2_end(hash, state, out);
}

int rs_digest_parts(rs_tools *tools, rs_hash hash, const rs_bytes *parts, size_t count,
                    unsigned char *out) {
  rs_sha2 state;
  if (!rs_hash_start(tools, hash, &state))
    return crypto_digest_by_evp(tools, hash, parts, count, out);
  crypto_digest_rest(hash, &state, parts, count, out);
  return 1;
}

int rs_digest(rs_tools *tools, rs_hash hash, rs_bytes data, unsigned char *out) {
  return rs_digest_parts(tools, hash, &data, 1, out);
}

/* XORs a byte into all of a pad; word by word, as a compiler can. */
static void crypto_turn_pad(uint64_t *pad, size_t block, unsigned char byte) {
  const uint64_t word = byte * UINT64_C(0x0101010101010101);
  for (size_t i = 0; i < block / sizeof *pad; i++)
    pad[i] ^= word;
}

/* --- HMAC: by hand, as two runs of a hash that is there cost a third of EVP_MAC's set-up --- */

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
  crypto_turn_pad(out->pad, block, 0x5c);
  if (out->started)
    rs_sha2_add(hash, &out->outer, pad);
  crypto_turn_pad(out->pad, block, 0x5c ^ 0x36);
  if (out->started)
    rs_sha2_add(hash, &out->inner, pad);
  return 1;
}

static int crypto_hmac_by_evp(rs_tools *tools, const rs_hmac_key *key, const rs_bytes *parts,
                              size_t count, unsigned char *out) {
  enum { MOST_PARTS = 4 };
  const size_t block = hashes[key->hash].block;
  uint64_t pad[RS_MAX_BLOCK / sizeof(uint64_t)];
  rs_bytes all[MOST_PARTS + 1] = {{(const unsigned char *)pad, block}};
  int good = count <= MOST_PARTS;
  memcpy(pad, key->pad, sizeof pad);
  for (size_t i = 0; good && i < count; i++)
    all[i + 1] = parts[i];
  good = good && crypto_digest_by_evp(tools, key->hash, all, count + 1, out);
  crypto_turn_pad(pad, block, 0x36 ^ 0x5c);
  all[1] = (rs_bytes){out, hashes[key->hash].length};
  good = good && crypto_digest_by_evp(tools, key->hash, all, 2, out);
  OPENSSL_cleanse(pad, sizeof pad);
  return good;
}

int rs_hmac_with(rs_tools *tools, const rs_hmac_key *key, const rs_bytes *parts, size_t count,
                 unsigned char *out) {
  if (!key->started)
    return crypto_hmac_by_evp(tools, key, parts, count, out);
  rs_sha2 state = key->inner;
  crypto_digest_rest(key->hash, &state, parts, count, out);
  const rs_bytes inner = {out, hashes[key->hash].length};
  state = key->outer;
  crypto_digest_rest(key->hash, &state, &inner, 1, out);
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
