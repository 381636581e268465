/* Sessions as OpenSSL's DER: reads just those fields for which libssl has no getter, and writes as
 * much as d2i_SSL_SESSION wants: SEQUENCE { version, ssl_version, cipher, session_id, master_key,
 * [1] time, … }. Knows no Lua.
 */
#include "session_der.h"

#include "tls/asn1.h"
#include "tls/buffer.h"
#include "tls/numbers.h"

enum { FORMAT_VERSION = 1, FLAG_EXTENDED_MASTER_SECRET = 1, ROOM_BESIDE_PARTS = 512 };

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

int rs_session_read_hidden(const SSL_SESSION *session, rs_session_parts *parts) {
  unsigned char *der = NULL;
  int length = i2d_SSL_SESSION(session, &der);
  if (length <= 0)
    return 0;
  rs_reader r = rs_reader_of(der, (size_t)length);
  unsigned tag;
  for (rs_reader fields = rs_asn1_read(&r, &tag); fields.left > 0 && !fields.bad;) {
    rs_reader field = rs_asn1_read(&fields, &tag);
    if (tag == RS_ASN1_CONTEXT + FIELD_FLAGS)
      parts->extended_master_secret =
          (rs_asn1_read_integer(field) & FLAG_EXTENDED_MASTER_SECRET) != 0;
    else if (tag == RS_ASN1_CONTEXT + FIELD_AGE_ADD)
      parts->age_add = rs_asn1_read_integer(field);
  }
  OPENSSL_clear_free(der, (size_t)length);
  return 1;
}

/* --- writing --- */

static void session_write_integer(rs_writer *w, unsigned field, uint64_t value) {
  if (value == 0)
    return;
  size_t mark = rs_asn1_open(w, RS_ASN1_CONTEXT + field);
  rs_asn1_write_integer(w, value);
  rs_asn1_close(w, mark);
}

static void session_write_octets(rs_writer *w, unsigned field, rs_bytes value) {
  if (value.length == 0)
    return;
  size_t mark = rs_asn1_open(w, RS_ASN1_CONTEXT + field);
  rs_asn1_write_octets(w, value);
  rs_asn1_close(w, mark);
}

/* libssl knows a resumption by ticket up to TLS 1.2 from an echoed id, and makes one up in the same
 * way. */
static rs_bytes session_id_of(const rs_session_parts *parts, unsigned char *room) {
  unsigned length = 0;
  if (parts->id.length > 0 || parts->ticket.length == 0 || parts->version >= RS_TLS13)
    return parts->id;
  EVP_Digest(parts->ticket.bytes, parts->ticket.length, room, &length, EVP_sha256(), NULL);
  return (rs_bytes){room, length};
}

static void session_write(rs_writer *w, const rs_session_parts *parts) {
  unsigned char made_up[EVP_MAX_MD_SIZE];
  const unsigned char cipher[] = {(unsigned char)(parts->cipher >> 8),
                                  (unsigned char)parts->cipher};
  size_t mark = rs_asn1_open(w, RS_ASN1_SEQUENCE);
  rs_asn1_write_integer(w, FORMAT_VERSION);
  rs_asn1_write_integer(w, parts->version);
  rs_asn1_write_octets(w, (rs_bytes){cipher, sizeof cipher});
  rs_asn1_write_octets(w, session_id_of(parts, made_up));
  rs_asn1_write_octets(w, parts->secret);
  session_write_integer(w, FIELD_TIME, (uint64_t)parts->time_s);
  session_write_integer(w, FIELD_TIMEOUT, parts->lifetime_s ? parts->lifetime_s : 7200);
  session_write_octets(w, FIELD_SERVER_NAME, parts->server_name);
  session_write_integer(w, FIELD_LIFETIME, parts->lifetime_s);
  session_write_octets(w, FIELD_TICKET, parts->ticket);
  session_write_integer(w, FIELD_FLAGS,
                        parts->extended_master_secret ? FLAG_EXTENDED_MASTER_SECRET : 0);
  session_write_integer(w, FIELD_AGE_ADD, parts->age_add);
  session_write_integer(w, FIELD_MAX_EARLY_DATA, parts->max_early_data);
  session_write_octets(w, FIELD_ALPN, parts->alpn);
  rs_asn1_close(w, mark);
}

SSL_SESSION *rs_session_build(const rs_session_parts *parts) {
  rs_buffer buffer = {0};
  const size_t size = parts->secret.length + parts->id.length + parts->ticket.length +
                      parts->alpn.length + parts->server_name.length + ROOM_BESIDE_PARTS;
  unsigned char *room = rs_buffer_room(&buffer, size);
  if (!room)
    return NULL;
  rs_writer w = rs_writer_of(room, size);
  session_write(&w, parts);
  const unsigned char *at = room;
  SSL_SESSION *session = w.full ? NULL : d2i_SSL_SESSION(NULL, &at, (long)w.used);
  rs_buffer_free(&buffer);
  return session;
}
