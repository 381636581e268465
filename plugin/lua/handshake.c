/* resum.handshake: one client connection on libssl, as a byte machine over memory BIOs. It does the
 * full handshakes and the slow but complete resumptions, and collects the sessions the server
 * issues. libssl's callbacks write into this struct only; Lua reads it later.
 */
#include "handshake.h"

#include "class.h"
#include "context.h"
#include "error.h"
#include "facts.h"
#include "guard.h"
#include "options.h"
#include "push.h"
#include "reclaim.h"
#include "session.h"
#include "tls/hello.h"
#include "tls/names.h"
#include "tls/numbers.h"
#include "tls/transcript.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#define HANDSHAKE "resum.handshake"

enum {
  MAX_SESSIONS = 64,           /* a server that issues more is not worth more */
  MAX_UNREAD = 64 * 1024,      /* application data kept for read() */
  DEFAULT_MAX_BYTES = 1 << 20, /* taken in per connection */
  READ_CHUNK = 4096,
  LARGE_TICKET = 32 * 1024 /* all extensions share 65,535 bytes */
};

typedef enum { WANT, ESTABLISHED, CLOSED, FAILED } handshake_state;

typedef struct {
  SSL *ssl;               /* owned; NULL when closed */
  BIO *in, *out;          /* owned by ssl */
  SSL_SESSION **sessions; /* owned: in the order received */
  size_t session_count;
  unsigned char *unread; /* owned: application data not yet read */
  size_t unread_length;
  size_t bytes_in, bytes_out, max_bytes;
  handshake_state state;
  int eof, finished; /* finished: the handshake was completed once */
  rs_transcript transcript;
} handshake_box;

/* --- what libssl calls --- */

static void handshake_on_message(int sent, int version, int content, const void *bytes,
                                 size_t length, SSL *ssl, void *arg) {
  handshake_box *h = (handshake_box *)arg;
  (void)version;
  (void)ssl;
  if (content == RS_HANDSHAKE || content == RS_ALERT) /* libssl hides some change_cipher_specs */
    rs_transcript_add(&h->transcript, !sent, content, bytes, length);
}

/* A copy is kept: libssl goes on using its own session, and marks it as not resumable when the
 * connection ends badly. */
static void handshake_keep_session(handshake_box *h, const SSL_SESSION *session) {
  if (h->session_count >= MAX_SESSIONS)
    return;
  SSL_SESSION **grown =
      (SSL_SESSION **)realloc(h->sessions, (h->session_count + 1) * sizeof *grown);
  if (!grown)
    return;
  h->sessions = grown;
  SSL_SESSION *copy = SSL_SESSION_dup(session);
  if (copy)
    h->sessions[h->session_count++] = copy;
}

/* One for each TLS 1.3 ticket. Up to TLS 1.2 libssl calls this before the server's Finished is
 * verified, too early: see handshake_finish. */
static int handshake_on_session(SSL *ssl, SSL_SESSION *session) {
  handshake_box *h = (handshake_box *)SSL_get_app_data(ssl);
  if (h && SSL_version(ssl) >= TLS1_3_VERSION)
    handshake_keep_session(h, session);
  return 0; /* 0: the reference stays libssl's */
}

/* --- life --- */

static handshake_box *handshake_box_of(lua_State *L) {
  return (handshake_box *)luaL_checkudata(L, 1, HANDSHAKE);
}

static handshake_box *handshake_check(lua_State *L) {
  handshake_box *h = handshake_box_of(L);
  luaL_argcheck(L, h->ssl, 1, "the handshake is closed");
  return h;
}

/*** Frees the connection's state; the sessions taken from it stay good. Sends nothing: shutdown()
 * does. Any number of times.
 * @function handshake:close */
static int handshake_close(lua_State *L) {
  handshake_box *h = handshake_box_of(L);
  if (h->ssl) /* else SSL_free marks its session as not resumable */
    SSL_set_shutdown(h->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  rs_ssl_free(h->ssl);
  h->ssl = NULL;
  for (size_t i = 0; i < h->session_count; i++)
    SSL_SESSION_free(h->sessions[i]);
  free(h->sessions);
  h->sessions = NULL;
  h->session_count = 0;
  free(h->unread);
  h->unread = NULL;
  h->unread_length = 0;
  rs_transcript_free(&h->transcript);
  return 0;
}

/* Both BIOs, or neither. */
static int handshake_open_bios(handshake_box *h) {
  h->in = BIO_new(BIO_s_mem());
  h->out = BIO_new(BIO_s_mem());
  if (!h->in || !h->out) {
    BIO_free(h->in);
    BIO_free(h->out);
    return 0;
  }
  SSL_set_bio(h->ssl, h->in, h->out);
  return 1;
}

static int handshake_offer(handshake_box *h, SSL_SESSION *session) {
  SSL_SESSION *copy = SSL_SESSION_dup(session); /* libssl offers one TLS 1.3 session once */
  int good = copy && SSL_set_session(h->ssl, copy);
  SSL_SESSION_free(copy);
  return good;
}

static int handshake_configure(handshake_box *h, const char *server_name, SSL_SESSION *session) {
  SSL_set_connect_state(h->ssl);
  SSL_set_app_data(h->ssl, h);
  SSL_set_msg_callback(h->ssl, handshake_on_message);
  SSL_set_msg_callback_arg(h->ssl, h);
  return handshake_open_bios(h) &&
         (!server_name || SSL_set_tlsext_host_name(h->ssl, server_name)) &&
         (!session || handshake_offer(h, session));
}

/* --- stepping --- */

static const char *handshake_state_name(handshake_state state) {
  return state == ESTABLISHED ? "established" : state == CLOSED ? "closed" : "want";
}

/* Why libssl gave up. The peer's alert stands in the transcript; the rest is libssl's reason. */
static int handshake_push_failure(lua_State *L, handshake_box *h) {
  if (rs_facts_push_alert(L, &h->transcript)) {
    return 2;
  } else if (!h->finished && h->transcript.incomplete) {
    lua_pushliteral(L, "handshake: the server sent more messages than are kept");
    lua_pushliteral(L, "too_much");
  } else if (h->eof) {
    lua_pushstring(L, h->finished ? "connection: the server ended it without close_notify"
                                  : "handshake: the server ended the connection in the middle");
    lua_pushliteral(L, "closed");
  } else if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_DH_KEY_TOO_SMALL) { /* see context.c */
    lua_pushfstring(L,
                    "handshake: the server's Diffie-Hellman group is larger than %d bits, "
                    "the most that is computed",
                    rs_context_max_dh_bits(h->ssl));
    lua_pushliteral(L, "dh_too_large");
  } else {
    lua_pushfstring(L, "handshake: %s", rs_openssl_reason("the peer's bytes are not TLS"));
    lua_pushliteral(L, "protocol_error");
  }
  return 2;
}

static void handshake_keep_unread(handshake_box *h, const unsigned char *bytes, size_t length) {
  size_t room = MAX_UNREAD - h->unread_length;
  if (length > room)
    length = room;
  if (length == 0)
    return;
  unsigned char *grown = (unsigned char *)realloc(h->unread, h->unread_length + length);
  if (!grown)
    return;
  memcpy(grown + h->unread_length, bytes, length);
  h->unread = grown;
  h->unread_length += length;
}

/* The state after libssl did not get further. */
static handshake_state handshake_stopped(handshake_box *h, int result) {
  switch (SSL_get_error(h->ssl, result)) {
  case SSL_ERROR_WANT_READ:
  case SSL_ERROR_WANT_WRITE:
    return h->finished ? ESTABLISHED : WANT;
  case SSL_ERROR_ZERO_RETURN:
    return CLOSED;
  default:
    return FAILED;
  }
}

static int handshake_wants_session(SSL_SESSION *session) {
  unsigned id_length = 0;
  if (session)
    SSL_SESSION_get_id(session, &id_length);
  return id_length > 0 || (session && SSL_SESSION_has_ticket(session));
}

/* Up to TLS 1.2 a connection has one session, which is complete with the handshake. */
static void handshake_finish(handshake_box *h) {
  SSL_SESSION *session = SSL_get_session(h->ssl);
  h->finished = 1;
  if (SSL_version(h->ssl) < TLS1_3_VERSION && handshake_wants_session(session))
    handshake_keep_session(h, session);
}

static handshake_state handshake_run(handshake_box *h) {
  if (!h->finished) {
    int result = SSL_do_handshake(h->ssl);
    if (h->transcript.incomplete) /* the facts would not be the whole truth */
      return FAILED;
    if (result != 1)
      return handshake_stopped(h, result);
    handshake_finish(h);
  }
  for (;;) { /* bounded by the bytes taken in */
    unsigned char chunk[READ_CHUNK];
    size_t length;
    int result = SSL_read_ex(h->ssl, chunk, sizeof chunk, &length);
    if (result != 1)
      return handshake_stopped(h, result);
    handshake_keep_unread(h, chunk, length);
  }
}

/* --- construction --- */

/* Whether libssl gets a ClientHello with this session written, which it says by trying alone. */
static int handshake_has_room(handshake_box *h, SSL_SESSION *session) {
  const unsigned char *ticket;
  size_t length;
  SSL_SESSION_get0_ticket(session, &ticket, &length);
  return length < LARGE_TICKET || handshake_run(h) == WANT;
}

/*** Starts a client connection; the first step() gives the ClientHello.
 * @function handshake
 * @tparam context context
 * @tparam[opt] table options server_name (SNI, RFC 6066), session (offered for resumption, as a
 *   copy), max_bytes (taken in per connection, 1 MiB)
 * @treturn[1] handshake
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: "unsupported" (the session's ticket does not fit into a ClientHello) or
 *   "openssl" */
static int handshake_new(lua_State *L) {
  static const char *const names[] = {"server_name", "session", "max_bytes", NULL};
  lua_settop(L, 2);
  SSL_CTX *ctx = rs_context_check(L, 1);
  rs_options_check(L, 2, names);
  const char *server_name = rs_option_string(L, 2, "server_name", NULL);
  lua_Integer max_bytes = rs_option_integer(L, 2, "max_bytes", 1, 1 << 30, DEFAULT_MAX_BYTES);
  SSL_SESSION *session = rs_session_option(L, 2, "session");
  handshake_box *h = (handshake_box *)lua_newuserdatauv(L, sizeof *h, 0);
  memset(h, 0, sizeof *h);
  luaL_setmetatable(L, HANDSHAKE);
  h->max_bytes = (size_t)max_bytes;
  SSL_CTX_sess_set_new_cb(ctx, handshake_on_session);
  h->ssl = SSL_new(ctx);
  if (!h->ssl || !handshake_configure(h, server_name, session))
    return rs_error_openssl(L, "handshake", "openssl");
  if (session && !handshake_has_room(h, session))
    return rs_error(L, "handshake", "the session's ticket is too long for a ClientHello",
                    "unsupported");
  return 1;
}

/* Pushes what libssl wants to send. */
static void handshake_push_out(lua_State *L, handshake_box *h) {
  char *bytes = NULL;
  long length = BIO_get_mem_data(h->out, &bytes);
  lua_pushlstring(L, length > 0 ? bytes : "", length > 0 ? (size_t)length : 0);
  h->bytes_out += length > 0 ? (size_t)length : 0;
  (void)BIO_reset(h->out);
}

static int handshake_advance(lua_State *L, handshake_box *h) {
  if (h->state == WANT || h->state == ESTABLISHED)
    h->state = handshake_run(h);
  lua_pushstring(L, h->state == FAILED ? NULL : handshake_state_name(h->state));
  handshake_push_out(L, h);
  int reasons = h->state == FAILED ? handshake_push_failure(L, h) : 0;
  return 2 + reasons;
}

static int handshake_too_much(lua_State *L, handshake_box *h) {
  h->state = FAILED;
  lua_pushnil(L);
  lua_pushliteral(L, "");
  lua_pushfstring(L, "handshake: the server sent more than %d bytes", (int)h->max_bytes);
  lua_pushliteral(L, "too_much");
  return 4;
}

/* A machine that has failed stays failed, and says so again. */
static int handshake_failed_before(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "");
  lua_pushliteral(L, "handshake: it has failed before");
  lua_pushliteral(L, "failed");
  return 4;
}

/*** Takes in what the peer sent and says what to send. After "established" go on feeding it:
 * TLS 1.3 tickets and application data come then.
 * @function handshake:step
 * @tparam[opt] string bytes in any chunking; nothing for the first step
 * @treturn string|nil state "want" (more bytes), "established", "closed" (by close_notify); nil
 *   when it failed
 * @treturn string bytes to send, "" for none; on failure the alert
 * @treturn[opt] string message, on failure
 * @treturn[opt] string code, on failure: "alert" (the peer's), "protocol_error", "closed" (the
 *   stream ended early), "too_much", "dh_too_large" (see context's max_dh_bits), "failed" (before)
 */
static int handshake_step(lua_State *L) {
  handshake_box *h = handshake_check(L);
  size_t length = 0;
  const char *bytes = luaL_optlstring(L, 2, "", &length);
  if (h->state == FAILED)
    return handshake_failed_before(L);
  if (length > h->max_bytes - h->bytes_in)
    return handshake_too_much(L, h);
  h->bytes_in += length;
  if (length > 0 && BIO_write(h->in, bytes, (int)length) != (int)length)
    return luaL_error(L, "not enough memory");
  return handshake_advance(L, h);
}

/*** Tells it that the peer ended the stream.
 * @function handshake:eof
 * @return as step() */
static int handshake_eof(lua_State *L) {
  handshake_box *h = handshake_check(L);
  if (h->state == FAILED)
    return handshake_failed_before(L);
  h->eof = 1;
  BIO_set_mem_eof_return(h->in, 0);
  return handshake_advance(L, h);
}

/*** Encrypts application data.
 * @function handshake:write
 * @tparam string bytes
 * @treturn[1] string bytes to send
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: "state" before "established" or after the end, or "openssl" */
static int handshake_write(lua_State *L) {
  handshake_box *h = handshake_check(L);
  size_t length;
  const char *bytes = luaL_checklstring(L, 2, &length);
  if (h->state != ESTABLISHED || (SSL_get_shutdown(h->ssl) & SSL_SENT_SHUTDOWN))
    return rs_error(L, "write", "the connection is not established", "state");
  size_t written = 0;
  if (length > 0 && SSL_write_ex(h->ssl, bytes, length, &written) != 1)
    return rs_error_openssl(L, "write", "openssl");
  handshake_push_out(L, h);
  return 1;
}

/*** Application data received since the last call, at most 64 KiB of it.
 * @function handshake:read
 * @treturn string bytes */
static int handshake_read(lua_State *L) {
  handshake_box *h = handshake_check(L);
  lua_pushlstring(L, h->unread ? (const char *)h->unread : "", h->unread_length);
  free(h->unread);
  h->unread = NULL;
  h->unread_length = 0;
  return 1;
}

/*** The close_notify alert, to be sent before the stream is closed: servers with an internal cache
 * forget a session whose connection ended without it (RFC 8446, section 6.1).
 * @function handshake:shutdown
 * @treturn string bytes to send; "" before the handshake is complete, after a failure, or the
 *   second time */
static int handshake_shutdown(lua_State *L) {
  handshake_box *h = handshake_check(L);
  if (h->finished && h->state != FAILED && !(SSL_get_shutdown(h->ssl) & SSL_SENT_SHUTDOWN))
    SSL_shutdown(h->ssl);
  handshake_push_out(L, h);
  return 1;
}

/* --- what came of it --- */

static int handshake_push_copy(lua_State *L, SSL_SESSION *session) {
  SSL_SESSION **copy = rs_session_push(L);
  *copy = SSL_SESSION_dup(session);
  return *copy ? 1 : luaL_error(L, "not enough memory");
}

/*** All sessions that this connection gave, in the order received: one for each TLS 1.3
 * NewSessionTicket; up to TLS 1.2 at most one.
 * @function handshake:sessions
 * @treturn {session,...} */
static int handshake_sessions(lua_State *L) {
  handshake_box *h = handshake_check(L);
  lua_newtable(L);
  for (size_t i = 0; i < h->session_count; i++) {
    handshake_push_copy(L, h->sessions[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/*** The newest session that this connection gave.
 * @function handshake:session
 * @treturn session|nil */
static int handshake_session(lua_State *L) {
  handshake_box *h = handshake_check(L);
  if (h->session_count > 0)
    return handshake_push_copy(L, h->sessions[h->session_count - 1]);
  lua_pushnil(L);
  return 1;
}

/*** What stood on the wire, at any time, also after a failure.
 * @function handshake:facts
 * @treturn table version, cipher (IANA name), cipher_id, group, session_id_sent, session_id (the
 *   ServerHello's), ticket_offered (the session_ticket extension was sent), ticket_length_sent,
 *   psk_identities_sent, certificate (the server sent Certificate), certificate_request,
 *   extended_master_secret, encrypt_then_mac, session_ticket (the server announced one), alpn,
 *   server_key_share, server_share (its bytes), selected_identity, hello_retry, early_data
 *   (accepted), extensions (their types in the server's order: ServerHello's, then
 *   EncryptedExtensions'), leaf_sha256 and leaf_serial (bytes that name the server's certificate,
 *   where it sent one), leaf_not_after (its end, as it stands there: UTCTime or GeneralizedTime,
 *   RFC 5280, section 4.1.2.5), tickets (list of {ticket, lifetime_s, age_add, nonce, nonce_length,
 *   max_early_data, extensions: list of {type, body}}), alerts (list of {from, level, description,
 *   code}), tickets_forgotten and messages_forgotten (how many more there were than are kept),
 *   finished (the handshake was completed, whatever came then), reused (no Certificate, and both
 *   Finished verified with the old secrets), bytes_in, bytes_out. What was not seen is absent. */
static int handshake_facts(lua_State *L) {
  handshake_box *h = handshake_check(L);
  lua_createtable(L, 0, RS_FACTS);
  rs_facts_set(L, &h->transcript);
  rs_set_boolean(L, "reused",
                 h->finished && SSL_session_reused(h->ssl) &&
                     !rs_transcript_has_certificate(&h->transcript));
  rs_set_boolean(L, "finished", h->finished);
  rs_set_integer(L, "bytes_in", (lua_Integer)h->bytes_in);
  rs_set_integer(L, "bytes_out", (lua_Integer)h->bytes_out);
  return 1;
}

/*** Every handshake message and alert, both ways, in order (change_cipher_spec is neither).
 * @function handshake:transcript
 * @treturn {{from="client"|"server",type=string,bytes=string},...} type is the RFC's name
 *   ("server_hello"); bytes is the whole message with its header, "" past 256 KiB */
static int handshake_transcript(lua_State *L) {
  rs_facts_push_messages(L, &handshake_check(L)->transcript);
  return 1;
}

static int handshake_tostring(lua_State *L) {
  handshake_box *h = handshake_box_of(L);
  const char *state = !h->ssl              ? "closed"
                      : h->state == FAILED ? "failed"
                                           : handshake_state_name(h->state);
  lua_pushfstring(L, HANDSHAKE " (%s)", state);
  return 1;
}

static const luaL_Reg methods[] = {
    {"step", handshake_step},
    {"eof", handshake_eof},
    {"write", handshake_write},
    {"read", handshake_read},
    {"shutdown", handshake_shutdown},
    {"session", handshake_session},
    {"sessions", handshake_sessions},
    {"facts", handshake_facts},
    {"transcript", handshake_transcript},
    {"close", handshake_close},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__gc", handshake_close},
#if HAVE_LUA_CLOSE
    {"__close", handshake_close},
#endif
    {"__tostring", handshake_tostring},
    {NULL, NULL},
};

void rs_open_handshake(lua_State *L) {
  rs_new_class(L, HANDSHAKE, methods, metamethods);
  rs_set_function(L, "handshake", handshake_new);
}
