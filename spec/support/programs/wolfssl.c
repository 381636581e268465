/* A small HTTPS server on wolfSSL: wolfssl PORT CERTIFICATE KEY [no-cache] [no-tickets-12]
 * [no-tickets-13].
 */
#include "listen.h"

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

static void serve(WOLFSSL *ssl) {
  char bytes[4096];
  if (wolfSSL_accept(ssl) != SSL_SUCCESS)
    return;
  if (wolfSSL_read(ssl, bytes, sizeof bytes) > 0)
    wolfSSL_write(ssl, ANSWER, (int)strlen(ANSWER));
  wolfSSL_shutdown(ssl);
}

int main(int count, char **arguments) {
  if (count < 4)
    return 2;
  wolfSSL_Init();
  WOLFSSL_CTX *context = wolfSSL_CTX_new(wolfSSLv23_server_method());
  if (wolfSSL_CTX_use_certificate_file(context, arguments[2], SSL_FILETYPE_PEM) != SSL_SUCCESS ||
      wolfSSL_CTX_use_PrivateKey_file(context, arguments[3], SSL_FILETYPE_PEM) != SSL_SUCCESS)
    return 1;
  if (has_option(arguments, "no-cache"))
    wolfSSL_CTX_set_session_cache_mode(context, WOLFSSL_SESS_CACHE_OFF);
  if (has_option(arguments, "no-tickets-12"))
    wolfSSL_CTX_NoTicketTLSv12(context);
  if (has_option(arguments, "no-tickets-13"))
    wolfSSL_CTX_no_ticket_TLSv13(context);
  const int listener = listen_on(arguments[1]);
  while (listener >= 0) {
    const int client = accept(listener, NULL, NULL);
    WOLFSSL *ssl = wolfSSL_new(context);
    wolfSSL_set_fd(ssl, client);
    serve(ssl);
    wolfSSL_free(ssl);
    close(client);
  }
  return 1;
}
