/* Bounds-checked reading and writing of TLS's wire format (RFC 8446, section 3).
 *
 * A reader that runs past its end turns bad, stays bad and yields zeros, so a parser reads all of a
 * structure and asks once. A writer that runs out of room turns full in the same way. Nothing here
 * allocates, and message code outside this file does no pointer arithmetic of its own.
 */
#ifndef RESUM_TLS_WIRE_H
#define RESUM_TLS_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes. */
typedef struct {
  const unsigned char *bytes;
  size_t length;
} rs_bytes;

typedef struct {
  const unsigned char *at;
  size_t left;
  int bad;
} rs_reader;

static inline rs_reader rs_reader_of(const void *bytes, size_t length) {
  rs_reader r = {(const unsigned char *)bytes, length, 0};
  return r;
}

/* The next n bytes, or NULL (and bad) when there are fewer. */
static inline const unsigned char *rs_read_bytes(rs_reader *r, size_t n) {
  if (r->bad || n > r->left) {
    r->bad = 1;
    r->left = 0;
    return NULL;
  }
  const unsigned char *p = r->at;
  r->at += n;
  r->left -= n;
  return p;
}

/* A big-endian number of 1 to 4 bytes. */
static inline uint32_t rs_read_number(rs_reader *r, size_t width) {
  const unsigned char *p = rs_read_bytes(r, width);
  uint32_t value = 0;
  for (size_t i = 0; p && i < width; i++)
    value = (value << 8) | p[i];
  return value;
}

static inline uint8_t rs_read_u8(rs_reader *r) {
  return (uint8_t)rs_read_number(r, 1);
}

static inline uint16_t rs_read_u16(rs_reader *r) {
  return (uint16_t)rs_read_number(r, 2);
}

static inline uint32_t rs_read_u24(rs_reader *r) {
  return rs_read_number(r, 3);
}

static inline uint32_t rs_read_u32(rs_reader *r) {
  return rs_read_number(r, 4);
}

/* A vector whose length stands before it in `width` bytes, as a reader of its own. */
static inline rs_reader rs_read_vector(rs_reader *r, size_t width) {
  size_t length = rs_read_number(r, width);
  const unsigned char *p = rs_read_bytes(r, length);
  rs_reader inner = {p, p ? length : 0, r->bad};
  return inner;
}

/* True when all was there and nothing is left over. */
static inline int rs_reader_done(const rs_reader *r) {
  return !r->bad && r->left == 0;
}

typedef struct {
  unsigned char *start; /* borrowed */
  size_t used, size;
  int full;
} rs_writer;

static inline rs_writer rs_writer_of(void *room, size_t size) {
  rs_writer w = {(unsigned char *)room, 0, size, 0};
  return w;
}

/* Room for n bytes, or NULL (and full). */
static inline unsigned char *rs_write_room(rs_writer *w, size_t n) {
  if (w->full || n > w->size - w->used) {
    w->full = 1;
    return NULL;
  }
  unsigned char *p = w->start + w->used;
  w->used += n;
  return p;
}

static inline void rs_write_bytes(rs_writer *w, const void *bytes, size_t n) {
  unsigned char *p = rs_write_room(w, n);
  if (p && n)
    memcpy(p, bytes, n);
}

static inline void rs_write_number(rs_writer *w, uint32_t value, size_t width) {
  unsigned char *p = rs_write_room(w, width);
  for (size_t i = width; p && i > 0; i--, value >>= 8)
    p[i - 1] = (unsigned char)value;
}

/* Opens a vector: its length is written when rs_write_close gets the mark returned here. */
static inline size_t rs_write_open(rs_writer *w, size_t width) {
  size_t mark = w->used;
  rs_write_number(w, 0, width);
  return mark;
}

/* Writes the length of all that came since rs_write_open into the `width` bytes at its mark. */
static inline void rs_write_close(rs_writer *w, size_t mark, size_t width) {
  if (w->full)
    return;
  size_t length = w->used - mark - width;
  if (width < 4 && (length >> (8 * width)) != 0) {
    w->full = 1;
    return;
  }
  rs_writer back = {w->start + mark, 0, width, 0};
  rs_write_number(&back, (uint32_t)length, width);
}

#endif
