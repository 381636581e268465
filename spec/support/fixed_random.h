/* Random bytes that are the same on every run (fixed_random.c). */
#ifndef SPEC_FIXED_RANDOM_H
#define SPEC_FIXED_RANDOM_H

/* From now on libcrypto's random bytes come from here. */
void fixed_random_start(void);
/* They begin anew. */
void fixed_random_restart(void);

#endif
