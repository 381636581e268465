/* One connection of spec.support.tls_server: its callbacks, its steps, and what libssl says of it.
 */
#include "tls_server.h"

#include <string.h>

#include <openssl/err.h>

#define CONNECTION "spec.tls_connection"

typedef struct {
  SSL *ssl;             /* owned; NULL when closed */
  BIO *in, *out;        /* owned by ssl */
  BIO *unread, *keylog; /* owned */
  server_policy policy;
  char server_name[256]; /* as the ClientHello said it; "" for none */
  int finished, failed, ended, early;
  int alert_sent, alert_received; /* the last one, or -1 */
  size_t early_bytes;
} connection_box;

/* --- what libssl calls; none of these touches Lua --- */

static connection_box *connection_of(const SSL *ssl) {
  return (connection_box *)SSL_get_app_data(ssl);
}

static int is_other_name(const connection_box *c) {
  const char *name = c->policy.other_name;
  return c->policy.exact_name ? strcmp(c->server_name, name) == 0
                              : OPENSSL_strcasecmp(c->server_name, name) == 0;
}

/* Goes on as the other server where the client asks for its name. */
static void switch_server(SSL *ssl) {
  const connection_box *c = connection_of(ssl);
  SSL_CTX *other = c->policy.other;
  unsigned char id[SSL_MAX_SID_CTX_LENGTH];
  if (!other || !is_other_name(c))
    return;
  SSL_set_SSL_CTX(ssl, other);
  SSL_set_verify(ssl, SSL_CTX_get_verify_mode(other), SSL_CTX_get_verify_callback(other));
  if (c->policy.switches_early) { /* before libssl looks for a session: it then finds no other's */
    memset(id, 'o', sizeof id);
    SSL_set_session_id_context(ssl, id, sizeof id);
  }
}

static int on_client_hello(SSL *ssl, int *alert, void *arg) {
  const unsigned char *extension;
  size_t length;
  const size_t before_name = 5; /* list length, type, name length (RFC 6066, section 3) */
  connection_box *c = connection_of(ssl);
  (void)alert;
  (void)arg;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &length) &&
      length > before_name && length - before_name < sizeof c->server_name) {
    memcpy(c->server_name, extension + before_name, length - before_name);
    c->server_name[length - before_name] = '\0';
  }
  if (c->policy.switches_early)
    switch_server(ssl);
  return SSL_CLIENT_HELLO_SUCCESS;
}

/* With this, libssl binds a session to the name that it was made for, as servers do. */
static int on_server_name(SSL *ssl, int *alert, void *arg) {
  if (!connection_of(ssl)->policy.switches_early)
    switch_server(ssl);
  (void)alert;
  (void)arg;
  return SSL_TLSEXT_ERR_OK;
}

static int on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_length,
                   const unsigned char *offered, unsigned offered_length, void *arg) {
  connection_box *c = connection_of(ssl);
  unsigned char *name;
  (void)arg;
  if (SSL_select_next_proto(&name, chosen_length, c->policy.alpn, (unsigned)c->policy.alpn_length,
                            offered, offered_length) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *chosen = name;
  return SSL_TLSEXT_ERR_OK;
}

static SSL_TICKET_RETURN on_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                   size_t length, SSL_TICKET_STATUS status, void *arg) {
  const server_policy *policy = &connection_of(ssl)->policy;
  (void)session;
  (void)name;
  (void)length;
  (void)arg;
  switch (status) {
  case SSL_TICKET_EMPTY:
  case SSL_TICKET_NO_DECRYPT:
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  case SSL_TICKET_SUCCESS:
  case SSL_TICKET_SUCCESS_RENEW:
    if (!policy->accept_tickets)
      return SSL_TICKET_RETURN_IGNORE_RENEW;
    return policy->renew_tickets || status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW
                                                                       : SSL_TICKET_RETURN_USE;
  default:
    return SSL_TICKET_RETURN_ABORT;
  }
}

static void on_keylog(const SSL *ssl, const char *line) {
  BIO_printf(connection_of(ssl)->keylog, "%s\n", line);
}

static void on_info(const SSL *ssl, int where, int value) {
  if (where == SSL_CB_READ_ALERT)
    connection_of(ssl)->alert_received = value & 0xff;
  else if (where == SSL_CB_WRITE_ALERT)
    connection_of(ssl)->alert_sent = value & 0xff;
}

void connection_callbacks(SSL_CTX *ctx, const server_policy *policy) {
  SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
  SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
  SSL_CTX_set_session_ticket_cb(ctx, NULL, on_ticket, NULL);
  SSL_CTX_set_keylog_callback(ctx, on_keylog);
  SSL_CTX_set_info_callback(ctx, on_info);
  if (policy->alpn_length > 0)
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
}

/* --- stepping --- */

int connection_push(lua_State *L, SSL_CTX *ctx, const server_policy *policy) {
  connection_box *c = (connection_box *)lua_newuserdatauv(L, sizeof *c, 0);
  memset(c, 0, sizeof *c);
  luaL_setmetatable(L, CONNECTION);
  c->policy = *policy;
  c->early = policy->early_data;
  c->alert_sent = c->alert_received = -1;
  c->unread = BIO_new(BIO_s_mem());
  c->keylog = BIO_new(BIO_s_mem());
  c->ssl = SSL_new(ctx);
  c->in = BIO_new(BIO_s_mem());
  c->out = BIO_new(BIO_s_mem());
  SSL_set_app_data(c->ssl, c);
  SSL_set_bio(c->ssl, c->in, c->out);
  SSL_set_accept_state(c->ssl);
  return 1;
}

static connection_box *connection_check(lua_State *L) {
  connection_box *c = (connection_box *)luaL_checkudata(L, 1, CONNECTION);
  luaL_argcheck(L, c->ssl, 1, "the connection is closed");
  return c;
}

static void push_content(lua_State *L, BIO *bio) {
  char *bytes;
  long length = BIO_get_mem_data(bio, &bytes);
  lua_pushlstring(L, length > 0 ? bytes : "", (size_t)length);
}

static void push_drained(lua_State *L, BIO *bio) {
  push_content(L, bio);
  (void)BIO_reset(bio);
}

/* Early data, then the handshake, then application data. Returns libssl's result of what stopped;
 * bounded by the bytes that came in. */
static int connection_run(connection_box *c) {
  unsigned char chunk[4096];
  size_t length;
  while (c->early) {
    int result = SSL_read_early_data(c->ssl, chunk, sizeof chunk, &length);
    if (result == SSL_READ_EARLY_DATA_ERROR)
      return 0;
    BIO_write(c->unread, chunk, (int)length);
    c->early_bytes += length;
    c->early = result != SSL_READ_EARLY_DATA_FINISH;
  }
  int result = SSL_do_handshake(c->ssl);
  c->finished = c->finished || result == 1;
  while (result == 1 && (result = SSL_read_ex(c->ssl, chunk, sizeof chunk, &length)) == 1)
    BIO_write(c->unread, chunk, (int)length);
  return result;
}

static int connection_advance(lua_State *L, connection_box *c) {
  ERR_clear_error();
  int reason = SSL_get_error(c->ssl, connection_run(c));
  c->ended = reason == SSL_ERROR_ZERO_RETURN;
  c->failed = !c->ended && reason != SSL_ERROR_WANT_READ;
  if (c->failed)
    lua_pushnil(L);
  else
    lua_pushstring(L, c->ended ? "closed" : c->finished ? "established" : "want");
  push_drained(L, c->out);
  lua_pushstring(L, c->failed ? rs_openssl_reason("the client ended the connection") : NULL);
  ERR_clear_error();
  return 3;
}

/*** As resum.handshake:step().
 * @function connection:step
 * @tparam[opt] string bytes
 * @treturn string|nil "want", "established", "closed"; nil when it failed
 * @treturn string bytes to send
 * @treturn[opt] string message, on failure */
static int connection_step(lua_State *L) {
  connection_box *c = connection_check(L);
  size_t length;
  const char *bytes = luaL_optlstring(L, 2, "", &length);
  BIO_write(c->in, bytes, (int)length);
  return connection_advance(L, c);
}

/*** The client ended the stream; returns as step().
 * @function connection:eof */
static int connection_eof(lua_State *L) {
  connection_box *c = connection_check(L);
  BIO_set_mem_eof_return(c->in, 0);
  return connection_advance(L, c);
}

/*** Encrypts application data.
 * @function connection:write
 * @treturn string bytes to send */
static int connection_write(lua_State *L) {
  connection_box *c = connection_check(L);
  size_t length, written;
  const char *bytes = luaL_checklstring(L, 2, &length);
  ERR_clear_error();
  if (length > 0 && SSL_write_ex(c->ssl, bytes, length, &written) != 1)
    return rs_error_openssl(L, "write", "openssl");
  push_drained(L, c->out);
  return 1;
}

/*** Application data received, early data included.
 * @function connection:read */
static int connection_read(lua_State *L) {
  push_drained(L, connection_check(L)->unread);
  return 1;
}

/*** One more TLS 1.3 ticket.
 * @function connection:issue_ticket
 * @treturn string bytes to send */
static int connection_issue_ticket(lua_State *L) {
  connection_box *c = connection_check(L);
  ERR_clear_error();
  if (!SSL_new_session_ticket(c->ssl) || SSL_do_handshake(c->ssl) != 1)
    return rs_error_openssl(L, "issue_ticket", "openssl");
  push_drained(L, c->out);
  return 1;
}

/*** A HelloRequest (up to TLS 1.2).
 * @function connection:renegotiate
 * @treturn string bytes to send */
static int connection_renegotiate(lua_State *L) {
  connection_box *c = connection_check(L);
  ERR_clear_error();
  if (!SSL_renegotiate(c->ssl) || SSL_do_handshake(c->ssl) != 1)
    return rs_error_openssl(L, "renegotiate", "openssl");
  push_drained(L, c->out);
  return 1;
}

/*** The close_notify alert.
 * @function connection:shutdown
 * @treturn string bytes to send */
static int connection_shutdown(lua_State *L) {
  connection_box *c = connection_check(L);
  ERR_clear_error();
  if (!c->failed && c->finished)
    SSL_shutdown(c->ssl);
  ERR_clear_error();
  push_drained(L, c->out);
  return 1;
}

/*** The secrets of this connection, as lines of an NSS key log.
 * @function connection:keylog
 * @treturn string */
static int connection_keylog(lua_State *L) {
  push_content(L, connection_check(L)->keylog);
  return 1;
}

/*** Frees the connection. Its session leaves the server's cache unless shutdown() came before.
 * @function connection:close */
static int connection_close(lua_State *L) {
  connection_box *c = (connection_box *)luaL_checkudata(L, 1, CONNECTION);
  SSL_free(c->ssl);
  BIO_free(c->unread);
  BIO_free(c->keylog);
  c->ssl = NULL;
  c->unread = c->keylog = NULL;
  return 0;
}

/* --- facts; each setter adds a field to the table on top --- */

static void set_string(lua_State *L, const char *name, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

static void set_boolean(lua_State *L, const char *name, int value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

static void set_alert(lua_State *L, const char *name, int alert) {
  if (alert >= 0)
    lua_pushinteger(L, alert);
  else
    lua_pushnil(L);
  lua_setfield(L, -2, name);
}

static void facts_of_session(lua_State *L, SSL *ssl) {
  const unsigned char *alpn;
  unsigned alpn_length, id_length;
  const unsigned char *id = SSL_SESSION_get_id(SSL_get_session(ssl), &id_length);
  lua_pushlstring(L, (const char *)id, id_length);
  lua_setfield(L, -2, "session_id");
  SSL_get0_alpn_selected(ssl, &alpn, &alpn_length);
  if (alpn_length > 0) {
    lua_pushlstring(L, (const char *)alpn, alpn_length);
    lua_setfield(L, -2, "alpn");
  }
}

static void facts_of_handshake(lua_State *L, SSL *ssl) {
  static const char *const early[] = {"not_sent", "rejected", "accepted"};
  const char *version = SSL_get_version(ssl);
  const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
  set_string(L, "version", strcmp(version, "TLSv1") == 0 ? "TLSv1.0" : version);
  set_string(L, "cipher", cipher ? SSL_CIPHER_standard_name(cipher) : NULL);
  set_string(L, "group", SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl)));
  set_string(L, "early_data", early[SSL_get_early_data_status(ssl)]);
  set_boolean(L, "reused", SSL_session_reused(ssl));
  set_boolean(L, "extended_master_secret", SSL_get_extms_support(ssl) == 1);
  set_boolean(L, "peer_certificate", SSL_get0_peer_certificate(ssl) != NULL);
}

/*** What libssl's server says of the connection.
 * @function connection:facts
 * @treturn table finished, server_name, got_close_notify, early_data_length, alert_sent,
 *   alert_received (codes); once finished: version, cipher (IANA name), group, reused, session_id,
 *   early_data ("not_sent", "rejected", "accepted"), alpn, extended_master_secret (of the session),
 *   peer_certificate */
static int connection_facts(lua_State *L) {
  connection_box *c = connection_check(L);
  lua_newtable(L);
  set_boolean(L, "finished", c->finished);
  set_boolean(L, "got_close_notify", c->alert_received == SSL_AD_CLOSE_NOTIFY);
  set_string(L, "server_name", c->server_name[0] ? c->server_name : NULL);
  set_alert(L, "alert_sent", c->alert_sent);
  set_alert(L, "alert_received", c->alert_received);
  lua_pushinteger(L, (lua_Integer)c->early_bytes);
  lua_setfield(L, -2, "early_data_length");
  if (c->finished) {
    facts_of_handshake(L, c->ssl);
    facts_of_session(L, c->ssl);
  }
  return 1;
}

static const luaL_Reg methods[] = {{"step", connection_step},
                                   {"eof", connection_eof},
                                   {"write", connection_write},
                                   {"read", connection_read},
                                   {"issue_ticket", connection_issue_ticket},
                                   {"renegotiate", connection_renegotiate},
                                   {"shutdown", connection_shutdown},
                                   {"keylog", connection_keylog},
                                   {"facts", connection_facts},
                                   {"close", connection_close},
                                   {"__gc", connection_close},
                                   {NULL, NULL}};

void connection_class(lua_State *L) {
  new_class(L, CONNECTION, methods);
}
