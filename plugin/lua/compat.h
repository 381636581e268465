/* Every test of a Lua version, as HAVE_* macros or small stand-ins; and the one way to Lua's
 * headers.
 */
#ifndef RESUM_LUA_COMPAT_H
#define RESUM_LUA_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM < 503
#error "resum needs Lua 5.3 or later"
#endif

#define HAVE_LUA_CLOSE (LUA_VERSION_NUM >= 504)

#if LUA_VERSION_NUM < 504
#define lua_newuserdatauv(L, size, values) lua_newuserdata((L), (size))
#endif

#endif
