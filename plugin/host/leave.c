/* resum.host.leave: the end of the process, at once. exit(3) waits for libuv's threads, and one
 * that asks a name server waits for that; the user who wants to leave does not. And no end for a
 * file that may not grow any more: whoever writes to it hears of it, and says so. It knows nothing
 * else. */
#include "lua/compat.h"

#include <signal.h>
#include <unistd.h>

/*** Ends the process: nothing is flushed, no finalizer runs.
@function at_once
@tparam integer code exit code
*/
static int leave_at_once(lua_State *L) {
  _exit((int)luaL_checkinteger(L, 1));
}

/*** Lets writing beyond the limit on files (`ulimit -f`) fail instead of ending the process.
@function not_for_full_files
*/
static int leave_not_for_full_files(lua_State *L) {
  (void)L;
  (void)signal(SIGXFSZ, SIG_IGN);
  return 0;
}

static const luaL_Reg functions[] = {
    {"at_once", leave_at_once}, {"not_for_full_files", leave_not_for_full_files}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_resum_host_leave(lua_State *L);

int luaopen_resum_host_leave(lua_State *L) {
  luaL_checkversion(L);
  luaL_newlib(L, functions);
  return 1;
}
