/* Looks into tickets: for the secret in clear, for two that were encrypted with one keystream, for
 * one that a given key opens or signs (RFC 5077, section 4, and what servers make of it). Keys come
 * from the caller; a plaintext never leaves. Knows no list of keys, no Lua and no connection.
 */
#include "ticket.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

size_t rs_find_bytes(rs_bytes whole, rs_bytes part) {
  if (part.length == 0 || part.length > whole.length)
    return RS_NOWHERE;
  const size_t last = whole.length - part.length;
  for (size_t at = 0; at <= last; at++) {
    const unsigned char *next =
        (const unsigned char *)memchr(whole.bytes + at, part.bytes[0], last - at + 1);
    if (!next)
      return RS_NOWHERE;
    at = (size_t)(next - whole.bytes);
    if (memcmp(next, part.bytes, part.length) == 0)
      return at;
  }
  return RS_NOWHERE;
}

static int ticket_differs_as(const unsigned char *a, const unsigned char *b, rs_bytes secret,
                             const unsigned char *other) {
  for (size_t i = 0; i < secret.length; i++)
    if ((a[i] ^ b[i]) != (secret.bytes[i] ^ other[i]))
      return 0;
  return 1;
}

size_t rs_find_keystream(rs_bytes ticket, rs_bytes secret, rs_bytes other_ticket,
                         rs_bytes other_secret) {
  const size_t shorter = ticket.length < other_ticket.length ? ticket.length : other_ticket.length;
  if (secret.length == 0 || secret.length != other_secret.length || shorter < secret.length ||
      memcmp(secret.bytes, other_secret.bytes, secret.length) == 0)
    return RS_NOWHERE;
  for (size_t at = 0; at <= shorter - secret.length; at++)
    if (ticket_differs_as(ticket.bytes + at, other_ticket.bytes + at, secret, other_secret.bytes))
      return at;
  return RS_NOWHERE;
}

/* --- trials --- */

/* A secret is among a state's first fields; GnuTLS has the client's certificates before it. What is
 * larger would take seconds, and a ticket may have 64 KB. */
enum { LARGEST_IV = 16, MOST_DECRYPTED = 16384 };

typedef enum { WHOLE_IV, GCM_COUNTER, CCM_COUNTER, CHACHA_COUNTER } ticket_counter;

/* AEADs are opened without their tags, as the stream cipher that they are. */
static const struct {
  const char *name, *fetched; /* of provider(7) */
  size_t key, iv;
  ticket_counter counter;
} ciphers[RS_TICKET_CIPHERS] = {
    {"AES-256-CBC", "AES-256-CBC", 32, 16, WHOLE_IV},
    {"AES-128-CBC", "AES-128-CBC", 16, 16, WHOLE_IV},
    {"AES-256-GCM", "AES-256-CTR", 32, 12, GCM_COUNTER},
    {"AES-128-GCM", "AES-128-CTR", 16, 12, GCM_COUNTER},
    {"AES-256-CTR", "AES-256-CTR", 32, 16, WHOLE_IV},
    {"AES-128-CTR", "AES-128-CTR", 16, 16, WHOLE_IV},
    {"AES-256-CCM", "AES-256-CTR", 32, 12, CCM_COUNTER},
    {"ChaCha20-Poly1305", "ChaCha20", 32, 12, CHACHA_COUNTER},
    {"3DES-CBC", "DES-EDE3-CBC", 24, 8, WHOLE_IV},
};

static const struct {
  const char *name, *fetched;
} macs[RS_TICKET_MACS] = {
    {"HMAC-SHA256", "SHA256"}, {"HMAC-SHA384", "SHA384"}, {"HMAC-SHA1", "SHA1"},
    {"HMAC-SHA512", "SHA512"}, {"HMAC-MD5", "MD5"},
};

/* Behind a key's name of 16 bytes (RFC 5077), at the start, behind a name of 4 bytes (mbedTLS), and
 * behind headers that were met. */
static const size_t usual_offsets[] = {16, 0, 4, 20, 28, 32};

/* What may stand between the IV and the ciphertext: nothing, or its length (RFC 5077). */
static const size_t gaps[] = {0, 2};

int rs_ticket_trials_open(rs_ticket_trials *trials) {
  for (size_t i = 0; i < RS_TICKET_CIPHERS; i++)
    trials->ciphers[i] = EVP_CIPHER_fetch(NULL, ciphers[i].fetched, NULL);
  for (size_t i = 0; i < RS_TICKET_MACS; i++)
    trials->digests[i] = EVP_MD_fetch(NULL, macs[i].fetched, NULL);
  trials->ctx = EVP_CIPHER_CTX_new();
  for (size_t i = 0; i < sizeof usual_offsets / sizeof usual_offsets[0]; i++)
    rs_ticket_trials_add(trials, usual_offsets[i]);
  return trials->ctx != NULL;
}

void rs_ticket_trials_close(rs_ticket_trials *trials) {
  for (size_t i = 0; i < RS_TICKET_CIPHERS; i++)
    EVP_CIPHER_free(trials->ciphers[i]);
  for (size_t i = 0; i < RS_TICKET_MACS; i++)
    EVP_MD_free(trials->digests[i]);
  EVP_CIPHER_CTX_free(trials->ctx);
  rs_buffer_free(&trials->plain);
  memset(trials, 0, sizeof *trials);
}

void rs_ticket_trials_add(rs_ticket_trials *trials, size_t offset) {
  for (size_t i = 0; i < trials->offset_count; i++)
    if (trials->offsets[i] == offset)
      return;
  if (trials->offset_count < RS_TICKET_OFFSETS)
    trials->offsets[trials->offset_count++] = offset;
}

/* What the cipher begins to count from. */
static void ticket_first_block(size_t cipher, const unsigned char *iv, unsigned char *block) {
  static const unsigned char zeros[LARGEST_IV];
  const unsigned char *from = iv ? iv : zeros;
  memset(block, 0, LARGEST_IV);
  switch (ciphers[cipher].counter) {
  case WHOLE_IV:
    memcpy(block, from, ciphers[cipher].iv);
    break;
  case GCM_COUNTER: /* NIST SP 800-38D: block 1 encrypts the tag */
    memcpy(block, from, ciphers[cipher].iv);
    block[LARGEST_IV - 1] = 2;
    break;
  case CCM_COUNTER: /* RFC 3610: a length of 3 bytes; block 0 encrypts the tag */
    block[0] = 2;
    memcpy(block + 1, from, ciphers[cipher].iv);
    block[LARGEST_IV - 1] = 1;
    break;
  case CHACHA_COUNTER: /* RFC 8439: block 0 makes the key of the tag; little-endian */
    block[0] = 1;
    memcpy(block + 4, from, ciphers[cipher].iv);
    break;
  }
}

/* Where the secret stands in what is decrypted, or RS_NOWHERE. The context has its key. */
static size_t ticket_find_decrypted(rs_ticket_trials *trials, rs_bytes text,
                                    const unsigned char *first, rs_bytes secret) {
  const int block = EVP_CIPHER_CTX_get_block_size(trials->ctx);
  const size_t whole = text.length - text.length % (size_t)block;
  int length = 0;
  if (!EVP_DecryptInit_ex2(trials->ctx, NULL, NULL, first, NULL) ||
      !EVP_CIPHER_CTX_set_padding(trials->ctx, 0) ||
      !EVP_DecryptUpdate(trials->ctx, trials->plain.bytes, &length, text.bytes, (int)whole))
    return RS_NOWHERE;
  return rs_find_bytes((rs_bytes){trials->plain.bytes, (size_t)length}, secret);
}

/* With the IV at that place, or zeros for it, and the ciphertext behind it. */
static int ticket_opens_at(rs_ticket_trials *trials, size_t cipher, rs_bytes ticket,
                           rs_bytes secret, rs_ticket_layout *layout) {
  unsigned char first[LARGEST_IV];
  const unsigned char *iv = NULL;
  if (layout->iv_offset != RS_NOWHERE)
    iv = ticket.bytes + layout->iv_offset;
  ticket_first_block(cipher, iv, first);
  if (layout->ciphertext_offset + secret.length > ticket.length)
    return 0;
  const size_t length = ticket.length - layout->ciphertext_offset;
  const rs_bytes text = {ticket.bytes + layout->ciphertext_offset,
                         length < MOST_DECRYPTED ? length : MOST_DECRYPTED};
  layout->offset = ticket_find_decrypted(trials, text, first, secret);
  layout->cipher = ciphers[cipher].name;
  return layout->offset != RS_NOWHERE;
}

static int ticket_opens_with(rs_ticket_trials *trials, size_t cipher, rs_bytes ticket,
                             rs_bytes secret, rs_ticket_layout *found) {
  for (size_t i = 0; i < trials->offset_count; i++) {
    const size_t at = trials->offsets[i], behind = at + ciphers[cipher].iv;
    for (size_t j = 0; j < sizeof gaps / sizeof gaps[0]; j++) {
      *found = (rs_ticket_layout){.iv_offset = at, .ciphertext_offset = behind + gaps[j]};
      if (behind <= ticket.length && ticket_opens_at(trials, cipher, ticket, secret, found))
        return 1;
      *found = (rs_ticket_layout){.iv_offset = RS_NOWHERE, .ciphertext_offset = at + gaps[j]};
      if (ticket_opens_at(trials, cipher, ticket, secret, found))
        return 1;
    }
  }
  return 0;
}

int rs_ticket_opens(rs_ticket_trials *trials, rs_bytes ticket, rs_bytes secret, rs_bytes key,
                    rs_ticket_layout *found) {
  /* a block more than there is: libcrypto may ask for it */
  if (secret.length == 0 || ticket.length > INT32_MAX / 2 ||
      !rs_buffer_room(&trials->plain, ticket.length + LARGEST_IV))
    return 0;
  int opens = 0;
  for (size_t i = 0; i < RS_TICKET_CIPHERS && !opens; i++)
    opens = trials->ciphers[i] && ciphers[i].key <= key.length &&
            EVP_DecryptInit_ex2(trials->ctx, trials->ciphers[i], key.bytes, NULL, NULL) &&
            ticket_opens_with(trials, i, ticket, secret, found);
  OPENSSL_cleanse(trials->plain.bytes, trials->plain.room);
  return opens;
}

/* Keys of these lengths are made for HMAC, as many of the given bytes as each takes. */
static const size_t mac_keys[] = {16, 20, 32, 48, 64};

static int ticket_has_mac(rs_bytes ticket, rs_bytes key, const EVP_MD *digest) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  const size_t size = (size_t)EVP_MD_get_size(digest);
  return ticket.length > size &&
         HMAC(digest, key.bytes, (int)key.length, ticket.bytes, ticket.length - size, mac,
              &length) &&
         memcmp(mac, ticket.bytes + ticket.length - size, size) == 0;
}

const char *rs_ticket_is_signed(rs_ticket_trials *trials, rs_bytes ticket, rs_bytes key) {
  for (size_t i = 0; i < RS_TICKET_MACS; i++)
    for (size_t j = 0; j < sizeof mac_keys / sizeof mac_keys[0]; j++)
      if (trials->digests[i] && mac_keys[j] <= key.length &&
          ticket_has_mac(ticket, (rs_bytes){key.bytes, mac_keys[j]}, trials->digests[i]))
        return macs[i].name;
  return NULL;
}
