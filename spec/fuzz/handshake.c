/* Fuzzes resum.handshake: libssl, the transcript and the facts, on what a server sends. Random
 * bytes are fixed, so the recorded handshakes of the corpus replay with true keys. The first byte
 * chooses what is offered, the second how the stream is cut.
 */
#include "fuzz.h"

#include "fixed_random.h"

enum { MAX_BYTES = 1 << 16 };

static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};
static const char *const sessions[] = {NULL, "id12", "ticket12"};

static void set_string(lua_State *L, const char *name, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

/* Contexts are made once. */
static void push_context(lua_State *L, const char *version) {
  if (lua_getfield(L, LUA_REGISTRYINDEX, version) != LUA_TNIL)
    return;
  lua_pop(L, 1);
  lua_getfield(L, 1, "context");
  lua_newtable(L);
  set_string(L, "min_version", version);
  set_string(L, "max_version", version);
  fuzz_call(L, 1, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, version);
}

/* Leaves a machine at 2. */
static void start(lua_State *L, unsigned choice) {
  const char *version = versions[choice & 1], *session = sessions[(choice >> 1) % 3];
  lua_getfield(L, 1, "handshake");
  push_context(L, version);
  lua_newtable(L);
  lua_pushinteger(L, MAX_BYTES);
  lua_setfield(L, -2, "max_bytes");
  if (session && !(choice & 1)) {
    fuzz_push_session(L, session);
    lua_setfield(L, -2, "session");
  }
  fuzz_call(L, 2, 1);
  fuzz_check(lua_isuserdata(L, 2), "no handshake");
  fuzz_method(L, 2, "step", 0, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lua_State *L = fuzz_state();
  rs_reader r = rs_reader_of(data, size);
  const unsigned choice = rs_read_u8(&r), chunk = rs_read_u8(&r);
  if (r.bad)
    return 0;
  fixed_random_start();
  fixed_random_restart();
  start(L, choice);
  fuzz_feed(L, 2, r, (size_t)chunk * 4, fixed_random_restart);
  fuzz_method(L, 2, "read", 0, 1);
  lua_pushliteral(L, "GET / HTTP/1.0\r\n\r\n");
  fuzz_method(L, 2, "write", 1, 1);
  lua_settop(L, 2);
  fuzz_finish(L, 2, (choice & 0x80) != 0);
  return 0;
}
