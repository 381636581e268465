/* Random bytes that are the same on every run. With them a recorded handshake can be replayed to a
 * client, which then derives the same keys again. For fuzzing and its corpus only. All of it stands
 * in this header, for the fuzz targets and the module of specs (fixed_random.c) alike.
 */
#ifndef SPEC_FIXED_RANDOM_H
#define SPEC_FIXED_RANDOM_H

#include <openssl/rand.h>
#include <stdint.h>

enum { FIXED_RANDOM_START = 1 };

static uint64_t fixed_random_state = FIXED_RANDOM_START;

/* SplitMix64 (Steele, Lea and Flood). */
static inline uint64_t fixed_random_next(void) {
  uint64_t z = (fixed_random_state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static inline int fixed_random_give(unsigned char *out, int length) {
  for (int i = 0; i < length; i++)
    out[i] = (unsigned char)fixed_random_next();
  return 1;
}

static inline int fixed_random_say_ready(void) {
  return 1;
}

/* From now on libcrypto's random bytes come from here. The function is deprecated: the short way,
 * and good enough here, whatever was included before.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static inline void fixed_random_start(void) {
  static const RAND_METHOD method = {NULL, fixed_random_give, NULL,
                                     NULL, fixed_random_give, fixed_random_say_ready};
  RAND_set_rand_method(&method);
}

/* And from now on from where they came before. */
static inline void fixed_random_stop(void) {
  RAND_set_rand_method(NULL);
}
#pragma GCC diagnostic pop

/* They begin anew. */
static inline void fixed_random_restart(void) {
  fixed_random_state = FIXED_RANDOM_START;
}

#endif
