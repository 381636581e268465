/* Every test of a Lua or OpenSSL version, as HAVE_* macros or small stand-ins; no other file asks.
 */
#ifndef RESUM_COMPAT_H
#define RESUM_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <openssl/macros.h>
#include <openssl/opensslv.h>

#if LUA_VERSION_NUM < 503
#error "resum needs Lua 5.3 or later"
#endif
#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "resum needs OpenSSL 3.0 or later"
#endif

#define HAVE_LUA_CLOSE (LUA_VERSION_NUM >= 504)

#ifdef OPENSSL_NO_DEPRECATED_3_0
#define HAVE_SHA2_CONTEXTS 0
#else
#define HAVE_SHA2_CONTEXTS 1
#endif

#if LUA_VERSION_NUM < 504
#define lua_newuserdatauv(L, size, values) lua_newuserdata((L), (size))
#endif

#endif
