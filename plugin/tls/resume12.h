/* The abbreviated handshake of TLS 1.0 to 1.2 (resume12.c). Each handles a whole message (with its
 * header) and returns 0 once it has failed. */
#ifndef RESUM_TLS_RESUME12_H
#define RESUM_TLS_RESUME12_H

#include "machine.h"
#include "parts.h"

int rs_resume12_on_message(rs_probe *p, unsigned type, rs_bytes message);
int rs_resume12_on_change_cipher_spec(rs_probe *p);

/* The session that was resumed: with the renewed ticket, or what was offered. */
void rs_resume12_session_parts(const rs_probe *p, rs_session_parts *parts);

#endif
