/* A small HTTPS server on mbedTLS: mbedtls PORT CERTIFICATE KEY [cache] [tickets].
 */
#include "listen.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ticket.h>

#define LIFETIME_S 86400

static void serve(mbedtls_ssl_context *ssl) {
  unsigned char bytes[4096];
  int result;
  do
    result = mbedtls_ssl_handshake(ssl);
  while (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE);
  if (result != 0)
    return;
  if (mbedtls_ssl_read(ssl, bytes, sizeof bytes) > 0)
    mbedtls_ssl_write(ssl, (const unsigned char *)ANSWER, strlen(ANSWER));
  mbedtls_ssl_close_notify(ssl);
}

int main(int count, char **arguments) {
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_x509_crt certificate;
  mbedtls_pk_context key;
  mbedtls_ssl_config config;
  mbedtls_ssl_cache_context cache;
  mbedtls_ssl_ticket_context tickets;
  mbedtls_ssl_context ssl;
  if (count < 4)
    return 2;
  mbedtls_entropy_init(&entropy);
  mbedtls_ctr_drbg_init(&random);
  mbedtls_x509_crt_init(&certificate);
  mbedtls_pk_init(&key);
  mbedtls_ssl_config_init(&config);
  mbedtls_ssl_cache_init(&cache);
  mbedtls_ssl_ticket_init(&tickets);
  mbedtls_ssl_init(&ssl);
  if (mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0) != 0 ||
      mbedtls_x509_crt_parse_file(&certificate, arguments[2]) != 0 ||
      mbedtls_pk_parse_keyfile(&key, arguments[3], NULL) != 0 ||
      mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                  MBEDTLS_SSL_PRESET_DEFAULT) != 0)
    return 1;
  mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
  mbedtls_ssl_conf_own_cert(&config, &certificate, &key);
  if (has_option(arguments, "cache"))
    mbedtls_ssl_conf_session_cache(&config, &cache, mbedtls_ssl_cache_get, mbedtls_ssl_cache_set);
  if (has_option(arguments, "tickets")) {
    mbedtls_ssl_ticket_setup(&tickets, mbedtls_ctr_drbg_random, &random, MBEDTLS_CIPHER_AES_256_GCM,
                             LIFETIME_S);
    mbedtls_ssl_conf_session_tickets_cb(&config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse,
                                        &tickets);
  }
  mbedtls_ssl_setup(&ssl, &config);
  const int listener = listen_on(arguments[1]);
  while (listener >= 0) {
    mbedtls_net_context client = {accept(listener, NULL, NULL)};
    mbedtls_ssl_session_reset(&ssl);
    mbedtls_ssl_set_bio(&ssl, &client, mbedtls_net_send, mbedtls_net_recv, NULL);
    serve(&ssl);
    mbedtls_net_free(&client);
  }
  return 1;
}
