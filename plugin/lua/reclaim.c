/* Frees a connection of libssl's. libssl wipes the keys of records, but not the struct itself, in
 * which TLS 1.3 keeps its whole ladder of secrets; and nothing public reaches them there. So the
 * room is asked for again at once, while it is still there to be had, and wiped. Knows nothing of
 * handshakes.
 */
#include "reclaim.h"

#include "tls/compat.h"

#include <stddef.h>
#include <stdint.h>

#include <openssl/crypto.h>

#if HAVE_USABLE_SIZE

#include <malloc.h>

enum { MOST_TRIES = 64 }; /* blocks of that size that were free before may come first */

/* How much room the struct has, where it is malloc's; a host may have given OpenSSL another. */
static size_t reclaim_size_of(void *block) {
  CRYPTO_malloc_fn allocate;
  CRYPTO_realloc_fn reallocate;
  CRYPTO_free_fn release;
  CRYPTO_get_mem_functions(&allocate, &reallocate, &release);
  return allocate == CRYPTO_malloc ? malloc_usable_size(block) : 0;
}

/* Takes blocks until all of that room is covered, then wipes and frees them. */
static void reclaim_wipe(uintptr_t place, size_t size) {
  void *blocks[MOST_TRIES];
  size_t count = 0, covered = 0;
  while (covered < size && count < MOST_TRIES) {
    void *block = OPENSSL_malloc(size);
    if (!block)
      break;
    blocks[count++] = block;
    const uintptr_t start = (uintptr_t)block, end = start + size;
    const uintptr_t from = start > place ? start : place;
    const uintptr_t to = end < place + size ? end : place + size;
    covered += from < to ? (size_t)(to - from) : 0;
  }
  while (count > 0)
    OPENSSL_clear_free(blocks[--count], size);
}

void rs_ssl_free(SSL *ssl) {
  const size_t size = ssl ? reclaim_size_of(ssl) : 0;
  const uintptr_t place = (uintptr_t)ssl;
  SSL_free(ssl);
  if (size > 0)
    reclaim_wipe(place, size);
}

#else

void rs_ssl_free(SSL *ssl) {
  SSL_free(ssl);
}

#endif
