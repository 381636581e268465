/* resum.context: what a client offers: versions, ciphers, groups, signature algorithms, ALPN,
 * client certificate. A scanner must reach what browsers refuse, so everything that a
 * distribution's openssl.cnf may restrict is set here, explicitly, at security level 0, and no
 * certificate is verified: resumption is judged, not identity.
 */
#include "context.h"

#include "class.h"
#include "error.h"
#include "guard.h"
#include "identity.h"
#include "options.h"
#include "tls/compat.h"
#include "tls/names.h"
#include "tls/numbers.h"

#include <string.h>

#include <openssl/err.h>

#define CONTEXT "resum.context"
/* Those of SHA-256 come first, as browsers have it: their resumptions cost less on both sides. */
#define DEFAULT_CIPHERS                                                                            \
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ALL:"                                 \
  "!aNULL:!eNULL:!PSK:!SRP:!CAMELLIA:!ARIA:!SEED"
#define DEFAULT_CIPHERSUITES                                                                       \
  "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"                    \
  "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"
#define CLASSIC_GROUPS "P-256:P-384:P-521:X448:ffdhe2048:ffdhe3072:ffdhe4096"
/* These take as long as a larger group in TLS 1.2: see MAX_DH_BITS. */
#define MORE_GROUPS ":ffdhe6144:ffdhe8192"
/* As libssl offers them since 3.5: key shares ('*') of X25519 in two ways, hybrid groups where its
 * providers have them ('?'). An older libssl doesn't read such a list. */
#define HYBRID_GROUPS                                                                              \
  "?*X25519MLKEM768:*X25519:" CLASSIC_GROUPS ":?SecP256r1MLKEM768:?SecP384r1MLKEM1024"
#define DEFAULT_GROUPS "X25519:" CLASSIC_GROUPS
#define LARGE_GROUPS DEFAULT_GROUPS MORE_GROUPS
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
/* And a certificate that unfolds into a large one is not asked for; ours is sent as it is, for who
 * reads what was sent. */
#define WANTED_OPTIONS                                                                             \
  (SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_RENEGOTIATION | HAVE_NO_COMPRESSED_CERTIFICATES)

/* Two exponentiations with a modulus of this size take some 25 ms, of 8192 bits 180, of 10,000 (the
 * most that libcrypto computes) 600: one server must not hold up all others. Nothing else that a
 * server can choose comes near: RSA of 16,384 bits costs 4 ms, DSA of 10,000 bits 10. */
enum { MAX_DH_BITS = 4096, LARGEST_DH_BITS = 10000 };

typedef struct {
  SSL_CTX *ctx; /* owned; NULL when closed */
} context_box;

SSL_CTX *rs_context_check(lua_State *L, int arg) {
  context_box *box = (context_box *)luaL_checkudata(L, arg, CONTEXT);
  luaL_argcheck(L, box->ctx, arg, "the context is closed");
  return box->ctx;
}

/* --- options; each returns 0, or the number of results of the error that it pushed --- */

/* TLS 1.3 alone is an option instead of a lowest version: with that, libssl 3.5 leaves out
 * renegotiation_info, and who insists on it (GnuTLS's %SAFE_RENEGOTIATION) looks before a version
 * is chosen. */
static int context_set_versions(lua_State *L, SSL_CTX *ctx) {
  unsigned low = rs_option_version(L, 1, "min_version", RS_TLS10);
  unsigned high = rs_option_version(L, 1, "max_version", RS_TLS13);
  if (low > high)
    return luaL_argerror(L, 1, "option 'min_version' is above 'max_version'");
  if (!SSL_CTX_set_min_proto_version(ctx, (int)(low < RS_TLS13 ? low : RS_TLS12)) ||
      !SSL_CTX_set_max_proto_version(ctx, (int)high))
    return rs_error_openssl(L, "versions", "unsupported");
  if (low == RS_TLS13)
    SSL_CTX_set_options(ctx, SSL_OP_NO_TLSv1_2);
  return 0;
}

static unsigned context_min_version(const SSL_CTX *ctx) {
  return SSL_CTX_get_options(ctx) & SSL_OP_NO_TLSv1_2
             ? RS_TLS13
             : (unsigned)SSL_CTX_get_min_proto_version((SSL_CTX *)ctx);
}

/* What libssl asks at every choice: at level 0 all is allowed, but for what costs too much. The
 * only cause of SSL_R_DH_KEY_TOO_SMALL. */
static int context_allows(const SSL *ssl, const SSL_CTX *ctx, int operation, int bits, int id,
                          void *other, void *max_dh_bits) {
  (void)ssl, (void)ctx, (void)bits, (void)id;
  return operation != SSL_SECOP_TMP_DH || !other ||
         EVP_PKEY_get_bits((EVP_PKEY *)other) <= (int)(intptr_t)max_dh_bits;
}

int rs_context_max_dh_bits(const SSL *ssl) {
  return (int)(intptr_t)SSL_get0_security_ex_data(ssl);
}

static int context_set_limits(lua_State *L, SSL_CTX *ctx) {
  const lua_Integer bits =
      rs_option_integer(L, 1, "max_dh_bits", 512, LARGEST_DH_BITS, MAX_DH_BITS);
  SSL_CTX_set_security_callback(ctx, context_allows);
  SSL_CTX_set0_security_ex_data(ctx, (void *)(intptr_t)bits);
  return 0;
}

/* The security level comes last: a list may carry one of its own ("@SECLEVEL=2"). */
static int context_set_ciphers(lua_State *L, SSL_CTX *ctx) {
  const char *list = rs_option_string(L, 1, "ciphers", NULL);
  const char *suites = rs_option_string(L, 1, "ciphersuites", NULL);
  list = list ? list : DEFAULT_CIPHERS;
  if (!rs_option_boolean(L, 1, "dhe", 1)) /* it stays on the stack while it is needed */
    list = lua_pushfstring(L, "%s:!kDHE", list);
  if (!SSL_CTX_set_cipher_list(ctx, list))
    return rs_error_openssl(L, "ciphers", "unsupported");
  SSL_CTX_set_security_level(ctx, 0);
  if (!SSL_CTX_set_ciphersuites(ctx, suites ? suites : DEFAULT_CIPHERSUITES))
    return rs_error_openssl(L, "ciphersuites", "unsupported");
  return 0;
}

/* One group that it lacks, as in a FIPS configuration, and libssl takes none of a list. */
static int context_offer_known_groups(SSL_CTX *ctx, const char *groups) {
  char known[sizeof LARGE_GROUPS];
  rs_writer w = rs_writer_of(known, sizeof known);
  for (const char *at = groups; *at;) {
    const size_t length = strcspn(at, ":"), used = w.used;
    if (used > 0)
      rs_write_bytes(&w, ":", 1);
    const size_t start = w.used;
    rs_write_bytes(&w, at, length);
    known[w.used] = '\0';
    if (SSL_CTX_set1_groups_list(ctx, known + start) <= 0)
      w.used = used;
    at += length + (at[length] == ':');
  }
  known[w.used] = '\0';
  return SSL_CTX_set1_groups_list(ctx, known) > 0;
}

static int context_set_default_groups(SSL_CTX *ctx, int large, int hybrid) {
  const char *usual = large ? LARGE_GROUPS : DEFAULT_GROUPS;
  const char *all = large ? HYBRID_GROUPS MORE_GROUPS : HYBRID_GROUPS;
  return (hybrid && SSL_CTX_set1_groups_list(ctx, all) > 0) ||
         SSL_CTX_set1_groups_list(ctx, usual) > 0 || context_offer_known_groups(ctx, usual);
}

static int context_set_groups(lua_State *L, SSL_CTX *ctx) {
  const char *groups = rs_option_string(L, 1, "groups", NULL);
  const char *algorithms = rs_option_string(L, 1, "sigalgs", NULL);
  const int large = rs_option_boolean(L, 1, "large_groups", 0);
  const int hybrid = rs_option_boolean(L, 1, "hybrid", 1);
  if (groups ? !SSL_CTX_set1_groups_list(ctx, groups)
             : !context_set_default_groups(ctx, large, hybrid))
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

/* --- what is left to offer --- */

/* Does libssl write a ClientHello? */
static int context_says_hello(SSL_CTX *ctx) {
  SSL *ssl = SSL_new(ctx);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  int good = 0;
  if (ssl && in && out) {
    SSL_set0_rbio(ssl, in);
    SSL_set0_wbio(ssl, out);
    in = out = NULL;
    good = SSL_get_error(ssl, SSL_connect(ssl)) == SSL_ERROR_WANT_READ;
  }
  BIO_free(in);
  BIO_free(out);
  SSL_free(ssl);
  return good;
}

/* libssl takes lists that leave nothing to offer ("" as ciphersuites; in 3.5 "" and "?P-255" as
 * groups; groups of TLS 1.2 alone for 1.3), and then fails with every connection. */
static int context_check_lists(lua_State *L, SSL_CTX *ctx) {
  static const char *const lists[] = {"groups", "ciphers", "ciphersuites", NULL};
  const char *given = NULL;
  for (size_t i = 0; lists[i] && !given; i++)
    if (rs_option_string(L, 1, lists[i], NULL))
      given = lists[i];
  if (!given || context_says_hello(ctx))
    return 0;
  if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_NO_CIPHERS_AVAILABLE)
    given = rs_option_string(L, 1, "ciphersuites", NULL) ? "ciphersuites" : "ciphers";
  return rs_error(L, given, "nothing in the list can be offered", "unsupported");
}

/* Nobody asks for the chain, and to build one of what a hostile server sends may take long. */
static int context_verify_nothing(X509_STORE_CTX *store, void *arg) {
  (void)store, (void)arg;
  return 1;
}

static void context_set_options(lua_State *L, SSL_CTX *ctx) {
  SSL_CTX_clear_options(ctx, UNWANTED_OPTIONS);
  SSL_CTX_set_options(ctx, WANTED_OPTIONS);
  if (!rs_option_boolean(L, 1, "tickets", 1))
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  if (!rs_option_boolean(L, 1, "extended_master_secret", 1))
    SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_cert_verify_callback(ctx, context_verify_nothing, NULL);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  /* Sessions come through the callback that handshake.c sets; libssl keeps none of its own. */
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
}

/*** What a client offers. One context serves any number of handshakes.
 * @function context
 * @tparam[opt] table options min_version and max_version ("TLSv1.0" to "TLSv1.3", all by default),
 *   ciphers and ciphersuites (OpenSSL lists, ciphers(1)), dhe (false: none of those with
 *   Diffie-Hellman over a finite field, up to TLS 1.2), max_dh_bits (4096: a server's group that is
 *   larger fails the handshake with "dh_too_large"), groups ("X25519:P-256"), large_groups (true:
 *   beside the usual ones ffdhe6144 and ffdhe8192), hybrid (false: of the usual ones none that is
 *   hybrid, so that the ClientHello is small), sigalgs, alpn (list of names), tickets (false:
 *   no session_ticket extension up to TLS 1.2, RFC 5077), extended_master_secret (false: not
 *   offered, RFC 7627),
 *   certificate (PEM, with its chain, DER or PKCS#12), private_key (PEM, DER or PKCS#12; without it
 *   the key is looked for in the certificate's bytes), key_form ("pem", "der", "p12": what the key
 *   must be), passphrase
 * @treturn[1] context
 * @treturn[2] nil
 * @treturn[2] string message, naming the option
 * @treturn[2] string code: "unsupported" (OpenSSL knows no such value) or "invalid" */
static int context_new(lua_State *L) {
  static const char *const names[] = {
      "min_version", "max_version", "ciphers",      "ciphersuites",
      "groups",      "sigalgs",     "alpn",         "tickets",
      "certificate", "private_key", "key_form",     "passphrase",
      "dhe",         "max_dh_bits", "large_groups", "extended_master_secret",
      "hybrid",      NULL};
  lua_settop(L, 1);
  rs_options_check(L, 1, names);
  context_box *box = (context_box *)lua_newuserdatauv(L, sizeof *box, 0);
  box->ctx = NULL;
  luaL_setmetatable(L, CONTEXT);
  box->ctx = SSL_CTX_new(TLS_client_method());
  if (!box->ctx)
    return rs_error_openssl(L, "context", "openssl");
  context_set_options(L, box->ctx);
  int (*const setters[])(lua_State *, SSL_CTX *) = {
      context_set_versions, context_set_limits,  context_set_ciphers, context_set_groups,
      context_set_alpn,     context_check_lists, rs_identity_set};
  for (size_t i = 0; i < sizeof setters / sizeof setters[0]; i++) {
    ERR_clear_error(); /* of what went well all the same */
    int failed = setters[i](L, box->ctx);
    if (failed)
      return failed;
  }
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
    lua_pushfstring(L, CONTEXT " (%s to %s)", rs_version_name(context_min_version(box->ctx)),
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
  rs_set_function(L, "context", context_new);
}
