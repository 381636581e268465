/* Reads the handshake messages that carry facts: ClientHello, ServerHello, EncryptedExtensions,
 * NewSessionTicket. Pure: bytes in, struct out; it keeps nothing and judges nothing.
 * RFC 8446 section 4, RFC 5246 section 7.4, RFC 5077 section 3.3.
 */
#include "hello.h"

/* SHA-256 of "HelloRetryRequest": the random that marks one (RFC 8446, section 4.1.3). */
static const unsigned char hello_retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

static rs_bytes read_fixed(rs_reader *r, size_t length) {
  const unsigned char *p = rs_read_bytes(r, length);
  rs_bytes b = {p, p ? length : 0};
  return b;
}

static rs_bytes read_rest(rs_reader *r) {
  return read_fixed(r, r->left);
}

static rs_bytes read_vector(rs_reader *r, size_t width) {
  rs_reader inner = rs_read_vector(r, width);
  return read_rest(&inner);
}

int rs_extension_next(rs_reader *list, unsigned *type, rs_reader *body) {
  if (list->bad || list->left == 0)
    return 0;
  *type = rs_read_u16(list);
  *body = rs_read_vector(list, 2);
  return !list->bad;
}

/* The server's ALPN extension holds exactly one name (RFC 7301, section 3.1). */
static rs_bytes read_alpn(rs_reader body) {
  rs_reader names = rs_read_vector(&body, 2);
  return read_vector(&names, 1);
}

static unsigned count_identities(rs_reader body) {
  unsigned count = 0;
  for (rs_reader list = rs_read_vector(&body, 2); list.left > 0; count++) {
    rs_read_vector(&list, 2);
    rs_read_u32(&list);
    if (list.bad)
      break;
  }
  return count;
}

int rs_read_client_hello(rs_reader body, rs_client_hello *hello) {
  memset(hello, 0, sizeof *hello);
  hello->legacy_version = rs_read_u16(&body);
  hello->random = read_fixed(&body, 32);
  hello->session_id = read_vector(&body, 1);
  rs_read_vector(&body, 2); /* cipher_suites */
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
      hello->ticket_length = extension.left;
    } else if (type == RS_EXT_PRE_SHARED_KEY) {
      hello->psk_identities = count_identities(extension);
    } else if (type == RS_EXT_EARLY_DATA) {
      hello->early_data = 1;
    }
  }
  return rs_reader_done(&body) && !list.bad;
}

static void read_server_key_share(rs_reader body, rs_server_hello *hello) {
  hello->has_key_share = 1;
  hello->group = rs_read_u16(&body);
  if (body.left > 0)
    hello->key_share = read_vector(&body, 2);
}

static int read_server_extension(unsigned type, rs_reader *body, rs_server_hello *hello) {
  switch (type) {
  case RS_EXT_SUPPORTED_VERSIONS:
    hello->version = rs_read_u16(body);
    break;
  case RS_EXT_KEY_SHARE:
    read_server_key_share(*body, hello);
    break;
  case RS_EXT_PRE_SHARED_KEY:
    hello->selected_identity = rs_read_u16(body);
    break;
  case RS_EXT_EXTENDED_MASTER_SECRET:
    hello->extended_master_secret = 1;
    break;
  case RS_EXT_ENCRYPT_THEN_MAC:
    hello->encrypt_then_mac = 1;
    break;
  case RS_EXT_SESSION_TICKET:
    hello->session_ticket = 1;
    break;
  case RS_EXT_ALPN:
    hello->alpn = read_alpn(*body);
    break;
  default:
    break;
  }
  return !body->bad;
}

int rs_read_server_hello(rs_reader body, rs_server_hello *hello) {
  memset(hello, 0, sizeof *hello);
  hello->selected_identity = -1;
  hello->version = rs_read_u16(&body);
  hello->random = read_fixed(&body, 32);
  hello->session_id = read_vector(&body, 1);
  hello->cipher = rs_read_u16(&body);
  rs_read_u8(&body); /* compression_method */
  if (body.bad)
    return 0;
  hello->hello_retry_request = memcmp(hello->random.bytes, hello_retry_random, 32) == 0;
  if (body.left == 0)
    return 1;
  rs_reader list = rs_read_vector(&body, 2), extension;
  hello->extensions.bytes = list.at;
  hello->extensions.length = list.left;
  unsigned type;
  int good = 1;
  while (rs_extension_next(&list, &type, &extension))
    good &= read_server_extension(type, &extension, hello);
  return good && rs_reader_done(&body) && !list.bad;
}

int rs_read_encrypted_extensions(rs_reader body, rs_encrypted_extensions *extensions) {
  memset(extensions, 0, sizeof *extensions);
  rs_reader list = rs_read_vector(&body, 2), extension;
  unsigned type;
  while (rs_extension_next(&list, &type, &extension)) {
    if (type == RS_EXT_ALPN)
      extensions->alpn = read_alpn(extension);
    else if (type == RS_EXT_EARLY_DATA)
      extensions->early_data = 1;
  }
  return rs_reader_done(&body) && !list.bad;
}

int rs_read_new_session_ticket(rs_reader body, unsigned version, rs_new_session_ticket *ticket) {
  memset(ticket, 0, sizeof *ticket);
  ticket->lifetime_s = rs_read_u32(&body);
  if (version < RS_TLS13) {
    ticket->ticket = read_vector(&body, 2);
    return rs_reader_done(&body);
  }
  ticket->age_add = rs_read_u32(&body);
  ticket->nonce = read_vector(&body, 1);
  ticket->ticket = read_vector(&body, 2);
  rs_reader list = rs_read_vector(&body, 2), extension;
  unsigned type;
  while (rs_extension_next(&list, &type, &extension)) {
    if (type == RS_EXT_EARLY_DATA) {
      ticket->has_early_data = 1;
      ticket->max_early_data = rs_read_u32(&extension);
    }
  }
  return rs_reader_done(&body) && !list.bad;
}

unsigned rs_read_key_exchange_group(rs_reader body) {
  const unsigned named_curve = 3;
  return rs_read_u8(&body) == named_curve ? rs_read_u16(&body) : 0;
}
