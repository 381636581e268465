/* resum.client_hello: a Lua table as a ClientHello, for probing by hand. Pure: a table in, bytes
 * out; hello.c writes what stands in them.
 */
#include "messages.h"

#include "guard.h"
#include "offer.h"
#include "options.h"
#include "tools.h"
#include "tls/names.h"
#include "tls/numbers.h"
#include "tls/record.h"

#include <stdlib.h>

enum { X25519_SHARE = 32 }; /* RFC 7748: any bytes are a public value */
enum { MAX_PSKS = 16, MAX_SHARES = 8, MAX_MESSAGE = 1 << 17, RECORD_VERSION = 0x0301 };

/* --- client_hello --- */

typedef struct {
  rs_psk psks[MAX_PSKS];
  rs_key_share shares[MAX_SHARES];
  unsigned char own_share[X25519_SHARE];
} hello_lists;

static rs_bytes message_bytes_option(lua_State *L, int table, const char *name) {
  size_t length = 0;
  const char *bytes = rs_option_string(L, table, name, &length);
  return (rs_bytes){(const unsigned char *)bytes, length};
}

/* Pushes a list option; its length, 0 when it isn't there. */
static size_t message_push_tables(lua_State *L, const char *name, size_t most) {
  const int type = rs_option_push(L, 1, name);
  if (type == LUA_TNIL)
    return 0;
  const size_t count = type == LUA_TTABLE ? lua_rawlen(L, -1) : most + 1;
  if (count > most)
    luaL_argerror(
        L, 1,
        lua_pushfstring(L, "option '%s': list of at most %d tables expected", name, (int)most));
  for (size_t i = 1; i <= count; i++) {
    if (lua_rawgeti(L, -1, (lua_Integer)i) != LUA_TTABLE)
      luaL_argerror(L, 1, lua_pushfstring(L, "option '%s': list of tables expected", name));
    lua_pop(L, 1);
  }
  return count;
}

static void message_read_psks(lua_State *L, rs_offer *offer, rs_psk *psks) {
  const size_t count = message_push_tables(L, "psks", MAX_PSKS);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    const int entry = lua_gettop(L);
    psks[i].identity = message_bytes_option(L, entry, "identity");
    psks[i].binder = message_bytes_option(L, entry, "binder");
    psks[i].obfuscated_ticket_age =
        (uint32_t)rs_option_integer(L, entry, "obfuscated_ticket_age", 0, UINT32_MAX, 0);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  offer->fields.psks = psks;
  offer->fields.psk_count = count;
}

static void message_read_shares(lua_State *L, rs_offer *offer, rs_key_share *shares) {
  const size_t count = message_push_tables(L, "key_shares", MAX_SHARES);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    shares[i].share = message_bytes_option(L, lua_gettop(L), "share");
    rs_option_push(L, lua_gettop(L), "group");
    shares[i].group = rs_number_at(L, -1, rs_group_number);
    luaL_argcheck(L, shares[i].group != RS_NO_NUMBER, 1,
                  "option 'key_shares': a group is neither a known name nor a number");
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
  offer->fields.key_shares = shares;
  offer->fields.key_share_count = count;
}

static int message_is_given(lua_State *L, const char *name) {
  const int type = rs_option_push(L, 1, name);
  lua_pop(L, 1);
  return type != LUA_TNIL;
}

/* A share that a server can use, as a current client has one; nobody knows its private key. */
static void message_add_share(lua_State *L, rs_offer *offer, unsigned version, hello_lists *lists) {
  if (version != RS_TLS13 || message_is_given(L, "key_shares") || message_is_given(L, "groups"))
    return;
  if (!rs_random(rs_tools_of(L), lists->own_share, X25519_SHARE))
    luaL_error(L, "OpenSSL has no random bytes");
  lists->shares[0] = (rs_key_share){RS_GROUP_X25519, {lists->own_share, X25519_SHARE}};
  offer->fields.key_share_count = 1;
}

/* As records of at most 2^14 bytes each (RFC 8446, section 5.1). */
static void message_push_records(lua_State *L, rs_bytes message) {
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  while (message.length > 0) {
    const size_t length = message.length < RS_MAX_PLAINTEXT ? message.length : RS_MAX_PLAINTEXT;
    unsigned char header[RS_RECORD_HEADER];
    rs_writer w = rs_writer_of(header, sizeof header);
    rs_write_number(&w, RS_HANDSHAKE, 1);
    rs_write_number(&w, RECORD_VERSION, 2);
    rs_write_number(&w, (uint32_t)length, 2);
    luaL_addlstring(&out, (const char *)header, sizeof header);
    luaL_addlstring(&out, (const char *)message.bytes, length);
    message.bytes += length;
    message.length -= length;
  }
  luaL_pushresult(&out);
}

/*** Writes a ClientHello, as TLS records ready to be sent. What is not given looks like a current
 * client.
 * @function client_hello
 * @tparam[opt] table fields version ("TLSv1.3": what the defaults are for), legacy_version, random
 *   (32 bytes), session_id (0 to 32 bytes), ciphers, groups, versions, extensions (lists of IANA
 *   names or numbers, in this order; an extension may be {type, body}), server_name, alpn (list of
 *   names), signature_algorithms (numbers), psk_modes ("psk_dhe_ke", "psk_ke"), ticket, key_shares
 *   (list of {group, share}; by default one of X25519, and none where groups are given), psks
 *   (list of {identity, obfuscated_ticket_age, binder}; the last extension)
 * @treturn string bytes */
static int message_client_hello(lua_State *L) {
  static const char *const names[] = {"version", "key_shares", "psks", RS_OFFER_NAMES, NULL};
  enum { OWN_NAMES = 3 };
  lua_settop(L, 1);
  const uint64_t given = rs_options_check(L, 1, names);
  rs_offer offer;
  hello_lists lists;
  const unsigned version = rs_option_version(L, 1, "version", RS_TLS13);
  if (!rs_offer_default(rs_tools_of(L), &offer, version, 0))
    luaL_error(L, "OpenSSL has no random bytes");
  rs_offer_read(L, 1, &offer, given >> OWN_NAMES);
  message_read_psks(L, &offer, lists.psks);
  message_read_shares(L, &offer, lists.shares);
  message_add_share(L, &offer, version, &lists);
  unsigned char *room = (unsigned char *)lua_newuserdatauv(L, MAX_MESSAGE, 0);
  rs_writer w = rs_writer_of(room, MAX_MESSAGE);
  luaL_argcheck(L, rs_write_client_hello(&w, &offer.fields), 1, "the ClientHello is too long");
  message_push_records(L, (rs_bytes){room, w.used});
  return 1;
}

void rs_open_messages(lua_State *L) {
  rs_set_function(L, "client_hello", message_client_hello);
}
