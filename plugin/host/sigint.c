/* resum.host.sigint: Ctrl-C as bytes in a pipe, for an interpreter whose prompt installs its own
 * answer to it with each line. One call of sigaction takes the signal over, so that there is no
 * moment at which it is nobody's: libuv's own handles are stopped and started for that, and in
 * between the signal ends the program. It knows no loop and no scan. */
#define _GNU_SOURCE /* pipe2 */
#include "lua/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* What a signal's handler can reach is the process's. */
static int sigint_pipe[2] = {-1, -1};

static void sigint_note(int number) {
  const int before = errno;
  const char byte = (char)number;
  const ssize_t written = write(sigint_pipe[1], &byte, 1); /* a full pipe has been told */
  (void)written;
  errno = before;
}

/*** Takes SIGINT over; whoever had it before is not told. What has come since it was taken over last
is forgotten.
@function take
@treturn integer|nil descriptor, not blocking, from which a byte can be read for each signal; nil:
  the system has none to give, and the signal is left alone
*/
static int sigint_take(lua_State *L) {
  struct sigaction action;
  char bytes[64];
  if (sigint_pipe[0] < 0 && pipe2(sigint_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
    sigint_pipe[0] = -1;
    lua_pushnil(L);
    return 1;
  }
  if (sigaction(SIGINT, NULL, &action) == 0 && action.sa_handler != sigint_note) {
    while (read(sigint_pipe[0], bytes, sizeof bytes) > 0) {
    }
    memset(&action, 0, sizeof action);
    action.sa_handler = sigint_note;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
  }
  lua_pushinteger(L, sigint_pipe[0]);
  return 1;
}

/*** Has SIGINT come since?
@function came
@treturn boolean true once for all that came
*/
static int sigint_came(lua_State *L) {
  char bytes[64];
  int came = 0;
  while (sigint_pipe[0] >= 0 && read(sigint_pipe[0], bytes, sizeof bytes) > 0)
    came = 1;
  lua_pushboolean(L, came);
  return 1;
}

static const luaL_Reg functions[] = {{"take", sigint_take}, {"came", sigint_came}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_resum_host_sigint(lua_State *L);

int luaopen_resum_host_sigint(lua_State *L) {
  luaL_checkversion(L);
  luaL_newlib(L, functions);
  return 1;
}
