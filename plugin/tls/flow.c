/* Records in, messages out: cuts the peer's bytes into records, opens them, puts messages together
 * and hands them to resume12.c or resume13.c. It knows the record layer and alerts, and nothing of
 * what a message means.
 */
#include "flow.h"

#include "numbers.h"
#include "resume12.h"
#include "resume13.h"
#include "send.h"

enum {
  MAX_MESSAGE = 128 * 1024,
  MAX_DATA = 64 * 1024, /* of what is said inside TLS, until it is taken away */
  MAX_IDLE_RECORDS = 32 /* that say nothing; as libssl */
};

static int flow_on_alert(rs_probe *p, rs_bytes alert) {
  rs_transcript_add(&p->transcript, 1, RS_ALERT, alert.bytes, alert.length);
  if (alert.length != 2)
    return rs_probe_violated(p, RS_VIOLATION_ALERT_LENGTH);
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
    return rs_probe_violated(p, RS_VIOLATION_ALERT_LEVEL);
  return 1;
}

static int flow_on_message(rs_probe *p, unsigned type, rs_bytes message) {
  if (p->version >= RS_TLS13)
    return rs_resume13_on_message(p, type, message);
  return rs_resume12_on_message(p, type, message);
}

/* Hands on one message, if it is there as a whole. Returns 0 where it isn't, or has failed. */
static int flow_take_message(rs_probe *p, rs_reader *left) {
  const rs_reader whole = *left;
  rs_reader r = *left;
  const unsigned type = rs_read_u8(&r);
  const size_t length = rs_read_u24(&r);
  if (r.bad)
    return 0;
  if (length > MAX_MESSAGE)
    return rs_probe_violated(p, RS_VIOLATION_MESSAGE_LENGTH);
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
static int flow_take_messages(rs_probe *p) {
  rs_reader left = rs_reader_of(p->messages.bytes, p->messages.used);
  while ((p->state == RS_PROBE_WANT || p->state == RS_PROBE_ESTABLISHED) &&
         flow_take_message(p, &left))
    continue;
  rs_buffer_drop(&p->messages, p->messages.used - left.left);
  return p->state != RS_PROBE_FAILED;
}

/* Records that say nothing cost something all the same. */
static int flow_on_idle_record(rs_probe *p) {
  if (++p->idle_records > MAX_IDLE_RECORDS)
    return rs_probe_violated(p, RS_VIOLATION_IDLE_RECORDS);
  return 1;
}

static int flow_on_change_cipher_spec(rs_probe *p, rs_bytes bytes) {
  rs_transcript_add(&p->transcript, 1, RS_CHANGE_CIPHER_SPEC, bytes.bytes, bytes.length);
  if (bytes.length != 1 || bytes.bytes[0] != 1)
    return rs_probe_violated(p, RS_VIOLATION_CHANGE_CIPHER_SPEC);
  /* RFC 8446, section 5, has it between the first ClientHello and Finished; libssl only once it
   * knows that this is TLS 1.3. */
  if (p->version >= RS_TLS13 &&
      (p->finished || (p->expect == RS_EXPECT_SERVER_HELLO && !p->retried)))
    return rs_probe_violated(p, RS_VIOLATION_CHANGE_CIPHER_SPEC_PLACE);
  if (p->version >= RS_TLS13) /* for middleboxes; it means nothing (RFC 8446, appendix D.4) */
    return flow_on_idle_record(p);
  return rs_resume12_on_change_cipher_spec(p);
}

static int flow_on_handshake(rs_probe *p, rs_bytes bytes) {
  if (bytes.length == 0 && p->reading.version < RS_TLS13)
    return flow_on_idle_record(p);
  if (bytes.length == 0) /* RFC 8446, section 5.4 */
    return rs_probe_violated(p, RS_VIOLATION_EMPTY_RECORD);
  if (p->messages.used + bytes.length > MAX_MESSAGE + RS_MAX_PLAINTEXT)
    return rs_probe_violated(p, RS_VIOLATION_MESSAGE_LENGTH);
  return rs_buffer_add(&p->messages, bytes) ? flow_take_messages(p) : rs_probe_out_of_memory(p);
}

/* Kept up to a bound, where somebody asked for it. */
static int flow_on_data(rs_probe *p, rs_bytes plain) {
  const size_t room = MAX_DATA - p->data.used;
  if (!p->wants_data || room == 0)
    return 1;
  if (plain.length > room)
    plain.length = room;
  return rs_buffer_add(&p->data, plain) ? 1 : rs_probe_out_of_memory(p);
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
      return flow_on_data(p, plain);
    break;
  default:
    break;
  }
  return rs_probe_violated(p, RS_VIOLATION_RECORD_PLACE);
}

/* In TLS 1.3 only change_cipher_spec stays in the clear, and it never comes protected (RFC 8446,
 * section 5). */
static int flow_on_record(rs_probe *p, unsigned content, unsigned char *body, size_t length) {
  rs_bytes plain = {body, length};
  const int is_new = p->reading.suite && p->reading.version >= RS_TLS13;
  const int is_plain = !p->reading.suite || (is_new && content == RS_CHANGE_CIPHER_SPEC);
  if (is_new && !is_plain && content != RS_APPLICATION_DATA)
    return rs_probe_violated(p, RS_VIOLATION_RECORD_IN_CLEAR);
  if (!is_plain && !rs_open(p->tools, &p->reading, &content, body, length, &plain))
    return rs_probe_violated(p, RS_VIOLATION_RECORD_MAC);
  if (plain.length > RS_MAX_PLAINTEXT)
    return rs_probe_violated(p, RS_VIOLATION_RECORD_LENGTH);
  if (is_new && !is_plain && content == RS_CHANGE_CIPHER_SPEC)
    return rs_probe_violated(p, RS_VIOLATION_CHANGE_CIPHER_SPEC_PROTECTED);
  return flow_on_content(p, content, plain);
}

static int flow_is_reading(const rs_probe *p) {
  return p->expect != RS_EXPECT_NOTHING &&
         (p->state == RS_PROBE_WANT || p->state == RS_PROBE_ESTABLISHED);
}

/* The longest body of a record that may come now. */
static size_t flow_longest_record(const rs_probe *p) {
  if (!p->reading.suite)
    return RS_MAX_PLAINTEXT; /* RFC 8446, section 5.1 */
  return p->reading.version >= RS_TLS13 ? RS_MAX_RECORD13 : RS_MAX_RECORD;
}

/* Looks at the record at the front. Returns its length with the header, or 0 for more bytes or a
 * failure. */
static size_t flow_find_record(rs_probe *p, rs_reader left, unsigned *content) {
  const size_t available = left.left;
  *content = rs_read_u8(&left);
  const unsigned major = rs_read_u8(&left);
  rs_read_u8(&left);
  const size_t length = rs_read_u16(&left);
  const int known = *content >= RS_CHANGE_CIPHER_SPEC && *content <= RS_APPLICATION_DATA;
  if ((available > 0 && !known) || (available > 1 && major != 3)) {
    rs_probe_violated(p, RS_VIOLATION_NOT_TLS);
    return 0;
  }
  if (left.bad)
    return 0;
  if (length > flow_longest_record(p)) {
    rs_probe_violated(p, RS_VIOLATION_RECORD_LENGTH);
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
        flow_find_record(p, rs_reader_of(p->in.bytes + done, p->in.used - done), &content);
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
