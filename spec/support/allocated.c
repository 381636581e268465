/* spec.support.allocated: bytes that this process has from malloc now, Lua's and libssl's alike.
 * What the sanitizers' malloc gives, it does not see. */
#include "lua/compat.h"

#include <malloc.h>

static int allocated_now(lua_State *L) {
  const struct mallinfo2 info = mallinfo2();
  const size_t bytes = info.uordblks + info.hblkhd;
  lua_pushinteger(L, (lua_Integer)bytes);
  return 1;
}

__attribute__((visibility("default"))) int luaopen_spec_support_allocated(lua_State *L);

int luaopen_spec_support_allocated(lua_State *L) {
  lua_pushcfunction(L, allocated_now);
  return 1;
}
