/* What every fuzz target has: its entry, and an end for what must never be. It knows no Lua, as
 * some targets are of plugin/tls alone.
 */
#ifndef SPEC_FUZZ_CHECK_H
#define SPEC_FUZZ_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noreturn)) static inline void fuzz_fail(const char *what) {
  (void)fprintf(stderr, "fuzz: %s\n", what);
  abort();
}

/* Ends the process where something that always holds does not. A macro, so that analysers see what
 * holds behind it. */
#define fuzz_check(holds, what)                                                                    \
  do {                                                                                             \
    if (!(holds))                                                                                  \
      fuzz_fail(what);                                                                             \
  } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
