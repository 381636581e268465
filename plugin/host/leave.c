/* resum.host.leave: the end of the process, at once. exit(3) waits for libuv's threads, and one
 * that asks a name server waits for that; the user who wants to leave does not. It knows nothing
 * else. */
#include "lua/compat.h"

#include <unistd.h>

/*** Ends the process: nothing is flushed, no finalizer runs.
@function at_once
@tparam integer code exit code
*/
static int leave_at_once(lua_State *L) {
  _exit((int)luaL_checkinteger(L, 1));
}

static const luaL_Reg functions[] = {{"at_once", leave_at_once}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_resum_host_leave(lua_State *L);

int luaopen_resum_host_leave(lua_State *L) {
  luaL_checkversion(L);
  luaL_newlib(L, functions);
  return 1;
}
