/* What a ClientHello offers, read from a Lua table (offer.c). */
#ifndef RESUM_OFFER_H
#define RESUM_OFFER_H

#include "compat.h"
#include "hello.h"
#include "keys.h"

enum {
  RS_MAX_CIPHERS = 128,
  RS_MAX_EXTENSIONS = 48,
  RS_MAX_GROUPS = 32,
  RS_MAX_ALGORITHMS = 64,
  RS_MAX_VERSIONS = 16,
  RS_MAX_ALPN = 512,
  RS_MAX_MODES = 8,

};

/* The fields and the room for what they point to; strings borrow from the options table. */
typedef struct {
  rs_hello_fields fields;
  uint16_t ciphers[RS_MAX_CIPHERS], groups[RS_MAX_GROUPS], algorithms[RS_MAX_ALGORITHMS];
  uint16_t versions[RS_MAX_VERSIONS];
  rs_hello_extension extensions[RS_MAX_EXTENSIONS];
  unsigned char alpn[RS_MAX_ALPN], modes[RS_MAX_MODES];
  unsigned char
      random[RS_RANDOM + RS_MAX_SESSION_ID]; /* and a session id behind it: drawn at once */
} rs_offer;

/* The names of the options that rs_offer_read takes, to stand last in a list of names. */
#define RS_OFFER_NAMES                                                                             \
  "server_name", "alpn", "legacy_version", "random", "session_id", "ciphers", "extensions",        \
      "versions", "groups", "signature_algorithms", "psk_modes", "ticket"

/* What a current client would send for a session of this version, cipher first; random bytes are
 * drawn. Raises where libcrypto has none. */
void rs_offer_default(lua_State *L, rs_tools *tools, rs_offer *offer, unsigned version,
                      unsigned cipher);
/* What the options at `arg` say otherwise; `given` has a bit for each of RS_OFFER_NAMES, the first
 * one's lowest. A wrong one is an argument error that names it. */
void rs_offer_read(lua_State *L, int arg, rs_offer *offer, uint64_t given);

/* Puts client_hello and parse into the module table on top (messages.c). */
void rs_open_messages(lua_State *L);

#endif
