/* What a raw resumption sends, and how it ends (send.c). */
#ifndef RESUM_TLS_SEND_H
#define RESUM_TLS_SEND_H

#include "machine.h"

/* What goes wrong: the state, and the alert where it is not negative. Returns 0. */
int rs_probe_fail(rs_probe *p, const char *code, const char *message, int alert);
/* The same for what the server did against the protocol. */
int rs_probe_violated(rs_probe *p, rs_violation violation);
int rs_probe_out_of_memory(rs_probe *p);
/* Ends a handshake in which the server does not resume. Returns 1. */
int rs_probe_refuse(rs_probe *p);
/* Sends a handshake message, which goes into the transcript first; an alert; one byte of
 * change_cipher_spec; other content. */
int rs_probe_send_message(rs_probe *p, rs_bytes message);
int rs_probe_send_alert(rs_probe *p, int level, int description);
int rs_probe_send_change_cipher_spec(rs_probe *p);
int rs_probe_send(rs_probe *p, unsigned content, rs_bytes bytes);
/* Hash of the handshake messages so far; the first ClientHello as RFC 8446, section 4.4.1, wants it
 * after a HelloRetryRequest. */
int rs_probe_transcript_hash(rs_probe *p, rs_hash hash, unsigned char *out);

#endif
