/* Reads DER's elements (X.690, definite lengths), and writes just as much as d2i_SSL_SESSION
 * wants: SEQUENCE { version, ssl_version, cipher, session_id, master_key, [1] time, … }. It is
 * the only way to fields for which libssl has no function. Pure, but for the session that libssl
 * makes of it.
 */
#include "der.h"

#include "buffer.h"

enum {
  TAG_INTEGER = 0x02,
  TAG_OCTETS = 0x04,
  TAG_SEQUENCE = 0x30,
  TAG_CONTEXT = 0xa0,
  FORMAT_VERSION = 1,
  FLAG_EXTENDED_MASTER_SECRET = 1,
  ROOM_BESIDE_PARTS = 512
};

/* Numbers of the context-specific fields, as libssl's ssl_asn1.c has them. */
enum {
  FIELD_TIME = 1,
  FIELD_TIMEOUT = 2,
  FIELD_SERVER_NAME = 6,
  FIELD_LIFETIME = 9,
  FIELD_TICKET = 10,
  FIELD_FLAGS = 13,
  FIELD_AGE_ADD = 14,
  FIELD_MAX_EARLY_DATA = 15,
  FIELD_ALPN = 16
};

/* --- reading --- */

rs_reader rs_read_element(rs_reader *r, unsigned *tag) {
  *tag = rs_read_u8(r);
  size_t length = rs_read_u8(r);
  if (length == 0x81 || length == 0x82 || length == 0x83)
    length = rs_read_number(r, length & 3);
  else if (length >= 0x80)
    r->bad = 1;
  const unsigned char *p = rs_read_bytes(r, length);
  rs_reader inner = {p, p ? length : 0, r->bad};
  return inner;
}

static uint32_t read_integer(rs_reader outer) {
  unsigned tag;
  rs_reader value = rs_read_element(&outer, &tag);
  uint32_t n = 0;
  while (value.left > 0)
    n = (n << 8) | rs_read_u8(&value);
  return n;
}

int rs_session_read_hidden(const SSL_SESSION *session, rs_session_parts *parts) {
  unsigned char *der = NULL;
  int length = i2d_SSL_SESSION(session, &der);
  if (length <= 0)
    return 0;
  rs_reader r = rs_reader_of(der, (size_t)length);
  unsigned tag;
  for (rs_reader fields = rs_read_element(&r, &tag); fields.left > 0 && !fields.bad;) {
    rs_reader field = rs_read_element(&fields, &tag);
    if (tag == TAG_CONTEXT + FIELD_FLAGS)
      parts->extended_master_secret = (read_integer(field) & FLAG_EXTENDED_MASTER_SECRET) != 0;
    else if (tag == TAG_CONTEXT + FIELD_AGE_ADD)
      parts->age_add = read_integer(field);
  }
  OPENSSL_clear_free(der, (size_t)length);
  return 1;
}

/* --- writing; lengths always take three bytes, which d2i accepts --- */

static size_t open_element(rs_writer *w, unsigned tag) {
  rs_write_number(w, tag, 1);
  rs_write_number(w, 0x83, 1);
  return rs_write_open(w, 3);
}

static void close_element(rs_writer *w, size_t mark) {
  rs_write_close(w, mark, 3);
}

static void write_integer(rs_writer *w, uint64_t value) {
  unsigned width = 1;
  while (width < 8 && (value >> (8 * width)) != 0)
    width++;
  const int sign = ((value >> (8 * width - 1)) & 1) != 0; /* a leading zero keeps it positive */
  size_t mark = open_element(w, TAG_INTEGER);
  if (sign)
    rs_write_number(w, 0, 1);
  for (unsigned i = width; i-- > 0;)
    rs_write_number(w, (uint32_t)(value >> (8 * i)) & 0xff, 1);
  close_element(w, mark);
}

static void write_octets(rs_writer *w, rs_bytes value) {
  size_t mark = open_element(w, TAG_OCTETS);
  rs_write_bytes(w, value.bytes, value.length);
  close_element(w, mark);
}

static void write_integer_field(rs_writer *w, unsigned field, uint64_t value) {
  if (value == 0)
    return;
  size_t mark = open_element(w, TAG_CONTEXT + field);
  write_integer(w, value);
  close_element(w, mark);
}

static void write_octets_field(rs_writer *w, unsigned field, rs_bytes value) {
  if (value.length == 0)
    return;
  size_t mark = open_element(w, TAG_CONTEXT + field);
  write_octets(w, value);
  close_element(w, mark);
}

/* libssl knows a resumption by ticket up to TLS 1.2 from an echoed id, and makes one up in the same
 * way. */
static rs_bytes id_of(const rs_session_parts *parts, unsigned char *room) {
  unsigned length = 0;
  if (parts->id.length > 0 || parts->ticket.length == 0 || parts->version >= RS_TLS13)
    return parts->id;
  EVP_Digest(parts->ticket.bytes, parts->ticket.length, room, &length, EVP_sha256(), NULL);
  return (rs_bytes){room, length};
}

static void write_session(rs_writer *w, const rs_session_parts *parts) {
  unsigned char made_up[EVP_MAX_MD_SIZE];
  const unsigned char cipher[] = {(unsigned char)(parts->cipher >> 8),
                                  (unsigned char)parts->cipher};
  size_t mark = open_element(w, TAG_SEQUENCE);
  write_integer(w, FORMAT_VERSION);
  write_integer(w, parts->version);
  write_octets(w, (rs_bytes){cipher, sizeof cipher});
  write_octets(w, id_of(parts, made_up));
  write_octets(w, parts->secret);
  write_integer_field(w, FIELD_TIME, (uint64_t)parts->time_s);
  write_integer_field(w, FIELD_TIMEOUT, parts->lifetime_s ? parts->lifetime_s : 7200);
  write_octets_field(w, FIELD_SERVER_NAME, parts->server_name);
  write_integer_field(w, FIELD_LIFETIME, parts->lifetime_s);
  write_octets_field(w, FIELD_TICKET, parts->ticket);
  write_integer_field(w, FIELD_FLAGS,
                      parts->extended_master_secret ? FLAG_EXTENDED_MASTER_SECRET : 0);
  write_integer_field(w, FIELD_AGE_ADD, parts->age_add);
  write_integer_field(w, FIELD_MAX_EARLY_DATA, parts->max_early_data);
  write_octets_field(w, FIELD_ALPN, parts->alpn);
  close_element(w, mark);
}

SSL_SESSION *rs_session_build(const rs_session_parts *parts) {
  rs_buffer buffer = {0};
  const size_t size = parts->secret.length + parts->id.length + parts->ticket.length +
                      parts->alpn.length + parts->server_name.length + ROOM_BESIDE_PARTS;
  unsigned char *room = rs_buffer_room(&buffer, size);
  if (!room)
    return NULL;
  rs_writer w = rs_writer_of(room, size);
  write_session(&w, parts);
  const unsigned char *at = room;
  SSL_SESSION *session = w.full ? NULL : d2i_SSL_SESSION(NULL, &at, (long)w.used);
  rs_buffer_free(&buffer);
  return session;
}
