/* The abbreviated handshake of TLS 1.0 to 1.2, by session ID or ticket (RFC 5246, section 7.3; RFC
 * 5077, section 3.1). Both leave the same trace: no Certificate, and a Finished under keys from the
 * old master secret. That Finished is the proof; an echoed session ID is only a promise.
 */
#include "resume12.h"

#include "numbers.h"
#include "send.h"
#include "server_hello_check.h"

static rs_bytes resume12_secret(const rs_probe *p) {
  return (rs_bytes){p->secret, p->secret_length};
}

static int resume12_keys(rs_probe *p) {
  const rs_key_block from = {.version = p->version,
                             .suite = rs_suite_find(p->cipher),
                             .hash = p->hash,
                             .master_secret = resume12_secret(p),
                             .client_random = p->client_random,
                             .server_random = p->server_random,
                             .encrypt_then_mac = p->encrypt_then_mac};
  if (!rs_key_block_cut(p->tools, &from, &p->writing, &p->reading))
    return rs_probe_fail(p, "openssl", "OpenSSL can't derive the keys", -1);
  p->writing.suite = NULL; /* in the clear up to our own change_cipher_spec */
  return 1;
}

/* Whether the server promises to resume: it echoes a session ID (RFC 5246, section 7.4.1.3), also
 * that beside a ticket (RFC 5077, section 3.4). Without an ID of ours nobody can tell yet. */
static rs_probe_promise resume12_promise(const rs_client_hello *ours,
                                         const rs_server_hello *theirs) {
  const rs_bytes offered = ours->session_id, answered = theirs->session_id;
  if (offered.length == 0)
    return answered.length == 0 ? RS_PROMISE_UNKNOWN : RS_PROMISE_NONE;
  return offered.length == answered.length &&
                 memcmp(offered.bytes, answered.bytes, offered.length) == 0
             ? RS_PROMISE_GIVEN
             : RS_PROMISE_NONE;
}

/* Whether what the ServerHello says is what the session says. */
static int resume12_keeps_to_session(rs_probe *p) {
  if (p->server_cipher != p->cipher)
    return rs_probe_violated(p, RS_VIOLATION_CIPHER_CHANGED);
  if (p->ems_echoed != p->extended_master_secret) /* RFC 7627, section 5.3 */
    return rs_probe_violated(p, RS_VIOLATION_EMS_MISMATCH);
  return 1;
}

static int resume12_expect_answer(rs_probe *p, unsigned version) {
  p->expect = RS_EXPECT_ANSWER;
  if (version != p->version && p->promise == RS_PROMISE_GIVEN)
    return rs_probe_violated(p, RS_VIOLATION_VERSION_CHANGED);
  if (version != p->version || (p->hello_is_proof && p->promise != RS_PROMISE_GIVEN))
    return rs_probe_refuse(p);
  if (p->promise == RS_PROMISE_GIVEN && !resume12_keeps_to_session(p))
    return 0;
  if (p->hello_is_proof) {
    p->state = RS_PROBE_ESTABLISHED;
    p->expect = RS_EXPECT_NOTHING;
  }
  return 1;
}

static int resume12_on_server_hello(rs_probe *p, rs_bytes message) {
  const rs_reader body = rs_message_body(message);
  rs_server_hello hello;
  rs_client_hello ours;
  if (!rs_read_server_hello(body, &hello) || !rs_transcript_client_hello(&p->transcript, &ours))
    return rs_probe_violated(p, RS_VIOLATION_SERVER_HELLO);
  const rs_violation wrong = rs_server_hello_misfit(&ours, &hello);
  if (wrong)
    return rs_probe_violated(p, wrong);
  if (hello.version >= RS_TLS13)
    return rs_probe_fail(p, "unsupported", "the server chose TLS 1.3", RS_ALERT_ILLEGAL_PARAMETER);
  memcpy(p->server_random, hello.random.bytes, RS_RANDOM);
  p->encrypt_then_mac = hello.encrypt_then_mac;
  p->ems_echoed = hello.extended_master_secret;
  p->server_cipher = hello.cipher;
  p->ticket_announced = hello.session_ticket;
  p->promise = resume12_promise(&ours, &hello);
  return resume12_expect_answer(p, hello.version);
}

static int resume12_verify_data(rs_probe *p, const char *label, unsigned char *out) {
  unsigned char hash[RS_MAX_HASH];
  if (!rs_probe_transcript_hash(p, p->hash, hash))
    return 0;
  return rs_old_verify_data(p->tools, p->hash, resume12_secret(p), label, hash, out)
             ? 1
             : rs_probe_fail(p, "openssl", "OpenSSL can't compute Finished", -1);
}

static int resume12_send_finished(rs_probe *p) {
  unsigned char finished[RS_MESSAGE_HEADER + RS_OLD_VERIFY_DATA] = {RS_FINISHED, 0, 0,
                                                                    RS_OLD_VERIFY_DATA};
  if (!resume12_verify_data(p, "client finished", finished + RS_MESSAGE_HEADER) ||
      !rs_probe_send_change_cipher_spec(p))
    return 0;
  p->writing.suite = p->reading.suite;
  p->writing.sequence = 0;
  return rs_probe_send_message(p, (rs_bytes){finished, sizeof finished});
}

static int resume12_on_finished(rs_probe *p, rs_bytes message) {
  unsigned char expected[RS_OLD_VERIFY_DATA];
  if (!resume12_verify_data(p, "server finished", expected))
    return 0;
  if (message.length != RS_MESSAGE_HEADER + RS_OLD_VERIFY_DATA ||
      !rs_mac_fits(message.bytes + RS_MESSAGE_HEADER, expected, RS_OLD_VERIFY_DATA))
    return rs_probe_violated(p, RS_VIOLATION_FINISHED);
  rs_transcript_add(&p->transcript, 1, RS_HANDSHAKE, message.bytes, message.length);
  if (!resume12_send_finished(p))
    return 0;
  p->finished = 1;
  p->state = RS_PROBE_ESTABLISHED;
  p->expect = RS_EXPECT_NOTHING;
  return 1;
}

static int resume12_unexpected(rs_probe *p) {
  return rs_probe_violated(p, RS_VIOLATION_MESSAGE_PLACE);
}

static int resume12_on_ticket(rs_probe *p, rs_bytes message) {
  const rs_reader body = rs_message_body(message);
  rs_new_session_ticket ticket;
  if (!p->ticket_announced)
    return resume12_unexpected(p);
  if (!rs_read_new_session_ticket(body, p->version, &ticket))
    return rs_probe_violated(p, RS_VIOLATION_NEW_SESSION_TICKET);
  p->ticket_announced = 0;
  p->expect = RS_EXPECT_CHANGE_CIPHER_SPEC;
  return 1;
}

/* The first message behind the ServerHello. */
static int resume12_on_answer(rs_probe *p, unsigned type, rs_bytes message) {
  rs_transcript_add(&p->transcript, 1, RS_HANDSHAKE, message.bytes, message.length);
  if (type == RS_NEW_SESSION_TICKET)
    return resume12_on_ticket(p, message);
  if (type == RS_CERTIFICATE && p->promise != RS_PROMISE_GIVEN)
    return rs_probe_refuse(p);
  return resume12_unexpected(p);
}

int rs_resume12_on_message(rs_probe *p, unsigned type, rs_bytes message) {
  /* To be ignored in the middle, and no part of the hash (RFC 5246, section 7.4.1.1). */
  if (type == RS_HELLO_REQUEST && message.length == RS_MESSAGE_HEADER)
    return 1;
  switch (p->expect) {
  case RS_EXPECT_SERVER_HELLO:
    if (type != RS_SERVER_HELLO)
      break;
    rs_transcript_add(&p->transcript, 1, RS_HANDSHAKE, message.bytes, message.length);
    return resume12_on_server_hello(p, message);
  case RS_EXPECT_ANSWER:
    return resume12_on_answer(p, type, message);
  case RS_EXPECT_FINISHED:
    if (type == RS_FINISHED)
      return resume12_on_finished(p, message);
    break;
  default:
    break;
  }
  return resume12_unexpected(p);
}

int rs_resume12_on_change_cipher_spec(rs_probe *p) {
  const int in_place = p->expect == RS_EXPECT_ANSWER || p->expect == RS_EXPECT_CHANGE_CIPHER_SPEC;
  if (!in_place || p->promise == RS_PROMISE_NONE || p->ticket_announced)
    return rs_probe_violated(p, RS_VIOLATION_CHANGE_CIPHER_SPEC_PLACE);
  p->expect = RS_EXPECT_FINISHED;
  return resume12_keeps_to_session(p) && resume12_keys(p);
}

void rs_resume12_session_parts(const rs_probe *p, rs_session_parts *parts) {
  rs_client_hello ours;
  rs_server_hello theirs;
  rs_new_session_ticket ticket;
  rs_reader body;
  size_t place = 0;
  rs_transcript_client_hello(&p->transcript, &ours);
  rs_transcript_server_hello(&p->transcript, &theirs);
  memset(parts, 0, sizeof *parts);
  parts->version = p->version;
  parts->cipher = p->cipher;
  parts->secret = resume12_secret(p);
  parts->extended_master_secret = p->extended_master_secret;
  parts->lifetime_s = p->lifetime_s;
  parts->ticket = ours.ticket;
  if (rs_transcript_ticket(&p->transcript, &place, &body) &&
      rs_read_new_session_ticket(body, p->version, &ticket) && ticket.ticket.length > 0) {
    parts->ticket = ticket.ticket;
    parts->lifetime_s = ticket.lifetime_s;
  }
  if (parts->ticket.length == 0)
    parts->id = theirs.session_id;
}
