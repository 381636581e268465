/* resum.context: what a client offers: versions, ciphers, groups, signature algorithms, ALPN,
 * client certificate. A scanner must reach what browsers refuse, so everything that a
 * distribution's openssl.cnf may restrict is set here, explicitly, at security level 0, and no
 * certificate is verified: resumption is judged, not identity.
 */
#include "resum.h"

#include "names.h"

#include <openssl/err.h>

#define CONTEXT "resum.context"
/* Those of SHA-256 come first, as browsers have it: their resumptions cost less on both sides. */
#define DEFAULT_CIPHERS                                                                            \
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ALL:"                                 \
  "!aNULL:!eNULL:!PSK:!SRP:!CAMELLIA:!ARIA:!SEED"
#define DEFAULT_CIPHERSUITES                                                                       \
  "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"                    \
  "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"
#define DEFAULT_GROUPS                                                                             \
  "X25519:P-256:P-384:P-521:X448:ffdhe2048:ffdhe3072:ffdhe4096:ffdhe6144:ffdhe8192"
#define DEFAULT_SIGNATURE_ALGORITHMS                                                               \
  "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:rsa_pkcs1_sha256:"                                   \
  "ecdsa_secp384r1_sha384:rsa_pss_rsae_sha384:rsa_pkcs1_sha384:"                                   \
  "ecdsa_secp521r1_sha512:rsa_pss_rsae_sha512:rsa_pkcs1_sha512:ed25519:ed448:"                     \
  "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:ECDSA+SHA1:"                           \
  "RSA+SHA1"

/* Options that openssl.cnf may have set and that would hide something from a scan. */
#define UNWANTED_OPTIONS                                                                           \
  (SSL_OP_NO_SSL_MASK | SSL_OP_NO_TICKET | SSL_OP_NO_ENCRYPT_THEN_MAC |                            \
   SSL_OP_NO_EXTENDED_MASTER_SECRET | SSL_OP_ALLOW_NO_DHE_KEX | SSL_OP_IGNORE_UNEXPECTED_EOF)
/* Servers without RFC 5746 are there to be scanned; a renegotiation is not. */
#define WANTED_OPTIONS (SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_RENEGOTIATION)

typedef struct {
  SSL_CTX *ctx; /* owned; NULL when closed */
} context_box;

SSL_CTX *rs_context_check(lua_State *L, int arg) {
  context_box *box = (context_box *)luaL_checkudata(L, arg, CONTEXT);
  luaL_argcheck(L, box->ctx, arg, "the context is closed");
  return box->ctx;
}

/* --- options; each returns 0, or the number of results of the error that it pushed --- */

static int context_set_versions(lua_State *L, SSL_CTX *ctx) {
  unsigned low = rs_option_version(L, 1, "min_version", RS_TLS10);
  unsigned high = rs_option_version(L, 1, "max_version", RS_TLS13);
  if (low > high)
    return luaL_argerror(L, 1, "option 'min_version' is above 'max_version'");
  if (!SSL_CTX_set_min_proto_version(ctx, (int)low) ||
      !SSL_CTX_set_max_proto_version(ctx, (int)high))
    return rs_error_openssl(L, "versions", "unsupported");
  return 0;
}

/* The security level comes last: a list may carry one of its own ("@SECLEVEL=2"). */
static int context_set_ciphers(lua_State *L, SSL_CTX *ctx) {
  const char *list = rs_option_string(L, 1, "ciphers", NULL);
  const char *suites = rs_option_string(L, 1, "ciphersuites", NULL);
  if (!SSL_CTX_set_cipher_list(ctx, list ? list : DEFAULT_CIPHERS))
    return rs_error_openssl(L, "ciphers", "unsupported");
  SSL_CTX_set_security_level(ctx, 0);
  if (!SSL_CTX_set_ciphersuites(ctx, suites ? suites : DEFAULT_CIPHERSUITES))
    return rs_error_openssl(L, "ciphersuites", "unsupported");
  return 0;
}

static int context_set_groups(lua_State *L, SSL_CTX *ctx) {
  const char *groups = rs_option_string(L, 1, "groups", NULL);
  const char *algorithms = rs_option_string(L, 1, "sigalgs", NULL);
  if (!SSL_CTX_set1_groups_list(ctx, groups ? groups : DEFAULT_GROUPS))
    return rs_error(L, "groups", "not a list of groups that OpenSSL knows", "unsupported");
  if (!SSL_CTX_set1_sigalgs_list(ctx, algorithms ? algorithms : DEFAULT_SIGNATURE_ALGORITHMS))
    return rs_error(L, "sigalgs", "not a list of algorithms that OpenSSL knows", "unsupported");
  return 0;
}

static int context_set_alpn(lua_State *L, SSL_CTX *ctx) {
  unsigned char room[512];
  rs_bytes alpn = rs_option_alpn(L, 1, room, sizeof room);
  if (alpn.length > 0 && SSL_CTX_set_alpn_protos(ctx, alpn.bytes, (unsigned)alpn.length) != 0)
    return rs_error_openssl(L, "alpn", "unsupported");
  return 0;
}

static void context_set_options(lua_State *L, SSL_CTX *ctx) {
  SSL_CTX_clear_options(ctx, UNWANTED_OPTIONS);
  SSL_CTX_set_options(ctx, WANTED_OPTIONS);
  if (!rs_option_boolean(L, 1, "tickets", 1))
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  /* Sessions come through the callback that handshake.c sets; libssl keeps none of its own. */
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
}

/*** What a client offers. One context serves any number of handshakes.
 * @function context
 * @tparam[opt] table options min_version and max_version ("TLSv1.0" to "TLSv1.3", all by default),
 *   ciphers and ciphersuites (OpenSSL lists, ciphers(1)), groups ("X25519:P-256"), sigalgs,
 *   alpn (list of names), tickets (false: no session_ticket extension up to TLS 1.2, RFC 5077),
 *   certificate (PEM, with its chain, DER or PKCS#12), private_key (PEM, DER or PKCS#12; without it
 *   the key is looked for in the certificate's bytes), key_form ("pem", "der", "p12": what the key
 *   must be), passphrase
 * @treturn[1] context
 * @treturn[2] nil
 * @treturn[2] string message, naming the option
 * @treturn[2] string code: "unsupported" (OpenSSL knows no such value) or "invalid" */
static int context_new(lua_State *L) {
  static const char *const names[] = {
      "min_version", "max_version", "ciphers",     "ciphersuites", "groups",     "sigalgs", "alpn",
      "tickets",     "certificate", "private_key", "key_form",     "passphrase", NULL};
  lua_settop(L, 1);
  rs_options_check(L, 1, names);
  ERR_clear_error();
  context_box *box = (context_box *)lua_newuserdatauv(L, sizeof *box, 0);
  box->ctx = NULL;
  luaL_setmetatable(L, CONTEXT);
  box->ctx = SSL_CTX_new(TLS_client_method());
  if (!box->ctx)
    return rs_error_openssl(L, "context", "openssl");
  context_set_options(L, box->ctx);
  int (*const setters[])(lua_State *, SSL_CTX *) = {context_set_versions, context_set_ciphers,
                                                    context_set_groups, context_set_alpn,
                                                    rs_identity_set};
  for (size_t i = 0; i < sizeof setters / sizeof setters[0]; i++) {
    int failed = setters[i](L, box->ctx);
    if (failed)
      return failed;
  }
  ERR_clear_error();
  lua_settop(L, 2);
  return 1;
}

/*** Lets go of the context; handshakes made from it live on.
 * @function context:close */
static int context_close(lua_State *L) {
  context_box *box = (context_box *)luaL_checkudata(L, 1, CONTEXT);
  SSL_CTX_free(box->ctx);
  box->ctx = NULL;
  return 0;
}

static int context_tostring(lua_State *L) {
  context_box *box = (context_box *)luaL_checkudata(L, 1, CONTEXT);
  if (box->ctx)
    lua_pushfstring(L, CONTEXT " (%s to %s)",
                    rs_version_name((unsigned)SSL_CTX_get_min_proto_version(box->ctx)),
                    rs_version_name((unsigned)SSL_CTX_get_max_proto_version(box->ctx)));
  else
    lua_pushliteral(L, CONTEXT " (closed)");
  return 1;
}

static const luaL_Reg methods[] = {{"close", context_close}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {
    {"__gc", context_close},
#if HAVE_LUA_CLOSE
    {"__close", context_close},
#endif
    {"__tostring", context_tostring},
    {NULL, NULL},
};

void rs_open_context(lua_State *L) {
  rs_new_class(L, CONTEXT, methods, metamethods);
  lua_pushcfunction(L, context_new);
  lua_setfield(L, -2, "context");
}
