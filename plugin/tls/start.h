/* How a raw resumption begins, and how its machine is freed (start.c). */
#ifndef RESUM_TLS_START_H
#define RESUM_TLS_START_H

#include "machine.h"
#include "offer.h"
#include "parts.h"

/* What the ClientHello borrows while it is written. All zero is a valid empty one. */
typedef struct {
  rs_psk psks[RS_MAX_IDENTITIES];
  unsigned char zeros[RS_MAX_HASH]; /* in place of binders */
  rs_key_share share;
  unsigned char share_bytes[RS_MAX_SHARE];
  rs_bytes early_data;
  size_t bound; /* how many of the PSKs that are added get a binder; 0: all */
} rs_start_plan;

/* The cipher suite of a session, where its records can be protected here; else NULL. */
const rs_suite *rs_start_suite(const rs_probe *p, const rs_session_parts *parts);

/* Up to TLS 1.2: takes the session, which has a suite, and offers it. Returns NULL, or why the
 * probe can't. */
const char *rs_start_take_session(rs_probe *p, const rs_session_parts *parts, rs_offer *offer);

/* Seconds in milliseconds; 0 for what is no age. */
uint32_t rs_start_milliseconds(double seconds);
/* RFC 8446, section 4.2.11.1: milliseconds, plus what the server gave to hide them. */
uint32_t rs_start_obfuscated_age(const rs_session_parts *parts, double age_s);
/* TLS 1.3: takes one more PSK, of a session that has a suite, a ticket and this schedule. The
 * plan's psks are to be offered. Returns 0 when memory ends, and for more than RS_MAX_IDENTITIES.
 */
int rs_start_add_psk(rs_probe *p, rs_start_plan *plan, const rs_session_parts *parts,
                     const rs_psk_schedule *schedule, uint32_t obfuscated_age);

/* TLS 1.3: offers a key share of the first group: with a key of its own where that is wanted or the
 * group needs one, else the base point. Returns NULL, or why the probe can't. */
const char *rs_start_add_key_share(rs_probe *p, rs_start_plan *plan, rs_offer *offer,
                                   int wants_random);

/* Sends the first flight into p->out: the ClientHello, and early data behind it. */
void rs_start_send(rs_probe *p, const rs_offer *offer, const rs_start_plan *plan);

/* Wipes and frees all of it; the zeros that are left are a closed machine. */
void rs_probe_free(rs_probe *p);

#endif
