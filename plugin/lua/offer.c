/* Reads what a ClientHello is to offer from a Lua table: names of IANA or numbers, in the order
 * given, over the defaults of tls/offer.c.
 */
#include "offer.h"

#include "options.h"
#include "tls/names.h"
#include "tls/numbers.h"

static rs_bytes offer_bytes_of(const char *bytes, size_t length) {
  return (rs_bytes){(const unsigned char *)bytes, length};
}

/* Pushes the list that option `name` gives. Returns its length, or -1 where it is not given. */
static lua_Integer offer_push_list(lua_State *L, int arg, const char *name, size_t most) {
  if (rs_option_push(L, arg, name) == LUA_TNIL)
    return -1;
  if (!lua_istable(L, -1))
    luaL_argerror(L, arg, lua_pushfstring(L, "option '%s': list expected", name));
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  if (count > (lua_Integer)most)
    luaL_argerror(L, arg, lua_pushfstring(L, "option '%s': at most %d entries", name, (int)most));
  return count;
}

static void offer_read_numbers(lua_State *L, int arg, const char *name,
                               unsigned (*number_of)(const char *), uint16_t *room, size_t most,
                               rs_numbers *out) {
  const int top = lua_gettop(L);
  const lua_Integer count = offer_push_list(L, arg, name, most);
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

static unsigned offer_mode_number(const char *name) {
  return strcmp(name, "psk_ke") == 0       ? RS_PSK_KE
         : strcmp(name, "psk_dhe_ke") == 0 ? RS_PSK_DHE_KE
                                           : RS_NO_NUMBER;
}

static unsigned offer_no_name(const char *name) {
  (void)name;
  return RS_NO_NUMBER;
}

static void offer_read_modes(lua_State *L, int arg, rs_offer *offer) {
  uint16_t numbers[RS_MAX_MODES];
  rs_numbers modes = {NULL, 0};
  offer_read_numbers(L, arg, "psk_modes", offer_mode_number, numbers, RS_MAX_MODES, &modes);
  if (!modes.items)
    return;
  for (size_t i = 0; i < modes.count; i++)
    offer->modes[i] = (unsigned char)numbers[i];
  offer->fields.psk_modes = (rs_bytes){offer->modes, modes.count};
}

/* An entry is a name, a number, or {type = name or number, body = bytes}. */
static void offer_read_extension(lua_State *L, int arg, lua_Integer place,
                                 rs_hello_extension *out) {
  const int entry = lua_gettop(L);
  memset(out, 0, sizeof *out);
  if (lua_istable(L, entry)) {
    size_t length;
    const char *body = rs_option_string(L, entry, "body", &length);
    out->has_body = body != NULL;
    out->body = offer_bytes_of(body, body ? length : 0);
    rs_option_push(L, entry, "type");
  }
  out->type = rs_number_at(L, -1, rs_extension_number);
  if (out->type == RS_NO_NUMBER)
    luaL_argerror(
        L, arg, lua_pushfstring(L, "option 'extensions': entry %d names no extension", (int)place));
  lua_settop(L, entry);
}

static void offer_read_extensions(lua_State *L, int arg, rs_offer *offer) {
  const int top = lua_gettop(L);
  const lua_Integer count = offer_push_list(L, arg, "extensions", RS_MAX_EXTENSIONS);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, i);
    offer_read_extension(L, arg, i, &offer->extensions[i - 1]);
    lua_pop(L, 1);
  }
  if (count >= 0)
    offer->fields.extension_count = (size_t)count;
  lua_settop(L, top);
}

static void offer_read_bytes(lua_State *L, int arg, const char *name, size_t least, size_t most,
                             rs_bytes *out) {
  size_t length;
  const char *bytes = rs_option_string(L, arg, name, &length);
  if (!bytes)
    return;
  if (length < least || length > most)
    luaL_argerror(
        L, arg,
        lua_pushfstring(L, "option '%s': %d to %d bytes expected", name, (int)least, (int)most));
  *out = offer_bytes_of(bytes, length);
}

static void offer_read_server_name(lua_State *L, int arg, rs_offer *offer) {
  offer_read_bytes(L, arg, "server_name", 1, 255, &offer->fields.server_name);
}

static void offer_read_alpn(lua_State *L, int arg, rs_offer *offer) {
  offer->fields.alpn = rs_option_alpn(L, arg, offer->alpn, RS_MAX_ALPN);
}

static void offer_read_legacy_version(lua_State *L, int arg, rs_offer *offer) {
  offer->fields.legacy_version = rs_option_version(L, arg, "legacy_version", 0);
}

static void offer_read_random(lua_State *L, int arg, rs_offer *offer) {
  offer_read_bytes(L, arg, "random", RS_RANDOM, RS_RANDOM, &offer->fields.random);
}

static void offer_read_session_id(lua_State *L, int arg, rs_offer *offer) {
  offer_read_bytes(L, arg, "session_id", 0, RS_MAX_SESSION_ID, &offer->fields.session_id);
}

static void offer_read_ciphers(lua_State *L, int arg, rs_offer *offer) {
  offer_read_numbers(L, arg, "ciphers", rs_cipher_number, offer->ciphers, RS_MAX_CIPHERS,
                     &offer->fields.ciphers);
}

static void offer_read_versions(lua_State *L, int arg, rs_offer *offer) {
  offer_read_numbers(L, arg, "versions", rs_version_number, offer->versions, RS_MAX_VERSIONS,
                     &offer->fields.versions);
}

static void offer_read_groups(lua_State *L, int arg, rs_offer *offer) {
  offer_read_numbers(L, arg, "groups", rs_group_number, offer->groups, RS_MAX_GROUPS,
                     &offer->fields.groups);
}

static void offer_read_algorithms(lua_State *L, int arg, rs_offer *offer) {
  offer_read_numbers(L, arg, "signature_algorithms", offer_no_name, offer->algorithms,
                     RS_MAX_ALGORITHMS, &offer->fields.signature_algorithms);
}

static void offer_read_ticket(lua_State *L, int arg, rs_offer *offer) {
  offer_read_bytes(L, arg, "ticket", 0, UINT16_MAX, &offer->fields.ticket);
  offer->fields.offers_ticket = 1;
}

void rs_offer_read(lua_State *L, int arg, rs_offer *offer, uint64_t given) {
  /* In the order of RS_OFFER_NAMES. */
  static void (*const readers[])(lua_State *, int, rs_offer *) = {
      offer_read_server_name, offer_read_alpn,       offer_read_legacy_version, offer_read_random,
      offer_read_session_id,  offer_read_ciphers,    offer_read_extensions,     offer_read_versions,
      offer_read_groups,      offer_read_algorithms, offer_read_modes,          offer_read_ticket};
  for (size_t i = 0; given >> i; i++)
    if ((given >> i) & 1)
      readers[i](L, arg, offer);
}
