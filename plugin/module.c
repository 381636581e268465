/* luaopen_resum_core: the module table of resum.core and the classes in it. */
#include "lua/context.h"
#include "lua/guard.h"
#include "lua/handshake.h"
#include "lua/inspect.h"
#include "lua/messages.h"
#include "lua/parse.h"
#include "lua/probe.h"
#include "lua/session.h"
#include "lua/tools.h"

#include <openssl/crypto.h>

/* The release; the rockspec, the report and the JSON take it from here. */
#define RS_VERSION "0.1.0"

__attribute__((visibility("default"))) int luaopen_resum_core(lua_State *L);

static int module_open(lua_State *L) {
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
  rs_open_inspect(L);
  rs_open_parse(L);
  return 1;
}

int luaopen_resum_core(lua_State *L) {
  luaL_checkversion(L);
  return rs_guarded(L, module_open);
}
