/* Reads the handshake messages that carry facts (ClientHello, ServerHello, EncryptedExtensions,
 * Certificate, NewSessionTicket), and writes a ClientHello. Pure: bytes in, struct out, and back;
 * it keeps nothing and judges nothing. RFC 8446 section 4, RFC 5246 section 7.4, RFC 5077
 * section 3.3.
 */
#include "hello.h"

#include "extension_rules.h"
#include "numbers.h"

/* SHA-256 of "HelloRetryRequest": the random that marks one (RFC 8446, section 4.1.3). */
static const unsigned char hello_retry_random[RS_RANDOM] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

static int hello_is_retry(rs_bytes random) {
  return random.length == sizeof hello_retry_random &&
         memcmp(random.bytes, hello_retry_random, sizeof hello_retry_random) == 0;
}

static rs_bytes hello_read_fixed(rs_reader *r, size_t length) {
  const unsigned char *p = rs_read_bytes(r, length);
  rs_bytes b = {p, p ? length : 0};
  return b;
}

static rs_bytes hello_read_rest(rs_reader *r) {
  return hello_read_fixed(r, r->left);
}

static rs_bytes hello_read_vector(rs_reader *r, size_t width) {
  rs_reader inner = rs_read_vector(r, width);
  return hello_read_rest(&inner);
}

rs_reader rs_message_body(rs_bytes message) {
  rs_reader body = rs_reader_of(message.bytes, message.length);
  rs_read_bytes(&body, RS_MESSAGE_HEADER);
  return body;
}

int rs_extension_next(rs_reader *list, unsigned *type, rs_reader *body) {
  if (list->bad || list->left == 0)
    return 0;
  *type = rs_read_u16(list);
  *body = rs_read_vector(list, 2);
  return !list->bad;
}

int rs_extension_find(rs_bytes extensions, unsigned wanted, rs_reader *body) {
  rs_reader list = rs_reader_of(extensions.bytes, extensions.length);
  unsigned type;
  while (rs_extension_next(&list, &type, body))
    if (type == wanted)
      return 1;
  return 0;
}

/* The server's ALPN extension holds exactly one name (RFC 7301, section 3.1). */
static rs_bytes hello_read_alpn(rs_reader body) {
  rs_reader names = rs_read_vector(&body, 2);
  return hello_read_vector(&names, 1);
}

static void hello_read_psks(rs_reader body, rs_client_hello *hello) {
  rs_reader list = rs_read_vector(&body, 2);
  while (list.left > 0) {
    rs_read_vector(&list, 2);
    rs_read_u32(&list);
    hello->psk_identities += !list.bad;
  }
  hello->binders = hello_read_rest(&body);
}

int rs_read_client_hello(rs_reader body, rs_client_hello *hello) {
  memset(hello, 0, sizeof *hello);
  hello->legacy_version = rs_read_u16(&body);
  hello->random = hello_read_fixed(&body, RS_RANDOM);
  hello->session_id = hello_read_vector(&body, 1);
  hello->ciphers = hello_read_vector(&body, 2);
  rs_read_vector(&body, 1); /* compression_methods */
  if (body.bad || body.left == 0)
    return !body.bad; /* extensions may be missing up to TLS 1.2 */
  rs_reader list = rs_read_vector(&body, 2), extension;
  hello->extensions.bytes = list.at;
  hello->extensions.length = list.left;
  unsigned type;
  while (rs_extension_next(&list, &type, &extension)) {
    if (type == RS_EXT_SESSION_TICKET) {
      hello->ticket_offered = 1;
      hello->ticket = hello_read_rest(&extension);
    } else if (type == RS_EXT_PRE_SHARED_KEY) {
      hello_read_psks(extension, hello);
    } else if (type == RS_EXT_EARLY_DATA) {
      hello->early_data = 1;
    }
  }
  return rs_reader_done(&body) && !list.bad;
}

/* A HelloRetryRequest has the group alone. */
static int hello_read_server_key_share(rs_reader *body, rs_server_hello *hello) {
  hello->has_key_share = 1;
  hello->group = rs_read_u16(body);
  if (!hello->hello_retry_request)
    hello->key_share = hello_read_vector(body, 2);
  return rs_reader_done(body);
}

static int hello_read_server_extension(unsigned type, rs_reader *body, rs_server_hello *hello) {
  switch (type) {
  case RS_EXT_SUPPORTED_VERSIONS:
    hello->names_version = 1;
    hello->version = rs_read_u16(body);
    return rs_reader_done(body);
  case RS_EXT_KEY_SHARE:
    return hello_read_server_key_share(body, hello);
  case RS_EXT_PRE_SHARED_KEY:
    hello->selected_identity = rs_read_u16(body);
    return rs_reader_done(body);
  case RS_EXT_EXTENDED_MASTER_SECRET:
    hello->extended_master_secret = 1;
    break;
  case RS_EXT_ENCRYPT_THEN_MAC:
    hello->encrypt_then_mac = 1;
    break;
  case RS_EXT_SESSION_TICKET:
    hello->session_ticket = 1;
    break;
  case RS_EXT_COOKIE:
    hello->cookie = hello_read_vector(body, 2);
    return rs_reader_done(body) && hello->cookie.length > 0;
  case RS_EXT_ALPN:
    hello->alpn = hello_read_alpn(*body);
    break;
  default:
    break;
  }
  return !body->bad;
}

int rs_read_server_hello(rs_reader body, rs_server_hello *hello) {
  memset(hello, 0, sizeof *hello);
  hello->selected_identity = -1;
  hello->version = hello->legacy_version = rs_read_u16(&body);
  hello->random = hello_read_fixed(&body, RS_RANDOM);
  hello->session_id = hello_read_vector(&body, 1);
  hello->cipher = rs_read_u16(&body);
  hello->compression = rs_read_u8(&body);
  if (body.bad)
    return 0;
  hello->hello_retry_request = hello_is_retry(hello->random);
  if (body.left == 0)
    return 1;
  rs_reader list = rs_read_vector(&body, 2), extension;
  hello->extensions.bytes = list.at;
  hello->extensions.length = list.left;
  unsigned type;
  int good = 1;
  while (rs_extension_next(&list, &type, &extension))
    good &= hello_read_server_extension(type, &extension, hello);
  return good && rs_reader_done(&body) && !list.bad;
}

int rs_read_encrypted_extensions(rs_reader body, rs_encrypted_extensions *extensions) {
  memset(extensions, 0, sizeof *extensions);
  rs_reader list = rs_read_vector(&body, 2), extension;
  extensions->extensions.bytes = list.at;
  extensions->extensions.length = list.left;
  unsigned type;
  while (rs_extension_next(&list, &type, &extension)) {
    if (type == RS_EXT_ALPN)
      extensions->alpn = hello_read_alpn(extension);
    else if (type == RS_EXT_EARLY_DATA)
      extensions->early_data = 1;
  }
  return rs_reader_done(&body) && !list.bad;
}

int rs_read_new_session_ticket(rs_reader body, unsigned version, rs_new_session_ticket *ticket) {
  memset(ticket, 0, sizeof *ticket);
  ticket->lifetime_s = rs_read_u32(&body);
  if (version < RS_TLS13) {
    ticket->ticket = hello_read_vector(&body, 2);
    return rs_reader_done(&body);
  }
  ticket->age_add = rs_read_u32(&body);
  ticket->nonce = hello_read_vector(&body, 1);
  ticket->ticket = hello_read_vector(&body, 2);
  rs_reader list = rs_read_vector(&body, 2), extension;
  ticket->extensions = (rs_bytes){list.at, list.left};
  unsigned type;
  int good = 1;
  while (rs_extension_next(&list, &type, &extension)) {
    good &= rs_extension_fits(type, RS_IN_TICKET, extension) == RS_EXTENSION_FITS;
    if (type == RS_EXT_EARLY_DATA) {
      ticket->has_early_data = 1;
      ticket->max_early_data = rs_read_u32(&extension);
    }
  }
  return good && rs_reader_done(&body) && !list.bad;
}

int rs_read_leaf(rs_reader body, unsigned version, rs_bytes *leaf) {
  if (version >= RS_TLS13)
    rs_read_vector(&body, 1); /* certificate_request_context */
  rs_reader list = rs_read_vector(&body, 3);
  *leaf = hello_read_vector(&list, 3);
  return !body.bad && !list.bad && leaf->length > 0;
}

unsigned rs_read_key_exchange_group(rs_reader body) {
  const unsigned named_curve = 3;
  return rs_read_u8(&body) == named_curve ? rs_read_u16(&body) : 0;
}

rs_bytes rs_read_key_exchange_share(rs_reader body, int names_curve) {
  rs_reader share;
  if (names_curve) {
    rs_read_u8(&body);
    rs_read_u16(&body);
    share = rs_read_vector(&body, 1);
  } else {
    rs_read_vector(&body, 2);
    rs_read_vector(&body, 2);
    share = rs_read_vector(&body, 2);
  }
  return (rs_bytes){share.at, share.bad ? 0 : share.left};
}

/* --- writing --- */

static void hello_write_vector(rs_writer *w, rs_bytes value, size_t width) {
  size_t mark = rs_write_open(w, width);
  rs_write_bytes(w, value.bytes, value.length);
  rs_write_close(w, mark, width);
}

static void hello_write_numbers(rs_writer *w, rs_numbers numbers, size_t width) {
  size_t mark = rs_write_open(w, width);
  for (size_t i = 0; i < numbers.count; i++)
    rs_write_number(w, numbers.items[i], 2);
  rs_write_close(w, mark, width);
}

/* RFC 6066, section 3. */
static void hello_write_server_name(rs_writer *w, rs_bytes name) {
  size_t mark = rs_write_open(w, 2);
  rs_write_number(w, 0, 1); /* host_name */
  hello_write_vector(w, name, 2);
  rs_write_close(w, mark, 2);
}

static void hello_write_key_shares(rs_writer *w, const rs_key_share *shares, size_t count) {
  size_t mark = rs_write_open(w, 2);
  for (size_t i = 0; i < count; i++) {
    rs_write_number(w, shares[i].group, 2);
    hello_write_vector(w, shares[i].share, 2);
  }
  rs_write_close(w, mark, 2);
}

static void hello_write_psks(rs_writer *w, const rs_psk *psks, size_t count) {
  size_t mark = rs_write_open(w, 2);
  for (size_t i = 0; i < count; i++) {
    hello_write_vector(w, psks[i].identity, 2);
    rs_write_number(w, psks[i].obfuscated_ticket_age, 4);
  }
  rs_write_close(w, mark, 2);
  mark = rs_write_open(w, 2);
  for (size_t i = 0; i < count; i++)
    if (psks[i].binder.length > 0)
      hello_write_vector(w, psks[i].binder, 1);
  rs_write_close(w, mark, 2);
}

/* Whether the fields have anything for an extension of this type. */
static int hello_has_value(const rs_hello_fields *f, unsigned type) {
  switch (type) {
  case RS_EXT_SERVER_NAME:
    return f->server_name.length > 0;
  case RS_EXT_SUPPORTED_GROUPS:
    return f->groups.count > 0;
  case RS_EXT_SIGNATURE_ALGORITHMS:
    return f->signature_algorithms.count > 0;
  case RS_EXT_ALPN:
    return f->alpn.length > 0;
  case RS_EXT_SESSION_TICKET:
    return f->offers_ticket;
  case RS_EXT_SUPPORTED_VERSIONS:
    return f->versions.count > 0;
  case RS_EXT_PSK_KEY_EXCHANGE_MODES:
    return f->psk_modes.length > 0;
  case RS_EXT_EARLY_DATA:
    return f->early_data;
  case RS_EXT_PRE_SHARED_KEY:
    return f->psk_count > 0;
  case RS_EXT_EC_POINT_FORMATS:
  case RS_EXT_ENCRYPT_THEN_MAC:
  case RS_EXT_EXTENDED_MASTER_SECRET:
  case RS_EXT_KEY_SHARE: /* without shares it asks for a HelloRetryRequest */
  case RS_EXT_RENEGOTIATION_INFO:
    return 1;
  default:
    return 0;
  }
}

static void hello_write_value(rs_writer *w, const rs_hello_fields *f, unsigned type) {
  static const unsigned char uncompressed[] = {0};
  switch (type) {
  case RS_EXT_SERVER_NAME:
    hello_write_server_name(w, f->server_name);
    break;
  case RS_EXT_SUPPORTED_GROUPS:
    hello_write_numbers(w, f->groups, 2);
    break;
  case RS_EXT_EC_POINT_FORMATS:
    hello_write_vector(w, (rs_bytes){uncompressed, sizeof uncompressed}, 1);
    break;
  case RS_EXT_SIGNATURE_ALGORITHMS:
    hello_write_numbers(w, f->signature_algorithms, 2);
    break;
  case RS_EXT_ALPN:
    hello_write_vector(w, f->alpn, 2);
    break;
  case RS_EXT_SESSION_TICKET:
    rs_write_bytes(w, f->ticket.bytes, f->ticket.length);
    break;
  case RS_EXT_SUPPORTED_VERSIONS:
    hello_write_numbers(w, f->versions, 1);
    break;
  case RS_EXT_PSK_KEY_EXCHANGE_MODES:
    hello_write_vector(w, f->psk_modes, 1);
    break;
  case RS_EXT_KEY_SHARE:
    hello_write_key_shares(w, f->key_shares, f->key_share_count);
    break;
  case RS_EXT_PRE_SHARED_KEY:
    hello_write_psks(w, f->psks, f->psk_count);
    break;
  case RS_EXT_RENEGOTIATION_INFO: /* RFC 5746: an empty one in a first handshake */
    hello_write_vector(w, (rs_bytes){NULL, 0}, 1);
    break;
  default: /* the presence of the others is all they say */
    break;
  }
}

static void hello_write_extension(rs_writer *w, const rs_hello_fields *f,
                                  const rs_hello_extension *e) {
  if (!e->has_body && !hello_has_value(f, e->type))
    return;
  rs_write_number(w, e->type, 2);
  size_t mark = rs_write_open(w, 2);
  if (e->has_body)
    rs_write_bytes(w, e->body.bytes, e->body.length);
  else
    hello_write_value(w, f, e->type);
  rs_write_close(w, mark, 2);
}

int rs_write_client_hello(rs_writer *w, const rs_hello_fields *f) {
  rs_write_number(w, RS_CLIENT_HELLO, 1);
  const size_t message = rs_write_open(w, 3);
  rs_write_number(w, f->legacy_version, 2);
  rs_write_bytes(w, f->random.bytes, f->random.length);
  hello_write_vector(w, f->session_id, 1);
  hello_write_numbers(w, f->ciphers, 2);
  rs_write_number(w, 0x0100, 2); /* one compression method: null */
  const size_t extensions = rs_write_open(w, 2);
  for (size_t i = 0; i < f->extension_count; i++)
    hello_write_extension(w, f, &f->extensions[i]);
  rs_write_close(w, extensions, 2);
  rs_write_close(w, message, 3);
  return !w->full;
}

static void hello_write_typed(rs_writer *w, unsigned type, rs_bytes body) {
  rs_write_number(w, type, 2);
  hello_write_vector(w, body, 2);
}

static void hello_write_cookie(rs_writer *w, rs_bytes cookie) {
  if (cookie.length == 0)
    return;
  rs_write_number(w, RS_EXT_COOKIE, 2);
  size_t mark = rs_write_open(w, 2);
  hello_write_vector(w, cookie, 2);
  rs_write_close(w, mark, 2);
}

/* pre_shared_key with all ages grown. Returns 0 for one that the caller made, and not to be read.
 */
static int hello_write_aged_psks(rs_writer *w, rs_bytes body, uint32_t elapsed_ms) {
  rs_reader r = rs_reader_of(body.bytes, body.length), identities = rs_read_vector(&r, 2);
  rs_write_number(w, RS_EXT_PRE_SHARED_KEY, 2);
  const size_t extension = rs_write_open(w, 2), list = rs_write_open(w, 2);
  while (identities.left > 0) {
    hello_write_vector(w, hello_read_vector(&identities, 2), 2);
    rs_write_number(w, rs_read_u32(&identities) + elapsed_ms, 4);
  }
  rs_write_close(w, list, 2);
  rs_write_bytes(w, r.at, r.left);
  rs_write_close(w, extension, 2);
  return !r.bad && !identities.bad;
}

static void hello_write_second_extension(rs_writer *w, unsigned type, rs_bytes body,
                                         const rs_hello_changes *changes) {
  if (type == RS_EXT_KEY_SHARE && changes->key_share) {
    rs_write_number(w, type, 2);
    size_t mark = rs_write_open(w, 2);
    hello_write_key_shares(w, changes->key_share, 1);
    rs_write_close(w, mark, 2);
  } else if (type == RS_EXT_PRE_SHARED_KEY && changes->elapsed_ms > 0) {
    w->full |= !hello_write_aged_psks(w, body, changes->elapsed_ms);
  } else if (type != RS_EXT_EARLY_DATA) {
    hello_write_typed(w, type, body);
  }
}

int rs_write_second_client_hello(rs_writer *w, rs_reader first, const rs_hello_changes *changes) {
  rs_bytes cookie = changes->cookie;
  rs_client_hello hello;
  if (!rs_read_client_hello(first, &hello) || !hello.extensions.bytes)
    return 0;
  rs_write_number(w, RS_CLIENT_HELLO, 1);
  const size_t message = rs_write_open(w, 3);
  rs_write_bytes(w, first.at, (size_t)(hello.extensions.bytes - first.at) - 2);
  const size_t extensions = rs_write_open(w, 2);
  rs_reader list = rs_reader_of(hello.extensions.bytes, hello.extensions.length), extension;
  unsigned type;
  while (rs_extension_next(&list, &type, &extension)) {
    if (type == RS_EXT_PRE_SHARED_KEY) { /* it stays the last one */
      hello_write_cookie(w, cookie);
      cookie.length = 0;
    }
    hello_write_second_extension(w, type, (rs_bytes){extension.at, extension.left}, changes);
  }
  hello_write_cookie(w, cookie);
  rs_write_close(w, extensions, 2);
  rs_write_close(w, message, 3);
  return !w->full;
}
