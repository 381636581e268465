/* spec.support.scarce: runs Lua code in a state of its own whose memory ends after so many
 * allocations. Whatever C holds when Lua raises "not enough memory" has to be found by a finalizer;
 * the leak check of `make asan` says whether it was.
 */
#include "lua/compat.h"

#include <lualib.h>

#include <stdlib.h>

typedef struct {
  int counting;
  lua_Integer left; /* allocations that succeed while it counts */
} budget;

/* Freeing and shrinking always work, as Lua demands. */
static void *allocate(void *arg, void *block, size_t old, size_t size) {
  budget *b = (budget *)arg;
  if (size == 0) {
    free(block);
    return NULL;
  }
  if (b->counting && (!block || size > old) && b->left-- <= 0)
    return NULL;
  return realloc(block, size);
}

/* The code gives two functions: one is run with little memory, the other after it with enough. */
static int run_both(lua_State *L) {
  budget *b = (budget *)lua_touserdata(L, 1);
  luaL_openlibs(L);
  if (luaL_loadstring(L, (const char *)lua_touserdata(L, 2)) != LUA_OK)
    return lua_error(L);
  lua_call(L, 0, 2);
  lua_insert(L, -2);
  b->counting = 1;
  int status = lua_pcall(L, 0, 0, 0);
  b->counting = 0;
  if (status != LUA_OK && status != LUA_ERRMEM)
    return lua_error(L);
  lua_settop(L, status == LUA_OK ? -1 : -2);
  lua_call(L, 0, 0);
  lua_pushboolean(L, status == LUA_OK);
  return 1;
}

/*** @function run
 * @tparam string code returns a function to be run with little memory, and one for afterwards
 * @tparam integer allocations how many succeed
 * @treturn boolean|nil whether the first function came to its end; nil for another error
 * @treturn[opt] string that error */
static int scarce_run(lua_State *L) {
  budget b = {0, luaL_checkinteger(L, 2)};
  const char *code = luaL_checkstring(L, 1);
  lua_State *other = lua_newstate(allocate, &b);
  lua_pushcfunction(other, run_both);
  lua_pushlightuserdata(other, &b);
  lua_pushlightuserdata(other, (void *)(uintptr_t)code);
  int failed = lua_pcall(other, 2, 1, 0);
  if (failed)
    lua_pushnil(L);
  else
    lua_pushboolean(L, lua_toboolean(other, -1));
  lua_pushstring(L, failed ? lua_tostring(other, -1) : NULL);
  lua_close(other);
  return 2;
}

__attribute__((visibility("default"))) int luaopen_spec_support_scarce(lua_State *L);

int luaopen_spec_support_scarce(lua_State *L) {
  static const luaL_Reg functions[] = {{"run", scarce_run}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
