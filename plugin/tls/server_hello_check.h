/* Whether a server's answer fits the ClientHello that it answers (server_hello_check.c). */
#ifndef RESUM_TLS_SERVER_HELLO_CHECK_H
#define RESUM_TLS_SERVER_HELLO_CHECK_H

#include "hello.h"
#include "violations.h"

/* Each says what is wrong with an answer, if anything is. */

/* A ServerHello or HelloRetryRequest, by itself (RFC 8446, section 4.1.3; RFC 5246, section
 * 7.4.1.3). */
rs_violation rs_server_hello_misfit(const rs_client_hello *ours, const rs_server_hello *theirs);
/* What a HelloRetryRequest asks for: something that is offered, and not there yet. */
rs_violation rs_retry_misfit(const rs_client_hello *ours, const rs_server_hello *retry);
/* The way in which a selected PSK is used (RFC 8446, section 4.2.9). */
rs_violation rs_psk_misfit(const rs_client_hello *ours, const rs_server_hello *theirs);
rs_violation rs_encrypted_extensions_misfit(const rs_client_hello *ours,
                                            const rs_encrypted_extensions *theirs);

#endif
