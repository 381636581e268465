/* The messages of the handshake that carry facts, read from the wire (hello.c). Every pointer in
 * these structs borrows from the message that was read.
 */
#ifndef RESUM_HELLO_H
#define RESUM_HELLO_H

#include "wire.h"

/* Numbers of RFC 8446 and the IANA registries, by their registered names. */
enum { RS_CHANGE_CIPHER_SPEC = 20, RS_ALERT = 21, RS_HANDSHAKE = 22, RS_APPLICATION_DATA = 23 };

enum { RS_ALERT_WARNING = 1, RS_ALERT_FATAL = 2 }; /* levels */

enum {
  RS_ALERT_CLOSE_NOTIFY = 0,
  RS_ALERT_UNEXPECTED_MESSAGE = 10,
  RS_ALERT_BAD_RECORD_MAC = 20,
  RS_ALERT_RECORD_OVERFLOW = 22,
  RS_ALERT_HANDSHAKE_FAILURE = 40,
  RS_ALERT_ILLEGAL_PARAMETER = 47,
  RS_ALERT_DECODE_ERROR = 50,
  RS_ALERT_DECRYPT_ERROR = 51,
  RS_ALERT_PROTOCOL_VERSION = 70,
  RS_ALERT_USER_CANCELED = 90,
  RS_ALERT_MISSING_EXTENSION = 109,
  RS_ALERT_UNSUPPORTED_EXTENSION = 110
};

enum {
  RS_HELLO_REQUEST = 0,
  RS_CLIENT_HELLO = 1,
  RS_SERVER_HELLO = 2,
  RS_NEW_SESSION_TICKET = 4,
  RS_END_OF_EARLY_DATA = 5,
  RS_ENCRYPTED_EXTENSIONS = 8,
  RS_CERTIFICATE = 11,
  RS_SERVER_KEY_EXCHANGE = 12,
  RS_CERTIFICATE_REQUEST = 13,
  RS_SERVER_HELLO_DONE = 14,
  RS_FINISHED = 20,
  RS_CERTIFICATE_STATUS = 22,
  RS_KEY_UPDATE = 24,
  RS_COMPRESSED_CERTIFICATE = 25,
  RS_MESSAGE_HASH = 254
};

enum {
  RS_EXT_SERVER_NAME = 0,
  RS_EXT_SUPPORTED_GROUPS = 10,
  RS_EXT_EC_POINT_FORMATS = 11,
  RS_EXT_SIGNATURE_ALGORITHMS = 13,
  RS_EXT_ALPN = 16,
  RS_EXT_ENCRYPT_THEN_MAC = 22,
  RS_EXT_EXTENDED_MASTER_SECRET = 23,
  RS_EXT_SESSION_TICKET = 35,
  RS_EXT_PRE_SHARED_KEY = 41,
  RS_EXT_EARLY_DATA = 42,
  RS_EXT_SUPPORTED_VERSIONS = 43,
  RS_EXT_COOKIE = 44,
  RS_EXT_PSK_KEY_EXCHANGE_MODES = 45,
  RS_EXT_KEY_SHARE = 51,
  RS_EXT_RENEGOTIATION_INFO = 0xff01
};

enum {
  RS_GROUP_SECP256R1 = 0x17,
  RS_GROUP_SECP384R1 = 0x18,
  RS_GROUP_SECP521R1 = 0x19,
  RS_GROUP_X25519 = 0x1d
};
enum { RS_PSK_KE = 0, RS_PSK_DHE_KE = 1 };
enum { RS_MESSAGE_HEADER = 4, RS_RANDOM = 32, RS_MAX_SESSION_ID = 32 };

typedef struct {
  unsigned legacy_version;
  rs_bytes random, session_id;
  rs_bytes ciphers;    /* two bytes each */
  rs_bytes extensions; /* all of them, for rs_extension_next */
  int ticket_offered;  /* the session_ticket extension stands in it */
  rs_bytes ticket;
  unsigned psk_identities;
  rs_bytes binders; /* of pre_shared_key: the list with its length */
  int early_data;
} rs_client_hello;

typedef struct {
  unsigned version;  /* supported_versions where it is there, else legacy_version */
  int names_version; /* supported_versions is there */
  unsigned compression;
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
  rs_bytes cookie;       /* of a HelloRetryRequest */
} rs_server_hello;

typedef struct {
  rs_bytes extensions;
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
/* The first certificate of a Certificate message, DER; 0 when there is none. */
int rs_read_leaf(rs_reader body, unsigned version, rs_bytes *leaf);
/* The named group of an ECDHE ServerKeyExchange (RFC 8422, section 5.4), 0 where it has none. */
unsigned rs_read_key_exchange_group(rs_reader body);

/* Steps through a list of extensions: 1 and the next one, 0 at the end or when it turned bad. */
int rs_extension_next(rs_reader *list, unsigned *type, rs_reader *body);
/* The first extension of that type; 0 where there is none. */
int rs_extension_find(rs_bytes extensions, unsigned type, rs_reader *body);

/* --- a ClientHello to be written --- */

typedef struct {
  const uint16_t *items;
  size_t count;
} rs_numbers;

typedef struct {
  unsigned type;
  int has_body; /* else its body is made from the fields below, and it is left out where they are
                   empty */
  rs_bytes body;
} rs_hello_extension;

typedef struct {
  unsigned group;
  rs_bytes share;
} rs_key_share;

typedef struct {
  rs_bytes identity;
  uint32_t obfuscated_ticket_age;
  rs_bytes binder; /* what is not known yet is a run of zeros */
} rs_psk;

typedef struct {
  unsigned legacy_version;
  rs_bytes random, session_id;
  rs_numbers ciphers;
  const rs_hello_extension *extensions; /* in this order */
  size_t extension_count;
  rs_bytes server_name;
  rs_bytes alpn;     /* names, each behind its length */
  int offers_ticket; /* session_ticket is sent, also empty */
  rs_bytes ticket;
  rs_bytes psk_modes; /* a byte each */
  rs_numbers versions, groups, signature_algorithms;
  const rs_key_share *key_shares;
  size_t key_share_count;
  int early_data;
  const rs_psk *psks;
  size_t psk_count;
} rs_hello_fields;

/* Writes the message with its header. Returns 0 when it does not fit. */
int rs_write_client_hello(rs_writer *w, const rs_hello_fields *fields);

/* Writes the second ClientHello, which answers a HelloRetryRequest (RFC 8446, section 4.1.2): the
 * first one's body with this key share and cookie, and without early data. */
int rs_write_second_client_hello(rs_writer *w, rs_reader first, const rs_key_share *key_share,
                                 rs_bytes cookie);

#endif
