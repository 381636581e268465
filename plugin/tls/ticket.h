/* What a ticket gives away to whoever knows the secret that should be in it (ticket.c). */
#ifndef RESUM_TLS_TICKET_H
#define RESUM_TLS_TICKET_H

#include "buffer.h"

#include <openssl/evp.h>

enum { RS_TICKET_CIPHERS = 9, RS_TICKET_MACS = 5, RS_TICKET_OFFSETS = 16, RS_MAX_TRIAL_KEY = 64 };

#define RS_NOWHERE SIZE_MAX

/* Where `part` begins in `whole`, or RS_NOWHERE; an empty part stands nowhere. */
size_t rs_find_bytes(rs_bytes whole, rs_bytes part);

/* Where the difference of two tickets is the difference of their secrets: there both were encrypted
 * with the same keystream. RS_NOWHERE where it is not, or where the secrets are equal. */
size_t rs_find_keystream(rs_bytes ticket, rs_bytes secret, rs_bytes other_ticket,
                         rs_bytes other_secret);

/* How a ticket could be opened. */
typedef struct {
  const char *cipher;       /* static */
  size_t iv_offset;         /* in the ticket; RS_NOWHERE: zeros */
  size_t ciphertext_offset; /* in the ticket */
  size_t offset;            /* of the secret in the plaintext */
} rs_ticket_layout;

/* Algorithms and room for trials. All zero is a valid empty one. */
typedef struct {
  EVP_CIPHER *ciphers[RS_TICKET_CIPHERS]; /* owned; NULL where libcrypto has it not */
  EVP_MD *digests[RS_TICKET_MACS];        /* owned, likewise */
  EVP_CIPHER_CTX *ctx;                    /* owned */
  rs_buffer plain;                        /* owned; wiped */
  size_t offsets[RS_TICKET_OFFSETS];      /* where an IV may begin */
  size_t offset_count;
} rs_ticket_trials;

/* Returns 0 where memory ends; then rs_ticket_trials_close all the same. */
int rs_ticket_trials_open(rs_ticket_trials *trials);
void rs_ticket_trials_close(rs_ticket_trials *trials);
/* One more place where an IV may begin; what there is no room for is not tried. */
void rs_ticket_trials_add(rs_ticket_trials *trials, size_t offset);

/* Does the ticket, decrypted with this key (its first bytes, as many as a cipher takes), hold the
 * secret? In all layouts, with all ciphers. */
int rs_ticket_opens(rs_ticket_trials *trials, rs_bytes ticket, rs_bytes secret, rs_bytes key,
                    rs_ticket_layout *found);
/* The HMAC with this key that stands at the ticket's end, over all before it: its name, static, or
 * NULL. */
const char *rs_ticket_is_signed(rs_ticket_trials *trials, rs_bytes ticket, rs_bytes key);

#endif
