/* resum.session: what a client keeps to resume: id, ticket, secrets, lifetimes; DER and PEM in and
 * out. A session is independent of the connection and the context it came from, and is never itself
 * attached to one: an offered session is a copy (SSL_SESSION_dup), because libssl marks what it
 * offered. Its secrets are wiped by SSL_SESSION_free and leave only through der() and pem().
 */
#include "session.h"

#include "class.h"
#include "error.h"
#include "guard.h"
#include "options.h"
#include "push.h"
#include "session_der.h"
#include "ticket.h"
#include "tls/compat.h"
#include "tls/names.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>

#define SESSION "resum.session"
#define SESSION_MAX_DER ((size_t)256 * 1024)

/* The year 2514; libssl 3.5 counts nanoseconds in 64 bits, which end in 2554. */
#define MAX_TIME_S ((INT64_C(1) << 34) - 1)
enum {
  MAX_SECRET = 512, /* libssl keeps no longer one */
  MAX_COMPARED = 8192,
  MAX_TICKET = 65535
};

typedef struct {
  SSL_SESSION *session;   /* owned; NULL when closed */
  rs_session_parts parts; /* once has_parts; they borrow from session and secret */
  int has_parts;
  unsigned char secret[MAX_SECRET]; /* wiped at close, as is the schedule */
  rs_psk_schedule schedule;         /* once has_schedule */
  int has_schedule;
} session_box;

SSL_SESSION **rs_session_push(lua_State *L) {
  session_box *box = (session_box *)lua_newuserdatauv(L, sizeof *box, 0);
  memset(box, 0, sizeof *box);
  luaL_setmetatable(L, SESSION);
  return &box->session;
}

static SSL_SESSION *session_check(lua_State *L, int arg) {
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

void rs_session_entry(lua_State *L, int arg, const char *name, int i) {
  const session_box *box = (const session_box *)luaL_testudata(L, -1, SESSION);
  if (!box)
    luaL_argerror(L, arg,
                  lua_pushfstring(L, "option '%s': entry %d: " SESSION " expected, got %s", name, i,
                                  luaL_typename(L, -1)));
  else if (!box->session)
    luaL_argerror(L, arg, lua_pushfstring(L, "option '%s': entry %d is closed", name, i));
}

static rs_bytes session_bytes_of(const void *bytes, size_t length) {
  return (rs_bytes){(const unsigned char *)bytes, length};
}

static int64_t session_time(const SSL_SESSION *session) {
#if HAVE_TIME_T_FUNCTIONS
  return (int64_t)SSL_SESSION_get_time_ex(session);
#else
  return SSL_SESSION_get_time(session);
#endif
}

/* What libssl's getters say, into `parts`; the secret into `secret`. */
static int session_read_parts(const SSL_SESSION *session, rs_session_parts *parts,
                              unsigned char *secret) {
  const SSL_CIPHER *cipher = SSL_SESSION_get0_cipher(session);
  const char *server_name = SSL_SESSION_get0_hostname(session);
  const unsigned char *bytes;
  size_t length;
  unsigned id_length;
  memset(parts, 0, sizeof *parts);
  parts->version = (unsigned)SSL_SESSION_get_protocol_version(session);
  parts->cipher = cipher ? SSL_CIPHER_get_protocol_id(cipher) : 0;
  parts->time_s = session_time(session);
  parts->lifetime_s = (uint32_t)SSL_SESSION_get_ticket_lifetime_hint(session);
  parts->max_early_data = SSL_SESSION_get_max_early_data(session);
  bytes = SSL_SESSION_get_id(session, &id_length);
  parts->id = session_bytes_of(bytes, id_length);
  SSL_SESSION_get0_ticket(session, &bytes, &length);
  parts->ticket = session_bytes_of(bytes, length);
  SSL_SESSION_get0_alpn_selected(session, &bytes, &length);
  parts->alpn = session_bytes_of(bytes, length);
  parts->server_name = session_bytes_of(server_name, server_name ? strlen(server_name) : 0);
  length = SSL_SESSION_get_master_key(session, secret, MAX_SECRET);
  parts->secret = session_bytes_of(secret, length);
  return rs_session_read_hidden(session, parts);
}

const rs_session_parts *rs_session_parts_of(lua_State *L, int arg) {
  session_check(L, arg);
  session_box *box = (session_box *)lua_touserdata(L, arg);
  if (!box->has_parts && !session_read_parts(box->session, &box->parts, box->secret))
    luaL_error(L, "not enough memory");
  box->has_parts = 1;
  return &box->parts;
}

const rs_psk_schedule *rs_session_schedule(lua_State *L, int arg, rs_tools *tools, rs_hash hash) {
  const rs_session_parts *parts = rs_session_parts_of(L, arg);
  session_box *box = (session_box *)lua_touserdata(L, arg);
  if (!box->has_schedule)
    box->has_schedule = rs_psk_schedule_of(tools, hash, parts->secret, &box->schedule);
  return box->has_schedule ? &box->schedule : NULL;
}

static void session_set_given(lua_State *L, const char *name, rs_bytes value) {
  if (value.length > 0)
    rs_set_bytes(L, name, value);
}

/*** What a session holds, without its secrets.
 * @function session:fields
 * @treturn table version, cipher (IANA name), id and ticket (bytes; ticket is absent without one),
 *   lifetime_s (the server's lifetime or lifetime hint in seconds), age_add, max_early_data
 *   (bytes), time_s (when it was issued, seconds since 1970), extended_master_secret, resumable,
 *   and where known alpn and server_name */
static int session_fields(lua_State *L) {
  const SSL_SESSION *session = session_check(L, 1);
  const rs_session_parts *parts = rs_session_parts_of(L, 1);
  lua_newtable(L);
  rs_push_version(L, parts->version);
  lua_setfield(L, -2, "version");
  if (parts->cipher) {
    rs_push_cipher(L, parts->cipher);
    lua_setfield(L, -2, "cipher");
  }
  rs_set_bytes(L, "id", parts->id);
  rs_set_integer(L, "lifetime_s", parts->lifetime_s);
  rs_set_integer(L, "age_add", parts->age_add);
  rs_set_integer(L, "max_early_data", parts->max_early_data);
  rs_set_integer(L, "time_s", parts->time_s);
  rs_set_boolean(L, "extended_master_secret", parts->extended_master_secret);
  rs_set_boolean(L, "resumable", SSL_SESSION_is_resumable(session));
  session_set_given(L, "ticket", parts->ticket);
  session_set_given(L, "alpn", parts->alpn);
  session_set_given(L, "server_name", parts->server_name);
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
  SSL_SESSION *session = session_check(L, 1);
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
  SSL_SESSION *session = session_check(L, 1);
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
  SSL_SESSION *session = session_check(L, 1);
  SSL_SESSION **copy = rs_session_push(L);
  *copy = SSL_SESSION_dup(session);
  return *copy ? 1 : rs_error_openssl(L, "session: copy", "openssl");
}

/*** Wipes and frees the session; the garbage collector does the same. Any number of times.
 * @function session:close */
static int session_close(lua_State *L) {
  session_box *box = (session_box *)luaL_checkudata(L, 1, SESSION);
  SSL_SESSION_free(box->session);
  OPENSSL_cleanse(box, sizeof *box);
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

static SSL_SESSION *session_from_der(const unsigned char *bytes, size_t length) {
  const unsigned char *at = bytes;
  SSL_SESSION *session = d2i_SSL_SESSION(NULL, &at, (long)length);
  if (session && at != bytes + length) {
    SSL_SESSION_free(session); /* something stands behind it: not what der() wrote */
    return NULL;
  }
  return session;
}

/* Takes those fields of session:fields() that stand in the table at `arg`; `parts` has the rest. */
static void session_override(lua_State *L, int arg, rs_session_parts *parts) {
  static const struct {
    const char *name;
    size_t place; /* of an rs_bytes in rs_session_parts */
  } strings[] = {{"secret", offsetof(rs_session_parts, secret)},
                 {"id", offsetof(rs_session_parts, id)},
                 {"ticket", offsetof(rs_session_parts, ticket)},
                 {"alpn", offsetof(rs_session_parts, alpn)},
                 {"server_name", offsetof(rs_session_parts, server_name)}};
  for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
    size_t length;
    const char *value = rs_option_string(L, arg, strings[i].name, &length);
    if (value)
      *(rs_bytes *)((char *)parts + strings[i].place) = session_bytes_of(value, length);
  }
  parts->version = rs_option_version(L, arg, "version", parts->version);
  parts->cipher = rs_option_cipher(L, arg, "cipher", parts->cipher);
  parts->lifetime_s =
      (uint32_t)rs_option_integer(L, arg, "lifetime_s", 0, UINT32_MAX, parts->lifetime_s);
  parts->age_add = (uint32_t)rs_option_integer(L, arg, "age_add", 0, UINT32_MAX, parts->age_add);
  parts->max_early_data =
      (uint32_t)rs_option_integer(L, arg, "max_early_data", 0, UINT32_MAX, parts->max_early_data);
  parts->time_s = rs_option_integer(L, arg, "time_s", 0, MAX_TIME_S, parts->time_s);
  parts->extended_master_secret =
      rs_option_boolean(L, arg, "extended_master_secret", parts->extended_master_secret);
}

static int session_push_built(lua_State *L, const rs_session_parts *parts) {
  SSL_SESSION **session = rs_session_push(L);
  *session = rs_session_build(parts);
  if (!*session)
    return rs_error(L, "session", "OpenSSL takes no session of these fields", "invalid");
  return 1;
}

/* The first of the sessions in the list at 2 that has something in common with this one. */
static int session_compare(lua_State *L) {
  const rs_session_parts *parts = rs_session_parts_of(L, 1);
  for (int i = 1; i <= MAX_COMPARED && lua_rawgeti(L, 2, i) != LUA_TNIL; i++) {
    luaL_argcheck(L, luaL_testudata(L, -1, SESSION), 2, "a list of sessions expected");
    rs_push_ticket_compared(L, parts, rs_session_parts_of(L, lua_gettop(L)));
    if (lua_istable(L, -1)) {
      rs_set_integer(L, "index", i);
      return 1;
    }
    lua_settop(L, 2);
  }
  lua_pushnil(L);
  return 1;
}

/*** Do a ticket's bytes give this session's secret away? Or do its ticket and its secret repeat
 * another one's? The secret stays where it is: the answer has names, places and lengths.
 * @function session:finds
 * @param what a ticket (bytes; its secret should be this session's), or a list of at most 8192
 *   other sessions
 * @tparam[opt] table plan for bytes: keys (list of {name, bytes}: each opens or signs the ticket?),
 *   offsets (list of places, beside the usual ones, where an initialisation vector may begin)
 * @treturn table|nil how ("clear": the secret stands in it at `offset`; "key": key, its name, opens
 *   it, with cipher, iv_offset (absent: zeros) and ciphertext_offset in the ticket, and offset of
 *   the secret in the plaintext; "mac": key signs it, with mac; of a list, with index: "keystream":
 *   both were encrypted with one keystream, at offset; "same_secret") */
static int session_finds(lua_State *L) {
  session_check(L, 1);
  if (lua_istable(L, 2)) {
    lua_settop(L, 2);
    return session_compare(L);
  }
  size_t length;
  const char *bytes = luaL_checklstring(L, 2, &length);
  luaL_argcheck(L, length <= MAX_TICKET, 2, "a ticket has at most 65535 bytes");
  rs_push_ticket_find(L, rs_session_parts_of(L, 1), session_bytes_of(bytes, length), 3);
  return 1;
}

#define FIELD_NAMES                                                                                \
  "version", "cipher", "secret", "id", "ticket", "lifetime_s", "age_add", "max_early_data",        \
      "time_s", "extended_master_secret", "alpn", "server_name"

/*** A session like this one, but for the fields given: to be offered where it was altered.
 * @function session:derive
 * @tparam table fields as in session:fields(), and secret
 * @treturn[1] session
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: "invalid" */
static int session_derive(lua_State *L) {
  static const char *const names[] = {FIELD_NAMES, NULL};
  rs_session_parts parts = *rs_session_parts_of(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  rs_options_check(L, 2, names);
  session_override(L, 2, &parts);
  return session_push_built(L, &parts);
}

/* Not PEM_read_bio_SSL_SESSION: that frees the DER, and the secrets in it, as it is. */
static SSL_SESSION *session_from_pem(const char *text, size_t length) {
  unsigned char *der = NULL;
  long der_length = 0;
  SSL_SESSION *session = NULL;
  BIO *bio = BIO_new_mem_buf(text, (int)length);
  if (bio && PEM_bytes_read_bio_secmem(&der, &der_length, NULL, PEM_STRING_SSL_SESSION, bio,
                                       session_no_passphrase, NULL)) {
    session = session_from_der(der, (size_t)der_length);
    OPENSSL_secure_clear_free(der, (size_t)der_length);
  }
  BIO_free(bio);
  return session;
}

/*** Reads a session that der() or pem() wrote, or `openssl s_client -sess_out`; or makes one of
 * plain fields.
 * @function session
 * @tparam table source {der = bytes} or {pem = text}, or the fields of session:fields() with
 *   version, cipher and secret (the master secret, 48 bytes; in TLS 1.3 the PSK, as long as the
 *   cipher's hash)
 * @treturn[1] session
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: "invalid" */
static int session_new(lua_State *L) {
  static const char *const names[] = {"der", "pem", FIELD_NAMES, NULL};
  luaL_checktype(L, 1, LUA_TTABLE);
  rs_options_check(L, 1, names);
  size_t der_length = 0, pem_length = 0;
  const char *der = rs_option_string(L, 1, "der", &der_length);
  const char *pem = rs_option_string(L, 1, "pem", &pem_length);
  if (!der && !pem) {
    rs_session_parts parts = {0};
    session_override(L, 1, &parts);
    luaL_argcheck(L, parts.version && parts.cipher && parts.secret.length > 0, 1,
                  "'der', 'pem', or 'version', 'cipher' and 'secret' expected");
    return session_push_built(L, &parts);
  }
  luaL_argcheck(L, !der != !pem, 1, "one of 'der' and 'pem' expected");
  if (der_length > SESSION_MAX_DER || pem_length > 2 * SESSION_MAX_DER)
    return rs_error(L, "session", "too long", "invalid");
  SSL_SESSION **session = rs_session_push(L);
  *session = der ? session_from_der((const unsigned char *)der, der_length)
                 : session_from_pem(pem, pem_length);
  if (!*session)
    return rs_error(L, "session", der ? "not the DER of a session" : "not the PEM of a session",
                    "invalid");
  return 1;
}

static const luaL_Reg methods[] = {
    {"fields", session_fields}, {"der", session_der},
    {"pem", session_pem},       {"copy", session_copy},
    {"derive", session_derive}, {"finds", session_finds},
    {"close", session_close},   {NULL, NULL},
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
  rs_set_function(L, "session", session_new);
}
