/* The client certificate of a context, its chain and its key, from bytes in PEM, DER or PKCS#12:
 * which of these they are, it sees by looking. OpenSSL is never let to ask at the terminal for a
 * passphrase, and no message holds one.
 */
#include "identity.h"

#include "error.h"
#include "options.h"

#include <string.h>

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

typedef enum { PEM, DER, P12 } identity_form;

typedef struct {
  const char *bytes; /* borrowed */
  size_t length;
} identity_source;

typedef struct {
  const char *text; /* borrowed; NULL when none was given */
  int asked;        /* OpenSSL wanted one */
} identity_passphrase;

typedef struct {
  X509 *leaf;             /* owned, as all of it */
  STACK_OF(X509) * chain; /* NULL for none */
  EVP_PKEY *key;
} identity;

static void identity_free(identity *id) {
  X509_free(id->leaf);
  sk_X509_pop_free(id->chain, X509_free);
  EVP_PKEY_free(id->key);
}

/* No passphrase given means an empty one. */
static int identity_give_passphrase(char *room, int size, int writing, void *given) {
  identity_passphrase *passphrase = (identity_passphrase *)given;
  size_t length = passphrase->text ? strlen(passphrase->text) : 0;
  (void)writing;
  passphrase->asked = 1;
  if (length > (size_t)size)
    return -1;
  if (length > 0)
    memcpy(room, passphrase->text, length);
  return (int)length;
}

static BIO *identity_bio(const identity_source *source) {
  return source->length > INT32_MAX ? NULL : BIO_new_mem_buf(source->bytes, (int)source->length);
}

static PKCS12 *identity_pkcs12(const identity_source *source) {
  const unsigned char *at = (const unsigned char *)source->bytes;
  return d2i_PKCS12(NULL, &at, (long)source->length);
}

/* DER is one SEQUENCE: its length takes more than one byte, or is that of what follows. */
static int identity_is_der(const identity_source *source) {
  const unsigned char *bytes = (const unsigned char *)source->bytes;
  return source->length >= 2 && bytes[0] == 0x30 &&
         (bytes[1] >= 0x80 || bytes[1] == source->length - 2);
}

static identity_form identity_form_of(const identity_source *source) {
  if (!identity_is_der(source))
    return PEM;
  PKCS12 *bag = identity_pkcs12(source);
  identity_form form = bag ? P12 : DER;
  PKCS12_free(bag);
  ERR_clear_error();
  return form;
}

/* --- reading; each returns NULL when it is done, or what went wrong --- */

static const char no_certificate[] = "there is no certificate in it that OpenSSL can read";
static const char no_key[] = "there is no private key in it that OpenSSL can read";

/* Does OpenSSL lack an algorithm that it needed? Its decoders say "unsupported", too, of what is no
 * key: one wrong passphrase in 256 leaves bytes whose padding happens to be right. Empties the
 * queue. */
static int identity_lacks_algorithm(void) {
  int lacks = 0;
  for (unsigned long code = ERR_get_error(); code != 0; code = ERR_get_error())
    lacks |= ERR_GET_LIB(code) == ERR_LIB_EVP && ERR_GET_REASON(code) == ERR_R_UNSUPPORTED;
  return lacks;
}

/* Why OpenSSL did not give a key. A static string. */
static const char *identity_key_problem(const identity_passphrase *passphrase) {
  if (identity_lacks_algorithm() && passphrase->asked)
    return "it is encrypted in a way that OpenSSL 3 leaves to its legacy provider";
  if (passphrase->asked)
    return passphrase->text ? "the passphrase does not open it"
                            : "it is encrypted, and no passphrase was given";
  return no_key;
}

/* The leaf comes first, its chain behind it. */
static const char *identity_read_pem(identity *id, const identity_source *source) {
  identity_passphrase none = {NULL, 0};
  BIO *bio = identity_bio(source);
  id->leaf = bio ? PEM_read_bio_X509(bio, NULL, identity_give_passphrase, &none) : NULL;
  id->chain = sk_X509_new_null();
  X509 *next = NULL;
  int kept = id->leaf && id->chain;
  while (kept && (next = PEM_read_bio_X509(bio, NULL, identity_give_passphrase, &none)))
    kept = sk_X509_push(id->chain, next) > 0;
  if (next && !kept)
    X509_free(next);
  BIO_free(bio);
  /* The reading must have ended for want of another certificate, not in the middle of one. */
  if (kept && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
    ERR_clear_error();
    return NULL;
  }
  if (ERR_GET_REASON(ERR_peek_error()) == PEM_R_NO_START_LINE)
    return no_certificate;
  return rs_openssl_reason(no_certificate);
}

static const char *identity_read_der(identity *id, const identity_source *source) {
  const unsigned char *at = (const unsigned char *)source->bytes;
  id->leaf = d2i_X509(NULL, &at, (long)source->length);
  return id->leaf ? NULL : rs_openssl_reason(no_certificate);
}

static int identity_opens(PKCS12 *bag, const identity_passphrase *passphrase) {
  if (!PKCS12_mac_present(bag))
    return 1;
  if (passphrase->text)
    return PKCS12_verify_mac(bag, passphrase->text, -1);
  return PKCS12_verify_mac(bag, NULL, 0) || PKCS12_verify_mac(bag, "", 0);
}

static const char *identity_read_pkcs12(identity *id, const identity_source *source,
                                        identity_passphrase *passphrase) {
  PKCS12 *bag = identity_pkcs12(source);
  const char *problem = NULL;
  passphrase->asked = 1;
  if (!bag || !identity_opens(bag, passphrase) ||
      !PKCS12_parse(bag, passphrase->text, &id->key, &id->leaf, &id->chain))
    problem = identity_key_problem(passphrase);
  else if (!id->leaf) /* without its key the leaf is one of the others, and the first by custom */
    id->leaf = sk_X509_shift(id->chain);
  PKCS12_free(bag);
  return problem;
}

static const char *identity_read_certificates(identity *id, const identity_source *source,
                                              identity_passphrase *passphrase) {
  switch (identity_form_of(source)) {
  case P12:
    return identity_read_pkcs12(id, source, passphrase);
  case DER:
    return identity_read_der(id, source);
  default:
    return identity_read_pem(id, source);
  }
}

static EVP_PKEY *identity_decode_der(BIO *bio, identity_passphrase *passphrase) {
  EVP_PKEY *key = NULL;
  OSSL_DECODER_CTX *decoder =
      OSSL_DECODER_CTX_new_for_pkey(&key, "DER", NULL, NULL, EVP_PKEY_KEYPAIR, NULL, NULL);
  if (decoder &&
      OSSL_DECODER_CTX_set_pem_password_cb(decoder, identity_give_passphrase, passphrase))
    (void)OSSL_DECODER_from_bio(decoder, bio);
  OSSL_DECODER_CTX_free(decoder);
  return key;
}

static const char *identity_read_key(identity *id, const identity_source *source,
                                     identity_passphrase *passphrase) {
  identity_form form = identity_form_of(source);
  EVP_PKEY_free(id->key);
  id->key = NULL;
  if (form == P12) {
    identity other = {NULL, NULL, NULL};
    const char *problem = identity_read_pkcs12(&other, source, passphrase);
    id->key = other.key;
    other.key = NULL;
    identity_free(&other);
    return problem || id->key ? problem : no_key;
  }
  BIO *bio = identity_bio(source);
  if (bio && form == DER)
    id->key = identity_decode_der(bio, passphrase);
  else if (bio)
    id->key = PEM_read_bio_PrivateKey(bio, NULL, identity_give_passphrase, passphrase);
  BIO_free(bio);
  return id->key ? NULL : identity_key_problem(passphrase);
}

/* --- using --- */

static int identity_use_certificates(const identity *id, SSL_CTX *ctx) {
  if (!id->leaf || SSL_CTX_use_certificate(ctx, id->leaf) != 1)
    return 0;
  for (int i = 0; i < sk_X509_num(id->chain); i++)
    if (!SSL_CTX_add1_chain_cert(ctx, sk_X509_value(id->chain, i)))
      return 0;
  return 1;
}

/* Reads all of it and puts it into ctx. Returns NULL, or what went wrong with *operation. */
static const char *identity_load(SSL_CTX *ctx, identity *id, const identity_source *certificate,
                                 const identity_source *key, const char *text,
                                 const char **operation) {
  identity_passphrase passphrase = {text, 0};
  *operation = "certificate";
  const char *problem = identity_read_certificates(id, certificate, &passphrase);
  if (problem)
    return problem;
  if (!identity_use_certificates(id, ctx))
    return rs_openssl_reason(no_certificate);
  *operation = "private_key";
  passphrase.asked = 0;
  if (key || !id->key)
    problem = identity_read_key(id, key ? key : certificate, &passphrase);
  if (problem == no_key && !key)
    return "the certificate comes without one, and no other is given";
  if (problem)
    return problem;
  if (SSL_CTX_use_PrivateKey(ctx, id->key) != 1 || !SSL_CTX_check_private_key(ctx))
    return "it does not belong to the certificate";
  return NULL;
}

/* Is the key in the form that the caller names? Nothing named is right. */
static int identity_check_form(lua_State *L, const identity_source *source) {
  static const char *const names[] = {"pem", "der", "p12"};
  const char *form = rs_option_string(L, 1, "key_form", NULL);
  if (!form)
    return 1;
  identity_form seen = identity_form_of(source);
  if (strcmp(form, names[seen]) == 0)
    return 1;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(form, names[i]) == 0)
      return 0;
  return luaL_argerror(L, 1, "option 'key_form': pem, der or p12 expected");
}

int rs_identity_set(lua_State *L, SSL_CTX *ctx) {
  identity_source certificate = {NULL, 0}, key = {NULL, 0};
  certificate.bytes = rs_option_string(L, 1, "certificate", &certificate.length);
  key.bytes = rs_option_string(L, 1, "private_key", &key.length);
  const char *text = rs_option_string(L, 1, "passphrase", NULL);
  luaL_argcheck(L, certificate.bytes || !key.bytes, 1, "'private_key' needs 'certificate'");
  if (!certificate.bytes)
    return 0;
  if (!identity_check_form(L, key.bytes ? &key : &certificate))
    return rs_error(L, "private_key", "it is in another form than the one named", "invalid");
  identity id = {NULL, NULL, NULL};
  const char *operation;
  const char *problem =
      identity_load(ctx, &id, &certificate, key.bytes ? &key : NULL, text, &operation);
  identity_free(&id);
  return problem ? rs_error(L, operation, problem, "invalid") : 0;
}
