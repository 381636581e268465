/* Hashes, the PRF of TLS up to 1.2 and the key schedule of TLS 1.3, on libcrypto (keys.c). */
#ifndef RESUM_KEYS_H
#define RESUM_KEYS_H

#include "sha2.h"
#include "suites.h"
#include "wire.h"

#include <openssl/evp.h>

/* The target of spec/fuzz/probe.c only: every record is its own plaintext, and any MAC is right, so
 * that mutation gets behind them. Nothing else is ever built with it. */
#ifdef RS_FUZZ_WITHOUT_PROOFS
#define RS_WITHOUT_PROOFS 1
#else
#define RS_WITHOUT_PROOFS 0
#endif

enum {
  RS_MAX_HASH = 64,
  RS_MAX_BLOCK = 128,
  RS_MAX_KEY = 32,
  RS_MAX_SECRET = 64,
  RS_RANDOM_POOL = 2048
};

/* Algorithms fetched once, and contexts that every use sets up anew: fetching and allocating cost
 * more than a short message does. One for a Lua state, used by one call at a time. All NULL is a
 * valid empty one. */
typedef struct {
  EVP_MD *digests[RS_HASHES];            /* owned */
  EVP_MD_CTX *hashing[RS_HASHES];        /* owned, each set to its digest */
  EVP_CIPHER_CTX *ciphering[RS_CIPHERS]; /* owned, each set to its cipher */
  unsigned char random[RS_RANDOM_POOL];  /* the last random_left bytes have not been given away */
  size_t random_left;
  unsigned char nothing[RS_HASHES][RS_MAX_HASH]; /* the hash of no bytes */
} rs_tools;

/* Fetches everything. What this libcrypto doesn't have stays NULL, and rs_tools_can_* say so. */
void rs_tools_open(rs_tools *tools);
void rs_tools_close(rs_tools *tools);
int rs_tools_can_hash(const rs_tools *tools, rs_hash hash);
int rs_tools_can_protect(const rs_tools *tools, const rs_suite *suite, unsigned version);

/* Random bytes for what everybody may see (a ClientHello's random, its session ID), at most
 * RS_RANDOM_POOL at a time: they are drawn in stock. */
int rs_random(rs_tools *tools, unsigned char *out, size_t length);

size_t rs_hash_length(rs_hash hash);
/* All return 1, or 0 when libcrypto failed. `out` of the first three holds rs_hash_length(hash)
 * bytes. */
int rs_digest(rs_tools *tools, rs_hash hash, rs_bytes data, unsigned char *out);
int rs_digest_parts(rs_tools *tools, rs_hash hash, const rs_bytes *parts, size_t count,
                    unsigned char *out);
/* Starts a hash that goes on for a while; 0 where that can't be had: then rs_digest_parts, once all
 * is there. */
int rs_hash_start(rs_tools *tools, rs_hash hash, rs_sha2 *state);

/* A key of HMAC with what it alone gives done already, for who uses it more than once. Secret. */
typedef struct {
  rs_hash hash;
  int started; /* the states are the hash behind either pad; else only the inner pad is there */
  rs_sha2 inner, outer;
  uint64_t pad[RS_MAX_BLOCK / sizeof(uint64_t)];
} rs_hmac_key;
int rs_hmac_prepare(rs_tools *tools, rs_hash hash, rs_bytes key, rs_hmac_key *out);
int rs_hmac_with(rs_tools *tools, const rs_hmac_key *key, const rs_bytes *parts, size_t count,
                 unsigned char *out);
/* HMAC (RFC 2104) of the parts one after another. */
int rs_hmac(rs_tools *tools, rs_hash hash, rs_bytes key, const rs_bytes *parts, size_t count,
            unsigned char *out);

/* Whether a MAC is the expected one, in constant time. */
int rs_mac_fits(const unsigned char *mac, const unsigned char *expected, size_t length);

/* PRF(secret, label, seed) of RFC 5246, section 5; with RS_MD5_SHA1 that of RFC 2246. */
int rs_prf(rs_tools *tools, rs_hash hash, rs_bytes secret, const char *label, rs_bytes seed,
           unsigned char *out, size_t length);

/* RFC 8446, section 7.1. A secret has the length of its hash. */
int rs_hkdf_extract(rs_tools *tools, rs_hash hash, rs_bytes salt, rs_bytes key, unsigned char *out);
int rs_hkdf_expand_label(rs_tools *tools, rs_hash hash, const unsigned char *secret,
                         const char *label, rs_bytes context, unsigned char *out, size_t length);
int rs_hkdf_expand_label_with(rs_tools *tools, const rs_hmac_key *secret, const char *label,
                              rs_bytes context, unsigned char *out, size_t length);

/* Derive-Secret over no message. */
int rs_derive_over_nothing(rs_tools *tools, rs_hash hash, const unsigned char *secret,
                           const char *label, unsigned char *out);

/* What a resumption PSK gives before any message is known; the PSK itself is not needed any more.
 */
typedef struct {
  unsigned char early_secret[RS_MAX_HASH];
  unsigned char binder_key[RS_MAX_HASH]; /* the finished_key of its binder */
  unsigned char salt[RS_MAX_HASH];       /* of the handshake secret's HKDF-Extract */
} rs_psk_schedule;

/* Without a PSK the schedule of a full handshake. */
int rs_psk_schedule_of(rs_tools *tools, rs_hash hash, rs_bytes psk, rs_psk_schedule *out);

#endif
