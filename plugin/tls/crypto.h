/* Hashes, HMAC and random bytes, and the algorithms fetched for them (crypto.c). */
#ifndef RESUM_TLS_CRYPTO_H
#define RESUM_TLS_CRYPTO_H

#include "sha2.h"
#include "suites.h"
#include "wire.h"

#include <openssl/evp.h>

/* The target of spec/fuzz/probe.c only: every record is its own plaintext, and any MAC is right, so
 * that mutation gets behind them. Nothing else can be built with it: a fuzzing build says that it
 * is one by libFuzzer's macro. */
#ifdef RS_FUZZ_WITHOUT_PROOFS
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#error "RS_FUZZ_WITHOUT_PROOFS believes every server: it is for fuzzing builds alone"
#endif
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
  unsigned char keyed[RS_CIPHERS];       /* that context holds the key of some record */
  unsigned char random[RS_RANDOM_POOL];  /* the last random_left bytes have not been given away */
  size_t random_left;
  unsigned char nothing[RS_HASHES][RS_MAX_HASH]; /* the hash of no bytes */
} rs_tools;

/* Fetches everything. What this libcrypto doesn't have stays NULL. */
void rs_tools_open(rs_tools *tools);
void rs_tools_close(rs_tools *tools);
/* The names of what this libcrypto does not have, as it is configured, one place after another;
 * NULL at the end. */
const char *rs_tools_missing(const rs_tools *tools, size_t place);
/* The first of them that records of that suite and version, or the keys for them, need; or NULL. */
const char *rs_tools_missing_for(const rs_tools *tools, const rs_suite *suite, unsigned version);
/* Wipes the keys of records out of the contexts. */
void rs_tools_forget(rs_tools *tools);
/* Whether records of that suite and version, and the keys for them, can be made. */
int rs_tools_can_protect(const rs_tools *tools, const rs_suite *suite, unsigned version);

/* The context of that cipher, to be given a key of a record; NULL where there is none. */
EVP_CIPHER_CTX *rs_tools_cipher(rs_tools *tools, rs_cipher cipher);

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

/* A key of HMAC with what it alone gives done already, for whoever uses it more than once. Secret.
 */
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

#endif
