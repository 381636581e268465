/* spec.support.fixed_random: libcrypto's random bytes, the same on every run. With them a recorded
 * handshake can be replayed to a client, which then derives the same keys again. For fuzzing and
 * its corpus only; it is linked into the fuzz targets as well.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method: the short way, and good enough here   \
                                     */

#include "fixed_random.h"

#include <lauxlib.h>
#include <lua.h>
#include <openssl/rand.h>
#include <stdint.h>

enum { START = 1 };

static uint64_t state = START;

/* SplitMix64 (Steele, Lea and Flood). */
static uint64_t next_number(void) {
  uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static int give_bytes(unsigned char *out, int length) {
  for (int i = 0; i < length; i++)
    out[i] = (unsigned char)next_number();
  return 1;
}

static int say_ready(void) {
  return 1;
}

void fixed_random_start(void) {
  static const RAND_METHOD method = {NULL, give_bytes, NULL, NULL, give_bytes, say_ready};
  RAND_set_rand_method(&method);
}

void fixed_random_restart(void) {
  state = START;
}

static int module_stop(lua_State *L) {
  (void)L;
  RAND_set_rand_method(NULL);
  return 0;
}

static int module_start(lua_State *L) {
  (void)L;
  fixed_random_start();
  return 0;
}

static int module_restart(lua_State *L) {
  (void)L;
  fixed_random_restart();
  return 0;
}

__attribute__((visibility("default"))) int luaopen_spec_support_fixed_random(lua_State *L);

int luaopen_spec_support_fixed_random(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"start", module_start}, {"restart", module_restart}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_newtable(L); /* libcrypto asks its method at exit, when Lua has unloaded this module */
  lua_pushcfunction(L, module_stop);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  return 1;
}
