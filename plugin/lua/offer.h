/* What a ClientHello offers, read from a Lua table (offer.c). */
#ifndef RESUM_LUA_OFFER_H
#define RESUM_LUA_OFFER_H

#include "compat.h"
#include "tls/offer.h"

/* The names of the options that rs_offer_read takes, to stand last in a list of names. */
#define RS_OFFER_NAMES                                                                             \
  "server_name", "alpn", "legacy_version", "random", "session_id", "ciphers", "extensions",        \
      "versions", "groups", "signature_algorithms", "psk_modes", "ticket"

/* What the options at `arg` say otherwise than the defaults in `offer`; `given` has a bit for each
 * of RS_OFFER_NAMES, the first one's lowest. A wrong one is an argument error that names it;
 * strings are borrowed from the table. */
void rs_offer_read(lua_State *L, int arg, rs_offer *offer, uint64_t given);

#endif
