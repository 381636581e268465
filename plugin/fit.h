/* Whether a server's answer fits the ClientHello that it answers (fit.c). */
#ifndef RESUM_FIT_H
#define RESUM_FIT_H

#include "hello.h"

/* What is wrong with an answer, and the alert that says so; message is NULL where nothing is. */
typedef struct {
  const char *message;
  int alert;
} rs_misfit;

/* A ServerHello or HelloRetryRequest, by itself (RFC 8446, section 4.1.3; RFC 5246, section
 * 7.4.1.3). */
rs_misfit rs_server_hello_misfit(const rs_client_hello *ours, const rs_server_hello *theirs);
/* What a HelloRetryRequest asks for: something that is offered, and not there yet. */
rs_misfit rs_retry_misfit(const rs_client_hello *ours, const rs_server_hello *retry);
/* The way in which a selected PSK is used (RFC 8446, section 4.2.9). */
rs_misfit rs_psk_misfit(const rs_client_hello *ours, const rs_server_hello *theirs);
rs_misfit rs_encrypted_extensions_misfit(const rs_client_hello *ours,
                                         const rs_encrypted_extensions *theirs);

#endif
