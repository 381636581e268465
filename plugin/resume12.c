/* The abbreviated handshake of TLS 1.0 to 1.2, by session ID or ticket (RFC 5246, section 7.3; RFC
 * 5077, section 3.1). Both leave the same trace: no Certificate, and a Finished under keys from the
 * old master secret. That Finished is the proof; an echoed session ID is only a promise.
 */
#include "fit.h"
#include "probe.h"

#include <openssl/crypto.h>

enum { VERIFY_DATA = 12, MAX_KEY_BLOCK = 2 * (RS_MAX_HASH + RS_MAX_KEY + 16) };

static rs_bytes resume12_secret(const rs_probe *p) {
  return (rs_bytes){p->secret, p->secret_length};
}

/* Takes the next `length` bytes of the key block. */
static void resume12_take(rs_reader *block, unsigned char *out, size_t length) {
  const unsigned char *bytes = rs_read_bytes(block, length);
  if (bytes && length > 0)
    memcpy(out, bytes, length);
}

/* RFC 5246, section 6.3. */
static int resume12_keys(rs_probe *p) {
  const rs_suite *suite = rs_suite_find(p->cipher);
  const size_t mac = rs_mac_key_length(suite), iv = rs_iv_length(suite, p->version);
  const size_t length = 2 * (mac + suite->key_length + iv);
  unsigned char block[MAX_KEY_BLOCK], seed[2 * RS_RANDOM];
  memcpy(seed, p->server_random, RS_RANDOM);
  memcpy(seed + RS_RANDOM, p->client_random, RS_RANDOM);
  int good =
      length <= sizeof block && rs_prf(p->tools, p->hash, resume12_secret(p), "key expansion",
                                       (rs_bytes){seed, sizeof seed}, block, length);
  rs_reader r = rs_reader_of(block, length);
  rs_protection client = {0}, server = {0};
  resume12_take(&r, client.mac_key, mac);
  resume12_take(&r, server.mac_key, mac);
  resume12_take(&r, client.key, suite->key_length);
  resume12_take(&r, server.key, suite->key_length);
  resume12_take(&r, client.iv, iv);
  resume12_take(&r, server.iv, iv);
  client.suite = server.suite = suite;
  client.version = server.version = p->version;
  client.encrypt_then_mac = server.encrypt_then_mac = p->encrypt_then_mac && rs_suite_is_cbc(suite);
  p->reading = server;
  p->writing = client;
  p->writing.suite = NULL; /* in the clear up to our own change_cipher_spec */
  OPENSSL_cleanse(block, sizeof block);
  OPENSSL_cleanse(&client, sizeof client);
  OPENSSL_cleanse(&server, sizeof server);
  return good ? 1 : rs_probe_fail(p, "openssl", "OpenSSL can't derive the keys", -1);
}

/* Whether the server promises to resume: it echoes a session ID (RFC 5246, section 7.4.1.3), also
 * that beside a ticket (RFC 5077, section 3.4). Without an ID of ours nobody can tell yet. */
static rs_probe_promise promise_of(const rs_client_hello *ours, const rs_server_hello *theirs) {
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
    return rs_probe_fail(p, "protocol_error", "the server resumed with another cipher suite",
                         RS_ALERT_ILLEGAL_PARAMETER);
  if (p->ems_echoed != p->extended_master_secret) /* RFC 7627, section 5.3 */
    return rs_probe_fail(p, "protocol_error",
                         "the server resumed, and disagrees on the extended master secret",
                         RS_ALERT_HANDSHAKE_FAILURE);
  return 1;
}

static int resume12_expect_answer(rs_probe *p, unsigned version) {
  p->expect = RS_EXPECT_ANSWER;
  if (version != p->version && p->promise == RS_PROMISE_GIVEN)
    return rs_probe_fail(p, "protocol_error", "the server resumed in another version",
                         RS_ALERT_PROTOCOL_VERSION);
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
  rs_reader body = rs_reader_of(message.bytes, message.length);
  rs_read_bytes(&body, RS_MESSAGE_HEADER);
  rs_server_hello hello;
  rs_client_hello ours;
  if (!rs_read_server_hello(body, &hello) || !rs_transcript_client_hello(&p->transcript, &ours))
    return rs_probe_fail(p, "protocol_error", "a malformed ServerHello", RS_ALERT_DECODE_ERROR);
  const rs_misfit wrong = rs_server_hello_misfit(&ours, &hello);
  if (wrong.message)
    return rs_probe_fail(p, "protocol_error", wrong.message, wrong.alert);
  if (hello.version >= RS_TLS13)
    return rs_probe_fail(p, "unsupported", "the server chose TLS 1.3", RS_ALERT_ILLEGAL_PARAMETER);
  memcpy(p->server_random, hello.random.bytes, RS_RANDOM);
  p->encrypt_then_mac = hello.encrypt_then_mac;
  p->ems_echoed = hello.extended_master_secret;
  p->server_cipher = hello.cipher;
  p->ticket_announced = hello.session_ticket;
  p->promise = promise_of(&ours, &hello);
  return resume12_expect_answer(p, hello.version);
}

/* verify_data of RFC 5246, section 7.4.9. */
static int resume12_verify_data(rs_probe *p, const char *label, unsigned char *out) {
  unsigned char hash[RS_MAX_HASH];
  if (!rs_probe_transcript_hash(p, p->hash, hash))
    return 0;
  return rs_prf(p->tools, p->hash, resume12_secret(p), label,
                (rs_bytes){hash, rs_hash_length(p->hash)}, out, VERIFY_DATA)
             ? 1
             : rs_probe_fail(p, "openssl", "OpenSSL can't compute Finished", -1);
}

static int resume12_send_finished(rs_probe *p) {
  unsigned char finished[RS_MESSAGE_HEADER + VERIFY_DATA] = {RS_FINISHED, 0, 0, VERIFY_DATA};
  if (!resume12_verify_data(p, "client finished", finished + RS_MESSAGE_HEADER) ||
      !rs_probe_send_change_cipher_spec(p))
    return 0;
  p->writing.suite = p->reading.suite;
  p->writing.sequence = 0;
  return rs_probe_send_message(p, (rs_bytes){finished, sizeof finished});
}

static int resume12_on_finished(rs_probe *p, rs_bytes message) {
  unsigned char expected[VERIFY_DATA];
  if (!resume12_verify_data(p, "server finished", expected))
    return 0;
  if (message.length != RS_MESSAGE_HEADER + VERIFY_DATA ||
      !rs_mac_fits(message.bytes + RS_MESSAGE_HEADER, expected, VERIFY_DATA))
    return rs_probe_fail(p, "protocol_error", "the server's Finished is wrong",
                         RS_ALERT_DECRYPT_ERROR);
  rs_transcript_add(&p->transcript, 1, RS_HANDSHAKE, message.bytes, message.length);
  if (!resume12_send_finished(p))
    return 0;
  p->finished = 1;
  p->state = RS_PROBE_ESTABLISHED;
  p->expect = RS_EXPECT_NOTHING;
  return 1;
}

static int resume12_unexpected(rs_probe *p) {
  return rs_probe_fail(p, "protocol_error", "a handshake message that has no place here",
                       RS_ALERT_UNEXPECTED_MESSAGE);
}

static int resume12_on_ticket(rs_probe *p, rs_bytes message) {
  rs_reader body = rs_reader_of(message.bytes, message.length);
  rs_read_bytes(&body, RS_MESSAGE_HEADER);
  rs_new_session_ticket ticket;
  if (!p->ticket_announced)
    return resume12_unexpected(p);
  if (!rs_read_new_session_ticket(body, p->version, &ticket))
    return rs_probe_fail(p, "protocol_error", "a malformed NewSessionTicket",
                         RS_ALERT_DECODE_ERROR);
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
    return rs_probe_fail(p, "protocol_error", "a change_cipher_spec that has no place here",
                         RS_ALERT_UNEXPECTED_MESSAGE);
  p->expect = RS_EXPECT_FINISHED;
  return resume12_keeps_to_session(p) && resume12_keys(p);
}
