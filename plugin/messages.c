/* resum.client_hello and resum.parse: TLS messages as Lua tables, both ways, for probing by hand.
 * Pure: bytes and tables; what stands in them is written and read by hello.c.
 */
#include "buffer.h"
#include "names.h"
#include "offer.h"
#include "record.h"
#include "resum.h"
#include "tools.h"

#include <stdlib.h>

enum { MAX_PSKS = 16, MAX_SHARES = 8, MAX_MESSAGE = 1 << 17, RECORD_VERSION = 0x0301 };

/* --- client_hello --- */

typedef struct {
  rs_psk psks[MAX_PSKS];
  rs_key_share shares[MAX_SHARES];
} hello_lists;

static rs_bytes bytes_option(lua_State *L, int table, const char *name) {
  size_t length = 0;
  const char *bytes = rs_option_string(L, table, name, &length);
  return (rs_bytes){(const unsigned char *)bytes, length};
}

/* Pushes a list option; its length, 0 when it isn't there. */
static size_t push_tables(lua_State *L, const char *name, size_t most) {
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

static void read_psks(lua_State *L, rs_offer *offer, rs_psk *psks) {
  const size_t count = push_tables(L, "psks", MAX_PSKS);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    const int entry = lua_gettop(L);
    psks[i].identity = bytes_option(L, entry, "identity");
    psks[i].binder = bytes_option(L, entry, "binder");
    psks[i].obfuscated_ticket_age =
        (uint32_t)rs_option_integer(L, entry, "obfuscated_ticket_age", 0, UINT32_MAX, 0);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  offer->fields.psks = psks;
  offer->fields.psk_count = count;
}

static void read_shares(lua_State *L, rs_offer *offer, rs_key_share *shares) {
  const size_t count = push_tables(L, "key_shares", MAX_SHARES);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    shares[i].share = bytes_option(L, lua_gettop(L), "share");
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

/* As records of at most 2^14 bytes each (RFC 8446, section 5.1). */
static void push_records(lua_State *L, rs_bytes message) {
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
 * (32 bytes), session_id (0 to 32 bytes), ciphers, groups, versions, extensions (lists of IANA
 * names or numbers, in this order; an extension may be {type, body}), server_name, alpn (list of
 * names), signature_algorithms (numbers), psk_modes
 *   ("psk_dhe_ke", "psk_ke"), ticket, key_shares (list of {group, share}), psks (list of {identity,
 *   obfuscated_ticket_age, binder}; the last extension)
 * @treturn string bytes */
static int client_hello(lua_State *L) {
  static const char *const names[] = {"version", "key_shares", "psks", RS_OFFER_NAMES, NULL};
  enum { OWN_NAMES = 3 };
  lua_settop(L, 1);
  const uint64_t given = rs_options_check(L, 1, names);
  rs_offer offer;
  hello_lists lists;
  rs_offer_default(L, rs_tools_of(L), &offer, rs_option_version(L, 1, "version", RS_TLS13), 0);
  rs_offer_read(L, 1, &offer, given >> OWN_NAMES);
  read_psks(L, &offer, lists.psks);
  read_shares(L, &offer, lists.shares);
  unsigned char *room = (unsigned char *)lua_newuserdatauv(L, MAX_MESSAGE, 0);
  rs_writer w = rs_writer_of(room, MAX_MESSAGE);
  luaL_argcheck(L, rs_write_client_hello(&w, &offer.fields), 1, "the ClientHello is too long");
  push_records(L, (rs_bytes){room, w.used});
  return 1;
}

/* --- parse; each function adds to the table on top --- */

static void set_bytes(lua_State *L, const char *name, rs_bytes value) {
  lua_pushlstring(L, value.length ? (const char *)value.bytes : "", value.length);
  lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static void set_true(lua_State *L, const char *name, int value) {
  if (value) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, name);
  }
}

static void append(lua_State *L) {
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static void set_extensions(lua_State *L, rs_bytes extensions) {
  rs_reader list = rs_reader_of(extensions.bytes, extensions.length), body;
  unsigned type;
  lua_newtable(L);
  while (rs_extension_next(&list, &type, &body)) {
    lua_newtable(L);
    rs_push_extension(L, type);
    lua_setfield(L, -2, "type");
    set_integer(L, "number", type);
    set_bytes(L, "body", (rs_bytes){body.at, body.left});
    append(L);
  }
  lua_setfield(L, -2, "extensions");
}

static int decode_client_hello(lua_State *L, rs_reader body) {
  rs_client_hello hello;
  if (!rs_read_client_hello(body, &hello))
    return 0;
  rs_push_version(L, hello.legacy_version);
  lua_setfield(L, -2, "legacy_version");
  set_bytes(L, "random", hello.random);
  set_bytes(L, "session_id", hello.session_id);
  lua_newtable(L);
  for (rs_reader r = rs_reader_of(hello.ciphers.bytes, hello.ciphers.length); r.left >= 2;) {
    rs_push_cipher(L, rs_read_u16(&r));
    append(L);
  }
  lua_setfield(L, -2, "ciphers");
  set_extensions(L, hello.extensions);
  if (hello.ticket_offered)
    set_bytes(L, "ticket", hello.ticket);
  set_integer(L, "psk_identities", hello.psk_identities);
  set_true(L, "early_data", hello.early_data);
  return 1;
}

static int decode_server_hello(lua_State *L, rs_reader body) {
  rs_server_hello hello;
  if (!rs_read_server_hello(body, &hello))
    return 0;
  if (hello.hello_retry_request) {
    lua_pushliteral(L, "hello_retry_request");
    lua_setfield(L, -2, "type");
  }
  rs_push_version(L, hello.version);
  lua_setfield(L, -2, "version");
  rs_push_cipher(L, hello.cipher);
  lua_setfield(L, -2, "cipher");
  set_bytes(L, "random", hello.random);
  set_bytes(L, "session_id", hello.session_id);
  set_extensions(L, hello.extensions);
  set_true(L, "extended_master_secret", hello.extended_master_secret);
  set_true(L, "encrypt_then_mac", hello.encrypt_then_mac);
  set_true(L, "session_ticket", hello.session_ticket);
  if (hello.has_key_share) {
    rs_push_group(L, hello.group);
    lua_setfield(L, -2, "group");
  }
  if (hello.selected_identity >= 0)
    set_integer(L, "selected_identity", hello.selected_identity);
  if (hello.alpn.length > 0)
    set_bytes(L, "alpn", hello.alpn);
  return 1;
}

static int decode_encrypted_extensions(lua_State *L, rs_reader body) {
  rs_encrypted_extensions extensions;
  if (!rs_read_encrypted_extensions(body, &extensions))
    return 0;
  rs_read_u16(&body);
  set_extensions(L, (rs_bytes){body.at, body.left});
  set_true(L, "early_data", extensions.early_data);
  if (extensions.alpn.length > 0)
    set_bytes(L, "alpn", extensions.alpn);
  return 1;
}

/* The two forms have no mark; what fits exactly is the one (RFC 5077, section 3.3; RFC 8446,
 * section 4.6.1). */
static int decode_ticket(lua_State *L, rs_reader body) {
  rs_new_session_ticket ticket;
  const int is_new = rs_read_new_session_ticket(body, RS_TLS13, &ticket);
  if (!is_new && !rs_read_new_session_ticket(body, RS_TLS12, &ticket))
    return 0;
  set_integer(L, "lifetime_s", ticket.lifetime_s);
  set_bytes(L, "ticket", ticket.ticket);
  if (is_new) {
    set_integer(L, "age_add", ticket.age_add);
    set_bytes(L, "nonce", ticket.nonce);
  }
  if (ticket.has_early_data)
    set_integer(L, "max_early_data", ticket.max_early_data);
  return 1;
}

static void decode(lua_State *L, unsigned type, rs_reader body) {
  int good = 1;
  switch (type) {
  case RS_CLIENT_HELLO:
    good = decode_client_hello(L, body);
    break;
  case RS_SERVER_HELLO:
    good = decode_server_hello(L, body);
    break;
  case RS_ENCRYPTED_EXTENSIONS:
    good = decode_encrypted_extensions(L, body);
    break;
  case RS_NEW_SESSION_TICKET:
    good = decode_ticket(L, body);
    break;
  default:
    break;
  }
  set_true(L, "malformed", !good);
}

static void push_plain(lua_State *L, const char *type, rs_bytes bytes) {
  lua_newtable(L);
  lua_pushstring(L, type);
  lua_setfield(L, -2, "type");
  set_bytes(L, "bytes", bytes);
}

/* Appends the whole messages of a run of handshake bytes to the list on top. What is cut off, or
 * encrypted, comes as it is. */
static void parse_messages(lua_State *L, rs_bytes bytes) {
  rs_reader r = rs_reader_of(bytes.bytes, bytes.length);
  while (r.left > 0) {
    rs_reader whole = r;
    const unsigned type = rs_read_u8(&r);
    rs_reader body = rs_read_vector(&r, 3);
    if (r.bad) {
      push_plain(L, "incomplete_or_encrypted", (rs_bytes){whole.at, whole.left});
      append(L);
      return;
    }
    push_plain(L, "", (rs_bytes){whole.at, whole.left - r.left});
    rs_push_message(L, type);
    lua_setfield(L, -2, "type");
    decode(L, type, body);
    append(L);
  }
}

static void parse_alert(lua_State *L, rs_bytes bytes) {
  if (bytes.length != 2) { /* an encrypted one is longer */
    push_plain(L, "incomplete_or_encrypted", bytes);
  } else {
    push_plain(L, "alert", bytes);
    lua_pushstring(L, bytes.bytes[0] == 2 ? "fatal" : "warning");
    lua_setfield(L, -2, "level");
    lua_pushstring(L, rs_alert_name(bytes.bytes[1]));
    lua_setfield(L, -2, "description");
    set_integer(L, "code", bytes.bytes[1]);
  }
  append(L);
}

static int is_record(rs_reader r) {
  const unsigned content = rs_read_u8(&r), major = rs_read_u8(&r);
  return !r.bad && content >= RS_CHANGE_CIPHER_SPEC && content <= RS_APPLICATION_DATA && major == 3;
}

/* Runs of handshake records become one run of messages. Returns 0 where the bytes are no records.
 */
static int parse_records(lua_State *L, rs_reader r, rs_buffer *handshake) {
  while (r.left > 0) {
    const int known = is_record(r);
    const unsigned content = rs_read_u8(&r);
    rs_read_u16(&r);
    rs_reader body = rs_read_vector(&r, 2);
    if (!known || r.bad)
      return 0;
    const rs_bytes bytes = {body.at, body.left};
    if (content == RS_HANDSHAKE) {
      if (!rs_buffer_add(handshake, bytes))
        return 0;
      if (r.left > 0 && *r.at == RS_HANDSHAKE)
        continue;
      parse_messages(L, (rs_bytes){handshake->bytes, handshake->used});
      handshake->used = 0;
    } else if (content == RS_ALERT) {
      parse_alert(L, bytes);
    } else {
      push_plain(L, content == RS_CHANGE_CIPHER_SPEC ? "change_cipher_spec" : "application_data",
                 bytes);
      append(L);
    }
  }
  return 1;
}

#define HOLDER "resum.buffer"

static int holder_close(lua_State *L) {
  rs_buffer_free((rs_buffer *)luaL_checkudata(L, 1, HOLDER));
  return 0;
}

/*** Reads TLS records, or bare handshake messages as a transcript has them.
 * @function parse
 * @tparam string bytes
 * @treturn[1] {table,...} messages, each with type (the RFC's name) and bytes, and what stands in
 * it: client_hello (legacy_version, random, session_id, ciphers, extensions = {{type, number,
 * body},...}, ticket, psk_identities), server_hello and hello_retry_request (version, cipher,
 * random, session_id, extensions, group, selected_identity), encrypted_extensions,
 * new_session_ticket (lifetime_s, ticket, age_add, nonce), alert (level, description, code);
 *   malformed is true where it does not fit its type
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: "invalid" (the bytes end inside a record, or are none) */
static int parse(lua_State *L) {
  size_t length;
  const char *bytes = luaL_checklstring(L, 1, &length);
  rs_reader r = rs_reader_of(bytes, length);
  rs_buffer *handshake = (rs_buffer *)lua_newuserdatauv(L, sizeof *handshake, 0);
  memset(handshake, 0, sizeof *handshake);
  luaL_setmetatable(L, HOLDER);
  lua_newtable(L);
  if (!is_record(r))
    parse_messages(L, (rs_bytes){r.at, r.left});
  else if (!parse_records(L, r, handshake))
    return rs_error(L, "parse", "the bytes end inside a TLS record, or are none", "invalid");
  rs_buffer_free(handshake);
  return 1;
}

void rs_open_messages(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg holder[] = {{"__gc", holder_close}, {NULL, NULL}};
  rs_new_class(L, HOLDER, none, holder);
  lua_pushcfunction(L, client_hello);
  lua_setfield(L, -2, "client_hello");
  lua_pushcfunction(L, parse);
  lua_setfield(L, -2, "parse");
}
