/* Every test of an OpenSSL version, of what it was built without, or of the system's libc, as
 * HAVE_* macros or small stand-ins; that of Lua's is lua/compat.h, and no other file asks.
 */
#ifndef RESUM_TLS_COMPAT_H
#define RESUM_TLS_COMPAT_H

#include <stdint.h>

#include <openssl/macros.h>
#include <openssl/opensslv.h>

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "resum needs OpenSSL 3.0 or later"
#endif

#ifdef OPENSSL_NO_DEPRECATED_3_0
#define HAVE_SHA2_CONTEXTS 0
#else
#define HAVE_SHA2_CONTEXTS 1
#endif

/* From 3.4 on libssl's functions with a long for a time are deprecated, and all have a sibling with
 * a time_t. */
#define HAVE_TIME_T_FUNCTIONS (OPENSSL_VERSION_NUMBER >= 0x30400000L)

/* SSL_OP_NO_TX_CERTIFICATE_COMPRESSION and SSL_OP_NO_RX_…, which came with 3.2 (bits 32 and 33); no
 * options before. */
#define HAVE_NO_COMPRESSED_CERTIFICATES                                                            \
  (OPENSSL_VERSION_NUMBER >= 0x30200000L ? UINT64_C(3) << 32 : 0)

/* malloc_usable_size(3) */
#ifdef __linux__
#define HAVE_USABLE_SIZE 1
#else
#define HAVE_USABLE_SIZE 0
#endif

#endif
