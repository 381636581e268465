/* Reads what a ClientHello is to offer from a Lua table: names of IANA or numbers, in the order
 * given, over defaults that look like a current client. It decides nothing about keys, tickets or
 * time: who builds the ClientHello adds those.
 */
#include "offer.h"

#include "names.h"
#include "resum.h"

static const uint16_t default_ciphers[] = {
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x009c,
    0x009d, 0x002f, 0x0035, 0x009e, 0x009f, 0x0033, 0x0039, 0xc023, 0xc027, 0x003c,
};
static const uint16_t default_suites[] = {0x1301, 0x1302, 0x1303};
static const uint16_t default_groups[] = {RS_GROUP_X25519, RS_GROUP_SECP256R1, RS_GROUP_SECP384R1,
                                          RS_GROUP_SECP521R1};
static const uint16_t default_algorithms[] = {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501,
                                              0x0603, 0x0806, 0x0601, 0x0807, 0x0808, 0x0809,
                                              0x080a, 0x080b, 0x0203, 0x0201};
static const uint16_t old_extensions[] = {RS_EXT_SERVER_NAME,
                                          RS_EXT_EC_POINT_FORMATS,
                                          RS_EXT_SUPPORTED_GROUPS,
                                          RS_EXT_SESSION_TICKET,
                                          RS_EXT_ALPN,
                                          RS_EXT_ENCRYPT_THEN_MAC,
                                          RS_EXT_EXTENDED_MASTER_SECRET,
                                          RS_EXT_SIGNATURE_ALGORITHMS,
                                          RS_EXT_RENEGOTIATION_INFO};
/* renegotiation_info means nothing in TLS 1.3; but who asks for it (GnuTLS's %SAFE_RENEGOTIATION)
 * looks before a version is chosen. */
static const uint16_t new_extensions[] = {RS_EXT_SERVER_NAME,
                                          RS_EXT_SUPPORTED_GROUPS,
                                          RS_EXT_RENEGOTIATION_INFO,
                                          RS_EXT_ALPN,
                                          RS_EXT_SIGNATURE_ALGORITHMS,
                                          RS_EXT_SUPPORTED_VERSIONS,
                                          RS_EXT_PSK_KEY_EXCHANGE_MODES,
                                          RS_EXT_KEY_SHARE,
                                          RS_EXT_EARLY_DATA,
                                          RS_EXT_PRE_SHARED_KEY};

#define NUMBERS(array)                                                                             \
  (rs_numbers) {                                                                                   \
    array, sizeof(array) / sizeof((array)[0])                                                      \
  }

static rs_bytes bytes_of(const char *bytes, size_t length) {
  return (rs_bytes){(const unsigned char *)bytes, length};
}

/* --- defaults --- */

/* The session's cipher comes first: in TLS 1.3 a server that goes by our order has to find the
 * PSK's hash. */
static rs_numbers cipher_list(uint16_t *room, unsigned first, rs_numbers others) {
  size_t count = 0;
  if (first)
    room[count++] = (uint16_t)first;
  for (size_t i = 0; i < others.count; i++)
    if (others.items[i] != first)
      room[count++] = others.items[i];
  return (rs_numbers){room, count};
}

static void extension_list(rs_offer *offer, rs_numbers types) {
  for (size_t i = 0; i < types.count; i++)
    offer->extensions[i] = (rs_hello_extension){types.items[i], 0, {NULL, 0}};
  offer->fields.extensions = offer->extensions;
  offer->fields.extension_count = types.count;
}

void rs_offer_default(lua_State *L, rs_tools *tools, rs_offer *offer, unsigned version,
                      unsigned cipher) {
  static const uint16_t version_13[] = {RS_TLS13};
  static const unsigned char dhe[] = {RS_PSK_DHE_KE};
  const int is_new = version >= RS_TLS13;
  rs_hello_fields *f = &offer->fields;
  memset(f, 0, sizeof *f);
  if (!rs_random(tools, offer->random, sizeof offer->random))
    luaL_error(L, "OpenSSL has no random bytes");
  f->legacy_version = is_new ? RS_TLS12 : version;
  f->random = (rs_bytes){offer->random, RS_RANDOM};
  f->session_id = (rs_bytes){offer->random + RS_RANDOM, RS_MAX_SESSION_ID};
  f->groups = NUMBERS(default_groups);
  if (version >= RS_TLS12)
    f->signature_algorithms = NUMBERS(default_algorithms);
  if (is_new) {
    f->ciphers = cipher_list(offer->ciphers, cipher, NUMBERS(default_suites));
    f->versions = NUMBERS(version_13);
    f->psk_modes = (rs_bytes){dhe, sizeof dhe};
    extension_list(offer, NUMBERS(new_extensions));
  } else {
    f->ciphers = cipher_list(offer->ciphers, cipher, NUMBERS(default_ciphers));
    extension_list(offer, NUMBERS(old_extensions));
  }
}

/* --- options --- */

/* Pushes the list that option `name` gives; returns its length, or -1 when the option is not there.
 */
static lua_Integer push_list(lua_State *L, int arg, const char *name, size_t most) {
  if (rs_option_push(L, arg, name) == LUA_TNIL)
    return -1;
  if (!lua_istable(L, -1))
    luaL_argerror(L, arg, lua_pushfstring(L, "option '%s': list expected", name));
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  if (count > (lua_Integer)most)
    luaL_argerror(L, arg, lua_pushfstring(L, "option '%s': at most %d entries", name, (int)most));
  return count;
}

static void read_numbers(lua_State *L, int arg, const char *name,
                         unsigned (*number_of)(const char *), uint16_t *room, size_t most,
                         rs_numbers *out) {
  const int top = lua_gettop(L);
  const lua_Integer count = push_list(L, arg, name, most);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, i);
    const unsigned number = rs_number_at(L, -1, number_of);
    if (number == RS_NO_NUMBER)
      luaL_argerror(L, arg,
                    lua_pushfstring(L, "option '%s': entry %d is neither a known name nor a number",
                                    name, (int)i));
    room[i - 1] = (uint16_t)number;
    lua_pop(L, 1);
  }
  if (count >= 0)
    *out = (rs_numbers){room, (size_t)count};
  lua_settop(L, top);
}

static unsigned version_number(const char *name) {
  const unsigned number = rs_version_number(name);
  return number ? number : RS_NO_NUMBER;
}

static unsigned mode_number(const char *name) {
  return strcmp(name, "psk_ke") == 0       ? RS_PSK_KE
         : strcmp(name, "psk_dhe_ke") == 0 ? RS_PSK_DHE_KE
                                           : RS_NO_NUMBER;
}

static unsigned no_name(const char *name) {
  (void)name;
  return RS_NO_NUMBER;
}

static void read_modes(lua_State *L, int arg, rs_offer *offer) {
  uint16_t numbers[RS_MAX_MODES];
  rs_numbers modes = {NULL, 0};
  read_numbers(L, arg, "psk_modes", mode_number, numbers, RS_MAX_MODES, &modes);
  if (!modes.items)
    return;
  for (size_t i = 0; i < modes.count; i++)
    offer->modes[i] = (unsigned char)numbers[i];
  offer->fields.psk_modes = (rs_bytes){offer->modes, modes.count};
}

/* An entry is a name, a number, or {type = name or number, body = bytes}. */
static void read_extension(lua_State *L, int arg, lua_Integer place, rs_hello_extension *out) {
  const int entry = lua_gettop(L);
  memset(out, 0, sizeof *out);
  if (lua_istable(L, entry)) {
    size_t length;
    const char *body = rs_option_string(L, entry, "body", &length);
    out->has_body = body != NULL;
    out->body = bytes_of(body, body ? length : 0);
    rs_option_push(L, entry, "type");
  }
  out->type = rs_number_at(L, -1, rs_extension_number);
  if (out->type == RS_NO_NUMBER)
    luaL_argerror(
        L, arg, lua_pushfstring(L, "option 'extensions': entry %d names no extension", (int)place));
  lua_settop(L, entry);
}

static void read_extensions(lua_State *L, int arg, rs_offer *offer) {
  const int top = lua_gettop(L);
  const lua_Integer count = push_list(L, arg, "extensions", RS_MAX_EXTENSIONS);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, i);
    read_extension(L, arg, i, &offer->extensions[i - 1]);
    lua_pop(L, 1);
  }
  if (count >= 0)
    offer->fields.extension_count = (size_t)count;
  lua_settop(L, top);
}

static void read_bytes(lua_State *L, int arg, const char *name, size_t least, size_t most,
                       rs_bytes *out) {
  size_t length;
  const char *bytes = rs_option_string(L, arg, name, &length);
  if (!bytes)
    return;
  if (length < least || length > most)
    luaL_argerror(
        L, arg,
        lua_pushfstring(L, "option '%s': %d to %d bytes expected", name, (int)least, (int)most));
  *out = bytes_of(bytes, length);
}

static void read_server_name(lua_State *L, int arg, rs_offer *offer) {
  read_bytes(L, arg, "server_name", 1, 255, &offer->fields.server_name);
}

static void read_alpn(lua_State *L, int arg, rs_offer *offer) {
  offer->fields.alpn = rs_option_alpn(L, arg, offer->alpn, RS_MAX_ALPN);
}

static void read_legacy_version(lua_State *L, int arg, rs_offer *offer) {
  offer->fields.legacy_version = rs_option_version(L, arg, "legacy_version", 0);
}

static void read_random(lua_State *L, int arg, rs_offer *offer) {
  read_bytes(L, arg, "random", RS_RANDOM, RS_RANDOM, &offer->fields.random);
}

static void read_session_id(lua_State *L, int arg, rs_offer *offer) {
  read_bytes(L, arg, "session_id", 0, RS_MAX_SESSION_ID, &offer->fields.session_id);
}

static void read_ciphers(lua_State *L, int arg, rs_offer *offer) {
  read_numbers(L, arg, "ciphers", rs_cipher_number, offer->ciphers, RS_MAX_CIPHERS,
               &offer->fields.ciphers);
}

static void read_versions(lua_State *L, int arg, rs_offer *offer) {
  read_numbers(L, arg, "versions", version_number, offer->versions, RS_MAX_VERSIONS,
               &offer->fields.versions);
}

static void read_groups(lua_State *L, int arg, rs_offer *offer) {
  read_numbers(L, arg, "groups", rs_group_number, offer->groups, RS_MAX_GROUPS,
               &offer->fields.groups);
}

static void read_algorithms(lua_State *L, int arg, rs_offer *offer) {
  read_numbers(L, arg, "signature_algorithms", no_name, offer->algorithms, RS_MAX_ALGORITHMS,
               &offer->fields.signature_algorithms);
}

static void read_ticket(lua_State *L, int arg, rs_offer *offer) {
  read_bytes(L, arg, "ticket", 0, UINT16_MAX, &offer->fields.ticket);
  offer->fields.offers_ticket = 1;
}

void rs_offer_read(lua_State *L, int arg, rs_offer *offer, uint64_t given) {
  /* In the order of RS_OFFER_NAMES. */
  static void (*const readers[])(lua_State *, int, rs_offer *) = {
      read_server_name, read_alpn,       read_legacy_version, read_random,
      read_session_id,  read_ciphers,    read_extensions,     read_versions,
      read_groups,      read_algorithms, read_modes,          read_ticket};
  for (size_t i = 0; given >> i; i++)
    if ((given >> i) & 1)
      readers[i](L, arg, offer);
}
