/* Protection of TLS records, one direction of one connection (record.c). */
#ifndef RESUM_TLS_RECORD_H
#define RESUM_TLS_RECORD_H

#include "crypto.h"

enum {
  RS_RECORD_HEADER = 5,
  RS_MAX_PLAINTEXT = 1 << 14,
  RS_MAX_RECORD = RS_MAX_PLAINTEXT + 2048,  /* of a protected body (RFC 5246, section 6.2.3) */
  RS_MAX_RECORD13 = RS_MAX_PLAINTEXT + 256, /* in TLS 1.3 (RFC 8446, section 5.2) */
  RS_RECORD_OVERHEAD = 96                   /* more than a header, nonce, padding and MAC take */
};

/* All zero is a direction without protection yet. */
typedef struct {
  const rs_suite *suite; /* NULL: plaintext */
  unsigned version;      /* of the connection */
  int encrypt_then_mac;
  uint64_t sequence;
  unsigned char key[RS_MAX_KEY];
  unsigned char iv[16]; /* 4 bytes of salt (GCM, CCM up to TLS 1.2), 12, or a block (TLS 1.0) */
  unsigned char mac_key[RS_MAX_HASH];
} rs_protection;

/* Lengths of what the key block gives to one direction (RFC 5246, section 6.3). */
size_t rs_mac_key_length(const rs_suite *suite);
size_t rs_iv_length(const rs_suite *suite, unsigned version);

/* Appends one record. Returns 1, or 0 when libcrypto failed or `out` is full. */
int rs_seal(rs_tools *tools, rs_protection *p, unsigned content, rs_bytes plain, rs_writer *out);

/* Opens the body of a record in place. `content` holds the header's type and gets the true one. On
 * success the plaintext is in *plain, inside `body`; returns 0 when the record is not authentic or
 * malformed. */
int rs_open(rs_tools *tools, rs_protection *p, unsigned *content, unsigned char *body,
            size_t length, rs_bytes *plain);

#endif
