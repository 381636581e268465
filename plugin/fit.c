/* Whether a server's answer fits the ClientHello that it answers: nothing is chosen that was not
 * offered, and nothing said twice. What libssl would refuse must not become a verdict here. Pure:
 * two messages in, a misfit out; it knows no state of a handshake and no key.
 */
#include "fit.h"

#include "suites.h"

enum {
  RENEGOTIATION_SCSV = 0x00ff, /* RFC 5746, section 3.3: stands for the extension */
  MOST_EXTENSIONS = 64,
  SENTINEL = 8
};

static const rs_misfit FITS = {NULL, 0};

static rs_misfit misfit(const char *message, int alert) {
  const rs_misfit wrong = {message, alert};
  return wrong;
}

static int same_bytes(rs_bytes a, rs_bytes b) {
  return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

/* Whether a list of numbers, `width` bytes each, has this one. */
static int has_number(rs_reader list, size_t width, unsigned number) {
  while (list.left >= width)
    if (rs_read_number(&list, width) == number)
      return 1;
  return 0;
}

static int offers_cipher(const rs_client_hello *ours, unsigned cipher) {
  return has_number(rs_reader_of(ours->ciphers.bytes, ours->ciphers.length), 2, cipher);
}

/* The list of numbers in an extension of the ClientHello; empty where there is none. */
static rs_reader offered_list(const rs_client_hello *ours, unsigned type, size_t length_width) {
  rs_reader body;
  if (!rs_extension_find(ours->extensions, type, &body))
    return rs_reader_of(NULL, 0);
  return rs_read_vector(&body, length_width);
}

static int offers_version(const rs_client_hello *ours, unsigned version) {
  rs_reader body;
  if (rs_extension_find(ours->extensions, RS_EXT_SUPPORTED_VERSIONS, &body))
    return has_number(rs_read_vector(&body, 1), 2, version);
  return version >= RS_TLS10 && version <= ours->legacy_version && version < RS_TLS13;
}

static int offers_psk_mode(const rs_client_hello *ours, unsigned mode) {
  return has_number(offered_list(ours, RS_EXT_PSK_KEY_EXCHANGE_MODES, 1), 1, mode);
}

/* Whether the ClientHello has a key share of this group. */
static int has_share(const rs_client_hello *ours, unsigned group) {
  rs_reader shares = offered_list(ours, RS_EXT_KEY_SHARE, 2);
  while (shares.left > 0) {
    const unsigned offered = rs_read_u16(&shares);
    rs_read_vector(&shares, 2);
    if (!shares.bad && offered == group)
      return 1;
  }
  return 0;
}

/* --- extensions --- */

static int extension_offered(const rs_client_hello *ours, unsigned type, int is_retry) {
  rs_reader body;
  return rs_extension_find(ours->extensions, type, &body) || (type == RS_EXT_COOKIE && is_retry) ||
         (type == RS_EXT_RENEGOTIATION_INFO && offers_cipher(ours, RENEGOTIATION_SCSV));
}

/* Those that TLS 1.3 still has in a ServerHello or HelloRetryRequest (RFC 8446, section 4.2). */
static int belongs_to_hello(unsigned type, int is_retry) {
  return type == RS_EXT_SUPPORTED_VERSIONS || type == RS_EXT_KEY_SHARE ||
         type == (is_retry ? (unsigned)RS_EXT_COOKIE : (unsigned)RS_EXT_PRE_SHARED_KEY);
}

typedef enum { IN_OLD_HELLO, IN_HELLO, IN_RETRY, IN_ENCRYPTED } extension_place;

static rs_misfit extensions_misfit(const rs_client_hello *ours, rs_bytes extensions,
                                   extension_place place) {
  rs_reader list = rs_reader_of(extensions.bytes, extensions.length), body;
  unsigned seen[MOST_EXTENSIONS], type;
  for (size_t count = 0; rs_extension_next(&list, &type, &body); count++) {
    if (!extension_offered(ours, type, place == IN_RETRY))
      return misfit("the server sent an extension that was not offered",
                    RS_ALERT_UNSUPPORTED_EXTENSION);
    if (place != IN_OLD_HELLO &&
        belongs_to_hello(type, place == IN_RETRY) != (place != IN_ENCRYPTED))
      return misfit("the server sent an extension in the wrong message",
                    RS_ALERT_ILLEGAL_PARAMETER);
    for (size_t i = 0; i < count; i++)
      if (seen[i] == type)
        return misfit("the server sent an extension twice", RS_ALERT_ILLEGAL_PARAMETER);
    if (count == MOST_EXTENSIONS)
      return misfit("the server sent more extensions than are known", RS_ALERT_ILLEGAL_PARAMETER);
    seen[count] = type;
  }
  return FITS;
}

rs_misfit rs_encrypted_extensions_misfit(const rs_client_hello *ours,
                                         const rs_encrypted_extensions *theirs) {
  return extensions_misfit(ours, theirs->extensions, IN_ENCRYPTED);
}

/* RFC 5746, section 3.4: empty in a first handshake. */
static int renegotiates(const rs_server_hello *theirs) {
  rs_reader body;
  if (!rs_extension_find(theirs->extensions, RS_EXT_RENEGOTIATION_INFO, &body))
    return 0;
  return rs_read_u8(&body) != 0 || !rs_reader_done(&body);
}

/* --- versions --- */

/* RFC 8446, section 4.1.3: a server marks its choice of less than it can. */
static int is_downgraded(const rs_client_hello *ours, const rs_server_hello *theirs) {
  static const unsigned char to_12[SENTINEL + 1] = "DOWNGRD\1", to_11[SENTINEL] = "DOWNGRD";
  rs_reader r = rs_reader_of(theirs->random.bytes, theirs->random.length);
  rs_read_bytes(&r, RS_RANDOM - SENTINEL);
  const unsigned char *mark = rs_read_bytes(&r, SENTINEL);
  if (!mark || theirs->version >= RS_TLS13)
    return 0;
  if (offers_version(ours, RS_TLS13))
    return memcmp(mark, to_12, SENTINEL) == 0 || memcmp(mark, to_11, SENTINEL) == 0;
  return theirs->version < RS_TLS12 && offers_version(ours, RS_TLS12) &&
         memcmp(mark, to_11, SENTINEL) == 0;
}

static rs_misfit version_misfit(const rs_client_hello *ours, const rs_server_hello *theirs) {
  if (theirs->hello_retry_request && theirs->version != RS_TLS13)
    return misfit("a HelloRetryRequest of another version than TLS 1.3",
                  RS_ALERT_ILLEGAL_PARAMETER);
  if (theirs->names_version && theirs->version < RS_TLS13)
    return misfit("the server names an old version in the new way", RS_ALERT_ILLEGAL_PARAMETER);
  if (!offers_version(ours, theirs->version))
    return misfit("the server chose a version that was not offered", RS_ALERT_PROTOCOL_VERSION);
  if (is_downgraded(ours, theirs))
    return misfit("somebody on the way has lowered the version", RS_ALERT_ILLEGAL_PARAMETER);
  return FITS;
}

/* --- the hellos --- */

rs_misfit rs_server_hello_misfit(const rs_client_hello *ours, const rs_server_hello *theirs) {
  const rs_misfit version = version_misfit(ours, theirs);
  if (version.message)
    return version;
  const int is_new = theirs->version >= RS_TLS13;
  if (theirs->compression != 0)
    return misfit("the server chose a compression", RS_ALERT_ILLEGAL_PARAMETER);
  if (!offers_cipher(ours, theirs->cipher) || rs_cipher_is_new(theirs->cipher) != is_new)
    return misfit("the server chose a cipher suite that was not offered",
                  RS_ALERT_ILLEGAL_PARAMETER);
  if (is_new && !same_bytes(ours->session_id, theirs->session_id))
    return misfit("the server does not echo the session ID", RS_ALERT_ILLEGAL_PARAMETER);
  if (!is_new && renegotiates(theirs))
    return misfit("the server takes this for a renegotiation", RS_ALERT_ILLEGAL_PARAMETER);
  return extensions_misfit(ours, theirs->extensions,
                           !is_new                       ? IN_OLD_HELLO
                           : theirs->hello_retry_request ? IN_RETRY
                                                         : IN_HELLO);
}

rs_misfit rs_retry_misfit(const rs_client_hello *ours, const rs_server_hello *retry) {
  if (!retry->has_key_share && retry->cookie.length == 0)
    return misfit("a HelloRetryRequest that asks for nothing", RS_ALERT_ILLEGAL_PARAMETER);
  if (!retry->has_key_share)
    return FITS;
  if (!has_number(offered_list(ours, RS_EXT_SUPPORTED_GROUPS, 2), 2, retry->group))
    return misfit("a HelloRetryRequest asks for a group that was not offered",
                  RS_ALERT_ILLEGAL_PARAMETER);
  if (has_share(ours, retry->group))
    return misfit("the server asks for the key share that it got", RS_ALERT_ILLEGAL_PARAMETER);
  return FITS;
}

rs_misfit rs_psk_misfit(const rs_client_hello *ours, const rs_server_hello *theirs) {
  if (!theirs->has_key_share && !offers_psk_mode(ours, RS_PSK_KE))
    return misfit("the server resumed without a key share", RS_ALERT_MISSING_EXTENSION);
  if (theirs->has_key_share && !offers_psk_mode(ours, RS_PSK_DHE_KE))
    return misfit("the server resumed with a key share", RS_ALERT_ILLEGAL_PARAMETER);
  return FITS;
}
