/* resum.session: what a client keeps to resume: id, ticket, secrets, lifetimes; DER and PEM in and
 * out. A session is independent of the connection and the context it came from, and is never itself
 * attached to one: an offered session is a copy (SSL_SESSION_dup), because libssl marks what it
 * offered. Its secrets are wiped by SSL_SESSION_free and leave only through der() and pem().
 */
#include "resum.h"

#include "names.h"
#include "wire.h"

#include <limits.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#define SESSION "resum.session"
#define SESSION_MAX_DER (256 * 1024)

typedef struct {
  SSL_SESSION *session; /* owned; NULL when closed */
} session_box;

SSL_SESSION **rs_session_push(lua_State *L) {
  session_box *box = (session_box *)lua_newuserdatauv(L, sizeof *box, 0);
  box->session = NULL;
  luaL_setmetatable(L, SESSION);
  return &box->session;
}

SSL_SESSION *rs_session_check(lua_State *L, int arg) {
  session_box *box = (session_box *)luaL_checkudata(L, arg, SESSION);
  luaL_argcheck(L, box->session, arg, "the session is closed");
  return box->session;
}

SSL_SESSION *rs_session_option(lua_State *L, int arg, const char *name) {
  SSL_SESSION *session = NULL;
  if (rs_option_push(L, arg, name) != LUA_TNIL) {
    session_box *box = (session_box *)luaL_testudata(L, -1, SESSION);
    if (!box)
      rs_option_wrong(L, arg, name, SESSION);
    else if (!box->session)
      luaL_argerror(L, arg, lua_pushfstring(L, "option '%s': the session is closed", name));
    else
      session = box->session;
  }
  lua_pop(L, 1); /* the options table keeps it alive */
  return session;
}

/* Fields that have no getter stand in the DER form: SEQUENCE { … [13] flags, [14] age_add … }.
 * The reader of just as much DER as i2d_SSL_SESSION writes (X.690, definite lengths). */
static rs_reader der_element(rs_reader *r, unsigned *tag) {
  *tag = rs_read_u8(r);
  size_t length = rs_read_u8(r);
  if (length == 0x81 || length == 0x82 || length == 0x83)
    length = rs_read_number(r, length & 3);
  else if (length >= 0x80)
    r->bad = 1;
  const unsigned char *p = rs_read_bytes(r, length);
  rs_reader inner = {p, p ? length : 0, r->bad};
  return inner;
}

static uint32_t der_small_integer(rs_reader outer) {
  unsigned tag;
  rs_reader value = der_element(&outer, &tag);
  uint32_t n = 0;
  while (value.left > 0)
    n = (n << 8) | rs_read_u8(&value);
  return n;
}

#define DER_CONTEXT(n) (0xa0u | (n))
#define DER_FLAGS DER_CONTEXT(13)
#define DER_AGE_ADD DER_CONTEXT(14)
#define DER_FLAG_EXTENDED_MASTER_SECRET 1u

typedef struct {
  uint32_t flags, age_add;
} session_hidden;

static session_hidden session_read_hidden(const unsigned char *der, size_t length) {
  session_hidden hidden = {0, 0};
  rs_reader r = rs_reader_of(der, length);
  unsigned tag;
  for (rs_reader fields = der_element(&r, &tag); fields.left > 0 && !fields.bad;) {
    rs_reader field = der_element(&fields, &tag);
    if (tag == DER_FLAGS)
      hidden.flags = der_small_integer(field);
    else if (tag == DER_AGE_ADD)
      hidden.age_add = der_small_integer(field);
  }
  return hidden;
}

static session_hidden session_hidden_of(const SSL_SESSION *session) {
  session_hidden hidden = {0, 0};
  unsigned char *der = NULL;
  int length = i2d_SSL_SESSION(session, &der);
  if (length > 0)
    hidden = session_read_hidden(der, (size_t)length);
  if (der)
    OPENSSL_clear_free(der, (size_t)length);
  return hidden;
}

static void set_string(lua_State *L, const char *name, const void *bytes, size_t length) {
  lua_pushlstring(L, (const char *)bytes, length);
  lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static void set_boolean(lua_State *L, const char *name, int value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

static void session_push_ticket_fields(lua_State *L, const SSL_SESSION *session) {
  const unsigned char *ticket;
  size_t length;
  SSL_SESSION_get0_ticket(session, &ticket, &length);
  if (length > 0)
    set_string(L, "ticket", ticket, length);
  set_integer(L, "max_early_data", SSL_SESSION_get_max_early_data(session));
}

static void session_push_names(lua_State *L, const SSL_SESSION *session) {
  const unsigned char *alpn;
  size_t length;
  SSL_SESSION_get0_alpn_selected(session, &alpn, &length);
  if (length > 0)
    set_string(L, "alpn", alpn, length);
  const char *name = SSL_SESSION_get0_hostname(session);
  if (name)
    set_string(L, "server_name", name, strlen(name));
}

/*** What a session holds, without its secrets.
 * @function session:fields
 * @treturn table version, cipher (IANA name), id and ticket (bytes; ticket is absent without one),
 *   lifetime_s (the server's lifetime or lifetime hint in seconds), age_add, max_early_data
 * (bytes), extended_master_secret, resumable, and where known alpn and server_name */
static int session_fields(lua_State *L) {
  const SSL_SESSION *session = rs_session_check(L, 1);
  const SSL_CIPHER *cipher = SSL_SESSION_get0_cipher(session);
  session_hidden hidden = session_hidden_of(session);
  unsigned id_length;
  const unsigned char *id = SSL_SESSION_get_id(session, &id_length);
  lua_newtable(L);
  rs_push_version(L, (unsigned)SSL_SESSION_get_protocol_version(session));
  lua_setfield(L, -2, "version");
  if (cipher) {
    rs_push_cipher(L, SSL_CIPHER_get_protocol_id(cipher));
    lua_setfield(L, -2, "cipher");
  }
  set_string(L, "id", id, id_length);
  set_integer(L, "lifetime_s", (lua_Integer)SSL_SESSION_get_ticket_lifetime_hint(session));
  set_integer(L, "age_add", hidden.age_add);
  set_boolean(L, "extended_master_secret", (hidden.flags & DER_FLAG_EXTENDED_MASTER_SECRET) != 0);
  set_boolean(L, "resumable", SSL_SESSION_is_resumable(session));
  session_push_ticket_fields(L, session);
  session_push_names(L, session);
  return 1;
}

/* Pushes secret bytes and wipes the room that they stood in: no copy stays but the string. */
static int session_push_secret(lua_State *L, void *room, size_t length) {
  lua_pushlstring(L, (const char *)room, length);
  OPENSSL_cleanse(room, length);
  return 1;
}

/*** The session in OpenSSL's DER form. It holds the secrets: keep it as you keep a private key.
 * @function session:der
 * @treturn string DER (i2d_SSL_SESSION(3)) */
static int session_der(lua_State *L) {
  SSL_SESSION *session = rs_session_check(L, 1);
  ERR_clear_error();
  int length = i2d_SSL_SESSION(session, NULL);
  if (length <= 0)
    return rs_error_openssl(L, "session: der", "openssl");
  unsigned char *room = (unsigned char *)lua_newuserdatauv(L, (size_t)length, 0), *at = room;
  i2d_SSL_SESSION(session, &at);
  return session_push_secret(L, room, (size_t)length);
}

/*** The session as PEM, the form of `openssl s_client -sess_out`. It holds the secrets.
 * @function session:pem
 * @treturn string PEM */
static int session_pem(lua_State *L) {
  SSL_SESSION *session = rs_session_check(L, 1);
  ERR_clear_error();
  int size = 2 * i2d_SSL_SESSION(session, NULL) + 128; /* base64, line ends and the frame */
  void *room = lua_newuserdatauv(L, (size_t)size, 0);
  BIO *bio = BIO_new(BIO_s_secmem()); /* wiped when freed; nothing below raises until then */
  int length = -1;
  if (bio && PEM_write_bio_SSL_SESSION(bio, session))
    length = BIO_read(bio, room, size);
  BIO_free(bio);
  if (length <= 0)
    return rs_error_openssl(L, "session: pem", "openssl");
  return session_push_secret(L, room, (size_t)length);
}

/*** A session of its own with the same content.
 * @function session:copy
 * @treturn session */
static int session_copy(lua_State *L) {
  SSL_SESSION *session = rs_session_check(L, 1);
  SSL_SESSION **copy = rs_session_push(L);
  ERR_clear_error();
  *copy = SSL_SESSION_dup(session);
  return *copy ? 1 : rs_error_openssl(L, "session: copy", "openssl");
}

/*** Wipes and frees the session; the garbage collector does the same. Any number of times.
 * @function session:close */
static int session_close(lua_State *L) {
  session_box *box = (session_box *)luaL_checkudata(L, 1, SESSION);
  SSL_SESSION_free(box->session);
  box->session = NULL;
  return 0;
}

static int session_tostring(lua_State *L) {
  session_box *box = (session_box *)luaL_checkudata(L, 1, SESSION);
  if (!box->session) {
    lua_pushliteral(L, SESSION " (closed)");
    return 1;
  }
  const unsigned char *ticket;
  size_t ticket_length;
  unsigned id_length;
  SSL_SESSION_get0_ticket(box->session, &ticket, &ticket_length);
  SSL_SESSION_get_id(box->session, &id_length);
  rs_push_version(L, (unsigned)SSL_SESSION_get_protocol_version(box->session));
  const char *kind = ticket_length > 0 ? "ticket" : "session id";
  lua_pushfstring(L, SESSION " (%s, %s of %d bytes)", lua_tostring(L, -1), kind,
                  ticket_length > 0 ? (int)ticket_length : (int)id_length);
  return 1;
}

/* Without it OpenSSL asks at the terminal when the PEM says that it is encrypted. */
static int session_no_passphrase(char *room, int size, int writing, void *given) {
  (void)room;
  (void)size;
  (void)writing;
  (void)given;
  return -1;
}

static SSL_SESSION *session_from_pem(const char *text, size_t length) {
  BIO *bio = BIO_new_mem_buf(text, (int)length);
  SSL_SESSION *session =
      bio ? PEM_read_bio_SSL_SESSION(bio, NULL, session_no_passphrase, NULL) : NULL;
  BIO_free(bio);
  return session;
}

static SSL_SESSION *session_from_der(const char *bytes, size_t length) {
  const unsigned char *at = (const unsigned char *)bytes;
  SSL_SESSION *session = d2i_SSL_SESSION(NULL, &at, (long)length);
  if (session && at != (const unsigned char *)bytes + length) {
    SSL_SESSION_free(session); /* something stands behind it: not what der() wrote */
    return NULL;
  }
  return session;
}

/*** Reads a session that der() or pem() wrote, or `openssl s_client -sess_out`.
 * @function session
 * @tparam table source {der = bytes} or {pem = text}
 * @treturn[1] session
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: "invalid" */
static int session_new(lua_State *L) {
  static const char *const names[] = {"der", "pem", NULL};
  luaL_checktype(L, 1, LUA_TTABLE);
  rs_options_check(L, 1, names);
  size_t der_length = 0, pem_length = 0;
  const char *der = rs_option_string(L, 1, "der", &der_length);
  const char *pem = rs_option_string(L, 1, "pem", &pem_length);
  luaL_argcheck(L, !der != !pem, 1, "one of 'der' and 'pem' expected");
  if (der_length > SESSION_MAX_DER || pem_length > 2 * SESSION_MAX_DER)
    return rs_error(L, "session", "too long", "invalid");
  ERR_clear_error();
  SSL_SESSION **session = rs_session_push(L);
  *session = der ? session_from_der(der, der_length) : session_from_pem(pem, pem_length);
  ERR_clear_error();
  if (!*session)
    return rs_error(L, "session", der ? "not the DER of a session" : "not the PEM of a session",
                    "invalid");
  return 1;
}

static const luaL_Reg methods[] = {
    {"fields", session_fields}, {"der", session_der},     {"pem", session_pem},
    {"copy", session_copy},     {"close", session_close}, {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__gc", session_close},
#if HAVE_LUA_CLOSE
    {"__close", session_close},
#endif
    {"__tostring", session_tostring},
    {NULL, NULL},
};

void rs_open_session(lua_State *L) {
  rs_new_class(L, SESSION, methods, metamethods);
  lua_pushcfunction(L, session_new);
  lua_setfield(L, -2, "session");
}
