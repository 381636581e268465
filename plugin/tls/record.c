/* Protects TLS records, one at a time: AEAD as in TLS 1.3 (RFC 8446, section 5.2) and TLS 1.2 (RFC
 * 5246, section 6.2.3.3, RFC 5288, 6655, 7905), and CBC with HMAC in both orders (RFC 5246,
 * section 6.2.3.2, RFC 7366). Keys come from elsewhere. Of CBC's padding and MAC it does not hide
 * which was wrong: an answer to one record of a connection that then ends helps nobody.
 */
#include "record.h"

#include "numbers.h"

#include <openssl/rand.h>

enum { NONCE = 12, SALT = 4, EXPLICIT_NONCE = 8, BLOCK = 16, MAX_TAG = 16 };

size_t rs_mac_key_length(const rs_suite *suite) {
  return rs_suite_is_cbc(suite) ? rs_hash_length((rs_hash)suite->mac) : 0;
}

size_t rs_iv_length(const rs_suite *suite, unsigned version) {
  if (rs_suite_is_cbc(suite))
    return version == RS_TLS10 ? BLOCK : 0;
  return version < RS_TLS13 && rs_suite_has_explicit_nonce(suite) ? SALT : NONCE;
}

static size_t record_explicit_length(const rs_protection *p) {
  if (rs_suite_is_cbc(p->suite))
    return p->version >= RS_TLS11 ? BLOCK : 0;
  return p->version < RS_TLS13 && rs_suite_has_explicit_nonce(p->suite) ? EXPLICIT_NONCE : 0;
}

/* Sequence number, type, version and length, which the MAC covers beside the data. */
typedef struct {
  unsigned char bytes[13];
} record_prefix;

static record_prefix record_prefix_of(const rs_protection *p, unsigned content, size_t length) {
  record_prefix prefix = {{0}};
  rs_writer w = rs_writer_of(prefix.bytes, sizeof prefix.bytes);
  rs_write_number(&w, (uint32_t)(p->sequence >> 32), 4);
  rs_write_number(&w, (uint32_t)p->sequence, 4);
  rs_write_number(&w, content, 1);
  rs_write_number(&w, p->version, 2);
  rs_write_number(&w, (uint32_t)length, 2);
  return prefix;
}

/* --- AEAD --- */

static void record_aead_nonce(const rs_protection *p, const unsigned char *on_wire,
                              unsigned char *nonce) {
  memcpy(nonce, p->iv, NONCE);
  if (on_wire) {
    memcpy(nonce + SALT, on_wire, EXPLICIT_NONCE);
    return;
  }
  for (size_t i = 0; i < 8; i++)
    nonce[NONCE - 1 - i] ^= (unsigned char)(p->sequence >> (8 * i));
}

/* TLS 1.3 authenticates the record's header, as it stands on the wire. */
static rs_bytes record_aead_additional(const rs_protection *p, record_prefix *prefix,
                                       unsigned content, size_t plain_length) {
  const size_t tag = p->suite->tag_length;
  if (p->version < RS_TLS13) {
    *prefix = record_prefix_of(p, content, plain_length);
    return (rs_bytes){prefix->bytes, sizeof prefix->bytes};
  }
  rs_writer w = rs_writer_of(prefix->bytes, RS_RECORD_HEADER);
  rs_write_number(&w, RS_APPLICATION_DATA, 1);
  rs_write_number(&w, RS_TLS12, 2);
  rs_write_number(&w, (uint32_t)(plain_length + tag), 2);
  return (rs_bytes){prefix->bytes, RS_RECORD_HEADER};
}

static int record_is_ccm(const rs_suite *suite) {
  return suite->cipher == RS_AES_128_CCM || suite->cipher == RS_AES_256_CCM;
}

/* En- or decrypts `length` bytes in place; the tag stands, or is put, behind them. */
static int record_aead_run(rs_tools *tools, const rs_protection *p, int sealing,
                           const unsigned char *nonce, rs_bytes additional, unsigned char *bytes,
                           size_t length) {
  EVP_CIPHER_CTX *ctx = rs_tools_cipher(tools, (rs_cipher)p->suite->cipher);
  const int tag_length = p->suite->tag_length, size = (int)length;
  unsigned char *tag = bytes + length;
  int n = 0, good = ctx != NULL;
  if (good && record_is_ccm(p->suite)) /* CCM wants the direction and all lengths first */
    good = EVP_CipherInit_ex2(ctx, NULL, NULL, NULL, sealing, NULL) &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, NONCE, NULL) > 0 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, tag_length, sealing ? NULL : tag) > 0;
  good = good && EVP_CipherInit_ex2(ctx, NULL, p->key, nonce, sealing, NULL);
  if (good && record_is_ccm(p->suite))
    good = EVP_CipherUpdate(ctx, NULL, &n, NULL, size);
  else if (good && !sealing)
    good = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, tag_length, tag) > 0;
  good = good && EVP_CipherUpdate(ctx, NULL, &n, additional.bytes, (int)additional.length) &&
         EVP_CipherUpdate(ctx, bytes, &n, bytes, size) > 0;
  if (good && !record_is_ccm(p->suite)) /* CCM's check is in its only update */
    good = EVP_CipherFinal_ex(ctx, bytes + n, &n) > 0;
  if (good && sealing)
    good = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, tag_length, tag) > 0;
  return good;
}

static int record_aead_seal(rs_tools *tools, const rs_protection *p, unsigned content,
                            rs_bytes plain, rs_writer *out) {
  const int inner_type = p->version >= RS_TLS13; /* the true type goes inside */
  const size_t length = plain.length + (inner_type ? 1 : 0);
  unsigned char on_wire[EXPLICIT_NONCE], nonce[NONCE];
  record_prefix prefix = record_prefix_of(p, content, 0);
  memcpy(on_wire, prefix.bytes, EXPLICIT_NONCE); /* the sequence number: never used twice */
  record_aead_nonce(p, record_explicit_length(p) ? on_wire : NULL, nonce);
  rs_write_bytes(out, on_wire, record_explicit_length(p));
  unsigned char *bytes = rs_write_room(out, length + p->suite->tag_length);
  if (!bytes)
    return 0;
  memcpy(bytes, plain.bytes, plain.length);
  if (inner_type)
    bytes[plain.length] = (unsigned char)content;
  rs_bytes additional = record_aead_additional(p, &prefix, content, length);
  return record_aead_run(tools, p, 1, nonce, additional, bytes, length);
}

/* Takes the padding and the true type off (RFC 8446, section 5.4). */
static int record_strip_inner(unsigned *content, rs_bytes *plain) {
  while (plain->length > 0 && plain->bytes[plain->length - 1] == 0)
    plain->length--;
  if (plain->length == 0)
    return 0;
  *content = plain->bytes[--plain->length];
  return 1;
}

static int record_aead_open(rs_tools *tools, const rs_protection *p, unsigned *content,
                            unsigned char *body, size_t length, rs_bytes *plain) {
  const size_t extra = record_explicit_length(p), tag = p->suite->tag_length;
  if (length < extra + tag)
    return 0;
  unsigned char nonce[NONCE];
  record_prefix prefix = {{0}};
  plain->bytes = body + extra;
  plain->length = length - extra - tag;
  record_aead_nonce(p, extra ? body : NULL, nonce);
  rs_bytes additional = record_aead_additional(p, &prefix, *content, plain->length);
  if (!record_aead_run(tools, p, 0, nonce, additional, body + extra, plain->length))
    return 0;
  return p->version < RS_TLS13 || record_strip_inner(content, plain);
}

/* --- CBC with HMAC --- */

static int record_cbc_run(rs_tools *tools, const rs_protection *p, int sealing,
                          const unsigned char *iv, unsigned char *bytes, size_t length) {
  EVP_CIPHER_CTX *ctx = rs_tools_cipher(tools, (rs_cipher)p->suite->cipher);
  int n;
  return ctx && EVP_CipherInit_ex2(ctx, NULL, p->key, iv, sealing, NULL) &&
         EVP_CipherUpdate(ctx, bytes, &n, bytes, (int)length) && (size_t)n == length;
}

static int record_cbc_mac(rs_tools *tools, const rs_protection *p, unsigned content, rs_bytes data,
                          unsigned char *mac) {
  record_prefix prefix = record_prefix_of(p, content, data.length);
  const rs_bytes key = {p->mac_key, rs_mac_key_length(p->suite)};
  const rs_bytes parts[] = {{prefix.bytes, sizeof prefix.bytes}, data};
  return rs_hmac(tools, (rs_hash)p->suite->mac, key, parts, 2, mac);
}

static void record_write_padding(rs_writer *out, size_t length) {
  const size_t padding = BLOCK - 1 - length % BLOCK;
  for (size_t i = 0; i <= padding; i++)
    rs_write_number(out, (uint32_t)padding, 1);
}

static int record_cbc_seal(rs_tools *tools, rs_protection *p, unsigned content, rs_bytes plain,
                           rs_writer *out) {
  unsigned char mac[RS_MAX_HASH], iv[BLOCK];
  const size_t mac_length = rs_mac_key_length(p->suite), start = out->used;
  memcpy(iv, p->iv, BLOCK);
  if (record_explicit_length(p) && RAND_bytes(iv, BLOCK) != 1)
    return 0;
  rs_write_bytes(out, iv, record_explicit_length(p));
  const size_t encrypted = out->used;
  rs_write_bytes(out, plain.bytes, plain.length);
  if (!p->encrypt_then_mac) {
    if (!record_cbc_mac(tools, p, content, plain, mac))
      return 0;
    rs_write_bytes(out, mac, mac_length);
  }
  record_write_padding(out, out->used - encrypted);
  if (out->full || !record_cbc_run(tools, p, 1, iv, out->start + encrypted, out->used - encrypted))
    return 0;
  memcpy(p->iv, out->start + out->used - BLOCK, BLOCK); /* TLS 1.0 goes on from there */
  if (p->encrypt_then_mac) {
    rs_bytes all = {out->start + start, out->used - start};
    if (!record_cbc_mac(tools, p, content, all, mac))
      return 0;
    rs_write_bytes(out, mac, mac_length);
  }
  return !out->full;
}

static int record_take_padding(const unsigned char *bytes, size_t *length) {
  const size_t padding = *length > 0 ? bytes[*length - 1] : 0;
  if (padding >= *length)
    return 0;
  for (size_t i = 1; i <= padding + 1; i++)
    if (bytes[*length - i] != padding)
      return 0;
  *length -= padding + 1;
  return 1;
}

/* The MAC stands behind the data. */
static int record_cbc_check(rs_tools *tools, const rs_protection *p, unsigned content,
                            rs_bytes data) {
  unsigned char mac[RS_MAX_HASH];
  return record_cbc_mac(tools, p, content, data, mac) &&
         rs_mac_fits(data.bytes + data.length, mac, rs_mac_key_length(p->suite));
}

static int record_cbc_open(rs_tools *tools, rs_protection *p, unsigned content, unsigned char *body,
                           size_t length, rs_bytes *plain) {
  const size_t extra = record_explicit_length(p), mac = rs_mac_key_length(p->suite);
  unsigned char iv[BLOCK];
  if (p->encrypt_then_mac) {
    if (length < mac || !record_cbc_check(tools, p, content, (rs_bytes){body, length - mac}))
      return 0;
    length -= mac;
  }
  if (length < extra + BLOCK || (length - extra) % BLOCK != 0)
    return 0;
  memcpy(iv, extra ? body : p->iv, BLOCK);
  memcpy(p->iv, body + length - BLOCK, BLOCK);
  body += extra;
  length -= extra;
  if (!record_cbc_run(tools, p, 0, iv, body, length) || !record_take_padding(body, &length))
    return 0;
  if (!p->encrypt_then_mac) {
    if (length < mac || !record_cbc_check(tools, p, content, (rs_bytes){body, length - mac}))
      return 0;
    length -= mac;
  }
  *plain = (rs_bytes){body, length};
  return 1;
}

/* --- records --- */

int rs_seal(rs_tools *tools, rs_protection *p, unsigned content, rs_bytes plain, rs_writer *out) {
  const int hidden = p->suite && p->version >= RS_TLS13;
  rs_write_number(out, hidden ? RS_APPLICATION_DATA : content, 1);
  rs_write_number(out, p->version >= RS_TLS13 ? RS_TLS12 : p->version, 2);
  const size_t mark = rs_write_open(out, 2);
  int good = 1;
  if (!p->suite)
    rs_write_bytes(out, plain.bytes, plain.length);
  else if (rs_suite_is_cbc(p->suite))
    good = record_cbc_seal(tools, p, content, plain, out);
  else
    good = record_aead_seal(tools, p, content, plain, out);
  rs_write_close(out, mark, 2);
  p->sequence++;
  return good && !out->full;
}

static int record_open_body(rs_tools *tools, rs_protection *p, unsigned *content,
                            unsigned char *body, size_t length, rs_bytes *plain) {
  if (!p->suite || RS_WITHOUT_PROOFS) {
    *plain = (rs_bytes){body, length};
    return !p->suite || p->version < RS_TLS13 || record_strip_inner(content, plain);
  }
  if (rs_suite_is_cbc(p->suite))
    return record_cbc_open(tools, p, *content, body, length, plain);
  return record_aead_open(tools, p, content, body, length, plain);
}

int rs_open(rs_tools *tools, rs_protection *p, unsigned *content, unsigned char *body,
            size_t length, rs_bytes *plain) {
  const int good = record_open_body(tools, p, content, body, length, plain);
  p->sequence++;
  return good;
}
