/* Every handshake message and alert that a connection carried, and the facts in them
 * (transcript.c). */
#ifndef RESUM_TRANSCRIPT_H
#define RESUM_TRANSCRIPT_H

#include "compat.h"
#include "hello.h"
#include "keys.h"

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
  int incomplete; /* something was forgotten */
  rs_sha2 hash;   /* of the first `hashed` handshake messages, by hashed_by */
  rs_hash hashed_by;
  size_t hashed;
} rs_transcript;

/* Appends one whole message. Never fails: past its bounds it forgets bytes, then messages. */
void rs_transcript_add(rs_transcript *t, int from_server, int content, const void *bytes,
                       size_t length);
void rs_transcript_free(rs_transcript *t);

/* The last fatal alert of that side, or -1. */
int rs_transcript_fatal_alert(const rs_transcript *t, int from_server);
/* Pushes a message about the server's fatal alert, and "alert". Returns 2, or 0 where there was
 * none. */
int rs_transcript_push_alert(lua_State *L, const rs_transcript *t);
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

/* Pushes { {from, type, bytes} … }. */
void rs_transcript_push(lua_State *L, const rs_transcript *t);
/* Sets what the messages say as fields of the table on top; RS_FACTS is room for those of nearly
 * all connections, with what the engines add. */
enum { RS_FACTS = 32 };
void rs_transcript_set_facts(lua_State *L, const rs_transcript *t);

#endif
