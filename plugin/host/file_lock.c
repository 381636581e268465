/* resum.host.file_lock: a lock on an open file, which only one of all programs has (flock(2)). It
 * goes with the descriptor, so a program that is killed leaves none behind. luv has no such call;
 * it knows nothing else. */
#define _GNU_SOURCE /* flock */
#include "lua/compat.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>

/*** Takes the lock, until the descriptor is closed. It does not wait.
@function take
@tparam integer descriptor
@treturn[1] boolean true; false where another program has it, or another descriptor of this one
@treturn[2] nil
@treturn[2] string message
*/
static int file_lock_take(lua_State *L) {
  const int descriptor = (int)luaL_checkinteger(L, 1);
  int failed;
  do
    failed = flock(descriptor, LOCK_EX | LOCK_NB);
  while (failed && errno == EINTR);
  if (failed && errno != EWOULDBLOCK) {
    lua_pushnil(L);
    lua_pushstring(L, strerror(errno));
    return 2;
  }
  lua_pushboolean(L, !failed);
  return 1;
}

static const luaL_Reg functions[] = {{"take", file_lock_take}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_resum_host_file_lock(lua_State *L);

int luaopen_resum_host_file_lock(lua_State *L) {
  luaL_checkversion(L);
  luaL_newlib(L, functions);
  return 1;
}
