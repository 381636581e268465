/* resum.target.idn2: names beyond ASCII by libidn2, which has Unicode's tables. A module by itself:
 * it is there where libidn2 was when resum was built, and the core does without. */
#include "lua/compat.h"

#include <idn2.h>
#include <string.h>

enum { LONGEST_NAME = 255 }; /* RFC 1035, section 2.3.4; libidn2 makes no longer one */

/*** A host name as DNS and TLS carry it: mapped and checked by UTS 46 (non-transitional), each label
beyond ASCII in its xn-- form (RFC 5891).
@function to_ascii
@tparam string name UTF-8
@treturn[1] string
@treturn[2] nil
@treturn[2] string what libidn2 says is wrong
*/
static int idn2_to_ascii(lua_State *L) {
  size_t length;
  const char *name = luaL_checklstring(L, 1, &length);
  char *converted = NULL, kept[LONGEST_NAME + 1];
  int code;
  luaL_argcheck(L, strlen(name) == length, 1, "a name without a NUL byte expected");
  code = idn2_to_ascii_8z(name, &converted, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
  if (code != IDN2_OK) {
    lua_pushnil(L);
    lua_pushstring(L, idn2_strerror(code));
    return 2;
  }
  strncpy(kept, converted, LONGEST_NAME); /* Lua may raise an error: then nothing must be left */
  kept[LONGEST_NAME] = '\0';
  idn2_free(converted);
  lua_pushstring(L, kept);
  return 1;
}

static const luaL_Reg functions[] = {{"to_ascii", idn2_to_ascii}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_resum_target_idn2(lua_State *L);

int luaopen_resum_target_idn2(lua_State *L) {
  luaL_checkversion(L);
  luaL_newlib(L, functions);
  return 1;
}
