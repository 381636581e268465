/* spec.support.messages: the facts of messages that a spec made up. In a real handshake libssl
 * stands between a hostile server and the readers in facts.c and hello.c; here nothing does.
 */
#include "lua/facts.h"
#include "tls/numbers.h"

#include <string.h>

#define MESSAGES "spec.messages"

static int messages_gc(lua_State *L) {
  rs_transcript_free((rs_transcript *)luaL_checkudata(L, 1, MESSAGES));
  return 0;
}

static void add_entry(lua_State *L, rs_transcript *t) {
  size_t length;
  lua_getfield(L, -1, "from");
  lua_getfield(L, -2, "alert");
  lua_getfield(L, -3, "bytes");
  const char *bytes = luaL_checklstring(L, -1, &length);
  int from_server = strcmp(luaL_checkstring(L, -3), "server") == 0;
  rs_transcript_add(t, from_server, lua_toboolean(L, -2) ? RS_ALERT : RS_HANDSHAKE, bytes, length);
  lua_pop(L, 3);
}

/*** @function facts
 * @tparam table messages list of {from = "client" or "server", bytes =, alert = true for an alert}
 * @treturn table the facts of rs_facts_set
 * @treturn table the list of rs_facts_push_messages
 * @treturn boolean whether something was forgotten */
static int messages_facts(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  rs_transcript *t = (rs_transcript *)lua_newuserdatauv(L, sizeof *t, 0);
  memset(t, 0, sizeof *t);
  luaL_setmetatable(L, MESSAGES);
  for (lua_Integer i = 1; lua_rawgeti(L, 1, i) == LUA_TTABLE; i++, lua_pop(L, 1))
    add_entry(L, t);
  lua_newtable(L);
  rs_facts_set(L, t);
  rs_facts_push_messages(L, t);
  lua_pushboolean(L, t->incomplete);
  return 3;
}

__attribute__((visibility("default"))) int luaopen_spec_support_messages(lua_State *L);

int luaopen_spec_support_messages(lua_State *L) {
  static const luaL_Reg functions[] = {{"facts", messages_facts}, {NULL, NULL}};
  luaL_newmetatable(L, MESSAGES);
  lua_pushcfunction(L, messages_gc);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, functions);
  return 1;
}
