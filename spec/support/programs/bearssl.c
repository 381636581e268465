/* A small HTTPS server on BearSSL, which knows no tickets: bearssl PORT CERTIFICATE KEY [no-cache].
 * Certificate and key are DER; the key is one on P-256.
 */
#include "listen.h"

#include <stdio.h>

#include <bearssl.h>

typedef struct {
  unsigned char bytes[4096];
  size_t length;
} file;

static int read_file(const char *path, file *into) {
  FILE *stream = fopen(path, "rb");
  if (!stream)
    return 0;
  into->length = fread(into->bytes, 1, sizeof into->bytes, stream);
  fclose(stream);
  return into->length > 0;
}

static int receive(void *client, unsigned char *bytes, size_t length) {
  const ssize_t got = read(*(int *)client, bytes, length);
  return got > 0 ? (int)got : -1;
}

static int send_all(void *client, const unsigned char *bytes, size_t length) {
  const ssize_t sent = write(*(int *)client, bytes, length);
  return sent > 0 ? (int)sent : -1;
}

static void serve(br_ssl_server_context *server, int client) {
  br_sslio_context io;
  char bytes[512];
  br_sslio_init(&io, &server->eng, receive, &client, send_all, &client);
  if (br_sslio_read(&io, bytes, sizeof bytes) <= 0)
    return;
  br_sslio_write_all(&io, ANSWER, strlen(ANSWER));
  br_sslio_flush(&io);
  br_sslio_close(&io);
}

int main(int count, char **arguments) {
  static unsigned char store[65536], buffer[BR_SSL_BUFSIZE_BIDI];
  file certificate, key;
  br_skey_decoder_context decoder;
  br_ssl_session_cache_lru cache;
  if (count < 4 || !read_file(arguments[2], &certificate) || !read_file(arguments[3], &key))
    return 2;
  br_skey_decoder_init(&decoder);
  br_skey_decoder_push(&decoder, key.bytes, key.length);
  const br_ec_private_key *secret = br_skey_decoder_get_ec(&decoder);
  if (!secret)
    return 1;
  br_ssl_session_cache_lru_init(&cache, store, sizeof store);
  const br_x509_certificate chain = {certificate.bytes, certificate.length};
  const int listener = listen_on(arguments[1]);
  while (listener >= 0) {
    const int client = accept(listener, NULL, NULL);
    br_ssl_server_context server;
    br_ssl_server_init_full_ec(&server, &chain, 1, BR_KEYTYPE_EC, secret);
    if (!has_option(arguments, "no-cache"))
      br_ssl_server_set_cache(&server, &cache.vtable);
    br_ssl_engine_set_buffer(&server.eng, buffer, sizeof buffer, 1);
    br_ssl_server_reset(&server);
    serve(&server, client);
    close(client);
  }
  return 1;
}
