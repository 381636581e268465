/* Reads the options tables of constructors. A misspelt option or a wrong type raises an argument
 * error that names the option; what a value means is the constructor's business. Reading is raw: a
 * metamethod would be Lua called from C, and could give a string that nothing keeps alive.
 */
#include "options.h"

#include "tls/names.h"
#include "tls/numbers.h"

#include <string.h>

/* The place of a name in the list, or -1. */
static int option_place(const char *name, const char *const names[]) {
  for (int i = 0; names[i]; i++)
    if (strcmp(name, names[i]) == 0)
      return i;
  return -1;
}

unsigned rs_number_at(lua_State *L, int index, unsigned (*number_of)(const char *)) {
  if (lua_type(L, index) == LUA_TSTRING)
    return number_of(lua_tostring(L, index));
  int whole;
  lua_Integer number = lua_tointegerx(L, index, &whole);
  return whole && number >= 0 && number < 0x10000 ? (unsigned)number : RS_NO_NUMBER;
}

uint64_t rs_options_check(lua_State *L, int arg, const char *const names[]) {
  uint64_t given = 0;
  if (lua_isnoneornil(L, arg))
    return given;
  luaL_checktype(L, arg, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_argerror(L, arg, "options have names");
    const int place = option_place(lua_tostring(L, -2), names);
    if (place >= 0)
      given |= UINT64_C(1) << place;
    else
      luaL_argerror(L, arg, lua_pushfstring(L, "unknown option '%s'", lua_tostring(L, -2)));
  }
  return given;
}

int rs_option_push(lua_State *L, int arg, const char *name) {
  if (lua_isnoneornil(L, arg)) {
    lua_pushnil(L);
    return LUA_TNIL;
  }
  lua_pushstring(L, name);
  return lua_rawget(L, arg);
}

void rs_option_wrong(lua_State *L, int arg, const char *name, const char *expected) {
  const char *got = luaL_typename(L, -1);
  luaL_argerror(L, arg,
                lua_pushfstring(L, "option '%s': %s expected, got %s", name, expected, got));
}

const char *rs_option_string(lua_State *L, int arg, const char *name, size_t *length) {
  int type = rs_option_push(L, arg, name);
  const char *value = NULL;
  if (type == LUA_TSTRING) {
    value = lua_tolstring(L, -1, length);
    if (!length && strlen(value) != lua_rawlen(L, -1))
      luaL_argerror(L, arg, lua_pushfstring(L, "option '%s' has a NUL byte", name));
  } else if (type != LUA_TNIL) {
    rs_option_wrong(L, arg, name, "string");
  }
  lua_pop(L, 1); /* the options table keeps the string alive */
  return value;
}

int rs_option_boolean(lua_State *L, int arg, const char *name, int otherwise) {
  int type = rs_option_push(L, arg, name);
  if (type != LUA_TBOOLEAN && type != LUA_TNIL)
    rs_option_wrong(L, arg, name, "boolean");
  int value = type == LUA_TNIL ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

lua_Integer rs_option_integer(lua_State *L, int arg, const char *name, lua_Integer low,
                              lua_Integer high, lua_Integer otherwise) {
  int type = rs_option_push(L, arg, name);
  lua_Integer value = otherwise;
  if (type != LUA_TNIL) {
    int whole;
    value = lua_tointegerx(L, -1, &whole);
    if (type != LUA_TNUMBER || !whole)
      rs_option_wrong(L, arg, name, "integer");
    if (value < low || value > high)
      luaL_argerror(L, arg, lua_pushfstring(L, "option '%s': %I to %I expected", name, low, high));
  }
  lua_pop(L, 1);
  return value;
}

rs_bytes rs_option_alpn(lua_State *L, int arg, unsigned char *room, size_t size) {
  rs_writer w = rs_writer_of(room, size);
  const rs_bytes none = {NULL, 0};
  if (rs_option_push(L, arg, "alpn") == LUA_TNIL) {
    lua_pop(L, 1);
    return none;
  }
  if (!lua_istable(L, -1))
    luaL_argerror(L, arg, "option 'alpn': list of names expected");
  for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TSTRING; i++, lua_pop(L, 1)) {
    size_t length;
    const char *name = lua_tolstring(L, -1, &length);
    luaL_argcheck(L, length > 0 && length < 256, arg,
                  "option 'alpn': names of 1 to 255 bytes expected");
    rs_write_number(&w, (uint32_t)length, 1);
    rs_write_bytes(&w, name, length);
  }
  luaL_argcheck(L, lua_isnil(L, -1), arg, "option 'alpn': list of names expected");
  luaL_argcheck(L, !w.full, arg, "option 'alpn': the list is too long");
  lua_pop(L, 2);
  return (rs_bytes){room, w.used};
}

unsigned rs_option_version(lua_State *L, int arg, const char *name, unsigned otherwise) {
  const char *text = rs_option_string(L, arg, name, NULL);
  if (!text)
    return otherwise;
  unsigned version = rs_version_number(text);
  if (version == RS_NO_NUMBER || version < RS_TLS10)
    luaL_argerror(
        L, arg,
        lua_pushfstring(L, "option '%s': TLSv1.0, TLSv1.1, TLSv1.2 or TLSv1.3 expected", name));
  return version;
}

unsigned rs_option_cipher(lua_State *L, int arg, const char *name, unsigned otherwise) {
  int type = rs_option_push(L, arg, name);
  unsigned cipher = type == LUA_TNIL ? otherwise : rs_number_at(L, -1, rs_cipher_number);
  if (type != LUA_TNIL && cipher == RS_NO_NUMBER)
    rs_option_wrong(L, arg, name, "a cipher suite's IANA name or number");
  lua_pop(L, 1);
  return cipher;
}
