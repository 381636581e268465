/* Every handshake message and alert that a connection carried (transcript.c). */
#ifndef RESUM_TLS_TRANSCRIPT_H
#define RESUM_TLS_TRANSCRIPT_H

#include "hello.h"
#include "crypto.h"

typedef struct {
  unsigned char content; /* RS_HANDSHAKE, RS_ALERT; RS_CHANGE_CIPHER_SPEC too where it is seen */
  unsigned char type;    /* first byte: the handshake message's type, the alert's level */
  unsigned char from_server;
  size_t offset, length; /* of its bytes in the store; length 0 when they were not kept */
} rs_transcript_entry;

/* All zero is a valid empty transcript. */
typedef struct {
  rs_transcript_entry *entries;
  size_t count, entries_room;
  unsigned char *bytes;
  size_t used, bytes_room;
  int incomplete;           /* something was forgotten */
  size_t forgotten;         /* messages that are not among the entries */
  size_t forgotten_tickets; /* NewSessionTickets whose bytes were not kept */
  rs_sha2 hash;             /* of the first `hashed` handshake messages, by hashed_by */
  rs_hash hashed_by;
  size_t hashed;
} rs_transcript;

/* Appends one whole message. Never fails: past its bounds it forgets bytes, then messages. */
void rs_transcript_add(rs_transcript *t, int from_server, int content, const void *bytes,
                       size_t length);
void rs_transcript_free(rs_transcript *t);

/* An entry's bytes; its body, behind the type and length of a handshake message. */
rs_reader rs_transcript_bytes(const rs_transcript *t, const rs_transcript_entry *entry);
rs_reader rs_transcript_body(const rs_transcript *t, const rs_transcript_entry *entry);
/* Whether it is that side's handshake message of that type. */
int rs_transcript_is(const rs_transcript_entry *entry, int from_server, int type);
int rs_transcript_is_hello_retry(const rs_transcript *t, const rs_transcript_entry *entry);

/* The last fatal alert of that side, or -1. */
int rs_transcript_fatal_alert(const rs_transcript *t, int from_server);
/* Whether the server sent a Certificate. */
int rs_transcript_has_certificate(const rs_transcript *t);

/* The first ClientHello; 0 where there is none. */
int rs_transcript_client_hello(const rs_transcript *t, rs_client_hello *hello);
/* The last ServerHello; 0 where there is none. */
int rs_transcript_server_hello(const rs_transcript *t, rs_server_hello *hello);
/* The body of the next NewSessionTicket from *place on, which starts at 0; 0 where there is no
 * more. */
int rs_transcript_ticket(const rs_transcript *t, size_t *place, rs_reader *body);
/* The first ClientHello's body, without the header. */
rs_reader rs_transcript_first_body(const rs_transcript *t);
/* The parts that stand before a second ClientHello in its binders' hash: what replaces the first
 * one (in `room`, which holds RS_MESSAGE_HEADER + RS_MAX_HASH bytes), and the HelloRetryRequest.
 * Returns 2, or 0. */
size_t rs_transcript_retried(const rs_transcript *t, rs_tools *tools, rs_hash hash,
                             unsigned char *room, rs_bytes *parts);
/* Hash of all handshake messages (RFC 8446, section 4.4.1); 0 when some were forgotten or libcrypto
 * fails. */
int rs_transcript_hash(rs_transcript *t, rs_tools *tools, rs_hash hash, unsigned char *out);

#endif
