/* The server of spec.support.tls_server: options to an SSL_CTX, and the module. */
#include "tls_server.h"

#include "tls/compat.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#define SERVER "spec.tls_server"

typedef struct {
  SSL_CTX *ctx; /* owned; NULL when closed */
  server_policy policy;
} server_box;

/* --- options; each setter returns 0 when OpenSSL refused the value --- */

static int server_versions(lua_State *L, SSL_CTX *ctx) {
  static const char *const names[] = {"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
  const char *low = rs_option_string(L, 1, "min_version", NULL);
  const char *high = rs_option_string(L, 1, "max_version", NULL);
  int lowest = low ? 0 : TLS1_VERSION, highest = high ? 0 : TLS1_3_VERSION;
  for (int i = 0; i < 4; i++) {
    if (low && strcmp(low, names[i]) == 0)
      lowest = TLS1_VERSION + i;
    if (high && strcmp(high, names[i]) == 0)
      highest = TLS1_VERSION + i;
  }
  return lowest && highest && SSL_CTX_set_min_proto_version(ctx, lowest) &&
         SSL_CTX_set_max_proto_version(ctx, highest);
}

static int server_algorithms(lua_State *L, SSL_CTX *ctx) {
  const char *ciphers = rs_option_string(L, 1, "ciphers", NULL);
  const char *suites = rs_option_string(L, 1, "ciphersuites", NULL);
  const char *groups = rs_option_string(L, 1, "groups", NULL);
  lua_Integer fragment = rs_option_integer(L, 1, "max_send_fragment", 512, SSL3_RT_MAX_PLAIN_LENGTH,
                                           SSL3_RT_MAX_PLAIN_LENGTH);
  SSL_CTX_set_security_level(ctx, 0);
  return SSL_CTX_set_max_send_fragment(ctx, fragment) &&
         SSL_CTX_set_cipher_list(ctx, ciphers ? ciphers : "ALL") &&
         (!suites || SSL_CTX_set_ciphersuites(ctx, suites)) &&
         SSL_CTX_set1_groups_list(ctx, groups ? groups : "X25519:P-256:P-384:P-521");
}

static EVP_PKEY *server_named_group(const char *name) {
  EVP_PKEY *parameters = NULL;
  EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
  OSSL_PARAM group[] = {
      OSSL_PARAM_construct_utf8_string("group", (char *)(uintptr_t)name, 0),
      OSSL_PARAM_construct_end(),
  };
  if (!maker || EVP_PKEY_paramgen_init(maker) != 1 || EVP_PKEY_CTX_set_params(maker, group) != 1 ||
      EVP_PKEY_generate(maker, &parameters) != 1)
    parameters = NULL;
  EVP_PKEY_CTX_free(maker);
  return parameters;
}

/* A group of one's own; nobody on the way looks whether the number is a prime. */
static EVP_PKEY *server_own_group(const char *prime, size_t length) {
  EVP_PKEY *parameters = NULL;
  BIGNUM *p = BN_bin2bn((const unsigned char *)prime, (int)length, NULL), *g = BN_new();
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  OSSL_PARAM *group = NULL;
  EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
  if (p && g && BN_set_word(g, 2) && builder && OSSL_PARAM_BLD_push_BN(builder, "p", p) &&
      OSSL_PARAM_BLD_push_BN(builder, "g", g))
    group = OSSL_PARAM_BLD_to_param(builder);
  if (!group || !maker || EVP_PKEY_fromdata_init(maker) <= 0 ||
      EVP_PKEY_fromdata(maker, &parameters, EVP_PKEY_KEY_PARAMETERS, group) <= 0)
    parameters = NULL;
  EVP_PKEY_CTX_free(maker);
  OSSL_PARAM_free(group);
  OSSL_PARAM_BLD_free(builder);
  BN_free(p);
  BN_free(g);
  return parameters;
}

/* The group of DHE suites: by libssl's name ("ffdhe2048"), or by its prime's bytes. */
static int server_dh_group(lua_State *L, SSL_CTX *ctx) {
  size_t length = 0;
  const char *name = rs_option_string(L, 1, "dh_group", NULL);
  const char *prime = rs_option_string(L, 1, "dh_prime", &length);
  if (!name && !prime)
    return SSL_CTX_set_dh_auto(ctx, 1) == 1;
  EVP_PKEY *group = name ? server_named_group(name) : server_own_group(prime, length);
  if (group && SSL_CTX_set0_tmp_dh_pkey(ctx, group))
    return 1;
  EVP_PKEY_free(group);
  return 0;
}

static int server_certificate(lua_State *L, SSL_CTX *ctx) {
  size_t certificate_length = 0, key_length = 0;
  const char *certificate = rs_option_string(L, 1, "certificate", &certificate_length);
  const char *key = rs_option_string(L, 1, "private_key", &key_length);
  luaL_argcheck(L, certificate && key, 1, "'certificate' and 'private_key' expected");
  BIO *bio = BIO_new_mem_buf(certificate, (int)certificate_length);
  X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
  BIO_free(bio);
  bio = BIO_new_mem_buf(key, (int)key_length);
  EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
  BIO_free(bio);
  int good =
      x509 && pkey && SSL_CTX_use_certificate(ctx, x509) && SSL_CTX_use_PrivateKey(ctx, pkey);
  X509_free(x509);
  EVP_PKEY_free(pkey);
  return good;
}

static int server_sessions(lua_State *L, SSL_CTX *ctx) {
  long mode = rs_option_boolean(L, 1, "cache", 1) ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF;
  if (rs_option_boolean(L, 1, "forgetful", 0))
    mode |= SSL_SESS_CACHE_NO_INTERNAL;
  SSL_CTX_set_session_cache_mode(ctx, mode);
  size_t context_length = 0, keys_length = 0;
  const char *context = rs_option_string(L, 1, "session_id_context", &context_length);
  const char *keys = rs_option_string(L, 1, "ticket_keys", &keys_length);
  lua_Integer early = rs_option_integer(L, 1, "max_early_data", 0, UINT32_MAX, 0);
  SSL_CTX_set_timeout(ctx, (long)rs_option_integer(L, 1, "lifetime_s", 1, INT32_MAX, 7200));
  SSL_CTX_set_num_tickets(ctx, (size_t)rs_option_integer(L, 1, "num_tickets", 0, 100, 2));
  SSL_CTX_set_max_early_data(ctx, (uint32_t)early);
  return SSL_CTX_set_session_id_context(ctx, (const unsigned char *)(context ? context : "spec"),
                                        context ? (unsigned)context_length : 4) &&
         (!keys || SSL_CTX_set_tlsext_ticket_keys(ctx, (void *)(uintptr_t)keys, (int)keys_length));
}

static int on_certificate(int good, X509_STORE_CTX *store) {
  (void)good;
  (void)store;
  return 1; /* any certificate will do */
}

static int on_certificate_refuse(int good, X509_STORE_CTX *store) {
  (void)good;
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
  return 0;
}

static int server_flags(lua_State *L, SSL_CTX *ctx) {
  static const struct {
    const char *name;
    int otherwise; /* the value without effect; the other one sets the flag */
    uint64_t flag;
  } flags[] = {
      {"tickets", 1, SSL_OP_NO_TICKET},
      {"extended_master_secret", 1, SSL_OP_NO_EXTENDED_MASTER_SECRET},
      {"encrypt_then_mac", 1, SSL_OP_NO_ENCRYPT_THEN_MAC},
      {"anti_replay", 1, SSL_OP_NO_ANTI_REPLAY},
      {"psk_ke", 0, SSL_OP_ALLOW_NO_DHE_KEX},
      {"server_preference", 0, SSL_OP_CIPHER_SERVER_PREFERENCE},
  };
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
    if (rs_option_boolean(L, 1, flags[i].name, flags[i].otherwise) != flags[i].otherwise)
      SSL_CTX_set_options(ctx, flags[i].flag);
  int refused = rs_option_boolean(L, 1, "refuse_certificates", 0);
  int required = refused || rs_option_boolean(L, 1, "require_certificate", 0);
  if (required || rs_option_boolean(L, 1, "request_certificate", 0))
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       refused ? on_certificate_refuse : on_certificate);
  return 1;
}

static void server_other(lua_State *L, server_policy *policy) {
  const char *name = rs_option_string(L, 1, "other_name", NULL);
  if (!name || rs_option_push(L, 1, "other") != LUA_TUSERDATA)
    return;
  policy->other = ((server_box *)luaL_checkudata(L, -1, SERVER))->ctx;
  SSL_CTX_up_ref(policy->other);
  strncpy(policy->other_name, name, sizeof policy->other_name - 1);
  policy->switches_early = rs_option_boolean(L, 1, "switches_early", 0);
  policy->exact_name = rs_option_boolean(L, 1, "exact_name", 0);
  lua_pop(L, 1);
}

static int server_policies(lua_State *L, server_policy *policy) {
  policy->renew_tickets = rs_option_boolean(L, 1, "renew_tickets", 0);
  policy->accept_tickets = rs_option_boolean(L, 1, "accept_tickets", 1);
  policy->early_data = rs_option_integer(L, 1, "max_early_data", 0, UINT32_MAX, 0) > 0;
  server_other(L, policy);
  if (rs_option_push(L, 1, "alpn") != LUA_TTABLE)
    return lua_isnil(L, -1);
  for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TSTRING; i++, lua_pop(L, 1)) {
    size_t length, used = policy->alpn_length;
    const char *name = lua_tolstring(L, -1, &length);
    if (length == 0 || length > 255 || used + 1 + length > sizeof policy->alpn)
      return 0;
    policy->alpn[used] = (unsigned char)length;
    memcpy(policy->alpn + used + 1, name, length);
    policy->alpn_length += 1 + length;
  }
  return lua_isnil(L, -1);
}

/* --- the class --- */

/*** A server.
 * @function new
 * @tparam table options certificate, private_key (PEM text; needed); min_version, max_version
 *   ("TLSv1.0" … "TLSv1.3"); ciphers, ciphersuites, groups (OpenSSL lists); dh_group (of DHE
 *   suites: "ffdhe2048" …) or dh_prime (its bytes); server_preference (false: the client's order);
 * tickets (true; false: no RFC 5077 tickets, and TLS 1.3 tickets are names in the cache);
 * num_tickets (2); cache (true); forgetful (false; true: issues session ids and never finds one
 * again); extended_master_secret, encrypt_then_mac (true); max_early_data (0); anti_replay (true);
 * ticket_keys (80 bytes; several servers can share them); accept_tickets (true; false: issued and
 * never accepted), renew_tickets (false); lifetime_s (7200); alpn (list of names);
 * request_certificate, require_certificate (any will do), refuse_certificates (none will do);
 * other and other_name (a server that goes on where the client asks for that name: after the
 * session was looked for, or before it with switches_early; with exact_name it tells small letters
 * from capitals); psk_ke (false: PSK without (EC)DHE is refused); session_id_context ("spec"; "":
 * none); max_send_fragment (bytes in a record, 512 to 16384)
 * @treturn server
 * @raise when OpenSSL does not take a value */
static int server_new(lua_State *L) {
  static const char *const names[] = {"certificate",
                                      "private_key",
                                      "min_version",
                                      "max_version",
                                      "ciphers",
                                      "ciphersuites",
                                      "groups",
                                      "dh_group",
                                      "dh_prime",
                                      "server_preference",
                                      "tickets",
                                      "num_tickets",
                                      "cache",
                                      "forgetful",
                                      "extended_master_secret",
                                      "encrypt_then_mac",
                                      "max_early_data",
                                      "anti_replay",
                                      "ticket_keys",
                                      "accept_tickets",
                                      "renew_tickets",
                                      "lifetime_s",
                                      "alpn",
                                      "request_certificate",
                                      "require_certificate",
                                      "refuse_certificates",
                                      "other",
                                      "other_name",
                                      "switches_early",
                                      "exact_name",
                                      "psk_ke",
                                      "session_id_context",
                                      "max_send_fragment",
                                      NULL};
  static int (*const setters[])(lua_State *, SSL_CTX *) = {server_versions, server_algorithms,
                                                           server_dh_group, server_certificate,
                                                           server_sessions, server_flags};
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  rs_options_check(L, 1, names);
  ERR_clear_error();
  server_box *box = (server_box *)lua_newuserdatauv(L, sizeof *box, 0);
  memset(box, 0, sizeof *box);
  luaL_setmetatable(L, SERVER);
  box->ctx = SSL_CTX_new(TLS_server_method());
  int good = box->ctx != NULL && server_policies(L, &box->policy);
  for (size_t i = 0; good && i < sizeof setters / sizeof setters[0]; i++)
    good = setters[i](L, box->ctx);
  if (!good)
    return luaL_error(L, "tls_server: %s", rs_openssl_reason("bad option"));
  connection_callbacks(box->ctx, &box->policy);
  lua_settop(L, 2);
  return 1;
}

static server_box *server_check(lua_State *L) {
  server_box *box = (server_box *)luaL_checkudata(L, 1, SERVER);
  luaL_argcheck(L, box->ctx, 1, "the server is closed");
  return box;
}

/*** A new connection; step() with the client's first bytes.
 * @function server:accept
 * @treturn connection */
static int server_accept(lua_State *L) {
  server_box *box = server_check(L);
  return connection_push(L, box->ctx, &box->policy);
}

/*** How many sessions the cache holds.
 * @function server:cached */
static int server_cached(lua_State *L) {
  lua_pushinteger(L, SSL_CTX_sess_number(server_check(L)->ctx));
  return 1;
}

/*** Empties the cache, as a restart does.
 * @function server:forget */
static int server_forget(lua_State *L) {
#if HAVE_TIME_T_FUNCTIONS
  SSL_CTX_flush_sessions_ex(server_check(L)->ctx, 0);
#else
  SSL_CTX_flush_sessions(server_check(L)->ctx, 0);
#endif
  return 0;
}

static int server_close(lua_State *L) {
  server_box *box = (server_box *)luaL_checkudata(L, 1, SERVER);
  SSL_CTX_free(box->ctx);
  SSL_CTX_free(box->policy.other);
  box->ctx = box->policy.other = NULL;
  return 0;
}

static const luaL_Reg methods[] = {{"accept", server_accept}, {"cached", server_cached},
                                   {"forget", server_forget}, {"close", server_close},
                                   {"__gc", server_close},    {NULL, NULL}};

/* --- the module --- */

void new_class(lua_State *L, const char *name, const luaL_Reg functions[]) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, functions, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

/*** Leaves entries in OpenSSL's error queue, as careless code in the same process does: with data
 * and without, and of the system's errors.
 * @function leave_errors
 * @tparam integer count */
static int leave_errors(lua_State *L) {
  const lua_Integer count = luaL_checkinteger(L, 1);
  for (lua_Integer i = 0; i < count; i++) {
    if (i % 3 == 0)
      ERR_raise_data(ERR_LIB_USER, ERR_R_INTERNAL_ERROR, "left by a spec: %d%%", (int)i);
    else
      ERR_raise(i % 3 == 1 ? ERR_LIB_SSL : ERR_LIB_SYS, (int)i + 1);
  }
  return 0;
}

/*** The entries of OpenSSL's error queue, which is empty then.
 * @function errors
 * @treturn {string,...} all that each says: library, reason, file, line, function, data */
static int errors(lua_State *L) {
  const char *file, *function, *data;
  int line, flags;
  unsigned long code;
  lua_newtable(L);
  while ((code = ERR_get_error_all(&file, &line, &function, &data, &flags)) != 0) {
    lua_pushfstring(L, "%d %d %s %d %s %d %s", ERR_GET_LIB(code), ERR_GET_REASON(code), file, line,
                    function, flags & ERR_TXT_STRING, data);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
  return 1;
}

__attribute__((visibility("default"))) int luaopen_spec_support_tls_server(lua_State *L);

int luaopen_spec_support_tls_server(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"new", server_new}, {"leave_errors", leave_errors}, {"errors", errors}, {NULL, NULL}};
  new_class(L, SERVER, methods);
  connection_class(L);
  luaL_newlib(L, functions);
  return 1;
}
