/* The keys of TLS from its secrets: the PRF of TLS up to 1.2, its key block and its verify_data;
 * HKDF and the key schedule of TLS 1.3. Pure: it keeps no secret, and knows no message and no
 * connection. RFC 2246 section 5, RFC 5246 sections 5, 6.3 and 7.4.9, RFC 5869, RFC 8446
 * sections 4.4.4 and 7.1.
 */
#include "schedule.h"

#include "numbers.h"

#include <openssl/crypto.h>

enum { MAX_KEY_BLOCK = 2 * (RS_MAX_HASH + RS_MAX_KEY + 16) };

static const rs_bytes EMPTY = {NULL, 0};

/* --- TLS up to 1.2 --- */

/* P_hash of RFC 5246, section 5, XORed into `out`. */
static int schedule_p_hash(rs_tools *tools, rs_hash hash, rs_bytes secret, rs_bytes label,
                           rs_bytes seed, unsigned char *out, size_t length) {
  const size_t size = rs_hash_length(hash);
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
    return schedule_p_hash(tools, hash, secret, label, seed, out, length);
  /* RFC 2246: the halves overlap by a byte where the secret has an odd length. */
  const size_t half = (secret.length + 1) / 2;
  const rs_bytes left = {secret.bytes, half};
  const rs_bytes right = {secret.bytes + secret.length - half, half};
  return schedule_p_hash(tools, RS_MD5, left, label, seed, out, length) &&
         schedule_p_hash(tools, RS_SHA1, right, label, seed, out, length);
}

/* Takes the next `length` bytes of the key block. */
static void schedule_take(rs_reader *block, unsigned char *out, size_t length) {
  const unsigned char *bytes = rs_read_bytes(block, length);
  if (bytes && length > 0)
    memcpy(out, bytes, length);
}

static void schedule_cut(const rs_key_block *from, rs_reader block, rs_protection *client,
                         rs_protection *server) {
  const size_t mac = rs_mac_key_length(from->suite), key = from->suite->key_length;
  const size_t iv = rs_iv_length(from->suite, from->version);
  memset(client, 0, sizeof *client);
  client->suite = from->suite;
  client->version = from->version;
  client->encrypt_then_mac = from->encrypt_then_mac && rs_suite_is_cbc(from->suite);
  *server = *client;
  schedule_take(&block, client->mac_key, mac);
  schedule_take(&block, server->mac_key, mac);
  schedule_take(&block, client->key, key);
  schedule_take(&block, server->key, key);
  schedule_take(&block, client->iv, iv);
  schedule_take(&block, server->iv, iv);
}

int rs_key_block_cut(rs_tools *tools, const rs_key_block *from, rs_protection *client,
                     rs_protection *server) {
  const size_t mac = rs_mac_key_length(from->suite), iv = rs_iv_length(from->suite, from->version);
  const size_t length = 2 * (mac + from->suite->key_length + iv);
  unsigned char block[MAX_KEY_BLOCK], seed[2 * RS_RANDOM];
  memcpy(seed, from->server_random, RS_RANDOM);
  memcpy(seed + RS_RANDOM, from->client_random, RS_RANDOM);
  int good =
      length <= sizeof block && rs_prf(tools, from->hash, from->master_secret, "key expansion",
                                       (rs_bytes){seed, sizeof seed}, block, length);
  if (good)
    schedule_cut(from, rs_reader_of(block, length), client, server);
  OPENSSL_cleanse(block, sizeof block);
  return good;
}

int rs_old_verify_data(rs_tools *tools, rs_hash hash, rs_bytes master_secret, const char *label,
                       const unsigned char *messages_hash, unsigned char *out) {
  return rs_prf(tools, hash, master_secret, label, (rs_bytes){messages_hash, rs_hash_length(hash)},
                out, RS_OLD_VERIFY_DATA);
}

/* --- TLS 1.3: HKDF --- */

int rs_hkdf_extract(rs_tools *tools, rs_hash hash, rs_bytes salt, rs_bytes key,
                    unsigned char *out) {
  return rs_hmac(tools, hash, salt, &key, 1, out);
}

/* One block of HKDF-Expand is enough: no key of TLS is longer than its hash. */
static int schedule_expand_with(rs_tools *tools, const rs_hmac_key *secret, const char *label,
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
  if (w.full || length > rs_hash_length(secret->hash))
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
  int good = rs_hmac_prepare(tools, hash, (rs_bytes){secret, rs_hash_length(hash)}, &key) &&
             schedule_expand_with(tools, &key, label, context, out, length);
  OPENSSL_cleanse(&key, sizeof key);
  return good;
}

static int schedule_derive_over_nothing(rs_tools *tools, rs_hash hash, const unsigned char *secret,
                                        const char *label, unsigned char *out) {
  const size_t length = rs_hash_length(hash);
  return rs_hkdf_expand_label(tools, hash, secret, label, (rs_bytes){tools->nothing[hash], length},
                              out, length);
}

/* --- TLS 1.3: the ladder of secrets --- */

int rs_psk_schedule_of(rs_tools *tools, rs_hash hash, rs_bytes psk, rs_psk_schedule *out) {
  static const unsigned char zeros[RS_MAX_HASH];
  const size_t length = rs_hash_length(hash);
  const rs_bytes no_psk = {zeros, length};
  unsigned char binder[RS_MAX_HASH];
  int good =
      rs_hkdf_extract(tools, hash, EMPTY, psk.length ? psk : no_psk, out->early_secret) &&
      schedule_derive_over_nothing(tools, hash, out->early_secret, "res binder", binder) &&
      rs_hkdf_expand_label(tools, hash, binder, "finished", EMPTY, out->binder_key, length) &&
      schedule_derive_over_nothing(tools, hash, out->early_secret, "derived", out->salt);
  OPENSSL_cleanse(binder, sizeof binder);
  return good;
}

/* Derive-Secret(secret, label, messages) with the hash of those messages. */
static int schedule_derive_with(rs_tools *tools, const rs_hmac_key *secret, const char *label,
                                const unsigned char *messages_hash, unsigned char *out) {
  const size_t length = rs_hash_length(secret->hash);
  return schedule_expand_with(tools, secret, label, (rs_bytes){messages_hash, length}, out, length);
}

int rs_derive_secret(rs_tools *tools, rs_hash hash, const unsigned char *secret, const char *label,
                     const unsigned char *messages_hash, unsigned char *out) {
  const size_t length = rs_hash_length(hash);
  return rs_hkdf_expand_label(tools, hash, secret, label, (rs_bytes){messages_hash, length}, out,
                              length);
}

/* The next secret of the ladder, with no key: Extract(Derive-Secret(secret, "derived", ""), 0). */
static int schedule_climb(rs_tools *tools, const rs_hmac_key *secret, unsigned char *out) {
  static const unsigned char zeros[RS_MAX_HASH];
  const rs_hash hash = secret->hash;
  const size_t length = rs_hash_length(hash);
  unsigned char salt[RS_MAX_HASH];
  int good = schedule_derive_with(tools, secret, "derived", tools->nothing[hash], salt) &&
             rs_hkdf_extract(tools, hash, (rs_bytes){salt, length}, (rs_bytes){zeros, length}, out);
  OPENSSL_cleanse(salt, sizeof salt);
  return good;
}

int rs_handshake_secrets_of(rs_tools *tools, rs_hash hash, const unsigned char *salt,
                            rs_bytes shared, const unsigned char *messages_hash,
                            rs_handshake_secrets *out) {
  static const unsigned char zeros[RS_MAX_HASH];
  const size_t length = rs_hash_length(hash);
  const rs_bytes no_key = {zeros, length};
  unsigned char secret[RS_MAX_HASH];
  rs_hmac_key key;
  int good = rs_hkdf_extract(tools, hash, (rs_bytes){salt, length}, shared.length ? shared : no_key,
                             secret) &&
             rs_hmac_prepare(tools, hash, (rs_bytes){secret, length}, &key) &&
             schedule_derive_with(tools, &key, "c hs traffic", messages_hash, out->client) &&
             schedule_derive_with(tools, &key, "s hs traffic", messages_hash, out->server) &&
             schedule_climb(tools, &key, out->master);
  OPENSSL_cleanse(&key, sizeof key);
  OPENSSL_cleanse(secret, sizeof secret);
  return good;
}

/* --- TLS 1.3: what secrets are for --- */

int rs_traffic_keys(rs_tools *tools, const rs_suite *suite, const unsigned char *secret,
                    rs_protection *out) {
  const rs_hash hash = (rs_hash)suite->hash;
  rs_hmac_key key;
  memset(out, 0, sizeof *out);
  out->suite = suite;
  out->version = RS_TLS13;
  int good = rs_hmac_prepare(tools, hash, (rs_bytes){secret, rs_hash_length(hash)}, &key) &&
             schedule_expand_with(tools, &key, "key", EMPTY, out->key, suite->key_length) &&
             schedule_expand_with(tools, &key, "iv", EMPTY, out->iv, rs_iv_length(suite, RS_TLS13));
  OPENSSL_cleanse(&key, sizeof key);
  return good;
}

int rs_finished_mac(rs_tools *tools, rs_hash hash, const unsigned char *finished_key,
                    const unsigned char *messages_hash, unsigned char *out) {
  const size_t length = rs_hash_length(hash);
  const rs_bytes messages = {messages_hash, length};
  return rs_hmac(tools, hash, (rs_bytes){finished_key, length}, &messages, 1, out);
}

int rs_verify_data(rs_tools *tools, rs_hash hash, const unsigned char *base_key,
                   const unsigned char *messages_hash, unsigned char *out) {
  const size_t length = rs_hash_length(hash);
  unsigned char key[RS_MAX_HASH];
  int good = rs_hkdf_expand_label(tools, hash, base_key, "finished", EMPTY, key, length) &&
             rs_finished_mac(tools, hash, key, messages_hash, out);
  OPENSSL_cleanse(key, sizeof key);
  return good;
}
