/* Fuzzes what a user may read from a file: sessions as DER and PEM. What is taken for a session can
 * be looked at, written again, altered, searched for in bytes (the input; not each time, as it
 * takes long), compared with others, and offered by both engines. The first byte chooses.
 */
#include "fuzz.h"

static void push_source(lua_State *L, const char *name, rs_reader bytes) {
  lua_newtable(L);
  lua_pushlstring(L, (const char *)bytes.at, bytes.left);
  lua_setfield(L, -2, name);
}

/* Starts a machine of that engine with the session at 2, where it takes it. */
static void offer(lua_State *L, const char *engine) {
  const int is_probe = engine[0] == 'p';
  lua_getfield(L, 1, engine);
  if (!is_probe) {
    lua_getfield(L, 1, "context");
    fuzz_call(L, 0, 1);
  }
  lua_newtable(L);
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, "session");
  fuzz_call(L, is_probe ? 1 : 2, 1);
  if (lua_isuserdata(L, -1)) {
    fuzz_method(L, lua_gettop(L), "step", 0, 0);
    fuzz_method(L, lua_gettop(L), "close", 0, 0);
  }
  lua_pop(L, 1);
}

/* With one key, of zeros: what is decrypted is as good as random. */
static void search(lua_State *L, rs_reader bytes) {
  static const char zeros[64];
  lua_pushlstring(L, (const char *)bytes.at, bytes.left < 65535 ? bytes.left : 65535);
  lua_newtable(L);
  lua_newtable(L);
  lua_newtable(L);
  lua_pushliteral(L, "zeros");
  lua_rawseti(L, -2, 1);
  lua_pushlstring(L, zeros, sizeof zeros);
  lua_rawseti(L, -2, 2);
  lua_rawseti(L, -2, 1);
  lua_setfield(L, -2, "keys");
  fuzz_method(L, 2, "finds", 2, 1);
  lua_pop(L, 1);
}

/* With itself, and with another. */
static void compare(lua_State *L, const char *name) {
  lua_newtable(L);
  if (name)
    fuzz_push_session(L, name);
  else
    lua_pushvalue(L, 2);
  lua_rawseti(L, -2, 1);
  fuzz_method(L, 2, "finds", 1, 1);
  lua_pop(L, 1);
}

static void use(lua_State *L, rs_reader input, int with_search) {
  static const char *const verbs[] = {"fields", "der", "pem", "copy"};
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
    fuzz_method(L, 2, verbs[i], 0, 1);
    lua_pop(L, 1);
  }
  push_source(L, "ticket", rs_reader_of("ticket", 6));
  fuzz_method(L, 2, "derive", 1, 1);
  lua_pop(L, 1);
  if (with_search) {
    search(L, input);
    compare(L, NULL);
    compare(L, "ticket12");
    compare(L, "psk13");
  }
  offer(L, "probe");
  offer(L, "handshake");
  fuzz_method(L, 2, "close", 0, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lua_State *L = fuzz_state();
  rs_reader r = rs_reader_of(data, size);
  const unsigned choice = rs_read_u8(&r);
  lua_getfield(L, 1, "session");
  push_source(L, choice & 1 ? "pem" : "der", r.bad ? rs_reader_of("", 0) : r);
  fuzz_call(L, 1, 1);
  if (lua_isuserdata(L, 2))
    use(L, r.bad ? rs_reader_of("", 0) : r, (choice & 6) == 6);
  return 0;
}
