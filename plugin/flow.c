/* Records in, messages out: cuts the peer's bytes into records, opens them, puts messages together
 * and hands them to resume12.c or resume13.c; seals what they send. It knows the record layer and
 * alerts, and nothing of what a message means.
 */
#include "probe.h"

enum {
  MAX_MESSAGE = 128 * 1024,
  MAX_IDLE_RECORDS = 32 /* that say nothing; as libssl */
};

/* --- sending --- */

int rs_probe_fail(rs_probe *p, const char *code, const char *message, int alert) {
  if (p->state == RS_PROBE_FAILED)
    return 0;
  if (alert >= 0)
    rs_probe_send_alert(p, RS_ALERT_FATAL, alert);
  p->state = RS_PROBE_FAILED;
  p->code = code;
  p->message = message;
  return 0;
}

int rs_probe_out_of_memory(rs_probe *p) {
  return rs_probe_fail(p, "openssl", "not enough memory", -1);
}

int rs_probe_send(rs_probe *p, unsigned content, rs_bytes bytes) {
  while (bytes.length > 0) {
    const size_t length = bytes.length < RS_MAX_PLAINTEXT ? bytes.length : RS_MAX_PLAINTEXT;
    const size_t size = length + RS_RECORD_OVERHEAD;
    unsigned char *room = rs_buffer_room(&p->out, size);
    if (!room)
      return rs_probe_out_of_memory(p);
    rs_writer w = rs_writer_of(room, size);
    if (!rs_seal(p->tools, &p->writing, content, (rs_bytes){bytes.bytes, length}, &w))
      return rs_probe_fail(p, "openssl", "OpenSSL can't protect a record", -1);
    p->out.used += w.used;
    bytes.bytes += length;
    bytes.length -= length;
  }
  return 1;
}

int rs_probe_send_message(rs_probe *p, rs_bytes message) {
  rs_transcript_add(&p->transcript, 0, RS_HANDSHAKE, message.bytes, message.length);
  return rs_probe_send(p, RS_HANDSHAKE, message);
}

int rs_probe_send_alert(rs_probe *p, int level, int description) {
  const unsigned char alert[] = {(unsigned char)level, (unsigned char)description};
  rs_transcript_add(&p->transcript, 0, RS_ALERT, alert, sizeof alert);
  return rs_probe_send(p, RS_ALERT, (rs_bytes){alert, sizeof alert});
}

int rs_probe_send_change_cipher_spec(rs_probe *p) {
  static const unsigned char one[] = {1};
  rs_protection plain = {0};
  rs_protection kept = p->writing;
  plain.version = p->version < RS_TLS13 ? p->version : RS_TLS12;
  rs_transcript_add(&p->transcript, 0, RS_CHANGE_CIPHER_SPEC, one, sizeof one);
  p->writing = plain; /* it is never encrypted */
  int good = rs_probe_send(p, RS_CHANGE_CIPHER_SPEC, (rs_bytes){one, sizeof one});
  p->writing = kept;
  return good;
}

/* RFC 5246, section 7.2.1, and RFC 8446, section 6.1: the wish to stop, then the end. */
int rs_probe_refuse(rs_probe *p) {
  rs_probe_send_alert(p, RS_ALERT_WARNING, RS_ALERT_USER_CANCELED);
  rs_probe_send_alert(p, RS_ALERT_WARNING, RS_ALERT_CLOSE_NOTIFY);
  if (p->state != RS_PROBE_FAILED)
    p->state = RS_PROBE_REFUSED;
  p->expect = RS_EXPECT_NOTHING;
  return 1;
}

int rs_probe_transcript_hash(rs_probe *p, rs_hash hash, unsigned char *out) {
  if (!rs_transcript_hash(&p->transcript, p->tools, hash, out))
    return rs_probe_fail(p, "unsupported", "the handshake is too long to be hashed", -1);
  return 1;
}

/* --- receiving --- */

static int flow_on_alert(rs_probe *p, rs_bytes alert) {
  rs_transcript_add(&p->transcript, 1, RS_ALERT, alert.bytes, alert.length);
  if (alert.length != 2)
    return rs_probe_fail(p, "protocol_error", "an alert has two bytes", RS_ALERT_DECODE_ERROR);
  const unsigned level = alert.bytes[0], description = alert.bytes[1];
  if (description == RS_ALERT_CLOSE_NOTIFY) {
    if (p->state == RS_PROBE_WANT)
      return rs_probe_fail(p, "closed", "the server sent close_notify in the middle", -1);
    p->state = RS_PROBE_CLOSED;
    return 1;
  }
  /* All alerts of TLS 1.3 are fatal but these two (RFC 8446, section 6). */
  if (level == RS_ALERT_FATAL ||
      (p->reading.version >= RS_TLS13 && description != RS_ALERT_USER_CANCELED))
    return rs_probe_fail(p, "alert", NULL, -1);
  if (level != RS_ALERT_WARNING)
    return rs_probe_fail(p, "protocol_error", "an alert that is neither a warning nor fatal",
                         RS_ALERT_ILLEGAL_PARAMETER);
  return 1;
}

static int flow_on_message(rs_probe *p, unsigned type, rs_bytes message) {
  if (p->version >= RS_TLS13)
    return rs_resume13_on_message(p, type, message);
  return rs_resume12_on_message(p, type, message);
}

/* Hands on one message, if it is there as a whole. Returns 0 where it isn't, or has failed. */
static int flow_next_message(rs_probe *p, rs_reader *left) {
  const rs_reader whole = *left;
  rs_reader r = *left;
  const unsigned type = rs_read_u8(&r);
  const size_t length = rs_read_u24(&r);
  if (r.bad)
    return 0;
  if (length > MAX_MESSAGE)
    return rs_probe_fail(p, "protocol_error", "a handshake message is too long",
                         RS_ALERT_DECODE_ERROR);
  /* A full handshake shows in a message's header; the certificates behind it are not waited for. */
  if (p->expect == RS_EXPECT_ANSWER && type != RS_NEW_SESSION_TICKET && type != RS_HELLO_REQUEST)
    return flow_on_message(p, type, (rs_bytes){whole.at, RS_MESSAGE_HEADER});
  if (!rs_read_bytes(&r, length))
    return 0;
  *left = r;
  p->behind = r.left;
  return flow_on_message(p, type, (rs_bytes){whole.at, RS_MESSAGE_HEADER + length});
}

/* Hands on the whole messages among those gathered. */
static int flow_messages(rs_probe *p) {
  rs_reader left = rs_reader_of(p->messages.bytes, p->messages.used);
  while ((p->state == RS_PROBE_WANT || p->state == RS_PROBE_ESTABLISHED) &&
         flow_next_message(p, &left))
    continue;
  rs_buffer_drop(&p->messages, p->messages.used - left.left);
  return p->state != RS_PROBE_FAILED;
}

/* Records that say nothing cost something all the same. */
static int flow_on_idle_record(rs_probe *p) {
  if (++p->idle_records > MAX_IDLE_RECORDS)
    return rs_probe_fail(p, "protocol_error", "too many records that say nothing",
                         RS_ALERT_UNEXPECTED_MESSAGE);
  return 1;
}

static int flow_on_change_cipher_spec(rs_probe *p, rs_bytes bytes) {
  rs_transcript_add(&p->transcript, 1, RS_CHANGE_CIPHER_SPEC, bytes.bytes, bytes.length);
  if (bytes.length != 1 || bytes.bytes[0] != 1)
    return rs_probe_fail(p, "protocol_error", "a change_cipher_spec is one byte",
                         RS_ALERT_ILLEGAL_PARAMETER);
  if (p->version >= RS_TLS13) /* for middleboxes; it means nothing (RFC 8446, appendix D.4) */
    return flow_on_idle_record(p);
  return rs_resume12_on_change_cipher_spec(p);
}

static int flow_on_handshake(rs_probe *p, rs_bytes bytes) {
  if (bytes.length == 0 && p->reading.version < RS_TLS13)
    return flow_on_idle_record(p);
  if (bytes.length == 0) /* RFC 8446, section 5.4 */
    return rs_probe_fail(p, "protocol_error", "a handshake record is empty",
                         RS_ALERT_UNEXPECTED_MESSAGE);
  if (p->messages.used + bytes.length > MAX_MESSAGE + RS_MAX_PLAINTEXT)
    return rs_probe_fail(p, "protocol_error", "a handshake message is too long",
                         RS_ALERT_DECODE_ERROR);
  return rs_buffer_add(&p->messages, bytes) ? flow_messages(p) : rs_probe_out_of_memory(p);
}

static int flow_on_content(rs_probe *p, unsigned content, rs_bytes plain) {
  const int inside_message = p->messages.used > 0;
  switch (content) {
  case RS_HANDSHAKE:
    return flow_on_handshake(p, plain);
  case RS_ALERT:
    return flow_on_alert(p, plain);
  case RS_CHANGE_CIPHER_SPEC:
    if (!inside_message)
      return flow_on_change_cipher_spec(p, plain);
    break;
  case RS_APPLICATION_DATA:
    if (!inside_message && p->state == RS_PROBE_ESTABLISHED)
      return 1; /* nobody asked for it */
    break;
  default:
    break;
  }
  return rs_probe_fail(p, "protocol_error", "a record of a type that has no place here",
                       RS_ALERT_UNEXPECTED_MESSAGE);
}

/* In TLS 1.3 only change_cipher_spec stays in the clear, and it never comes protected (RFC 8446,
 * section 5). */
static int flow_on_record(rs_probe *p, unsigned content, unsigned char *body, size_t length) {
  rs_bytes plain = {body, length};
  const int is_new = p->reading.suite && p->reading.version >= RS_TLS13;
  const int is_plain = !p->reading.suite || (is_new && content == RS_CHANGE_CIPHER_SPEC);
  if (is_new && !is_plain && content != RS_APPLICATION_DATA)
    return rs_probe_fail(p, "protocol_error", "a record in the clear among protected ones",
                         RS_ALERT_UNEXPECTED_MESSAGE);
  if (!is_plain && !rs_open(p->tools, &p->reading, &content, body, length, &plain))
    return rs_probe_fail(p, "protocol_error", "a record is not authentic", RS_ALERT_BAD_RECORD_MAC);
  if (is_new && !is_plain && content == RS_CHANGE_CIPHER_SPEC)
    return rs_probe_fail(p, "protocol_error", "a protected change_cipher_spec",
                         RS_ALERT_UNEXPECTED_MESSAGE);
  return flow_on_content(p, content, plain);
}

static int flow_is_reading(const rs_probe *p) {
  return p->expect != RS_EXPECT_NOTHING &&
         (p->state == RS_PROBE_WANT || p->state == RS_PROBE_ESTABLISHED);
}

/* Looks at the record at the front. Returns its length with the header, or 0 for more bytes or a
 * failure. */
static size_t flow_next_record(rs_probe *p, rs_reader left, unsigned *content) {
  const size_t available = left.left;
  *content = rs_read_u8(&left);
  const unsigned major = rs_read_u8(&left);
  rs_read_u8(&left);
  const size_t length = rs_read_u16(&left);
  const int known = *content >= RS_CHANGE_CIPHER_SPEC && *content <= RS_APPLICATION_DATA;
  if ((available > 0 && !known) || (available > 1 && major != 3)) {
    rs_probe_fail(p, "protocol_error", "the peer's bytes are not TLS", -1);
    return 0;
  }
  if (left.bad)
    return 0;
  if (length > RS_MAX_RECORD) {
    rs_probe_fail(p, "protocol_error", "a record is too long", RS_ALERT_RECORD_OVERFLOW);
    return 0;
  }
  return left.left >= length ? RS_RECORD_HEADER + length : 0;
}

void rs_probe_feed(rs_probe *p, rs_bytes bytes) {
  if (!flow_is_reading(p))
    return;
  if (bytes.length > p->max_bytes - p->bytes_in) {
    rs_probe_fail(p, "too_much", "the server sent more than is taken in", -1);
    return;
  }
  p->bytes_in += bytes.length;
  if (!rs_buffer_add(&p->in, bytes)) {
    rs_probe_out_of_memory(p);
    return;
  }
  size_t done = 0;
  while (flow_is_reading(p)) {
    unsigned content;
    size_t whole =
        flow_next_record(p, rs_reader_of(p->in.bytes + done, p->in.used - done), &content);
    if (whole == 0)
      break;
    flow_on_record(p, content, p->in.bytes + done + RS_RECORD_HEADER, whole - RS_RECORD_HEADER);
    done += whole;
  }
  rs_buffer_drop(&p->in, flow_is_reading(p) ? done : p->in.used);
}

void rs_probe_end_of_stream(rs_probe *p) {
  p->eof = 1;
  if (p->state == RS_PROBE_WANT)
    rs_probe_fail(p, "closed", "the server ended the connection in the middle", -1);
  else if (p->state == RS_PROBE_ESTABLISHED)
    p->state = RS_PROBE_CLOSED;
}
