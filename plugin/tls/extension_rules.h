/* Which extension may stand in which message of a server, and in what form (extension_rules.c). */
#ifndef RESUM_TLS_EXTENSION_RULES_H
#define RESUM_TLS_EXTENSION_RULES_H

#include "wire.h"

/* Messages of a server, as a set. */
typedef enum {
  RS_IN_OLD_HELLO = 1, /* ServerHello up to TLS 1.2 */
  RS_IN_HELLO = 2,
  RS_IN_RETRY = 4, /* HelloRetryRequest */
  RS_IN_ENCRYPTED = 8,
  RS_IN_TICKET = 16 /* NewSessionTicket of TLS 1.3 */
} rs_extension_place;

typedef enum { RS_EXTENSION_FITS, RS_EXTENSION_MISPLACED, RS_EXTENSION_MALFORMED } rs_extension_fit;

/* One that is in no list may stand anywhere, and say anything. */
rs_extension_fit rs_extension_fits(unsigned type, rs_extension_place place, rs_reader body);

#endif
