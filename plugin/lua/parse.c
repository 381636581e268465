/* resum.parse: TLS records and messages as Lua tables, for looking at by hand. Pure: bytes in,
 * tables out; hello.c reads what stands in them. Each function adds to the table on top.
 */
#include "parse.h"

#include "class.h"
#include "error.h"
#include "guard.h"
#include "push.h"
#include "tls/buffer.h"
#include "tls/hello.h"
#include "tls/names.h"
#include "tls/numbers.h"
#include "tls/record.h"

/* What the messages so far tell of those to come. */
typedef struct {
  unsigned version; /* of the last ServerHello; 0 before there is one */
  int hidden;       /* change_cipher_spec or application data has passed, up to TLS 1.2 */
} parse_stream;

static void parse_set_true(lua_State *L, const char *name, int value) {
  if (value)
    rs_set_boolean(L, name, 1);
}

static void parse_set_extensions(lua_State *L, rs_bytes extensions) {
  rs_reader list = rs_reader_of(extensions.bytes, extensions.length), body;
  unsigned type;
  lua_newtable(L);
  while (rs_extension_next(&list, &type, &body)) {
    lua_newtable(L);
    rs_push_extension(L, type);
    lua_setfield(L, -2, "type");
    rs_set_integer(L, "number", type);
    rs_set_bytes(L, "body", (rs_bytes){body.at, body.left});
    rs_append(L);
  }
  lua_setfield(L, -2, "extensions");
}

static int parse_decode_client_hello(lua_State *L, rs_reader body) {
  rs_client_hello hello;
  if (!rs_read_client_hello(body, &hello))
    return 0;
  rs_push_version(L, hello.legacy_version);
  lua_setfield(L, -2, "legacy_version");
  rs_set_bytes(L, "random", hello.random);
  rs_set_bytes(L, "session_id", hello.session_id);
  lua_newtable(L);
  for (rs_reader r = rs_reader_of(hello.ciphers.bytes, hello.ciphers.length); r.left >= 2;) {
    rs_push_cipher(L, rs_read_u16(&r));
    rs_append(L);
  }
  lua_setfield(L, -2, "ciphers");
  parse_set_extensions(L, hello.extensions);
  if (hello.ticket_offered)
    rs_set_bytes(L, "ticket", hello.ticket);
  rs_set_integer(L, "psk_identities", hello.psk_identities);
  parse_set_true(L, "early_data", hello.early_data);
  return 1;
}

static int parse_decode_server_hello(lua_State *L, rs_reader body, parse_stream *stream) {
  rs_server_hello hello;
  if (!rs_read_server_hello(body, &hello))
    return 0;
  stream->version = hello.version;
  if (hello.hello_retry_request) {
    rs_set_string(L, "type", "hello_retry_request");
  }
  rs_push_version(L, hello.version);
  lua_setfield(L, -2, "version");
  rs_push_cipher(L, hello.cipher);
  lua_setfield(L, -2, "cipher");
  rs_set_bytes(L, "random", hello.random);
  rs_set_bytes(L, "session_id", hello.session_id);
  parse_set_extensions(L, hello.extensions);
  parse_set_true(L, "extended_master_secret", hello.extended_master_secret);
  parse_set_true(L, "encrypt_then_mac", hello.encrypt_then_mac);
  parse_set_true(L, "session_ticket", hello.session_ticket);
  if (hello.has_key_share) {
    rs_push_group(L, hello.group);
    lua_setfield(L, -2, "group");
  }
  if (hello.selected_identity >= 0)
    rs_set_integer(L, "selected_identity", hello.selected_identity);
  if (hello.alpn.length > 0)
    rs_set_bytes(L, "alpn", hello.alpn);
  return 1;
}

static int parse_decode_encrypted_extensions(lua_State *L, rs_reader body) {
  rs_encrypted_extensions extensions;
  if (!rs_read_encrypted_extensions(body, &extensions))
    return 0;
  rs_read_u16(&body);
  parse_set_extensions(L, (rs_bytes){body.at, body.left});
  parse_set_true(L, "early_data", extensions.early_data);
  if (extensions.alpn.length > 0)
    rs_set_bytes(L, "alpn", extensions.alpn);
  return 1;
}

/* The two forms have no mark (RFC 5077, section 3.3; RFC 8446, section 4.6.1): the version tells,
 * and where it is not known, what fits exactly is the one. */
static int parse_decode_ticket(lua_State *L, rs_reader body, unsigned version) {
  rs_new_session_ticket ticket;
  const int is_new =
      version != 0 ? version >= RS_TLS13 : rs_read_new_session_ticket(body, RS_TLS13, &ticket);
  if (!rs_read_new_session_ticket(body, is_new ? RS_TLS13 : RS_TLS12, &ticket))
    return 0;
  rs_set_integer(L, "lifetime_s", ticket.lifetime_s);
  rs_set_bytes(L, "ticket", ticket.ticket);
  if (is_new) {
    rs_set_integer(L, "age_add", ticket.age_add);
    rs_set_bytes(L, "nonce", ticket.nonce);
  }
  if (ticket.has_early_data)
    rs_set_integer(L, "max_early_data", ticket.max_early_data);
  return 1;
}

static void parse_decode(lua_State *L, unsigned type, rs_reader body, parse_stream *stream) {
  int good = 1;
  switch (type) {
  case RS_CLIENT_HELLO:
    good = parse_decode_client_hello(L, body);
    break;
  case RS_SERVER_HELLO:
    good = parse_decode_server_hello(L, body, stream);
    break;
  case RS_ENCRYPTED_EXTENSIONS:
    good = parse_decode_encrypted_extensions(L, body);
    break;
  case RS_NEW_SESSION_TICKET:
    good = parse_decode_ticket(L, body, stream->version);
    break;
  default:
    break;
  }
  parse_set_true(L, "malformed", !good);
}

static void parse_push_plain(lua_State *L, const char *type, rs_bytes bytes) {
  lua_newtable(L);
  rs_set_string(L, "type", type);
  rs_set_bytes(L, "bytes", bytes);
}

/* A server that sends hello_request says nothing behind it (RFC 5246, section 7.4.1.1). Where
 * something follows, its zeros are the explicit nonce of a record whose beginning we have not seen.
 */
static int parse_is_nonce(rs_reader r) {
  rs_reader start = r;
  int only_requests = 1;
  if (rs_read_u8(&start) != RS_HELLO_REQUEST || start.bad)
    return 0;
  while (r.left > 0 && only_requests)
    only_requests = rs_read_u8(&r) == RS_HELLO_REQUEST && rs_read_u24(&r) == 0 && !r.bad;
  return !only_requests;
}

/* Appends the whole messages of a run of handshake bytes to the list on top. What is cut off, or
 * encrypted, comes as it is. */
static void parse_run(lua_State *L, rs_bytes bytes, parse_stream *stream) {
  rs_reader r = rs_reader_of(bytes.bytes, bytes.length);
  const int hides = parse_is_nonce(r);
  while (r.left > 0) {
    rs_reader whole = r;
    const unsigned type = rs_read_u8(&r);
    rs_reader body = rs_read_vector(&r, 3);
    if (r.bad || hides) {
      parse_push_plain(L, "incomplete_or_encrypted", (rs_bytes){whole.at, whole.left});
      rs_append(L);
      return;
    }
    parse_push_plain(L, "", (rs_bytes){whole.at, whole.left - r.left});
    rs_push_message(L, type);
    lua_setfield(L, -2, "type");
    parse_decode(L, type, body, stream);
    rs_append(L);
  }
}

static void parse_alert(lua_State *L, rs_bytes bytes, const parse_stream *stream) {
  if (bytes.length != 2) { /* an encrypted one is longer */
    parse_push_plain(L, stream->hidden ? "encrypted" : "incomplete_or_encrypted", bytes);
  } else {
    parse_push_plain(L, "alert", bytes);
    rs_set_string(L, "level", bytes.bytes[0] == 2 ? "fatal" : "warning");
    rs_set_string(L, "description", rs_alert_name(bytes.bytes[1]));
    rs_set_integer(L, "code", bytes.bytes[1]);
  }
  rs_append(L);
}

static int parse_is_record(rs_reader r) {
  const unsigned content = rs_read_u8(&r), major = rs_read_u8(&r);
  return !r.bad && content >= RS_CHANGE_CIPHER_SPEC && content <= RS_APPLICATION_DATA && major == 3;
}

/* TLS 1.3 hides messages in records of application data, and its change_cipher_spec means nothing;
 * where no ServerHello tells, as in what a client sends, a second ClientHello does: in a record of
 * its own, or in records of the full length. */
static int parse_is_second_hello(const parse_stream *stream, rs_bytes bytes) {
  rs_reader r = rs_reader_of(bytes.bytes, bytes.length);
  rs_client_hello hello;
  if (stream->version != 0 || rs_read_u8(&r) != RS_CLIENT_HELLO)
    return 0;
  if (bytes.length == RS_MAX_PLAINTEXT)
    return rs_read_u24(&r) > r.left;
  rs_reader body = rs_read_vector(&r, 3);
  return rs_reader_done(&r) && rs_read_client_hello(body, &hello);
}

static void parse_push_record(lua_State *L, unsigned content, rs_bytes bytes) {
  parse_push_plain(L,
                   content == RS_HANDSHAKE            ? "encrypted"
                   : content == RS_CHANGE_CIPHER_SPEC ? "change_cipher_spec"
                                                      : "application_data",
                   bytes);
  rs_append(L);
}

/* Gathers one record; what is gathered is read where a record of another kind follows. */
static int parse_handshake(lua_State *L, rs_bytes bytes, rs_reader rest, rs_buffer *handshake,
                           parse_stream *stream) {
  if (stream->hidden && parse_is_second_hello(stream, bytes))
    stream->hidden = 0;
  if (stream->hidden) {
    parse_push_record(L, RS_HANDSHAKE, bytes);
    return 1;
  }
  if (!rs_buffer_add(handshake, bytes))
    return 0;
  if (rest.left > 0 && rs_read_u8(&rest) == RS_HANDSHAKE)
    return 1;
  parse_run(L, (rs_bytes){handshake->bytes, handshake->used}, stream);
  handshake->used = 0;
  return 1;
}

/* Runs of handshake records become one run of messages. Returns 0 for bytes that are no records. */
static int parse_records(lua_State *L, rs_reader r, rs_buffer *handshake, parse_stream *stream) {
  while (r.left > 0) {
    const int known = parse_is_record(r);
    const unsigned content = rs_read_u8(&r);
    rs_read_u16(&r);
    rs_reader body = rs_read_vector(&r, 2);
    if (!known || r.bad)
      return 0;
    const rs_bytes bytes = {body.at, body.left};
    if (content == RS_HANDSHAKE) {
      if (!parse_handshake(L, bytes, r, handshake, stream))
        return 0;
    } else if (content == RS_ALERT) {
      parse_alert(L, bytes, stream);
    } else {
      stream->hidden |= stream->version < RS_TLS13;
      parse_push_record(L, content, bytes);
    }
  }
  return 1;
}

#define HOLDER "resum.buffer"

static int parse_close_holder(lua_State *L) {
  rs_buffer_free((rs_buffer *)luaL_checkudata(L, 1, HOLDER));
  return 0;
}

/*** Reads the TLS records that one side sent, or bare handshake messages as a transcript has them.
 * @function parse
 * @tparam string bytes
 * @tparam[opt] string version "TLSv1.2" for example: what was agreed on, where no ServerHello among
 *   the messages tells how to read those behind it
 * @treturn[1] {table,...} messages, each with type (the RFC's name) and bytes, and what stands in
 *   it: client_hello (legacy_version, random, session_id, ciphers, extensions = {{type, number,
 *   body},...}, ticket, psk_identities), server_hello and hello_retry_request (version, cipher,
 *   random, session_id, extensions, group, selected_identity), encrypted_extensions,
 *   new_session_ticket (lifetime_s, ticket, age_add, nonce), alert (level, description, code);
 *   malformed is true where it does not fit its type. What stands behind change_cipher_spec or
 *   application data up to TLS 1.2 is "encrypted", a record each; what else makes no message
 *   "incomplete_or_encrypted"
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: "invalid" (the bytes end inside a record, or are none) */
static int parse_bytes(lua_State *L) {
  size_t length;
  const char *bytes = luaL_checklstring(L, 1, &length);
  const char *version = luaL_optstring(L, 2, NULL);
  parse_stream stream = {version ? rs_version_number(version) : 0, 0};
  luaL_argcheck(L, stream.version != RS_NO_NUMBER, 2, "a version expected, as \"TLSv1.2\"");
  rs_reader r = rs_reader_of(bytes, length);
  rs_buffer *handshake = (rs_buffer *)lua_newuserdatauv(L, sizeof *handshake, 0);
  memset(handshake, 0, sizeof *handshake);
  luaL_setmetatable(L, HOLDER);
  lua_newtable(L);
  if (!parse_is_record(r))
    parse_run(L, (rs_bytes){r.at, r.left}, &stream);
  else if (!parse_records(L, r, handshake, &stream))
    return rs_error(L, "parse", "the bytes end inside a TLS record, or are none", "invalid");
  rs_buffer_free(handshake);
  return 1;
}

void rs_open_parse(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg holder[] = {{"__gc", parse_close_holder}, {NULL, NULL}};
  rs_new_class(L, HOLDER, none, holder);
  rs_set_function(L, "parse", parse_bytes);
}
