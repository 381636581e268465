/* Every handshake message and alert that a connection carried, and the facts in them
 * (transcript.c). */
#ifndef RESUM_TRANSCRIPT_H
#define RESUM_TRANSCRIPT_H

#include "compat.h"

#include <stddef.h>

typedef struct {
  unsigned char content; /* RS_HANDSHAKE or RS_ALERT */
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
} rs_transcript;

/* Appends one whole message. Never fails: past its bounds it forgets bytes, then messages. */
void rs_transcript_add(rs_transcript *t, int from_server, int content, const void *bytes,
                       size_t length);
void rs_transcript_free(rs_transcript *t);

/* The last fatal alert of that side, or -1. */
int rs_transcript_fatal_alert(const rs_transcript *t, int from_server);
/* Whether the server sent a Certificate. */
int rs_transcript_has_certificate(const rs_transcript *t);

/* Pushes { {from, type, bytes} … }. */
void rs_transcript_push(lua_State *L, const rs_transcript *t);
/* Sets what the messages say as fields of the table on top. */
void rs_transcript_set_facts(lua_State *L, const rs_transcript *t);

#endif
