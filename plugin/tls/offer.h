/* What a ClientHello offers (offer.c). */
#ifndef RESUM_TLS_OFFER_H
#define RESUM_TLS_OFFER_H

#include "crypto.h"
#include "hello.h"
#include "numbers.h"

enum {
  RS_MAX_CIPHERS = 128,
  RS_MAX_EXTENSIONS = 48,
  RS_MAX_GROUPS = 32,
  RS_MAX_ALGORITHMS = 64,
  RS_MAX_VERSIONS = 16,
  RS_MAX_ALPN = 512,
  RS_MAX_MODES = 8
};

/* The fields and the room for what they point to; bytes from elsewhere are borrowed. */
typedef struct {
  rs_hello_fields fields;
  uint16_t ciphers[RS_MAX_CIPHERS], groups[RS_MAX_GROUPS], algorithms[RS_MAX_ALGORITHMS];
  uint16_t versions[RS_MAX_VERSIONS];
  rs_hello_extension extensions[RS_MAX_EXTENSIONS];
  unsigned char alpn[RS_MAX_ALPN], modes[RS_MAX_MODES];
  /* And a session id behind it: drawn at once. */
  unsigned char random[RS_RANDOM + RS_MAX_SESSION_ID];
} rs_offer;

/* What a current client would send for a session of this version, cipher first (0: none); random
 * bytes are drawn. Returns 0 where libcrypto has none. */
int rs_offer_default(rs_tools *tools, rs_offer *offer, unsigned version, unsigned cipher);

#endif
