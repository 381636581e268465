/* A growing, bounded run of bytes that its holder owns. All zero is a valid empty one. What it held
 * may have been secret: it is wiped when it moves and when it is freed.
 */
#ifndef RESUM_TLS_BUFFER_H
#define RESUM_TLS_BUFFER_H

#include "wire.h"

#include <stdlib.h>

#include <openssl/crypto.h>

typedef struct {
  unsigned char *bytes; /* owned */
  size_t used, room;
} rs_buffer;

/* Room for n more bytes behind the used ones; NULL where memory ends. */
static inline unsigned char *rs_buffer_room(rs_buffer *b, size_t n) {
  if (b->room - b->used < n) {
    size_t room = b->used + n + (b->room / 2);
    unsigned char *bytes = (unsigned char *)malloc(room);
    if (!bytes)
      return NULL;
    if (b->used > 0)
      memcpy(bytes, b->bytes, b->used);
    if (b->bytes)
      OPENSSL_cleanse(b->bytes, b->room); /* dropped bytes are still there */
    free(b->bytes);
    b->bytes = bytes;
    b->room = room;
  }
  return b->bytes + b->used;
}

static inline int rs_buffer_add(rs_buffer *b, rs_bytes more) {
  if (more.length == 0)
    return 1;
  unsigned char *room = rs_buffer_room(b, more.length);
  if (!room)
    return 0;
  memcpy(room, more.bytes, more.length);
  b->used += more.length;
  return 1;
}

/* Drops the first n bytes. */
static inline void rs_buffer_drop(rs_buffer *b, size_t n) {
  b->used -= n;
  if (b->used > 0)
    memmove(b->bytes, b->bytes + n, b->used);
}

static inline void rs_buffer_free(rs_buffer *b) {
  if (b->bytes)
    OPENSSL_cleanse(b->bytes, b->room);
  free(b->bytes);
  memset(b, 0, sizeof *b);
}

#endif
