/* The PSK handshake of TLS 1.3 (RFC 8446, sections 2.2, 4.2.11 and 7.1): binders, the key schedule,
 * HelloRetryRequest, early data, and the tickets that come later. The server proves that it resumes
 * by a Finished under keys that only the PSK gives.
 *
 * The key share is the base point unless the caller wants another one: its scalar is 1, so the
 * shared secret is the server's own share and no curve is computed here. Such a connection keeps
 * nothing secret, and carries nothing.
 */
#include "fit.h"
#include "probe.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum {
  X25519_SHARE = 32,
  MAX_SHARED = 66, /* P-521 */
};

static const rs_bytes EMPTY = {NULL, 0};

/* --- the key schedule --- */

static int resume13_openssl_failed(rs_probe *p) {
  return rs_probe_fail(p, "openssl", "OpenSSL can't derive the keys", -1);
}

/* A secret of the ladder, to be used several times. */
static int prepare(rs_tools *tools, rs_hash hash, const unsigned char *secret, rs_hmac_key *out) {
  return rs_hmac_prepare(tools, hash, (rs_bytes){secret, rs_hash_length(hash)}, out);
}

/* Derive-Secret(secret, label, messages) with the hash of those messages. */
static int derive_secret_with(rs_tools *tools, const rs_hmac_key *secret, const char *label,
                              const unsigned char *messages_hash, unsigned char *out) {
  const size_t length = rs_hash_length(secret->hash);
  return rs_hkdf_expand_label_with(tools, secret, label, (rs_bytes){messages_hash, length}, out,
                                   length);
}

static int derive_secret(rs_tools *tools, rs_hash hash, const unsigned char *secret,
                         const char *label, const unsigned char *messages_hash,
                         unsigned char *out) {
  const size_t length = rs_hash_length(hash);
  return rs_hkdf_expand_label(tools, hash, secret, label, (rs_bytes){messages_hash, length}, out,
                              length);
}

/* The next secret of the ladder: Extract(Derive-Secret(secret, "derived", ""), key). */
static int next_secret(rs_tools *tools, const rs_hmac_key *secret, rs_bytes key,
                       unsigned char *out) {
  const rs_hash hash = secret->hash;
  unsigned char salt[RS_MAX_HASH];
  int good = derive_secret_with(tools, secret, "derived", tools->nothing[hash], salt) &&
             rs_hkdf_extract(tools, hash, (rs_bytes){salt, rs_hash_length(hash)}, key, out);
  OPENSSL_cleanse(salt, sizeof salt);
  return good;
}

static int protect(rs_tools *tools, const rs_suite *suite, const unsigned char *secret,
                   rs_protection *out) {
  rs_hmac_key key;
  memset(out, 0, sizeof *out);
  out->suite = suite;
  out->version = RS_TLS13;
  int good =
      prepare(tools, (rs_hash)suite->hash, secret, &key) &&
      rs_hkdf_expand_label_with(tools, &key, "key", EMPTY, out->key, suite->key_length) &&
      rs_hkdf_expand_label_with(tools, &key, "iv", EMPTY, out->iv, rs_iv_length(suite, RS_TLS13));
  OPENSSL_cleanse(&key, sizeof key);
  return good;
}

/* HMAC of the hash under a finished_key (RFC 8446, section 4.4.4). */
static int finished_mac(rs_tools *tools, rs_hash hash, const unsigned char *key,
                        const unsigned char *messages_hash, unsigned char *out) {
  const size_t length = rs_hash_length(hash);
  const rs_bytes messages = {messages_hash, length};
  return rs_hmac(tools, hash, (rs_bytes){key, length}, &messages, 1, out);
}

static int verify_data(rs_tools *tools, rs_hash hash, const unsigned char *base_key,
                       const unsigned char *messages_hash, unsigned char *out) {
  const size_t length = rs_hash_length(hash);
  unsigned char key[RS_MAX_HASH];
  int good = rs_hkdf_expand_label(tools, hash, base_key, "finished", EMPTY, key, length) &&
             finished_mac(tools, hash, key, messages_hash, out);
  OPENSSL_cleanse(key, sizeof key);
  return good;
}

/* --- the ClientHello --- */

static int binder(rs_probe *p, const rs_probe_psk *psk, const rs_bytes *parts, size_t count,
                  unsigned char *out) {
  unsigned char hash[RS_MAX_HASH];
  return rs_digest_parts(p->tools, psk->hash, parts, count, hash) &&
         finished_mac(p->tools, psk->hash, psk->schedule.binder_key, hash, out);
}

/* What stands before this ClientHello in the binder's hash: nothing, or the first one and its
 * answer. Returns the number of parts in *count, or 0 where they are not there. */
static int binder_prefix(rs_probe *p, rs_hash hash, unsigned char *room, rs_bytes *parts,
                         size_t *count) {
  *count = 0;
  if (!p->retried)
    return 1;
  *count = rs_transcript_retried(&p->transcript, p->tools, hash, room, parts);
  return *count == 2;
}

static int write_binder(rs_probe *p, const rs_probe_psk *psk, rs_bytes truncated, rs_writer *w) {
  unsigned char room[RS_MESSAGE_HEADER + RS_MAX_HASH];
  rs_bytes parts[3];
  size_t count;
  const size_t size = rs_hash_length(psk->hash);
  rs_write_number(w, (uint32_t)size, 1);
  unsigned char *out = rs_write_room(w, size);
  if (!out || !binder_prefix(p, psk->hash, room, parts, &count))
    return 0;
  parts[count] = truncated;
  return binder(p, psk, parts, count + 1, out);
}

int rs_resume13_write_binders(rs_probe *p, unsigned char *hello, size_t length) {
  rs_reader body = rs_reader_of(hello, length);
  rs_read_bytes(&body, RS_MESSAGE_HEADER);
  rs_client_hello ours;
  if (!p->binds)
    return 1;
  if (!rs_read_client_hello(body, &ours) || ours.binders.length < 2)
    return resume13_openssl_failed(p);
  const size_t cut = (size_t)(ours.binders.bytes - hello);
  rs_writer w = rs_writer_of(hello + cut + 2, ours.binders.length - 2);
  for (size_t i = 0; i < p->psk_count; i++)
    if (!write_binder(p, &p->psks[i], (rs_bytes){hello, cut}, &w))
      return resume13_openssl_failed(p);
  if (p->alters_binder)
    hello[cut + ours.binders.length - 1] ^= 1;
  return 1;
}

/* What middleboxes want to see: once, and only where a session ID asks for that mode (RFC 8446,
 * appendix D.4). */
static int please_middleboxes(rs_probe *p) {
  const int owed = p->owes_change_cipher_spec;
  p->owes_change_cipher_spec = 0;
  return !owed || rs_probe_send_change_cipher_spec(p);
}

int rs_resume13_send_early_data(rs_probe *p, rs_bytes data) {
  unsigned char hash[RS_MAX_HASH], secret[RS_MAX_HASH];
  const rs_probe_psk *psk = &p->psks[0];
  const rs_suite *suite = rs_suite_find(psk->cipher);
  int good =
      rs_probe_transcript_hash(p, psk->hash, hash) &&
      derive_secret(p->tools, psk->hash, psk->schedule.early_secret, "c e traffic", hash, secret) &&
      please_middleboxes(p) && protect(p->tools, suite, secret, &p->writing) &&
      rs_probe_send(p, RS_APPLICATION_DATA, data);
  OPENSSL_cleanse(secret, sizeof secret);
  p->early_data_sent = 1;
  return good ? 1 : resume13_openssl_failed(p);
}

/* --- the key share --- */

static const char *group_name(unsigned group) {
  switch (group) {
  case RS_GROUP_X25519:
    return "X25519";
  case RS_GROUP_SECP256R1:
    return "P-256";
  case RS_GROUP_SECP384R1:
    return "P-384";
  case RS_GROUP_SECP521R1:
    return "P-521";
  default:
    return NULL;
  }
}

int rs_resume13_new_key(rs_probe *p, unsigned group) {
  const char *name = group_name(group);
  EVP_PKEY_free(p->key);
  p->key = NULL;
  if (name)
    p->key = group == RS_GROUP_X25519 ? EVP_PKEY_Q_keygen(NULL, NULL, name)
                                      : EVP_PKEY_Q_keygen(NULL, NULL, "EC", name);
  p->group = group;
  return p->key != NULL;
}

size_t rs_resume13_share(const rs_probe *p, unsigned char *room) {
  if (!p->key) {
    memset(room, 0, X25519_SHARE);
    room[0] = 9; /* RFC 7748, section 6.1 */
    return X25519_SHARE;
  }
  unsigned char *share = NULL;
  size_t length = EVP_PKEY_get1_encoded_public_key(p->key, &share);
  if (length > RS_MAX_SHARE)
    length = 0;
  if (length > 0)
    memcpy(room, share, length);
  OPENSSL_free(share);
  return length;
}

static EVP_PKEY *peer_key(const EVP_PKEY *own, rs_bytes share) {
  EVP_PKEY *peer = EVP_PKEY_new();
  if (peer && (!EVP_PKEY_copy_parameters(peer, own) ||
               !EVP_PKEY_set1_encoded_public_key(peer, share.bytes, share.length))) {
    EVP_PKEY_free(peer);
    peer = NULL;
  }
  return peer;
}

/* The shared secret; 0 where the server's share is none. */
static size_t derive_shared(const rs_probe *p, rs_bytes share, unsigned char *out) {
  size_t length = MAX_SHARED;
  if (!p->key) {
    const unsigned char zeros[X25519_SHARE] = {0};
    if (share.length != X25519_SHARE || memcmp(share.bytes, zeros, X25519_SHARE) == 0)
      return 0;
    memcpy(out, share.bytes, X25519_SHARE);
    return X25519_SHARE;
  }
  EVP_PKEY *peer = peer_key(p->key, share);
  EVP_PKEY_CTX *ctx = peer ? EVP_PKEY_CTX_new_from_pkey(NULL, p->key, NULL) : NULL;
  int good = ctx && EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
             EVP_PKEY_derive(ctx, out, &length) > 0;
  EVP_PKEY_CTX_free(ctx);
  EVP_PKEY_free(peer);
  return good ? length : 0;
}

/* --- the ServerHello --- */

/* No record holds messages under two keys (RFC 8446, section 5.1). */
static int ends_its_record(rs_probe *p) {
  if (p->behind == 0)
    return 1;
  return rs_probe_fail(p, "protocol_error", "something stands behind a message that changes keys",
                       RS_ALERT_UNEXPECTED_MESSAGE);
}

/* Both sides' traffic secrets of the handshake, and the master secret. */
static int handshake_secrets(rs_probe *p, const rs_hmac_key *secret) {
  const unsigned char zeros[RS_MAX_HASH] = {0};
  unsigned char messages[RS_MAX_HASH];
  return rs_probe_transcript_hash(p, p->hash, messages) &&
         derive_secret_with(p->tools, secret, "c hs traffic", messages, p->client_secret) &&
         derive_secret_with(p->tools, secret, "s hs traffic", messages, p->server_secret) &&
         next_secret(p->tools, secret, (rs_bytes){zeros, rs_hash_length(p->hash)},
                     p->master_secret);
}

/* Handshake traffic keys, from the PSK's salt (or that of no PSK) and the shared secret. */
static int handshake_keys(rs_probe *p, const rs_suite *suite, const unsigned char *salt,
                          rs_bytes shared) {
  const unsigned char zeros[RS_MAX_HASH] = {0};
  const rs_bytes no_key = {zeros, rs_hash_length(p->hash)};
  unsigned char secret[RS_MAX_HASH];
  rs_hmac_key key;
  int good = rs_hkdf_extract(p->tools, p->hash, (rs_bytes){salt, no_key.length},
                             shared.length ? shared : no_key, secret) &&
             prepare(p->tools, p->hash, secret, &key) && handshake_secrets(p, &key) &&
             protect(p->tools, suite, p->server_secret, &p->reading);
  /* While early data may still be sent, its keys stay the ones to write with. */
  if (good && !p->early_data_sent)
    good = protect(p->tools, suite, p->client_secret, &p->writing);
  OPENSSL_cleanse(&key, sizeof key);
  OPENSSL_cleanse(secret, sizeof secret);
  return good ? 1 : resume13_openssl_failed(p);
}

static int shared_keys(rs_probe *p, const rs_server_hello *hello, const unsigned char *salt) {
  unsigned char shared[MAX_SHARED];
  size_t length = 0;
  if (hello->has_key_share) {
    if (hello->group != p->group)
      return rs_probe_fail(p, "protocol_error", "a key share of a group that was not offered",
                           RS_ALERT_ILLEGAL_PARAMETER);
    length = derive_shared(p, hello->key_share, shared);
    if (length == 0)
      return rs_probe_fail(p, "protocol_error", "the server's key share is none",
                           RS_ALERT_ILLEGAL_PARAMETER);
  }
  int good = handshake_keys(p, rs_suite_find(p->cipher), salt, (rs_bytes){shared, length});
  OPENSSL_cleanse(shared, sizeof shared);
  return good;
}

/* A full handshake has begun. Our farewell has to be encrypted like everything else. */
static int resume13_refuse(rs_probe *p, const rs_server_hello *hello) {
  rs_psk_schedule no_psk;
  if (!hello->has_key_share)
    return rs_probe_fail(p, "protocol_error", "neither a PSK nor a key share in ServerHello",
                         RS_ALERT_ILLEGAL_PARAMETER);
  if (!rs_psk_schedule_of(p->tools, p->hash, EMPTY, &no_psk))
    return resume13_openssl_failed(p);
  p->early_data_sent = 0; /* it was rejected */
  return shared_keys(p, hello, no_psk.salt) && please_middleboxes(p) && rs_probe_refuse(p);
}

static int misfit(rs_probe *p, rs_misfit wrong) {
  return rs_probe_fail(p, "protocol_error", wrong.message, wrong.alert);
}

/* Sends the second ClientHello: the first one with what the HelloRetryRequest asks for. */
static int send_second_hello(rs_probe *p, const rs_server_hello *retry) {
  unsigned char share[RS_MAX_SHARE];
  rs_key_share key_share = {retry->group, {share, 0}};
  if (retry->has_key_share)
    key_share.share.length = rs_resume13_share(p, share);
  const rs_reader first = rs_transcript_first_body(&p->transcript);
  const size_t size = first.left + retry->cookie.length + sizeof share + 64;
  rs_buffer second = {0};
  unsigned char *room = rs_buffer_room(&second, size);
  rs_writer w = rs_writer_of(room, room ? size : 0);
  int good = room &&
             rs_write_second_client_hello(&w, first, retry->has_key_share ? &key_share : NULL,
                                          retry->cookie) &&
             rs_resume13_write_binders(p, room, w.used) && please_middleboxes(p) &&
             rs_probe_send_message(p, (rs_bytes){room, w.used});
  rs_buffer_free(&second);
  return good ? 1 : rs_probe_fail(p, "unsupported", "the second ClientHello can't be made", -1);
}

static int resume13_retry(rs_probe *p, const rs_client_hello *ours, const rs_server_hello *retry) {
  if (p->retried)
    return rs_probe_fail(p, "protocol_error", "a second HelloRetryRequest",
                         RS_ALERT_UNEXPECTED_MESSAGE);
  const rs_misfit wrong = rs_retry_misfit(ours, retry);
  if (wrong.message)
    return misfit(p, wrong);
  if (retry->has_key_share && !rs_resume13_new_key(p, retry->group))
    return rs_probe_fail(p, "unsupported", "HelloRetryRequest asks for a group beyond the probe",
                         RS_ALERT_ILLEGAL_PARAMETER);
  p->retried = 1;
  p->early_data_sent = 0;
  memset(&p->writing, 0, sizeof p->writing);
  p->writing.version = RS_TLS12;
  return send_second_hello(p, retry);
}

/* With keys from the PSK, from here on. */
static int resume13_accept(rs_probe *p, const rs_client_hello *ours, const rs_server_hello *hello) {
  if ((size_t)p->selected >= p->psk_count || p->psks[p->selected].hash != p->hash)
    return rs_probe_fail(p, "protocol_error", "the server selected a PSK that does not fit",
                         RS_ALERT_ILLEGAL_PARAMETER);
  const rs_misfit wrong = rs_psk_misfit(ours, hello);
  if (wrong.message)
    return misfit(p, wrong);
  if (p->hello_is_proof) {
    p->state = RS_PROBE_ESTABLISHED;
    p->expect = RS_EXPECT_NOTHING;
    return 1;
  }
  p->expect = RS_EXPECT_ENCRYPTED_EXTENSIONS;
  return shared_keys(p, hello, p->psks[p->selected].schedule.salt);
}

/* Whether the answer is one to our ClientHello, and to the HelloRetryRequest before it. */
static int resume13_fits(rs_probe *p, const rs_client_hello *ours, const rs_server_hello *hello) {
  const rs_misfit wrong = rs_server_hello_misfit(ours, hello);
  if (wrong.message)
    return misfit(p, wrong);
  if (p->retried && (hello->version != RS_TLS13 || hello->cipher != p->cipher))
    return rs_probe_fail(p, "protocol_error",
                         "the server chose something else in its HelloRetryRequest",
                         RS_ALERT_ILLEGAL_PARAMETER);
  return hello->version < RS_TLS13 || ends_its_record(p);
}

static int resume13_on_server_hello(rs_probe *p, rs_bytes message) {
  rs_reader body = rs_reader_of(message.bytes, message.length);
  rs_read_bytes(&body, RS_MESSAGE_HEADER);
  rs_server_hello hello;
  rs_client_hello ours;
  if (!rs_read_server_hello(body, &hello) || !rs_transcript_client_hello(&p->transcript, &ours))
    return rs_probe_fail(p, "protocol_error", "a malformed ServerHello", RS_ALERT_DECODE_ERROR);
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
  rs_reader body = rs_reader_of(message.bytes, message.length);
  rs_read_bytes(&body, RS_MESSAGE_HEADER);
  rs_encrypted_extensions extensions;
  rs_client_hello ours;
  if (!rs_read_encrypted_extensions(body, &extensions) ||
      !rs_transcript_client_hello(&p->transcript, &ours))
    return rs_probe_fail(p, "protocol_error", "malformed EncryptedExtensions",
                         RS_ALERT_DECODE_ERROR);
  const rs_misfit wrong = rs_encrypted_extensions_misfit(&ours, &extensions);
  if (wrong.message)
    return misfit(p, wrong);
  if (extensions.early_data && (!p->early_data_sent || p->selected != 0))
    return rs_probe_fail(p, "protocol_error", "early data is accepted that was not sent for this",
                         RS_ALERT_ILLEGAL_PARAMETER); /* RFC 8446, section 4.2.10 */
  p->early_data_accepted = extensions.early_data;
  p->expect = RS_EXPECT_FINISHED;
  /* Where it was refused, the server reads nothing under its keys any more. */
  if (p->early_data_sent && !extensions.early_data &&
      !protect(p->tools, rs_suite_find(p->cipher), p->client_secret, &p->writing))
    return resume13_openssl_failed(p);
  return 1;
}

static int send_end_of_early_data(rs_probe *p) {
  static const unsigned char message[] = {RS_END_OF_EARLY_DATA, 0, 0, 0};
  return rs_probe_send_message(p, (rs_bytes){message, sizeof message});
}

static int send_finished(rs_probe *p) {
  const size_t length = rs_hash_length(p->hash);
  unsigned char finished[RS_MESSAGE_HEADER + RS_MAX_HASH] = {RS_FINISHED, 0, 0,
                                                             (unsigned char)length};
  unsigned char messages[RS_MAX_HASH];
  if (!rs_probe_transcript_hash(p, p->hash, messages))
    return 0;
  if (!verify_data(p->tools, p->hash, p->client_secret, messages, finished + RS_MESSAGE_HEADER))
    return resume13_openssl_failed(p);
  return rs_probe_send_message(p, (rs_bytes){finished, RS_MESSAGE_HEADER + length});
}

/* Application traffic keys, of the hash up to the server's Finished; those to read with only for
 * who reads on. */
static int application_keys(rs_probe *p, const unsigned char *messages) {
  const rs_suite *suite = rs_suite_find(p->cipher);
  unsigned char secret[RS_MAX_HASH];
  int good = derive_secret(p->tools, p->hash, p->master_secret, "c ap traffic", messages, secret) &&
             protect(p->tools, suite, secret, &p->writing);
  if (good && p->wants_tickets)
    good = derive_secret(p->tools, p->hash, p->master_secret, "s ap traffic", messages, secret) &&
           protect(p->tools, suite, secret, &p->reading);
  OPENSSL_cleanse(secret, sizeof secret);
  return good ? 1 : resume13_openssl_failed(p);
}

static int resumption_secret(rs_probe *p) {
  unsigned char messages[RS_MAX_HASH];
  if (!p->wants_tickets)
    return 1;
  if (!rs_probe_transcript_hash(p, p->hash, messages))
    return 0;
  return derive_secret(p->tools, p->hash, p->master_secret, "res master", messages,
                       p->resumption_secret)
             ? 1
             : resume13_openssl_failed(p);
}

/* Our second flight: what ends early data, or for middleboxes a change_cipher_spec; Finished. */
static int second_flight(rs_probe *p) {
  if (!please_middleboxes(p) || (p->early_data_accepted && !send_end_of_early_data(p)))
    return 0;
  if (p->early_data_accepted &&
      !protect(p->tools, rs_suite_find(p->cipher), p->client_secret, &p->writing))
    return resume13_openssl_failed(p);
  return send_finished(p);
}

static int resume13_on_finished(rs_probe *p, rs_bytes message) {
  unsigned char messages[RS_MAX_HASH], expected[RS_MAX_HASH];
  const size_t length = rs_hash_length(p->hash);
  if (!ends_its_record(p) || !rs_probe_transcript_hash(p, p->hash, messages))
    return 0;
  if (!verify_data(p->tools, p->hash, p->server_secret, messages, expected))
    return resume13_openssl_failed(p);
  if (message.length != RS_MESSAGE_HEADER + length ||
      !rs_mac_fits(message.bytes + RS_MESSAGE_HEADER, expected, length))
    return rs_probe_fail(p, "protocol_error", "the server's Finished is wrong",
                         RS_ALERT_DECRYPT_ERROR);
  rs_transcript_add(&p->transcript, 1, RS_HANDSHAKE, message.bytes, message.length);
  if (!rs_probe_transcript_hash(p, p->hash, messages) || !second_flight(p) ||
      !application_keys(p, messages) || !resumption_secret(p))
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
  return rs_probe_fail(p, "protocol_error", "a handshake message that has no place here",
                       RS_ALERT_UNEXPECTED_MESSAGE);
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
