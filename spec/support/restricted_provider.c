/* An OpenSSL provider for specs: the default one without MD5, ChaCha20-Poly1305 and the curves of
 * RFC 7748, which is what a FIPS configuration leaves. It must not know what is under test.
 */
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/provider.h>

enum { MOST_ALGORITHMS = 256 };

static OSSL_LIB_CTX *library;
static OSSL_PROVIDER *inner;

static int is_barred(const char *names) {
  static const char *const barred[] = {"MD5",  "ChaCha20", "Poly1305", "X25519",
                                       "X448", "ED25519",  "ED448"};
  for (size_t i = 0; i < sizeof barred / sizeof barred[0]; i++)
    if (strncmp(names, barred[i], strlen(barred[i])) == 0)
      return 1;
  return 0;
}

static const OSSL_ALGORITHM *restricted_query(void *context, int operation, int *no_store) {
  static OSSL_ALGORITHM left[OSSL_OP__HIGHEST + 1][MOST_ALGORITHMS];
  const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(inner, operation, no_store);
  size_t count = 0;
  (void)context;
  for (; all && all->algorithm_names && count + 1 < MOST_ALGORITHMS; all++)
    if (!is_barred(all->algorithm_names))
      left[operation][count++] = *all;
  memset(&left[operation][count], 0, sizeof left[operation][count]);
  return left[operation];
}

typedef struct {
  OSSL_CALLBACK *call;
  void *argument;
} receiver;

static int restricted_capability(const OSSL_PARAM parameters[], void *argument) {
  const receiver *to = (const receiver *)argument;
  const OSSL_PARAM *name = OSSL_PARAM_locate_const(parameters, "tls-group-alg");
  if (name && name->data && is_barred((const char *)name->data))
    return 1;
  return to->call(parameters, to->argument);
}

static int restricted_capabilities(void *context, const char *capability, OSSL_CALLBACK *call,
                                   void *argument) {
  receiver to = {call, argument};
  (void)context;
  return OSSL_PROVIDER_get_capabilities(inner, capability, restricted_capability, &to);
}

static void restricted_teardown(void *context) {
  (void)context;
  OSSL_PROVIDER_unload(inner);
  OSSL_LIB_CTX_free(library);
}

static const OSSL_DISPATCH functions[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))restricted_teardown},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))restricted_query},
    {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))restricted_capabilities},
    {0, NULL}};

OSSL_provider_init_fn OSSL_provider_init;

__attribute__((visibility("default"))) int OSSL_provider_init(const OSSL_CORE_HANDLE *handle,
                                                              const OSSL_DISPATCH *in,
                                                              const OSSL_DISPATCH **out,
                                                              void **context) {
  (void)handle;
  (void)in;
  library = OSSL_LIB_CTX_new();
  inner = library ? OSSL_PROVIDER_load(library, "default") : NULL;
  if (!inner)
    return 0;
  *out = functions;
  *context = OSSL_PROVIDER_get0_provider_ctx(inner);
  return 1;
}
