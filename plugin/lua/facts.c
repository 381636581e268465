/* What a connection's messages say, as Lua tables. What stands in the facts stood on the wire;
 * libssl's opinion of it is not asked. Knows no SSL, no socket, no verdict.
 */
#include "facts.h"

#include "push.h"
#include "tls/asn1.h"
#include "tls/names.h"
#include "tls/numbers.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

int rs_facts_push_alert(lua_State *L, const rs_transcript *t) {
  const int alert = rs_transcript_fatal_alert(t, 1);
  if (alert < 0)
    return 0;
  lua_pushfstring(L, "handshake: the server sent the alert %s (%d)", rs_alert_name((unsigned)alert),
                  alert);
  lua_pushliteral(L, "alert");
  return 2;
}

/* --- as a list of messages --- */

static void facts_push_type(lua_State *L, const rs_transcript *t,
                            const rs_transcript_entry *entry) {
  if (entry->content == RS_ALERT)
    lua_pushliteral(L, "alert");
  else if (entry->content == RS_CHANGE_CIPHER_SPEC)
    lua_pushliteral(L, "change_cipher_spec");
  else if (rs_transcript_is_hello_retry(t, entry))
    lua_pushliteral(L, "hello_retry_request");
  else
    rs_push_message(L, entry->type);
}

void rs_facts_push_messages(lua_State *L, const rs_transcript *t) {
  lua_createtable(L, (int)t->count, 0);
  for (size_t i = 0; i < t->count; i++) {
    const rs_transcript_entry *entry = &t->entries[i];
    rs_reader r = rs_transcript_bytes(t, entry);
    lua_createtable(L, 0, 3);
    rs_set_string(L, "from", entry->from_server ? "server" : "client");
    facts_push_type(L, t, entry);
    lua_setfield(L, -2, "type");
    lua_pushlstring(L, r.left ? (const char *)r.at : "", r.left);
    lua_setfield(L, -2, "bytes");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* --- as facts: each adds to the table on top. Tables get their size at once, as there is a set of
 * them for every connection --- */

enum { TICKET_FIELDS = 7, ALERT_FIELDS = 4, USUAL_EXTENSIONS = 4 };

/* Appends the types of these extensions to facts.extensions, in their order on the wire. */
static void facts_extension_order(lua_State *L, rs_bytes extensions) {
  rs_reader list = rs_reader_of(extensions.bytes, extensions.length), body;
  unsigned type;
  lua_getfield(L, -1, "extensions");
  while (rs_extension_next(&list, &type, &body)) {
    lua_pushinteger(L, type);
    rs_append(L);
  }
  lua_pop(L, 1);
}

static void facts_client_hello(lua_State *L, rs_reader body) {
  rs_client_hello hello;
  rs_read_client_hello(body, &hello);
  rs_set_bytes(L, "session_id_sent", hello.session_id);
  rs_set_boolean(L, "ticket_offered", hello.ticket_offered);
  rs_set_integer(L, "ticket_length_sent", (lua_Integer)hello.ticket.length);
  rs_set_integer(L, "psk_identities_sent", hello.psk_identities);
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
    rs_set_boolean(L, "hello_retry", 1);
    return;
  }
  chosen->version = hello.version;
  chosen->cipher = hello.cipher;
  rs_push_version(L, hello.version);
  lua_setfield(L, -2, "version");
  rs_push_cipher(L, hello.cipher);
  lua_setfield(L, -2, "cipher");
  rs_set_integer(L, "cipher_id", hello.cipher);
  rs_set_bytes(L, "session_id", hello.session_id);
  rs_set_boolean(L, "extended_master_secret", hello.extended_master_secret);
  rs_set_boolean(L, "encrypt_then_mac", hello.encrypt_then_mac);
  rs_set_boolean(L, "session_ticket", hello.session_ticket);
  rs_set_boolean(L, "server_key_share", hello.has_key_share);
  if (hello.has_key_share) {
    rs_push_group(L, hello.group);
    lua_setfield(L, -2, "group");
    rs_set_bytes(L, "server_share", hello.key_share);
  }
  facts_extension_order(L, hello.extensions);
  if (hello.selected_identity >= 0)
    rs_set_integer(L, "selected_identity", hello.selected_identity);
  if (hello.alpn.length > 0)
    rs_set_bytes(L, "alpn", hello.alpn);
}

static void facts_encrypted_extensions(lua_State *L, rs_reader body) {
  rs_encrypted_extensions extensions;
  if (!rs_read_encrypted_extensions(body, &extensions))
    return;
  facts_extension_order(L, extensions.extensions);
  rs_set_boolean(L, "early_data", extensions.early_data);
  if (extensions.alpn.length > 0)
    rs_set_bytes(L, "alpn", extensions.alpn);
}

static void facts_key_exchange(lua_State *L, rs_reader body, unsigned cipher) {
  unsigned group = rs_cipher_names_curve(cipher) ? rs_read_key_exchange_group(body) : 0;
  if (group) {
    rs_push_group(L, group);
    lua_setfield(L, -2, "group");
  }
  const rs_bytes share = rs_read_key_exchange_share(body, rs_cipher_names_curve(cipher));
  if (share.length > 0)
    rs_set_bytes(L, "server_share", share);
}

static void facts_serial_number(lua_State *L, rs_reader number) {
  rs_reader magnitude = number;
  if (number.left > 1 && rs_read_u8(&magnitude) == 0) /* a byte for the sign */
    number = magnitude;
  rs_bytes serial = {number.at, number.left};
  rs_set_bytes(L, "leaf_serial", serial);
}

/* Of TBSCertificate what stands behind the serial number: signature, issuer, validity (RFC 5280,
 * section 4.1.2.5). The end is kept as it stands there. */
static void facts_not_after(lua_State *L, rs_reader contents) {
  unsigned tag;
  rs_asn1_read(&contents, &tag);
  rs_asn1_read(&contents, &tag);
  rs_reader validity = rs_asn1_read(&contents, &tag);
  rs_asn1_read(&validity, &tag);
  rs_reader end = rs_asn1_read(&validity, &tag);
  if (!end.bad && (tag == RS_ASN1_UTC_TIME || tag == RS_ASN1_GENERALIZED_TIME))
    rs_set_bytes(L, "leaf_not_after", (rs_bytes){end.at, end.left});
}

/* Certificate, TBSCertificate, version [0], serialNumber (RFC 5280, section 4.1). d2i_X509 would
 * decode the key as well, which takes longer than the handshake. */
static void facts_certificate(lua_State *L, rs_bytes leaf) {
  unsigned tag;
  rs_reader outer = rs_reader_of(leaf.bytes, leaf.length);
  rs_reader certificate = rs_asn1_read(&outer, &tag);
  rs_reader contents = rs_asn1_read(&certificate, &tag);
  rs_reader number = rs_asn1_read(&contents, &tag);
  if (tag == RS_ASN1_CONTEXT)
    number = rs_asn1_read(&contents, &tag);
  if (number.bad || tag != RS_ASN1_INTEGER)
    return;
  facts_serial_number(L, number);
  facts_not_after(L, contents);
}

/* What names the server's certificate: behind a balancer not every server need have the same. */
static void facts_leaf(lua_State *L, rs_reader body, unsigned version) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  rs_bytes leaf, name = {digest, sizeof digest};
  if (!rs_read_leaf(body, version, &leaf) ||
      !EVP_Digest(leaf.bytes, leaf.length, digest, NULL, EVP_sha256(), NULL))
    return;
  rs_set_bytes(L, "leaf_sha256", name);
  facts_certificate(L, leaf);
}

static void facts_ticket_extensions(lua_State *L, rs_bytes extensions) {
  rs_reader list = rs_reader_of(extensions.bytes, extensions.length), body;
  unsigned type;
  lua_newtable(L);
  while (rs_extension_next(&list, &type, &body)) {
    lua_createtable(L, 0, 2);
    rs_set_integer(L, "type", type);
    rs_set_bytes(L, "body", (rs_bytes){body.at, body.left});
    rs_append(L);
  }
  lua_setfield(L, -2, "extensions");
}

/* Appends to facts.tickets, which stands below the top. */
static void facts_ticket(lua_State *L, rs_reader body, unsigned version) {
  rs_new_session_ticket ticket;
  if (!rs_read_new_session_ticket(body, version, &ticket))
    return;
  lua_getfield(L, -1, "tickets");
  lua_createtable(L, 0, TICKET_FIELDS);
  rs_set_bytes(L, "ticket", ticket.ticket);
  rs_set_integer(L, "lifetime_s", ticket.lifetime_s);
  if (version >= RS_TLS13) {
    rs_set_integer(L, "age_add", ticket.age_add);
    rs_set_integer(L, "nonce_length", (lua_Integer)ticket.nonce.length);
    rs_set_bytes(L, "nonce", ticket.nonce);
    facts_ticket_extensions(L, ticket.extensions);
    if (ticket.has_early_data)
      rs_set_integer(L, "max_early_data", ticket.max_early_data);
  }
  rs_append(L);
  lua_pop(L, 1);
}

static void facts_alert(lua_State *L, rs_reader bytes, int from_server) {
  unsigned level = rs_read_u8(&bytes), code = rs_read_u8(&bytes);
  if (bytes.bad)
    return;
  lua_getfield(L, -1, "alerts");
  lua_createtable(L, 0, ALERT_FIELDS);
  rs_set_string(L, "from", from_server ? "server" : "client");
  rs_set_string(L, "level", level == RS_ALERT_FATAL ? "fatal" : "warning");
  rs_set_string(L, "description", rs_alert_name(code));
  rs_set_integer(L, "code", code);
  rs_append(L);
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
    rs_set_boolean(L, "certificate_request", 1);
    break;
  case RS_NEW_SESSION_TICKET:
    facts_ticket(L, body, chosen->version);
    break;
  default:
    break;
  }
}

void rs_facts_set(lua_State *L, const rs_transcript *t) {
  facts_chosen chosen = {0, 0};
  lua_newtable(L);
  lua_setfield(L, -2, "tickets");
  lua_createtable(L, 1, 0);
  lua_setfield(L, -2, "alerts");
  lua_createtable(L, USUAL_EXTENSIONS, 0);
  lua_setfield(L, -2, "extensions");
  rs_set_boolean(L, "certificate", rs_transcript_has_certificate(t));
  rs_set_boolean(L, "certificate_request", 0);
  rs_set_boolean(L, "hello_retry", 0);
  if (t->forgotten > 0)
    rs_set_integer(L, "messages_forgotten", (lua_Integer)t->forgotten);
  if (t->forgotten_tickets > 0)
    rs_set_integer(L, "tickets_forgotten", (lua_Integer)t->forgotten_tickets);
  for (size_t i = 0; i < t->count; i++) {
    const rs_transcript_entry *entry = &t->entries[i];
    if (entry->content == RS_ALERT)
      facts_alert(L, rs_transcript_bytes(t, entry), entry->from_server);
    else if (entry->content == RS_HANDSHAKE && entry->from_server)
      facts_from_server(L, entry->type, rs_transcript_body(t, entry), &chosen);
    else if (rs_transcript_is(entry, 0, RS_CLIENT_HELLO))
      facts_client_hello(L, rs_transcript_body(t, entry));
  }
}
