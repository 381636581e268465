/* Keeps the messages of one connection, finds them again, and hashes them. Knows no socket, no key
 * and no verdict; it reads what it has to and judges nothing.
 */
#include "transcript.h"

#include "numbers.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ENTRIES = 256, MAX_BYTES = 256 * 1024 };

/* Grows to hold `wanted` items, within `limit`. Returns 0 when it can't: something is forgotten. */
static int transcript_grow(rs_transcript *t, void **items, size_t *room, size_t wanted, size_t size,
                           size_t limit) {
  if (wanted <= *room)
    return 1;
  size_t next = *room ? *room : 16;
  while (next < wanted && wanted <= limit)
    next *= 2;
  void *grown = wanted <= limit ? realloc(*items, next * size) : NULL;
  t->incomplete |= !grown;
  if (!grown)
    return 0;
  *items = grown;
  *room = next;
  return 1;
}

void rs_transcript_add(rs_transcript *t, int from_server, int content, const void *bytes,
                       size_t length) {
  void *entries = t->entries, *store = t->bytes;
  if (length == 0)
    return;
  const int type = *(const unsigned char *)bytes;
  const size_t is_ticket = from_server && content == RS_HANDSHAKE && type == RS_NEW_SESSION_TICKET;
  if (!transcript_grow(t, &entries, &t->entries_room, t->count + 1, sizeof *t->entries,
                       MAX_ENTRIES)) {
    t->forgotten++;
    t->forgotten_tickets += is_ticket;
    return;
  }
  t->entries = (rs_transcript_entry *)entries;
  rs_transcript_entry *entry = &t->entries[t->count++];
  entry->content = (unsigned char)content;
  entry->type = (unsigned char)type;
  entry->from_server = from_server != 0;
  entry->offset = t->used;
  entry->length = 0;
  if (!transcript_grow(t, &store, &t->bytes_room, t->used + length, 1, MAX_BYTES)) {
    t->forgotten_tickets += is_ticket;
    return;
  }
  t->bytes = (unsigned char *)store;
  memcpy(t->bytes + t->used, bytes, length);
  entry->length = length;
  t->used += length;
}

void rs_transcript_free(rs_transcript *t) {
  free(t->entries);
  free(t->bytes);
  memset(t, 0, sizeof *t);
}

rs_reader rs_transcript_bytes(const rs_transcript *t, const rs_transcript_entry *entry) {
  return rs_reader_of(entry->length ? t->bytes + entry->offset : NULL, entry->length);
}

rs_reader rs_transcript_body(const rs_transcript *t, const rs_transcript_entry *entry) {
  rs_reader r = rs_transcript_bytes(t, entry);
  rs_read_u8(&r);
  return rs_read_vector(&r, 3);
}

int rs_transcript_is(const rs_transcript_entry *entry, int from_server, int type) {
  return entry->content == RS_HANDSHAKE && entry->from_server == from_server && entry->type == type;
}

int rs_transcript_has_certificate(const rs_transcript *t) {
  for (size_t i = 0; i < t->count; i++)
    if (rs_transcript_is(&t->entries[i], 1, RS_CERTIFICATE) ||
        rs_transcript_is(&t->entries[i], 1, RS_COMPRESSED_CERTIFICATE))
      return 1;
  return 0;
}

rs_reader rs_transcript_first_body(const rs_transcript *t) {
  for (size_t i = 0; i < t->count; i++)
    if (rs_transcript_is(&t->entries[i], 0, RS_CLIENT_HELLO))
      return rs_transcript_body(t, &t->entries[i]);
  return rs_reader_of(NULL, 0);
}

int rs_transcript_client_hello(const rs_transcript *t, rs_client_hello *hello) {
  return rs_read_client_hello(rs_transcript_first_body(t), hello);
}

int rs_transcript_ticket(const rs_transcript *t, size_t *place, rs_reader *body) {
  while (*place < t->count) {
    const rs_transcript_entry *entry = &t->entries[(*place)++];
    if (rs_transcript_is(entry, 1, RS_NEW_SESSION_TICKET)) {
      *body = rs_transcript_body(t, entry);
      return 1;
    }
  }
  return 0;
}

int rs_transcript_server_hello(const rs_transcript *t, rs_server_hello *hello) {
  for (size_t i = t->count; i-- > 0;)
    if (rs_transcript_is(&t->entries[i], 1, RS_SERVER_HELLO))
      return rs_read_server_hello(rs_transcript_body(t, &t->entries[i]), hello);
  return 0;
}

/* TLS 1.3 goes by the description alone (RFC 8446, section 6). */
static int transcript_alert_is_fatal(unsigned level, unsigned description, unsigned version) {
  if (version >= RS_TLS13)
    return description != RS_ALERT_CLOSE_NOTIFY && description != RS_ALERT_USER_CANCELED;
  return level == RS_ALERT_FATAL;
}

int rs_transcript_fatal_alert(const rs_transcript *t, int from_server) {
  rs_server_hello hello;
  unsigned version = rs_transcript_server_hello(t, &hello) ? hello.version : 0;
  for (size_t i = t->count; i-- > 0;) {
    const rs_transcript_entry *entry = &t->entries[i];
    rs_reader r = rs_transcript_bytes(t, entry);
    const unsigned level = rs_read_u8(&r), description = rs_read_u8(&r);
    if (rs_transcript_is(entry, 1, RS_SERVER_HELLO))
      version = 0; /* what came before was said in the old way */
    if (entry->content == RS_ALERT && entry->from_server == from_server &&
        transcript_alert_is_fatal(level, description, version))
      return (int)description;
  }
  return -1;
}

int rs_transcript_is_hello_retry(const rs_transcript *t, const rs_transcript_entry *entry) {
  rs_server_hello hello;
  return rs_transcript_is(entry, 1, RS_SERVER_HELLO) &&
         rs_read_server_hello(rs_transcript_body(t, entry), &hello) && hello.hello_retry_request;
}

/* What stands for a ClientHello that a HelloRetryRequest answered. */
static rs_bytes transcript_message_hash(rs_tools *tools, rs_hash hash, rs_bytes hello,
                                        unsigned char *room) {
  const size_t length = rs_hash_length(hash);
  rs_writer w = rs_writer_of(room, RS_MESSAGE_HEADER);
  rs_write_number(&w, RS_MESSAGE_HASH, 1);
  rs_write_number(&w, (uint32_t)length, 3);
  if (!rs_digest(tools, hash, hello, room + RS_MESSAGE_HEADER))
    return (rs_bytes){NULL, 0};
  return (rs_bytes){room, RS_MESSAGE_HEADER + length};
}

/* The handshake messages as parts of what is hashed. Returns their number, or 0 when some were
 * forgotten. */
static size_t transcript_parts(const rs_transcript *t, rs_tools *tools, rs_hash hash,
                               unsigned char *room, rs_bytes *parts, size_t most) {
  size_t count = 0;
  for (size_t i = 0; i < t->count; i++) {
    const rs_transcript_entry *entry = &t->entries[i];
    if (entry->content != RS_HANDSHAKE)
      continue;
    if (count == most || entry->length == 0)
      return 0;
    if (count == 1 && rs_transcript_is_hello_retry(t, entry))
      parts[0] = transcript_message_hash(tools, hash, parts[0], room);
    parts[count++] = (rs_bytes){t->bytes + entry->offset, entry->length};
  }
  return count;
}

size_t rs_transcript_retried(const rs_transcript *t, rs_tools *tools, rs_hash hash,
                             unsigned char *room, rs_bytes *parts) {
  return transcript_parts(t, tools, hash, room, parts, 2);
}

/* Goes on from where it was asked for before. What stands for the first message is known when the
 * second one is there. */
static int transcript_hash_on(rs_transcript *t, rs_tools *tools, rs_hash hash,
                              const rs_bytes *parts, size_t count, unsigned char *out) {
  if (t->hashed < 2 || t->hashed_by != hash) {
    t->hashed = 0;
    t->hashed_by = hash;
    if (!rs_hash_start(tools, hash, &t->hash))
      return 0;
  }
  for (; t->hashed < count; t->hashed++)
    rs_sha2_add(hash, &t->hash, parts[t->hashed]);
  rs_sha2 state = t->hash;
  rs_sha2_end(hash, &state, out);
  return 1;
}

int rs_transcript_hash(rs_transcript *t, rs_tools *tools, rs_hash hash, unsigned char *out) {
  enum { MOST_MESSAGES = 16 };
  unsigned char room[RS_MESSAGE_HEADER + RS_MAX_HASH];
  rs_bytes parts[MOST_MESSAGES];
  size_t count = transcript_parts(t, tools, hash, room, parts, MOST_MESSAGES);
  return count > 0 && !t->incomplete &&
         (transcript_hash_on(t, tools, hash, parts, count, out) ||
          rs_digest_parts(tools, hash, parts, count, out));
}
