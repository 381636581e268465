/* What the small servers in C have in common: a socket, one connection after the other, and their
 * options.
 */
#ifndef SPEC_LISTEN_H
#define SPEC_LISTEN_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER "HTTP/1.0 200 OK\r\n\r\nhello\n"

static int has_option(char **arguments, const char *name) {
  for (; *arguments; arguments++)
    if (strcmp(*arguments, name) == 0)
      return 1;
  return 0;
}

/* A listening socket on 127.0.0.1, or -1. */
static int listen_on(const char *port) {
  const int on = 1;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)atoi(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  signal(SIGPIPE, SIG_IGN);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
      listen(listener, 100) != 0)
    return -1;
  return listener;
}

#endif
