/* luaopen_resum_core: the module table of resum.core and the classes in it. */
#include "resum.h"

#include "offer.h"
#include "tools.h"

#include <openssl/crypto.h>

void rs_new_class(lua_State *L, const char *name, const luaL_Reg methods[],
                  const luaL_Reg metamethods[]) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

__attribute__((visibility("default"))) int luaopen_resum_core(lua_State *L);

int luaopen_resum_core(lua_State *L) {
  luaL_checkversion(L);
  lua_newtable(L);
  lua_pushliteral(L, RS_VERSION);
  lua_setfield(L, -2, "VERSION");
  lua_pushstring(L, OpenSSL_version(OPENSSL_VERSION));
  lua_setfield(L, -2, "OPENSSL");
  rs_open_tools(L);
  rs_open_context(L);
  rs_open_handshake(L);
  rs_open_session(L);
  rs_open_probe(L);
  rs_open_messages(L);
  return 1;
}
