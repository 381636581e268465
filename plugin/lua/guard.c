/* The one way from Lua into the module's functions. OpenSSL's error queue belongs to the thread,
 * and so to whoever else uses OpenSSL in this process: it is set aside before a function runs, and
 * is as it was afterwards, also where the function raised. Marks are not enough for that: libssl
 * empties the queue itself, which holds 16 entries. (A mark that the host has set inside its own
 * entries is lost.) Knows nothing of what the functions do.
 */
#include "guard.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

enum { MOST_ENTRIES = 16 }; /* of OpenSSL's queue, ERR_NUM_ERRORS */

typedef struct {
  unsigned long code;
  char *file, *function, *data; /* owned; data is NULL for none */
  int line;
} guard_entry;

typedef struct {
  guard_entry entries[MOST_ENTRIES];
  size_t count;
} guard_queue;

/* Takes all entries out of the queue, the oldest first. */
static void guard_set_aside(guard_queue *kept) {
  const char *file, *function, *data;
  int line, flags;
  unsigned long code;
  kept->count = 0;
  while (kept->count < MOST_ENTRIES &&
         (code = ERR_get_error_all(&file, &line, &function, &data, &flags)) != 0) {
    guard_entry *entry = &kept->entries[kept->count++];
    entry->code = code;
    entry->line = line;
    entry->file = OPENSSL_strdup(file);
    entry->function = OPENSSL_strdup(function);
    entry->data = flags & ERR_TXT_STRING ? OPENSSL_strdup(data) : NULL;
  }
}

static void guard_put_back(guard_queue *kept) {
  if (ERR_peek_error() != 0) /* emptying it costs more than looking */
    ERR_clear_error();
  for (size_t i = 0; i < kept->count; i++) {
    guard_entry *entry = &kept->entries[i];
    ERR_new();
    ERR_set_debug(entry->file, entry->line, entry->function);
    ERR_set_error(ERR_GET_LIB(entry->code), ERR_GET_REASON(entry->code), entry->data ? "%s" : NULL,
                  entry->data);
    OPENSSL_free(entry->file);
    OPENSSL_free(entry->function);
    OPENSSL_free(entry->data);
  }
}

/* Raises again what stands on top, with the names and places that it would have without the guard
 * in between: Lua calls the guard by name, and the guard the function by none. */
static int guard_raise(lua_State *L, int status) {
  static const char before[] = "bad argument #", after[] = " to '?' (";
  if (status != LUA_ERRRUN || lua_type(L, -1) != LUA_TSTRING)
    return lua_error(L);
  const char *message = lua_tostring(L, -1);
  if (strncmp(message, before, sizeof before - 1) == 0) {
    char *rest;
    const long number = strtol(message + sizeof before - 1, &rest, 10);
    const size_t length = strlen(rest);
    if (length > sizeof after && strncmp(rest, after, sizeof after - 1) == 0) {
      lua_pushlstring(L, rest + sizeof after - 1, length - sizeof after); /* without the bracket */
      return luaL_argerror(L, (int)number, lua_tostring(L, -1));
    }
  }
  luaL_where(L, 1);
  lua_insert(L, -2);
  lua_concat(L, 2);
  return lua_error(L);
}

int rs_guarded(lua_State *L, lua_CFunction function) {
  guard_queue kept;
  guard_set_aside(&kept);
  lua_pushcfunction(L, function);
  lua_insert(L, 1);
  const int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  guard_put_back(&kept);
  return status == LUA_OK ? lua_gettop(L) : guard_raise(L, status);
}

static int guard_call(lua_State *L) {
  return rs_guarded(L, lua_tocfunction(L, lua_upvalueindex(1)));
}

void rs_set_function(lua_State *L, const char *name, lua_CFunction function) {
  lua_pushcfunction(L, function);
  lua_pushcclosure(L, guard_call, 1);
  lua_setfield(L, -2, name);
}

void rs_set_functions(lua_State *L, const luaL_Reg functions[]) {
  for (; functions->name; functions++)
    rs_set_function(L, functions->name, functions->func);
}
