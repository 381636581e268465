/* The PSK handshake of TLS 1.3 (resume13.c). */
#ifndef RESUM_TLS_RESUME13_H
#define RESUM_TLS_RESUME13_H

#include "machine.h"
#include "parts.h"

/* Handles a whole message (with its header) and returns 0 once it has failed. */
int rs_resume13_on_message(rs_probe *p, unsigned type, rs_bytes message);
/* Writes the binders over the zeros in the ClientHello (RFC 8446, section 4.2.11.2), where it has
 * any to write. */
int rs_resume13_write_binders(rs_probe *p, unsigned char *hello, size_t length);
/* Sends early data right behind the ClientHello. */
int rs_resume13_send_early_data(rs_probe *p, rs_bytes data);
/* The parts of the session that the ticket in `body` gives. `psk` holds the secret: RS_MAX_HASH
 * bytes. Returns 0 for no ticket. */
int rs_resume13_ticket_parts(rs_probe *p, rs_reader body, unsigned char *psk,
                             rs_session_parts *parts);

#endif
