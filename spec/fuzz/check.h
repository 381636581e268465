/* What every fuzz target has: its entry, and an end for what must never be. It knows no Lua, as
 * some targets are of plugin/tls alone.
 */
#ifndef SPEC_FUZZ_CHECK_H
#define SPEC_FUZZ_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the process where something that always holds does not. */
static inline void fuzz_check(int holds, const char *what) {
  if (holds)
    return;
  (void)fprintf(stderr, "fuzz: %s\n", what);
  abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
