/* The only error funnel: what the world did comes back as nil, "operation: reason", code.
 * A mistake of the caller is luaL_argerror at the place where it is seen, not here.
 */
#include "error.h"

#include <openssl/err.h>

int rs_error(lua_State *L, const char *operation, const char *reason, const char *code) {
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", operation, reason);
  lua_pushstring(L, code);
  return 3;
}

const char *rs_openssl_reason(const char *otherwise) {
  /* The first entry is the root; later ones only say who passed it on. */
  const char *reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return reason ? reason : otherwise;
}

int rs_error_openssl(lua_State *L, const char *operation, const char *code) {
  return rs_error(L, operation, rs_openssl_reason("OpenSSL gives no reason"), code);
}
