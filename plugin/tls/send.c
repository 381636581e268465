/* What a raw resumption sends: messages, alerts and data, sealed into records behind each other;
 * and how it ends when it fails or is refused. It knows no message's meaning, and nothing of what
 * comes in.
 */
#include "send.h"

#include "numbers.h"

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

int rs_probe_violated(rs_probe *p, rs_violation violation) {
  if (p->state != RS_PROBE_FAILED)
    p->violation = violation;
  return rs_probe_fail(p, "protocol_error", rs_violation_message(violation),
                       rs_violation_alert(violation));
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
