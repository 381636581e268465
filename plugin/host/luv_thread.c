/* resum.host.luv_thread: where luv calls back. Up to 1.48 that is the coroutine that loaded it,
 * which may be suspended, or freed (luvit/luv#503); later it is the main thread, as here. Goes by
 * luv's public functions (luv.h), looked up in the library that is loaded; it knows nothing of
 * resum.core, and links neither luv nor libuv. */
#define _GNU_SOURCE /* dladdr, RTLD_NOLOAD */
#include "lua/compat.h"

#include <dlfcn.h>
#include <string.h>

typedef struct {
  lua_State *(*state)(lua_State *);
  void *(*loop)(lua_State *);
  void (*set_loop)(lua_State *, void *);
} luv_api;

/* ISO C has no cast from an object's address to a function's. */
static int luv_thread_find(void *library, const char *name, void *function) {
  void *address = dlsym(library, name);
  memcpy(function, &address, sizeof address);
  return address != NULL;
}

static int luv_thread_find_api(lua_CFunction function_of_luv, luv_api *api) {
  void *address, *library = NULL;
  Dl_info info;
  int found;
  memcpy(&address, &function_of_luv, sizeof address);
  if (dladdr(address, &info) && info.dli_fname)
    library = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  if (!library)
    return 0;
  found = luv_thread_find(library, "luv_state", &api->state) &&
          luv_thread_find(library, "luv_loop", &api->loop) &&
          luv_thread_find(library, "luv_set_loop", &api->set_loop);
  dlclose(library); /* Lua holds it open */
  return found;
}

/*** Has luv call back on the main thread from now on. Not while its loop runs: luv would
forget that.
@function call_back_on_main
@tparam function function_of_luv any
@treturn boolean true when it is so; false where this luv shows no way to it
*/
static int luv_thread_call_back_on_main(lua_State *L) {
  luv_api api;
  lua_State *main_thread;
  luaL_argcheck(L, lua_iscfunction(L, 1), 1, "a function of luv expected");
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  main_thread = lua_tothread(L, -1);
  if (!luv_thread_find_api(lua_tocfunction(L, 1), &api) ||
      !lua_checkstack(main_thread, LUA_MINSTACK)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  if (api.state(L) != main_thread)
    api.set_loop(main_thread, api.loop(L));
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg functions[] = {{"call_back_on_main", luv_thread_call_back_on_main},
                                     {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_resum_host_luv_thread(lua_State *L);

int luaopen_resum_host_luv_thread(lua_State *L) {
  luaL_checkversion(L);
  luaL_newlib(L, functions);
  return 1;
}
