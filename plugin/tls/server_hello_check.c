/* Whether a server's answer fits the ClientHello that it answers: nothing is chosen that was not
 * offered, and nothing said twice. What libssl would refuse must not become a verdict here. Pure:
 * two messages in, a violation or none out; it knows no state of a handshake and no key.
 */
#include "server_hello_check.h"

#include "extension_rules.h"
#include "numbers.h"
#include "suites.h"

enum {
  RENEGOTIATION_SCSV = 0x00ff, /* RFC 5746, section 3.3: stands for the extension */
  MOST_EXTENSIONS = 64,
  SENTINEL = 8
};

static int check_same_bytes(rs_bytes a, rs_bytes b) {
  return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

/* Whether a list of numbers, `width` bytes each, has this one. */
static int check_has_number(rs_reader list, size_t width, unsigned number) {
  while (list.left >= width)
    if (rs_read_number(&list, width) == number)
      return 1;
  return 0;
}

static int check_offers_cipher(const rs_client_hello *ours, unsigned cipher) {
  return check_has_number(rs_reader_of(ours->ciphers.bytes, ours->ciphers.length), 2, cipher);
}

/* The list of numbers in an extension of the ClientHello; empty where there is none. */
static rs_reader check_offered_list(const rs_client_hello *ours, unsigned type,
                                    size_t length_width) {
  rs_reader body;
  if (!rs_extension_find(ours->extensions, type, &body))
    return rs_reader_of(NULL, 0);
  return rs_read_vector(&body, length_width);
}

static int check_offers_version(const rs_client_hello *ours, unsigned version) {
  rs_reader body;
  if (rs_extension_find(ours->extensions, RS_EXT_SUPPORTED_VERSIONS, &body))
    return check_has_number(rs_read_vector(&body, 1), 2, version);
  return version >= RS_TLS10 && version <= ours->legacy_version && version < RS_TLS13;
}

static int check_offers_psk_mode(const rs_client_hello *ours, unsigned mode) {
  return check_has_number(check_offered_list(ours, RS_EXT_PSK_KEY_EXCHANGE_MODES, 1), 1, mode);
}

/* Whether the ClientHello has a key share of this group. */
static int check_has_share(const rs_client_hello *ours, unsigned group) {
  rs_reader shares = check_offered_list(ours, RS_EXT_KEY_SHARE, 2);
  while (shares.left > 0) {
    const unsigned offered = rs_read_u16(&shares);
    rs_read_vector(&shares, 2);
    if (!shares.bad && offered == group)
      return 1;
  }
  return 0;
}

/* --- extensions --- */

/* The server's list has one name (RFC 7301, section 3.1). */
static int check_offers_protocol(const rs_client_hello *ours, rs_reader theirs) {
  rs_reader offered = check_offered_list(ours, RS_EXT_ALPN, 2);
  rs_reader list = rs_read_vector(&theirs, 2), name = rs_read_vector(&list, 1);
  while (offered.left > 0) {
    const rs_reader one = rs_read_vector(&offered, 1);
    if (check_same_bytes((rs_bytes){one.at, one.left}, (rs_bytes){name.at, name.left}))
      return 1;
  }
  return 0;
}

static int check_extension_offered(const rs_client_hello *ours, unsigned type, int is_retry) {
  rs_reader body;
  return rs_extension_find(ours->extensions, type, &body) || (type == RS_EXT_COOKIE && is_retry) ||
         (type == RS_EXT_RENEGOTIATION_INFO && check_offers_cipher(ours, RENEGOTIATION_SCSV));
}

static rs_violation check_extension(const rs_client_hello *ours, unsigned type, rs_reader body,
                                    rs_extension_place place) {
  const rs_extension_fit fit = rs_extension_fits(type, place, body);
  if (!check_extension_offered(ours, type, place == RS_IN_RETRY))
    return RS_VIOLATION_EXTENSION_NOT_OFFERED;
  if (fit == RS_EXTENSION_MISPLACED)
    return RS_VIOLATION_EXTENSION_PLACE;
  if (fit == RS_EXTENSION_MALFORMED)
    return RS_VIOLATION_EXTENSION;
  if (type == RS_EXT_ALPN && !check_offers_protocol(ours, body))
    return RS_VIOLATION_ALPN_NOT_OFFERED;
  return RS_NO_VIOLATION;
}

static rs_violation check_extensions(const rs_client_hello *ours, rs_bytes extensions,
                                     rs_extension_place place) {
  rs_reader list = rs_reader_of(extensions.bytes, extensions.length), body;
  unsigned seen[MOST_EXTENSIONS], type;
  for (size_t count = 0; rs_extension_next(&list, &type, &body); count++) {
    const rs_violation wrong = check_extension(ours, type, body, place);
    if (wrong)
      return wrong;
    for (size_t i = 0; i < count; i++)
      if (seen[i] == type)
        return RS_VIOLATION_EXTENSION_TWICE;
    if (count == MOST_EXTENSIONS)
      return RS_VIOLATION_EXTENSIONS;
    seen[count] = type;
  }
  return RS_NO_VIOLATION;
}

rs_violation rs_encrypted_extensions_misfit(const rs_client_hello *ours,
                                            const rs_encrypted_extensions *theirs) {
  return check_extensions(ours, theirs->extensions, RS_IN_ENCRYPTED);
}

/* RFC 5746, section 3.4: empty in a first handshake. */
static int check_renegotiates(const rs_server_hello *theirs) {
  rs_reader body;
  if (!rs_extension_find(theirs->extensions, RS_EXT_RENEGOTIATION_INFO, &body))
    return 0;
  return rs_read_u8(&body) != 0 || !rs_reader_done(&body);
}

/* --- versions --- */

/* RFC 8446, section 4.1.3: a server marks its choice of less than it can. */
static int check_is_downgraded(const rs_client_hello *ours, const rs_server_hello *theirs) {
  static const unsigned char to_12[SENTINEL + 1] = "DOWNGRD\1", to_11[SENTINEL] = "DOWNGRD";
  rs_reader r = rs_reader_of(theirs->random.bytes, theirs->random.length);
  rs_read_bytes(&r, RS_RANDOM - SENTINEL);
  const unsigned char *mark = rs_read_bytes(&r, SENTINEL);
  if (!mark || theirs->version >= RS_TLS13)
    return 0;
  if (check_offers_version(ours, RS_TLS13))
    return memcmp(mark, to_12, SENTINEL) == 0 || memcmp(mark, to_11, SENTINEL) == 0;
  return theirs->version < RS_TLS12 && check_offers_version(ours, RS_TLS12) &&
         memcmp(mark, to_11, SENTINEL) == 0;
}

static rs_violation check_version(const rs_client_hello *ours, const rs_server_hello *theirs) {
  if (theirs->hello_retry_request && theirs->version != RS_TLS13)
    return RS_VIOLATION_RETRY_VERSION;
  if (theirs->names_version && theirs->version < RS_TLS13)
    return RS_VIOLATION_VERSION_IN_NEW_PLACE;
  if (!check_offers_version(ours, theirs->version))
    return RS_VIOLATION_VERSION_NOT_OFFERED;
  /* RFC 8446, section 4.1.3, has 1.2 in the old place; libssl takes what is older. */
  if (theirs->version >= RS_TLS13 && (!theirs->names_version || theirs->legacy_version < RS_TLS10 ||
                                      theirs->legacy_version > RS_TLS12))
    return RS_VIOLATION_LEGACY_VERSION;
  if (check_is_downgraded(ours, theirs))
    return RS_VIOLATION_DOWNGRADE;
  return RS_NO_VIOLATION;
}

/* --- the hellos --- */

rs_violation rs_server_hello_misfit(const rs_client_hello *ours, const rs_server_hello *theirs) {
  const rs_violation version = check_version(ours, theirs);
  if (version)
    return version;
  const int is_new = theirs->version >= RS_TLS13;
  if (theirs->session_id.length > RS_MAX_SESSION_ID)
    return RS_VIOLATION_SESSION_ID_LENGTH;
  if (theirs->compression != 0)
    return RS_VIOLATION_COMPRESSION;
  if (!check_offers_cipher(ours, theirs->cipher) || rs_cipher_is_new(theirs->cipher) != is_new)
    return RS_VIOLATION_CIPHER_NOT_OFFERED;
  if (is_new && !check_same_bytes(ours->session_id, theirs->session_id))
    return RS_VIOLATION_SESSION_ID_ECHO;
  if (!is_new && check_renegotiates(theirs))
    return RS_VIOLATION_RENEGOTIATION;
  return check_extensions(ours, theirs->extensions,
                          !is_new                       ? RS_IN_OLD_HELLO
                          : theirs->hello_retry_request ? RS_IN_RETRY
                                                        : RS_IN_HELLO);
}

rs_violation rs_retry_misfit(const rs_client_hello *ours, const rs_server_hello *retry) {
  if (!retry->has_key_share && retry->cookie.length == 0)
    return RS_VIOLATION_RETRY_FOR_NOTHING;
  if (!retry->has_key_share)
    return RS_NO_VIOLATION;
  if (!check_has_number(check_offered_list(ours, RS_EXT_SUPPORTED_GROUPS, 2), 2, retry->group))
    return RS_VIOLATION_RETRY_GROUP;
  if (check_has_share(ours, retry->group))
    return RS_VIOLATION_RETRY_FOR_SAME;
  return RS_NO_VIOLATION;
}

rs_violation rs_psk_misfit(const rs_client_hello *ours, const rs_server_hello *theirs) {
  if (!theirs->has_key_share && !check_offers_psk_mode(ours, RS_PSK_KE))
    return RS_VIOLATION_PSK_KE;
  if (theirs->has_key_share && !check_offers_psk_mode(ours, RS_PSK_DHE_KE))
    return RS_VIOLATION_PSK_DHE_KE;
  return RS_NO_VIOLATION;
}
