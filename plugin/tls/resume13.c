/* The PSK handshake of TLS 1.3 (RFC 8446, sections 2.2 and 4.2.11): binders, HelloRetryRequest,
 * early data, and the tickets that come later. The server proves that it resumes by a Finished
 * under keys that only the PSK gives. A connection whose key share is the base point (share.c)
 * keeps nothing secret, and carries nothing.
 */
#include "resume13.h"

#include "buffer.h"
#include "numbers.h"
#include "send.h"
#include "server_hello_check.h"

#include <openssl/crypto.h>

static const rs_bytes EMPTY = {NULL, 0};

static int resume13_openssl_failed(rs_probe *p) {
  return rs_probe_fail(p, "openssl", "OpenSSL can't derive the keys", -1);
}

/* --- the ClientHello --- */

static int resume13_binder(rs_probe *p, const rs_probe_psk *psk, const rs_bytes *parts,
                           size_t count, unsigned char *out) {
  unsigned char hash[RS_MAX_HASH];
  return rs_digest_parts(p->tools, psk->hash, parts, count, hash) &&
         rs_finished_mac(p->tools, psk->hash, psk->schedule.binder_key, hash, out);
}

/* What stands before this ClientHello in the binder's hash: nothing, or the first one and its
 * answer. Returns the number of parts in *count, or 0 where they are not there. */
static int resume13_binder_prefix(rs_probe *p, rs_hash hash, unsigned char *room, rs_bytes *parts,
                                  size_t *count) {
  *count = 0;
  if (!p->retried)
    return 1;
  *count = rs_transcript_retried(&p->transcript, p->tools, hash, room, parts);
  return *count == 2;
}

static int resume13_write_binder(rs_probe *p, const rs_probe_psk *psk, rs_bytes truncated,
                                 rs_writer *w) {
  unsigned char room[RS_MESSAGE_HEADER + RS_MAX_HASH];
  rs_bytes parts[3];
  size_t count;
  const size_t size = rs_hash_length(psk->hash);
  rs_write_number(w, (uint32_t)size, 1);
  unsigned char *out = rs_write_room(w, size);
  if (!out || !resume13_binder_prefix(p, psk->hash, room, parts, &count))
    return 0;
  parts[count] = truncated;
  return resume13_binder(p, psk, parts, count + 1, out);
}

int rs_resume13_write_binders(rs_probe *p, unsigned char *hello, size_t length) {
  const rs_reader body = rs_message_body((rs_bytes){hello, length});
  rs_client_hello ours;
  if (!p->binds)
    return 1;
  if (!rs_read_client_hello(body, &ours) || ours.binders.length < 2)
    return resume13_openssl_failed(p);
  const size_t cut = (size_t)(ours.binders.bytes - hello);
  rs_writer w = rs_writer_of(hello + cut + 2, ours.binders.length - 2);
  for (size_t i = 0; i < p->psk_count - p->unbound; i++)
    if (!resume13_write_binder(p, &p->psks[i], (rs_bytes){hello, cut}, &w))
      return resume13_openssl_failed(p);
  if (p->alters_binder)
    hello[cut + ours.binders.length - 1] ^= 1;
  return 1;
}

/* What middleboxes want to see: once, and only where a session ID asks for that mode (RFC 8446,
 * appendix D.4). */
static int resume13_please_middleboxes(rs_probe *p) {
  const int owed = p->owes_change_cipher_spec;
  p->owes_change_cipher_spec = 0;
  return !owed || rs_probe_send_change_cipher_spec(p);
}

int rs_resume13_send_early_data(rs_probe *p, rs_bytes data) {
  unsigned char hash[RS_MAX_HASH], secret[RS_MAX_HASH];
  const rs_probe_psk *psk = &p->psks[0];
  const rs_suite *suite = rs_suite_find(psk->cipher);
  int good = rs_probe_transcript_hash(p, psk->hash, hash) &&
             rs_derive_secret(p->tools, psk->hash, psk->schedule.early_secret, "c e traffic", hash,
                              secret) &&
             resume13_please_middleboxes(p) &&
             rs_traffic_keys(p->tools, suite, secret, &p->writing) &&
             rs_probe_send(p, RS_APPLICATION_DATA, data);
  OPENSSL_cleanse(secret, sizeof secret);
  p->early_data_sent = 1;
  return good ? 1 : resume13_openssl_failed(p);
}

/* --- the ServerHello --- */

/* No record holds messages under two keys (RFC 8446, section 5.1). */
static int resume13_ends_record(rs_probe *p) {
  if (p->behind == 0)
    return 1;
  return rs_probe_violated(p, RS_VIOLATION_MESSAGE_BEHIND_KEYS);
}

/* Handshake traffic keys, from the PSK's salt (or that of no PSK) and the shared secret. */
static int resume13_handshake_keys(rs_probe *p, const unsigned char *salt, rs_bytes shared) {
  const rs_suite *suite = rs_suite_find(p->cipher);
  unsigned char messages[RS_MAX_HASH];
  int good = rs_probe_transcript_hash(p, p->hash, messages) &&
             rs_handshake_secrets_of(p->tools, p->hash, salt, shared, messages, &p->secrets) &&
             rs_traffic_keys(p->tools, suite, p->secrets.server, &p->reading);
  /* While early data may still be sent, its keys stay the ones to write with. */
  if (good && !p->early_data_sent)
    good = rs_traffic_keys(p->tools, suite, p->secrets.client, &p->writing);
  return good ? 1 : resume13_openssl_failed(p);
}

static int resume13_shared_keys(rs_probe *p, const rs_server_hello *hello,
                                const unsigned char *salt) {
  unsigned char shared[RS_MAX_SHARED];
  size_t length = 0;
  if (hello->has_key_share) {
    if (hello->group != p->share.group)
      return rs_probe_violated(p, RS_VIOLATION_KEY_SHARE_NOT_OFFERED);
    length = rs_share_derive(&p->share, hello->key_share, shared);
    if (length == 0)
      return rs_probe_violated(p, RS_VIOLATION_KEY_SHARE);
  }
  int good = resume13_handshake_keys(p, salt, (rs_bytes){shared, length});
  OPENSSL_cleanse(shared, sizeof shared);
  return good;
}

/* A full handshake has begun. Our farewell has to be encrypted like everything else. */
static int resume13_refuse(rs_probe *p, const rs_server_hello *hello) {
  rs_psk_schedule no_psk;
  if (!hello->has_key_share)
    return rs_probe_violated(p, RS_VIOLATION_KEY_SHARE_MISSING);
  if (!rs_psk_schedule_of(p->tools, p->hash, EMPTY, &no_psk))
    return resume13_openssl_failed(p);
  p->early_data_sent = 0; /* it was rejected */
  return resume13_shared_keys(p, hello, no_psk.salt) && resume13_please_middleboxes(p) &&
         rs_probe_refuse(p);
}

/* Sends the second ClientHello: the first one with what the HelloRetryRequest asks for. */
static int resume13_send_second_hello(rs_probe *p, const rs_server_hello *retry) {
  unsigned char share[RS_MAX_SHARE];
  rs_key_share key_share = {retry->group, {share, 0}};
  if (retry->has_key_share)
    key_share.share.length = rs_share_public(&p->share, share);
  const rs_hello_changes changes = {retry->has_key_share ? &key_share : NULL, retry->cookie,
                                    p->binds && !p->keeps_age ? p->elapsed_ms : 0};
  const rs_reader first = rs_transcript_first_body(&p->transcript);
  const size_t size = first.left + retry->cookie.length + sizeof share + 64;
  rs_buffer second = {0};
  unsigned char *room = rs_buffer_room(&second, size);
  rs_writer w = rs_writer_of(room, room ? size : 0);
  int good = room && rs_write_second_client_hello(&w, first, &changes) &&
             rs_resume13_write_binders(p, room, w.used) && resume13_please_middleboxes(p) &&
             rs_probe_send_message(p, (rs_bytes){room, w.used});
  rs_buffer_free(&second);
  return good ? 1 : rs_probe_fail(p, "unsupported", "the second ClientHello can't be made", -1);
}

static int resume13_retry(rs_probe *p, const rs_client_hello *ours, const rs_server_hello *retry) {
  if (p->retried)
    return rs_probe_violated(p, RS_VIOLATION_SECOND_RETRY);
  const rs_violation wrong = rs_retry_misfit(ours, retry);
  if (wrong)
    return rs_probe_violated(p, wrong);
  if (retry->has_key_share && !rs_share_new_key(&p->share, retry->group))
    return rs_probe_fail(p, "unsupported", "HelloRetryRequest asks for a group beyond the probe",
                         RS_ALERT_ILLEGAL_PARAMETER);
  p->retried = 1;
  p->early_data_sent = 0;
  memset(&p->writing, 0, sizeof p->writing);
  p->writing.version = RS_TLS12;
  return resume13_send_second_hello(p, retry);
}

/* With keys from the PSK, from here on. */
static int resume13_accept(rs_probe *p, const rs_client_hello *ours, const rs_server_hello *hello) {
  if ((size_t)p->selected >= p->psk_count || p->psks[p->selected].hash != p->hash)
    return rs_probe_violated(p, RS_VIOLATION_PSK_SELECTED);
  const rs_violation wrong = rs_psk_misfit(ours, hello);
  if (wrong)
    return rs_probe_violated(p, wrong);
  if (p->hello_is_proof) {
    p->state = RS_PROBE_ESTABLISHED;
    p->expect = RS_EXPECT_NOTHING;
    return 1;
  }
  p->expect = RS_EXPECT_ENCRYPTED_EXTENSIONS;
  return resume13_shared_keys(p, hello, p->psks[p->selected].schedule.salt);
}

/* Whether the answer is one to our ClientHello, and to the HelloRetryRequest before it. */
static int resume13_fits(rs_probe *p, const rs_client_hello *ours, const rs_server_hello *hello) {
  const rs_violation wrong = rs_server_hello_misfit(ours, hello);
  if (wrong)
    return rs_probe_violated(p, wrong);
  if (p->retried && (hello->version != RS_TLS13 || hello->cipher != p->cipher))
    return rs_probe_violated(p, RS_VIOLATION_RETRY_CHANGED);
  return hello->version < RS_TLS13 || resume13_ends_record(p);
}

static int resume13_on_server_hello(rs_probe *p, rs_bytes message) {
  const rs_reader body = rs_message_body(message);
  rs_server_hello hello;
  rs_client_hello ours;
  if (!rs_read_server_hello(body, &hello) || !rs_transcript_client_hello(&p->transcript, &ours))
    return rs_probe_violated(p, RS_VIOLATION_SERVER_HELLO);
  if (!resume13_fits(p, &ours, &hello))
    return 0;
  if (hello.version < RS_TLS13)
    return rs_probe_refuse(p); /* a PSK has no place there */
  const rs_suite *suite = rs_suite_find(hello.cipher);
  if (!suite || !rs_tools_can_protect(p->tools, suite, RS_TLS13))
    return rs_probe_fail(p, "unsupported", "a cipher suite that the probe does not speak",
                         RS_ALERT_ILLEGAL_PARAMETER);
  p->cipher = hello.cipher;
  p->hash = (rs_hash)suite->hash;
  if (hello.hello_retry_request)
    return resume13_retry(p, &ours, &hello);
  p->selected = hello.selected_identity;
  return p->selected < 0 ? resume13_refuse(p, &hello) : resume13_accept(p, &ours, &hello);
}

/* --- to the end --- */

static int resume13_on_encrypted_extensions(rs_probe *p, rs_bytes message) {
  const rs_reader body = rs_message_body(message);
  rs_encrypted_extensions extensions;
  rs_client_hello ours;
  if (!rs_read_encrypted_extensions(body, &extensions) ||
      !rs_transcript_client_hello(&p->transcript, &ours))
    return rs_probe_violated(p, RS_VIOLATION_ENCRYPTED_EXTENSIONS);
  const rs_violation wrong = rs_encrypted_extensions_misfit(&ours, &extensions);
  if (wrong)
    return rs_probe_violated(p, wrong);
  if (extensions.early_data && (!p->early_data_sent || p->selected != 0))
    return rs_probe_violated(p, RS_VIOLATION_EARLY_DATA); /* RFC 8446, section 4.2.10 */
  p->early_data_accepted = extensions.early_data;
  p->expect = RS_EXPECT_FINISHED;
  /* Where it was refused, the server reads nothing under its keys any more. */
  if (p->early_data_sent && !extensions.early_data &&
      !rs_traffic_keys(p->tools, rs_suite_find(p->cipher), p->secrets.client, &p->writing))
    return resume13_openssl_failed(p);
  return 1;
}

static int resume13_send_end_of_early_data(rs_probe *p) {
  static const unsigned char message[] = {RS_END_OF_EARLY_DATA, 0, 0, 0};
  return rs_probe_send_message(p, (rs_bytes){message, sizeof message});
}

static int resume13_send_finished(rs_probe *p) {
  const size_t length = rs_hash_length(p->hash);
  unsigned char finished[RS_MESSAGE_HEADER + RS_MAX_HASH] = {RS_FINISHED, 0, 0,
                                                             (unsigned char)length};
  unsigned char messages[RS_MAX_HASH];
  if (!rs_probe_transcript_hash(p, p->hash, messages))
    return 0;
  if (!rs_verify_data(p->tools, p->hash, p->secrets.client, messages, finished + RS_MESSAGE_HEADER))
    return resume13_openssl_failed(p);
  return rs_probe_send_message(p, (rs_bytes){finished, RS_MESSAGE_HEADER + length});
}

/* Application traffic keys, of the hash up to the server's Finished; those to read with only for
 * who reads on. */
static int resume13_application_keys(rs_probe *p, const unsigned char *messages) {
  const rs_suite *suite = rs_suite_find(p->cipher);
  unsigned char secret[RS_MAX_HASH];
  int good =
      rs_derive_secret(p->tools, p->hash, p->secrets.master, "c ap traffic", messages, secret) &&
      rs_traffic_keys(p->tools, suite, secret, &p->writing);
  if (good && p->wants_tickets)
    good =
        rs_derive_secret(p->tools, p->hash, p->secrets.master, "s ap traffic", messages, secret) &&
        rs_traffic_keys(p->tools, suite, secret, &p->reading);
  OPENSSL_cleanse(secret, sizeof secret);
  return good ? 1 : resume13_openssl_failed(p);
}

static int resume13_resumption_secret(rs_probe *p) {
  unsigned char messages[RS_MAX_HASH];
  if (!p->wants_tickets)
    return 1;
  if (!rs_probe_transcript_hash(p, p->hash, messages))
    return 0;
  return rs_derive_secret(p->tools, p->hash, p->secrets.master, "res master", messages,
                          p->resumption_secret)
             ? 1
             : resume13_openssl_failed(p);
}

/* Our second flight: what ends early data, or for middleboxes a change_cipher_spec; Finished. */
static int resume13_second_flight(rs_probe *p) {
  if (!resume13_please_middleboxes(p) ||
      (p->early_data_accepted && !resume13_send_end_of_early_data(p)))
    return 0;
  if (p->early_data_accepted &&
      !rs_traffic_keys(p->tools, rs_suite_find(p->cipher), p->secrets.client, &p->writing))
    return resume13_openssl_failed(p);
  return resume13_send_finished(p);
}

static int resume13_on_finished(rs_probe *p, rs_bytes message) {
  unsigned char messages[RS_MAX_HASH], expected[RS_MAX_HASH];
  const size_t length = rs_hash_length(p->hash);
  if (!resume13_ends_record(p) || !rs_probe_transcript_hash(p, p->hash, messages))
    return 0;
  if (!rs_verify_data(p->tools, p->hash, p->secrets.server, messages, expected))
    return resume13_openssl_failed(p);
  if (message.length != RS_MESSAGE_HEADER + length ||
      !rs_mac_fits(message.bytes + RS_MESSAGE_HEADER, expected, length))
    return rs_probe_violated(p, RS_VIOLATION_FINISHED);
  rs_transcript_add(&p->transcript, 1, RS_HANDSHAKE, message.bytes, message.length);
  if (!rs_probe_transcript_hash(p, p->hash, messages) || !resume13_second_flight(p) ||
      !resume13_application_keys(p, messages) || !resume13_resumption_secret(p))
    return 0;
  p->finished = 1;
  p->state = RS_PROBE_ESTABLISHED;
  p->expect = p->wants_tickets ? RS_EXPECT_TICKETS : RS_EXPECT_NOTHING;
  return 1;
}

int rs_resume13_on_message(rs_probe *p, unsigned type, rs_bytes message) {
  const rs_probe_expect expect = p->expect;
  if (expect == RS_EXPECT_TICKETS) {
    if (type !=
        RS_NEW_SESSION_TICKET) { /* KeyUpdate, a late CertificateRequest: reading ends here */
      p->expect = RS_EXPECT_NOTHING;
      return 1;
    }
    rs_transcript_add(&p->transcript, 1, RS_HANDSHAKE, message.bytes, message.length);
    return 1;
  }
  if (expect == RS_EXPECT_FINISHED && type == RS_FINISHED)
    return resume13_on_finished(p, message);
  if ((expect == RS_EXPECT_SERVER_HELLO && type == RS_SERVER_HELLO) ||
      (expect == RS_EXPECT_ENCRYPTED_EXTENSIONS && type == RS_ENCRYPTED_EXTENSIONS)) {
    rs_transcript_add(&p->transcript, 1, RS_HANDSHAKE, message.bytes, message.length);
    return type == RS_SERVER_HELLO ? resume13_on_server_hello(p, message)
                                   : resume13_on_encrypted_extensions(p, message);
  }
  return rs_probe_violated(p, RS_VIOLATION_MESSAGE_PLACE);
}

int rs_resume13_ticket_parts(rs_probe *p, rs_reader body, unsigned char *psk,
                             rs_session_parts *parts) {
  const size_t length = rs_hash_length(p->hash);
  rs_new_session_ticket ticket;
  if (!rs_read_new_session_ticket(body, RS_TLS13, &ticket) || ticket.ticket.length == 0 ||
      !rs_hkdf_expand_label(p->tools, p->hash, p->resumption_secret, "resumption", ticket.nonce,
                            psk, length))
    return 0;
  memset(parts, 0, sizeof *parts);
  parts->version = RS_TLS13;
  parts->cipher = p->cipher;
  parts->secret = (rs_bytes){psk, length};
  parts->ticket = ticket.ticket;
  parts->lifetime_s = ticket.lifetime_s;
  parts->age_add = ticket.age_add;
  parts->max_early_data = ticket.max_early_data;
  return 1;
}
