/* Keeps the messages of one connection and turns them into facts. What stands in the facts stood on
 * the wire; libssl's opinion of it is not asked. Knows no SSL, no socket, no verdict.
 */
#include "transcript.h"

#include "der.h"
#include "names.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ENTRIES = 256, MAX_BYTES = 256 * 1024, DER_INTEGER = 0x02, DER_VERSION = 0xa0 };

/* Grows to hold `wanted` items, within `limit`. Returns 0 when it can't: something is forgotten. */
static int grow(rs_transcript *t, void **items, size_t *room, size_t wanted, size_t size,
                size_t limit) {
  if (wanted <= *room)
    return 1;
  size_t next = *room ? *room : 16;
  while (next < wanted && wanted <= limit)
    next *= 2;
  void *grown = wanted <= limit ? realloc(*items, next * size) : NULL;
  t->incomplete |= !grown;
  if (!grown)
    return 0;
  *items = grown;
  *room = next;
  return 1;
}

void rs_transcript_add(rs_transcript *t, int from_server, int content, const void *bytes,
                       size_t length) {
  void *entries = t->entries, *store = t->bytes;
  if (length == 0 ||
      !grow(t, &entries, &t->entries_room, t->count + 1, sizeof *t->entries, MAX_ENTRIES))
    return;
  t->entries = (rs_transcript_entry *)entries;
  rs_transcript_entry *entry = &t->entries[t->count++];
  entry->content = (unsigned char)content;
  entry->type = *(const unsigned char *)bytes;
  entry->from_server = from_server != 0;
  entry->offset = t->used;
  entry->length = 0;
  if (!grow(t, &store, &t->bytes_room, t->used + length, 1, MAX_BYTES))
    return;
  t->bytes = (unsigned char *)store;
  memcpy(t->bytes + t->used, bytes, length);
  entry->length = length;
  t->used += length;
}

void rs_transcript_free(rs_transcript *t) {
  free(t->entries);
  free(t->bytes);
  memset(t, 0, sizeof *t);
}

static rs_reader entry_bytes(const rs_transcript *t, const rs_transcript_entry *entry) {
  return rs_reader_of(entry->length ? t->bytes + entry->offset : NULL, entry->length);
}

/* What follows the type and length of a handshake message. */
static rs_reader entry_body(const rs_transcript *t, const rs_transcript_entry *entry) {
  rs_reader r = entry_bytes(t, entry);
  rs_read_u8(&r);
  return rs_read_vector(&r, 3);
}

static int entry_is(const rs_transcript_entry *entry, int from_server, int type) {
  return entry->content == RS_HANDSHAKE && entry->from_server == from_server && entry->type == type;
}

int rs_transcript_has_certificate(const rs_transcript *t) {
  for (size_t i = 0; i < t->count; i++)
    if (entry_is(&t->entries[i], 1, RS_CERTIFICATE) ||
        entry_is(&t->entries[i], 1, RS_COMPRESSED_CERTIFICATE))
      return 1;
  return 0;
}

rs_reader rs_transcript_first_body(const rs_transcript *t) {
  for (size_t i = 0; i < t->count; i++)
    if (entry_is(&t->entries[i], 0, RS_CLIENT_HELLO))
      return entry_body(t, &t->entries[i]);
  return rs_reader_of(NULL, 0);
}

int rs_transcript_client_hello(const rs_transcript *t, rs_client_hello *hello) {
  return rs_read_client_hello(rs_transcript_first_body(t), hello);
}

int rs_transcript_ticket(const rs_transcript *t, size_t *place, rs_reader *body) {
  while (*place < t->count) {
    const rs_transcript_entry *entry = &t->entries[(*place)++];
    if (entry_is(entry, 1, RS_NEW_SESSION_TICKET)) {
      *body = entry_body(t, entry);
      return 1;
    }
  }
  return 0;
}

int rs_transcript_server_hello(const rs_transcript *t, rs_server_hello *hello) {
  for (size_t i = t->count; i-- > 0;)
    if (entry_is(&t->entries[i], 1, RS_SERVER_HELLO))
      return rs_read_server_hello(entry_body(t, &t->entries[i]), hello);
  return 0;
}

/* TLS 1.3 goes by the description alone (RFC 8446, section 6). */
static int alert_is_fatal(unsigned level, unsigned description, unsigned version) {
  if (version >= RS_TLS13)
    return description != RS_ALERT_CLOSE_NOTIFY && description != RS_ALERT_USER_CANCELED;
  return level == RS_ALERT_FATAL;
}

int rs_transcript_fatal_alert(const rs_transcript *t, int from_server) {
  rs_server_hello hello;
  unsigned version = rs_transcript_server_hello(t, &hello) ? hello.version : 0;
  for (size_t i = t->count; i-- > 0;) {
    const rs_transcript_entry *entry = &t->entries[i];
    rs_reader r = entry_bytes(t, entry);
    const unsigned level = rs_read_u8(&r), description = rs_read_u8(&r);
    if (entry_is(entry, 1, RS_SERVER_HELLO))
      version = 0; /* what came before was said in the old way */
    if (entry->content == RS_ALERT && entry->from_server == from_server &&
        alert_is_fatal(level, description, version))
      return (int)description;
  }
  return -1;
}

int rs_transcript_push_alert(lua_State *L, const rs_transcript *t) {
  const int alert = rs_transcript_fatal_alert(t, 1);
  if (alert < 0)
    return 0;
  lua_pushfstring(L, "handshake: the server sent the alert %s (%d)", rs_alert_name((unsigned)alert),
                  alert);
  lua_pushliteral(L, "alert");
  return 2;
}

static int entry_is_hello_retry(const rs_transcript *t, const rs_transcript_entry *entry) {
  rs_server_hello hello;
  return entry_is(entry, 1, RS_SERVER_HELLO) &&
         rs_read_server_hello(entry_body(t, entry), &hello) && hello.hello_retry_request;
}

/* What stands for a ClientHello that a HelloRetryRequest answered. */
static rs_bytes message_hash(rs_tools *tools, rs_hash hash, rs_bytes hello, unsigned char *room) {
  const size_t length = rs_hash_length(hash);
  rs_writer w = rs_writer_of(room, RS_MESSAGE_HEADER);
  rs_write_number(&w, RS_MESSAGE_HASH, 1);
  rs_write_number(&w, (uint32_t)length, 3);
  if (!rs_digest(tools, hash, hello, room + RS_MESSAGE_HEADER))
    return (rs_bytes){NULL, 0};
  return (rs_bytes){room, RS_MESSAGE_HEADER + length};
}

/* The handshake messages as parts of what is hashed. Returns their number, or 0 when some were
 * forgotten. */
static size_t handshake_parts(const rs_transcript *t, rs_tools *tools, rs_hash hash,
                              unsigned char *room, rs_bytes *parts, size_t most) {
  size_t count = 0;
  for (size_t i = 0; i < t->count; i++) {
    const rs_transcript_entry *entry = &t->entries[i];
    if (entry->content != RS_HANDSHAKE)
      continue;
    if (count == most || entry->length == 0)
      return 0;
    if (count == 1 && entry_is_hello_retry(t, entry))
      parts[0] = message_hash(tools, hash, parts[0], room);
    parts[count++] = (rs_bytes){t->bytes + entry->offset, entry->length};
  }
  return count;
}

size_t rs_transcript_retried(const rs_transcript *t, rs_tools *tools, rs_hash hash,
                             unsigned char *room, rs_bytes *parts) {
  return handshake_parts(t, tools, hash, room, parts, 2);
}

/* Goes on from where it was asked for before. What stands for the first message is known when the
 * second one is there. */
static int hash_on(rs_transcript *t, rs_tools *tools, rs_hash hash, const rs_bytes *parts,
                   size_t count, unsigned char *out) {
  if (t->hashed < 2 || t->hashed_by != hash) {
    t->hashed = 0;
    t->hashed_by = hash;
    if (!rs_hash_start(tools, hash, &t->hash))
      return 0;
  }
  for (; t->hashed < count; t->hashed++)
    rs_sha2_add(hash, &t->hash, parts[t->hashed]);
  rs_sha2 state = t->hash;
  rs_sha2_end(hash, &state, out);
  return 1;
}

int rs_transcript_hash(rs_transcript *t, rs_tools *tools, rs_hash hash, unsigned char *out) {
  enum { MOST_MESSAGES = 16 };
  unsigned char room[RS_MESSAGE_HEADER + RS_MAX_HASH];
  rs_bytes parts[MOST_MESSAGES];
  size_t count = handshake_parts(t, tools, hash, room, parts, MOST_MESSAGES);
  return count > 0 && !t->incomplete &&
         (hash_on(t, tools, hash, parts, count, out) ||
          rs_digest_parts(tools, hash, parts, count, out));
}

/* --- as a list of messages --- */

static void push_type(lua_State *L, const rs_transcript *t, const rs_transcript_entry *entry) {
  if (entry->content == RS_ALERT)
    lua_pushliteral(L, "alert");
  else if (entry->content == RS_CHANGE_CIPHER_SPEC)
    lua_pushliteral(L, "change_cipher_spec");
  else if (entry_is_hello_retry(t, entry))
    lua_pushliteral(L, "hello_retry_request");
  else
    rs_push_message(L, entry->type);
}

void rs_transcript_push(lua_State *L, const rs_transcript *t) {
  lua_createtable(L, (int)t->count, 0);
  for (size_t i = 0; i < t->count; i++) {
    const rs_transcript_entry *entry = &t->entries[i];
    rs_reader r = entry_bytes(t, entry);
    lua_createtable(L, 0, 3);
    lua_pushstring(L, entry->from_server ? "server" : "client");
    lua_setfield(L, -2, "from");
    push_type(L, t, entry);
    lua_setfield(L, -2, "type");
    lua_pushlstring(L, r.left ? (const char *)r.at : "", r.left);
    lua_setfield(L, -2, "bytes");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* --- as facts: each adds to the table on top. Tables get their size at once, as there is a set of
 * them for every connection --- */

enum { TICKET_FIELDS = 5, ALERT_FIELDS = 4, USUAL_EXTENSIONS = 4 };

static void set_bytes(lua_State *L, const char *name, rs_bytes b) {
  lua_pushlstring(L, b.length ? (const char *)b.bytes : "", b.length);
  lua_setfield(L, -2, name);
}

static void set_boolean(lua_State *L, const char *name, int value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

/* Appends the types of these extensions to facts.extensions, in their order on the wire. */
static void facts_extension_order(lua_State *L, rs_bytes extensions) {
  rs_reader list = rs_reader_of(extensions.bytes, extensions.length), body;
  unsigned type;
  lua_getfield(L, -1, "extensions");
  while (rs_extension_next(&list, &type, &body)) {
    lua_pushinteger(L, type);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
  lua_pop(L, 1);
}

static void facts_client_hello(lua_State *L, rs_reader body) {
  rs_client_hello hello;
  rs_read_client_hello(body, &hello);
  set_bytes(L, "session_id_sent", hello.session_id);
  set_boolean(L, "ticket_offered", hello.ticket_offered);
  set_integer(L, "ticket_length_sent", (lua_Integer)hello.ticket.length);
  set_integer(L, "psk_identities_sent", hello.psk_identities);
}

/* What the ServerHello chose, for reading the messages after it. */
typedef struct {
  unsigned version, cipher;
} facts_chosen;

static void facts_server_hello(lua_State *L, rs_reader body, facts_chosen *chosen) {
  rs_server_hello hello;
  if (!rs_read_server_hello(body, &hello))
    return;
  if (hello.hello_retry_request) {
    set_boolean(L, "hello_retry", 1);
    return;
  }
  chosen->version = hello.version;
  chosen->cipher = hello.cipher;
  rs_push_version(L, hello.version);
  lua_setfield(L, -2, "version");
  rs_push_cipher(L, hello.cipher);
  lua_setfield(L, -2, "cipher");
  set_integer(L, "cipher_id", hello.cipher);
  set_bytes(L, "session_id", hello.session_id);
  set_boolean(L, "extended_master_secret", hello.extended_master_secret);
  set_boolean(L, "encrypt_then_mac", hello.encrypt_then_mac);
  set_boolean(L, "session_ticket", hello.session_ticket);
  set_boolean(L, "server_key_share", hello.has_key_share);
  if (hello.has_key_share) {
    rs_push_group(L, hello.group);
    lua_setfield(L, -2, "group");
  }
  facts_extension_order(L, hello.extensions);
  if (hello.selected_identity >= 0)
    set_integer(L, "selected_identity", hello.selected_identity);
  if (hello.alpn.length > 0)
    set_bytes(L, "alpn", hello.alpn);
}

static void facts_encrypted_extensions(lua_State *L, rs_reader body) {
  rs_encrypted_extensions extensions;
  if (!rs_read_encrypted_extensions(body, &extensions))
    return;
  facts_extension_order(L, extensions.extensions);
  set_boolean(L, "early_data", extensions.early_data);
  if (extensions.alpn.length > 0)
    set_bytes(L, "alpn", extensions.alpn);
}

static void facts_key_exchange(lua_State *L, rs_reader body, unsigned cipher) {
  unsigned group = rs_cipher_names_curve(cipher) ? rs_read_key_exchange_group(body) : 0;
  if (group) {
    rs_push_group(L, group);
    lua_setfield(L, -2, "group");
  }
}

/* Certificate, TBSCertificate, version [0], serialNumber (RFC 5280, section 4.1). d2i_X509 would
 * decode the key as well, which takes longer than the handshake. */
static void facts_serial(lua_State *L, rs_bytes leaf) {
  unsigned tag;
  rs_reader outer = rs_reader_of(leaf.bytes, leaf.length);
  rs_reader certificate = rs_read_element(&outer, &tag);
  rs_reader contents = rs_read_element(&certificate, &tag);
  rs_reader number = rs_read_element(&contents, &tag);
  if (tag == DER_VERSION)
    number = rs_read_element(&contents, &tag);
  if (number.bad || tag != DER_INTEGER)
    return;
  rs_reader magnitude = number;
  if (number.left > 1 && rs_read_u8(&magnitude) == 0) /* a byte for the sign */
    number = magnitude;
  rs_bytes serial = {number.at, number.left};
  set_bytes(L, "leaf_serial", serial);
}

/* What names the server's certificate: behind a balancer not every server need have the same. */
static void facts_leaf(lua_State *L, rs_reader body, unsigned version) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  rs_bytes leaf, name = {digest, sizeof digest};
  if (!rs_read_leaf(body, version, &leaf) ||
      !EVP_Digest(leaf.bytes, leaf.length, digest, NULL, EVP_sha256(), NULL))
    return;
  set_bytes(L, "leaf_sha256", name);
  facts_serial(L, leaf);
}

/* Appends to facts.tickets, which stands below the top. */
static void facts_ticket(lua_State *L, rs_reader body, unsigned version) {
  rs_new_session_ticket ticket;
  if (!rs_read_new_session_ticket(body, version, &ticket))
    return;
  lua_getfield(L, -1, "tickets");
  lua_createtable(L, 0, TICKET_FIELDS);
  set_bytes(L, "ticket", ticket.ticket);
  set_integer(L, "lifetime_s", ticket.lifetime_s);
  if (version >= RS_TLS13) {
    set_integer(L, "age_add", ticket.age_add);
    set_integer(L, "nonce_length", (lua_Integer)ticket.nonce.length);
    if (ticket.has_early_data)
      set_integer(L, "max_early_data", ticket.max_early_data);
  }
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
}

static void facts_alert(lua_State *L, rs_reader bytes, int from_server) {
  unsigned level = rs_read_u8(&bytes), code = rs_read_u8(&bytes);
  if (bytes.bad)
    return;
  lua_getfield(L, -1, "alerts");
  lua_createtable(L, 0, ALERT_FIELDS);
  lua_pushstring(L, from_server ? "server" : "client");
  lua_setfield(L, -2, "from");
  lua_pushstring(L, level == RS_ALERT_FATAL ? "fatal" : "warning");
  lua_setfield(L, -2, "level");
  lua_pushstring(L, rs_alert_name(code));
  lua_setfield(L, -2, "description");
  set_integer(L, "code", code);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
}

static void facts_from_server(lua_State *L, int type, rs_reader body, facts_chosen *chosen) {
  switch (type) {
  case RS_SERVER_HELLO:
    facts_server_hello(L, body, chosen);
    break;
  case RS_ENCRYPTED_EXTENSIONS:
    facts_encrypted_extensions(L, body);
    break;
  case RS_SERVER_KEY_EXCHANGE:
    facts_key_exchange(L, body, chosen->cipher);
    break;
  case RS_CERTIFICATE:
    facts_leaf(L, body, chosen->version);
    break;
  case RS_CERTIFICATE_REQUEST:
    set_boolean(L, "certificate_request", 1);
    break;
  case RS_NEW_SESSION_TICKET:
    facts_ticket(L, body, chosen->version);
    break;
  default:
    break;
  }
}

void rs_transcript_set_facts(lua_State *L, const rs_transcript *t) {
  facts_chosen chosen = {0, 0};
  lua_newtable(L);
  lua_setfield(L, -2, "tickets");
  lua_createtable(L, 1, 0);
  lua_setfield(L, -2, "alerts");
  lua_createtable(L, USUAL_EXTENSIONS, 0);
  lua_setfield(L, -2, "extensions");
  set_boolean(L, "certificate", rs_transcript_has_certificate(t));
  set_boolean(L, "certificate_request", 0);
  set_boolean(L, "hello_retry", 0);
  for (size_t i = 0; i < t->count; i++) {
    const rs_transcript_entry *entry = &t->entries[i];
    if (entry->content == RS_ALERT)
      facts_alert(L, entry_bytes(t, entry), entry->from_server);
    else if (entry->content == RS_HANDSHAKE && entry->from_server)
      facts_from_server(L, entry->type, entry_body(t, entry), &chosen);
    else if (entry_is(entry, 0, RS_CLIENT_HELLO))
      facts_client_hello(L, entry_body(t, entry));
  }
}
