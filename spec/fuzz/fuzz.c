#include "fuzz.h"

#include <lualib.h>

enum { MOST_BYTES_OUT = 1 << 18 };

int luaopen_resum_core(lua_State *L);

static lua_State *new_state(void) {
  lua_State *L = luaL_newstate();
  fuzz_check(L != NULL, "no memory for Lua");
  luaL_openlibs(L);
  luaL_requiref(L, "resum.core", luaopen_resum_core, 0);
  return L;
}

lua_State *fuzz_state(void) {
  static lua_State *L;
  if (!L)
    L = new_state();
  lua_settop(L, 1);
  return L;
}

void fuzz_call(lua_State *L, int arguments, int results) {
  if (lua_pcall(L, arguments, results, 0) != LUA_OK)
    fuzz_check(0, lua_tostring(L, -1));
}

int fuzz_try(lua_State *L, int arguments, int results) {
  if (lua_pcall(L, arguments, results, 0) == LUA_OK)
    return 1;
  fuzz_check(lua_type(L, -1) == LUA_TSTRING, "an error that is no message");
  lua_pop(L, 1);
  return 0;
}

void fuzz_method(lua_State *L, int object, const char *name, int arguments, int results) {
  lua_getfield(L, object, name);
  lua_insert(L, -1 - arguments);
  lua_pushvalue(L, object);
  lua_insert(L, -1 - arguments);
  fuzz_call(L, arguments + 1, results);
}

static void push_file(lua_State *L, const char *path) {
  static char room[1 << 16];
  FILE *file = fopen(path, "rb");
  fuzz_check(file != NULL, "no sessions: run make fuzz");
  const size_t length = fread(room, 1, sizeof room, file);
  (void)fclose(file);
  lua_pushlstring(L, room, length);
}

void fuzz_push_session(lua_State *L, const char *name) {
  if (lua_getfield(L, LUA_REGISTRYINDEX, name) != LUA_TNIL)
    return;
  lua_pop(L, 1);
  lua_getfield(L, 1, "session");
  lua_newtable(L);
  lua_pushfstring(L, "build/fuzz/sessions/%s.der", name);
  push_file(L, lua_tostring(L, -1));
  lua_setfield(L, -3, "der");
  lua_pop(L, 1);
  fuzz_call(L, 1, 1);
  fuzz_check(lua_isuserdata(L, -1), "a session of corpus.lua that is none");
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, name);
}

/* What a step or eof gave, as four values on top: state, bytes, message, code. */
static int check_answer(lua_State *L) {
  static const char *const states[] = {"want", "established", "refused", "closed"};
  static const char *const codes[] = {"alert",    "closed",  "protocol_error", "unsupported",
                                      "too_much", "openssl", "failed",         "dh_too_large"};
  const char *state = lua_tostring(L, -4), *code = lua_tostring(L, -1);
  int known = 0;
  for (size_t i = 0; state && i < sizeof states / sizeof states[0]; i++)
    known |= strcmp(state, states[i]) == 0;
  for (size_t i = 0; !state && code && i < sizeof codes / sizeof codes[0]; i++)
    known |= strcmp(code, codes[i]) == 0;
  fuzz_check(known, "a state or a code that nobody knows");
  fuzz_check(!state == (lua_type(L, -2) == LUA_TSTRING),
             "a message without a failure, or without one");
  fuzz_check(lua_type(L, -3) == LUA_TSTRING, "no bytes to send");
  fuzz_check(lua_rawlen(L, -3) <= MOST_BYTES_OUT, "too much to send");
  const int failed = !state;
  lua_pop(L, 4);
  return failed;
}

void fuzz_feed(lua_State *L, int machine, rs_reader stream, size_t chunk, void (*before)(void)) {
  int failed = 0;
  while (stream.left > 0) {
    const size_t length = chunk && chunk < stream.left ? chunk : stream.left;
    lua_pushlstring(L, (const char *)rs_read_bytes(&stream, length), length);
    if (before)
      before();
    fuzz_method(L, machine, "step", 1, 4);
    const int failed_now = check_answer(L);
    fuzz_check(!failed || failed_now, "a machine that had failed goes on");
    failed = failed_now;
  }
}

void fuzz_finish(lua_State *L, int machine, int with_eof) {
  static const char *const verbs[] = {"facts", "transcript", "sessions", "shutdown", "facts"};
  if (with_eof) {
    fuzz_method(L, machine, "eof", 0, 4);
    check_answer(L);
  }
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
    fuzz_method(L, machine, verbs[i], 0, 1);
    lua_pop(L, 1);
  }
  fuzz_method(L, machine, "close", 0, 0);
}
