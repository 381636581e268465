/* Keys from secrets: the PRF of TLS up to 1.2, and the key schedule of TLS 1.3 (schedule.c). */
#ifndef RESUM_TLS_SCHEDULE_H
#define RESUM_TLS_SCHEDULE_H

#include "crypto.h"
#include "record.h"

/* All return 1, or 0 when libcrypto failed. */

/* --- up to TLS 1.2 --- */

/* PRF(secret, label, seed) of RFC 5246, section 5; with RS_MD5_SHA1 that of RFC 2246. */
int rs_prf(rs_tools *tools, rs_hash hash, rs_bytes secret, const char *label, rs_bytes seed,
           unsigned char *out, size_t length);

/* What the keys of a connection come from. The pointers borrow. */
typedef struct {
  unsigned version;
  const rs_suite *suite;
  rs_hash hash; /* of the PRF */
  rs_bytes master_secret;
  const unsigned char *client_random, *server_random; /* RS_RANDOM bytes each */
  int encrypt_then_mac; /* as negotiated; only suites with CBC heed it */
} rs_key_block;

/* Keys for either direction (RFC 5246, section 6.3). */
int rs_key_block_cut(rs_tools *tools, const rs_key_block *from, rs_protection *client,
                     rs_protection *server);

/* verify_data of a Finished (RFC 5246, section 7.4.9): RS_OLD_VERIFY_DATA bytes. */
enum { RS_OLD_VERIFY_DATA = 12 };
int rs_old_verify_data(rs_tools *tools, rs_hash hash, rs_bytes master_secret, const char *label,
                       const unsigned char *messages_hash, unsigned char *out);

/* --- TLS 1.3 (RFC 8446, section 7.1); a secret has the length of its hash, as has the hash of the
 * messages so far --- */

int rs_hkdf_extract(rs_tools *tools, rs_hash hash, rs_bytes salt, rs_bytes key, unsigned char *out);
int rs_hkdf_expand_label(rs_tools *tools, rs_hash hash, const unsigned char *secret,
                         const char *label, rs_bytes context, unsigned char *out, size_t length);
int rs_derive_secret(rs_tools *tools, rs_hash hash, const unsigned char *secret, const char *label,
                     const unsigned char *messages_hash, unsigned char *out);

/* What a resumption PSK gives before any message is known. The PSK itself has done its work. */
typedef struct {
  unsigned char early_secret[RS_MAX_HASH];
  unsigned char binder_key[RS_MAX_HASH]; /* the finished_key of its binder */
  unsigned char salt[RS_MAX_HASH];       /* of the handshake secret's HKDF-Extract */
} rs_psk_schedule;

/* Without a PSK the schedule of a full handshake. */
int rs_psk_schedule_of(rs_tools *tools, rs_hash hash, rs_bytes psk, rs_psk_schedule *out);

/* Both sides' traffic secrets of the handshake, and the master secret. */
typedef struct {
  unsigned char client[RS_MAX_HASH], server[RS_MAX_HASH], master[RS_MAX_HASH];
} rs_handshake_secrets;

/* From a PSK's salt (or that of no PSK), the shared secret (empty for none), and the messages up to
 * the ServerHello. */
int rs_handshake_secrets_of(rs_tools *tools, rs_hash hash, const unsigned char *salt,
                            rs_bytes shared, const unsigned char *messages_hash,
                            rs_handshake_secrets *out);

/* One direction's keys of a traffic secret. */
int rs_traffic_keys(rs_tools *tools, const rs_suite *suite, const unsigned char *secret,
                    rs_protection *out);

/* HMAC of the messages under a finished_key (section 4.4.4): of a Finished, or a binder. */
int rs_finished_mac(rs_tools *tools, rs_hash hash, const unsigned char *finished_key,
                    const unsigned char *messages_hash, unsigned char *out);
/* verify_data of a Finished under a traffic secret. */
int rs_verify_data(rs_tools *tools, rs_hash hash, const unsigned char *base_key,
                   const unsigned char *messages_hash, unsigned char *out);

#endif
