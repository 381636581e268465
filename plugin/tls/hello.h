/* The messages of the handshake that carry facts, read from the wire (hello.c). Every pointer in
 * these structs borrows from the message that was read.
 */
#ifndef RESUM_TLS_HELLO_H
#define RESUM_TLS_HELLO_H

#include "wire.h"

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
  unsigned version; /* supported_versions where it is there, else legacy_version */
  unsigned legacy_version;
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
  rs_bytes extensions; /* TLS 1.3 */
} rs_new_session_ticket;

/* What stands behind the 4-byte header of a whole message. */
rs_reader rs_message_body(rs_bytes message);

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
/* The server's public value in a ServerKeyExchange of ECDHE, or of DHE (RFC 5246, section 7.4.3);
 * empty where it is malformed. */
rs_bytes rs_read_key_exchange_share(rs_reader body, int names_curve);

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
  rs_bytes binder; /* what is not known yet is a run of zeros; empty: it is left out */
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

/* What a second ClientHello has that the first one had not. */
typedef struct {
  const rs_key_share *key_share; /* NULL: as before */
  rs_bytes cookie;
  uint32_t elapsed_ms; /* by which the tickets are older */
} rs_hello_changes;

/* Writes the second ClientHello, which answers a HelloRetryRequest (RFC 8446, section 4.1.2): the
 * first one's body with these changes, and without early data. The binders are left as they were.
 */
int rs_write_second_client_hello(rs_writer *w, rs_reader first, const rs_hello_changes *changes);

#endif
