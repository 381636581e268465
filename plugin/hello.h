/* The messages of the handshake that carry facts, read from the wire (hello.c). Every pointer in
 * these structs borrows from the message that was read.
 */
#ifndef RESUM_HELLO_H
#define RESUM_HELLO_H

#include "wire.h"

/* Numbers of RFC 8446 and the IANA registries, by their registered names. */
enum { RS_CHANGE_CIPHER_SPEC = 20, RS_ALERT = 21, RS_HANDSHAKE = 22, RS_APPLICATION_DATA = 23 };

enum {
  RS_CLIENT_HELLO = 1,
  RS_SERVER_HELLO = 2,
  RS_NEW_SESSION_TICKET = 4,
  RS_ENCRYPTED_EXTENSIONS = 8,
  RS_CERTIFICATE = 11,
  RS_SERVER_KEY_EXCHANGE = 12,
  RS_CERTIFICATE_REQUEST = 13,
  RS_FINISHED = 20,
  RS_COMPRESSED_CERTIFICATE = 25
};

enum {
  RS_EXT_SERVER_NAME = 0,
  RS_EXT_ALPN = 16,
  RS_EXT_ENCRYPT_THEN_MAC = 22,
  RS_EXT_EXTENDED_MASTER_SECRET = 23,
  RS_EXT_SESSION_TICKET = 35,
  RS_EXT_PRE_SHARED_KEY = 41,
  RS_EXT_EARLY_DATA = 42,
  RS_EXT_SUPPORTED_VERSIONS = 43,
  RS_EXT_PSK_KEY_EXCHANGE_MODES = 45,
  RS_EXT_KEY_SHARE = 51
};

#define RS_TLS12 0x0303u
#define RS_TLS13 0x0304u

typedef struct {
  const unsigned char *bytes;
  size_t length;
} rs_bytes;

typedef struct {
  unsigned legacy_version;
  rs_bytes random, session_id;
  rs_bytes extensions; /* all of them, for rs_extension_find */
  int ticket_offered;  /* the session_ticket extension stands in it */
  size_t ticket_length;
  unsigned psk_identities;
  int early_data;
} rs_client_hello;

typedef struct {
  unsigned version; /* supported_versions where it is there, else legacy_version */
  rs_bytes random, session_id;
  rs_bytes extensions;
  unsigned cipher;
  int hello_retry_request;
  int extended_master_secret, encrypt_then_mac, session_ticket;
  int has_key_share;
  unsigned group;        /* of key_share; 0 without one */
  rs_bytes key_share;    /* the server's public value; empty in a HelloRetryRequest */
  int selected_identity; /* -1 without pre_shared_key */
  rs_bytes alpn;         /* TLS 1.2 and older */
} rs_server_hello;

typedef struct {
  rs_bytes alpn;
  int early_data;
} rs_encrypted_extensions;

typedef struct {
  uint32_t lifetime_s; /* a hint up to TLS 1.2 */
  uint32_t age_add;    /* these three: TLS 1.3 only */
  rs_bytes nonce;
  int has_early_data;
  uint32_t max_early_data;
  rs_bytes ticket;
} rs_new_session_ticket;

/* Each reads the body of one message (without its 4-byte header) and returns 1, or 0 when the body
 * is malformed; what was read until then stands in the struct. */
int rs_read_client_hello(rs_reader body, rs_client_hello *hello);
int rs_read_server_hello(rs_reader body, rs_server_hello *hello);
int rs_read_encrypted_extensions(rs_reader body, rs_encrypted_extensions *extensions);
int rs_read_new_session_ticket(rs_reader body, unsigned version, rs_new_session_ticket *ticket);
/* The named group of an ECDHE ServerKeyExchange (RFC 8422, section 5.4), 0 where it has none. */
unsigned rs_read_key_exchange_group(rs_reader body);

/* Steps through a list of extensions: 1 and the next one, 0 at the end or when it turned bad. */
int rs_extension_next(rs_reader *list, unsigned *type, rs_reader *body);

#endif
