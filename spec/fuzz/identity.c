/* Fuzzes what reads a client's certificate and key, from files that a user names: PEM, DER and
 * PKCS#12, seen by looking. Whatever stands in them gives a context or an error, never a question
 * at the terminal. The first byte chooses whether the key stands apart, the passphrase and the form
 * that is named; the certificate follows behind its length, then the key.
 */
#include "fuzz.h"

enum { KEY_APART = 1, PASSPHRASE = 2, NAMES_FORM = 4, MOST_ITERATIONS = 1 << 14 };

/* The iterations of a key derivation are the file's to say, and take as long as it says: here, not
 * more than a moment. */
static int takes_long(const uint8_t *data, size_t size) {
  for (size_t i = 0; i + 2 < size; i++) {
    const size_t length = data[i + 1];
    uint64_t value = 0;
    if (data[i] != 2 || length < 3 || length > 8 || i + 2 + length > size)
      continue;
    for (size_t j = 0; j < length; j++)
      value = value << 8 | data[i + 2 + j];
    if (value > MOST_ITERATIONS)
      return 1;
  }
  return 0;
}

static void set_bytes(lua_State *L, const char *name, rs_reader bytes) {
  lua_pushlstring(L, bytes.at ? (const char *)bytes.at : "", bytes.left);
  lua_setfield(L, -2, name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const forms[] = {"pem", "der", "p12", "other"};
  rs_reader r = rs_reader_of(data, size);
  const unsigned choice = rs_read_u8(&r);
  rs_reader certificate = rs_read_vector(&r, 2);
  if (r.bad || takes_long(data, size))
    return 0;
  lua_State *L = fuzz_state();
  lua_getfield(L, 1, "context");
  lua_newtable(L);
  set_bytes(L, "certificate", certificate);
  if (choice & KEY_APART)
    set_bytes(L, "private_key", r);
  if (choice & PASSPHRASE)
    set_bytes(L, "passphrase", rs_reader_of("secret", 6));
  if (choice & NAMES_FORM)
    set_bytes(L, "key_form", rs_reader_of(forms[choice >> 4 & 3], strlen(forms[choice >> 4 & 3])));
  if (!fuzz_try(L, 1, 3)) {
    fuzz_check((choice & NAMES_FORM) && (choice >> 4 & 3) == 3, "an error for what a file says");
    return 0;
  }
  if (lua_isuserdata(L, 2)) {
    lua_settop(L, 2);
    fuzz_method(L, 2, "close", 0, 0);
    return 0;
  }
  fuzz_check(lua_isnil(L, 2) && lua_isstring(L, 3) && lua_isstring(L, 4),
             "neither a context nor an error");
  return 0;
}
