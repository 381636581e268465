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

/* Letters that may be wrong, missing or too many in a name that was meant, of which more than half
 * have to be right: as resum.util.suggestion has it. */
enum { MOST_EDITS = 2, LONGEST_NAME = 63 };

static size_t options_least(size_t a, size_t b) {
  return a < b ? a : b;
}

/* How many letters have to be changed, added or taken away (Levenshtein); of names that are too
 * long, too many. */
static size_t options_edits(const char *a, const char *b) {
  size_t row[LONGEST_NAME + 1];
  const size_t length = strlen(b);
  if (strlen(a) > LONGEST_NAME || length > LONGEST_NAME)
    return LONGEST_NAME;
  for (size_t j = 0; j <= length; j++)
    row[j] = j;
  for (size_t i = 0; a[i]; i++) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 1; j <= length; j++) {
      const size_t changed = diagonal + (a[i] != b[j - 1]);
      diagonal = row[j];
      row[j] = options_least(changed, options_least(diagonal, row[j - 1]) + 1);
    }
  }
  return row[length];
}

static const char *options_unknown(lua_State *L, const char *name, const char *const names[]) {
  const char *meant = NULL;
  size_t fewest = MOST_EDITS + 1;
  for (int i = 0; names[i]; i++) {
    const size_t own = options_edits(name, names[i]);
    if (own < fewest && 2 * own < strlen(name)) {
      fewest = own;
      meant = names[i];
    }
  }
  return meant ? lua_pushfstring(L, "unknown option '%s'; did you mean '%s'?", name, meant)
               : lua_pushfstring(L, "unknown option '%s'", name);
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
      luaL_argerror(L, arg, options_unknown(L, lua_tostring(L, -2), names));
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
