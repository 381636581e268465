/* The digests and ciphers of libcrypto that targets of plugin/tls work with, fetched once. */
#ifndef SPEC_FUZZ_TOOLS_H
#define SPEC_FUZZ_TOOLS_H

#include "tls/crypto.h"

static inline rs_tools *fuzz_tools(void) {
  static rs_tools all;
  static int open;
  if (!open)
    rs_tools_open(&all);
  open = 1;
  return &all;
}

#endif
