/* What bytes are compared by: their SHA-256, a certificate's names. Pure: bytes in, a value out.
 */
#include "inspect.h"

#include "error.h"
#include "guard.h"
#include "tools.h"

#include <openssl/x509v3.h>

enum { MAX_CERTIFICATE = 1 << 17 };

/*** The SHA-256 of bytes.
 * @function sha256
 * @tparam string bytes
 * @treturn string 32 bytes */
static int inspect_sha256(lua_State *L) {
  size_t length;
  const char *bytes = luaL_checklstring(L, 1, &length);
  unsigned char digest[RS_MAX_HASH];
  if (!rs_digest(rs_tools_of(L), RS_SHA256, (rs_bytes){(const unsigned char *)bytes, length},
                 digest))
    return luaL_error(L, "OpenSSL has no SHA-256");
  lua_pushlstring(L, (const char *)digest, rs_hash_length(RS_SHA256));
  return 1;
}

/*** Is a certificate valid for a name? Its dates and its issuer are not looked at.
 * @function certificate_fits
 * @tparam string der
 * @tparam string name of a host (RFC 9525), or an IP address
 * @treturn[1] boolean
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: "invalid" */
static int inspect_certificate_fits(lua_State *L) {
  size_t length, name_length;
  const char *der = luaL_checklstring(L, 1, &length);
  const char *name = luaL_checklstring(L, 2, &name_length);
  luaL_argcheck(L, length <= MAX_CERTIFICATE, 1, "the certificate is too long");
  const unsigned char *at = (const unsigned char *)der;
  X509 *certificate = d2i_X509(NULL, &at, (long)length);
  if (!certificate)
    return rs_error(L, "certificate", "not the DER of one", "invalid");
  const int fits = X509_check_host(certificate, name, name_length, 0, NULL) == 1 ||
                   X509_check_ip_asc(certificate, name, 0) == 1;
  X509_free(certificate);
  lua_pushboolean(L, fits);
  return 1;
}

void rs_open_inspect(lua_State *L) {
  rs_set_function(L, "sha256", inspect_sha256);
  rs_set_function(L, "certificate_fits", inspect_certificate_fits);
}
