/* Which extension may stand in which message of a server, and in what form: RFC 8446, section 4.2,
 * the RFCs named below, and what libssl refuses beyond them. One table, as each line left out is a
 * verdict on an answer that a client would not take. Pure: it knows no ClientHello; whether
 * something was offered is for others to ask.
 */
#include "extension_rules.h"

#include "numbers.h"

typedef enum {
  ANYTHING, /* libssl does not look */
  NOTHING,
  ONE_BYTE,
  TWO_BYTES,
  FOUR_BYTES,
  LIST_OF_BYTES, /* behind a length of one byte; it may be empty */
  SOME_BYTES,    /* behind a length of two bytes, and not empty */
  ONE_NAME,      /* of ALPN (RFC 7301, section 3.1): a list of just one, and not empty */
  SHARE_OR_GROUP /* a key share; in a HelloRetryRequest the group alone */
} rules_form;

typedef struct {
  unsigned type;
  unsigned places;
  rules_form form;
} rules_row;

enum { IN_NONE = 0, IN_OLD = RS_IN_OLD_HELLO, IN_ANSWER = RS_IN_OLD_HELLO | RS_IN_ENCRYPTED };

static const rules_row rows[] = {
    {RS_EXT_SERVER_NAME, IN_ANSWER, NOTHING}, /* RFC 6066, section 3 */
    {RS_EXT_MAX_FRAGMENT_LENGTH, IN_ANSWER, ONE_BYTE},
    {RS_EXT_STATUS_REQUEST, IN_OLD, NOTHING},
    {RS_EXT_SUPPORTED_GROUPS, IN_ANSWER, ANYTHING},   /* old servers send it, too */
    {RS_EXT_EC_POINT_FORMATS, IN_OLD, LIST_OF_BYTES}, /* RFC 8422, section 5.2 */
    {RS_EXT_SIGNATURE_ALGORITHMS, IN_NONE, ANYTHING},
    {RS_EXT_USE_SRTP, IN_ANSWER, ANYTHING},
    {RS_EXT_ALPN, IN_ANSWER, ONE_NAME},
    {RS_EXT_SIGNED_CERTIFICATE_TIMESTAMP, IN_OLD, ANYTHING},
    {RS_EXT_PADDING, IN_NONE, ANYTHING},
    {RS_EXT_ENCRYPT_THEN_MAC, IN_OLD, ANYTHING},
    {RS_EXT_EXTENDED_MASTER_SECRET, IN_OLD, ANYTHING},
    {RS_EXT_SESSION_TICKET, IN_OLD, NOTHING}, /* RFC 5077, section 3.2 */
    {RS_EXT_PRE_SHARED_KEY, RS_IN_HELLO, TWO_BYTES},
    {RS_EXT_EARLY_DATA, RS_IN_ENCRYPTED, NOTHING},
    {RS_EXT_EARLY_DATA, RS_IN_TICKET, FOUR_BYTES},
    {RS_EXT_SUPPORTED_VERSIONS, RS_IN_HELLO | RS_IN_RETRY, TWO_BYTES},
    {RS_EXT_COOKIE, RS_IN_RETRY, SOME_BYTES},
    {RS_EXT_PSK_KEY_EXCHANGE_MODES, IN_NONE, ANYTHING},
    {RS_EXT_CERTIFICATE_AUTHORITIES, IN_NONE, ANYTHING},
    {RS_EXT_POST_HANDSHAKE_AUTH, IN_NONE, ANYTHING},
    {RS_EXT_SIGNATURE_ALGORITHMS_CERT, IN_NONE, ANYTHING},
    {RS_EXT_KEY_SHARE, RS_IN_HELLO | RS_IN_RETRY, SHARE_OR_GROUP},
    {RS_EXT_RENEGOTIATION_INFO, IN_OLD, LIST_OF_BYTES}, /* RFC 5746, section 3.2 */
};

static int rules_has_form(rs_reader body, rules_form form, rs_extension_place place) {
  size_t length = 0;
  switch (form) {
  case ANYTHING:
    return 1;
  case NOTHING:
    return body.left == 0;
  case ONE_BYTE:
    return body.left == 1;
  case TWO_BYTES:
    return body.left == 2;
  case FOUR_BYTES:
    return body.left == 4;
  case LIST_OF_BYTES:
    rs_read_vector(&body, 1);
    return rs_reader_done(&body);
  case SOME_BYTES:
    length = rs_read_vector(&body, 2).left;
    return rs_reader_done(&body) && length > 0;
  case SHARE_OR_GROUP:
    rs_read_u16(&body);
    if (place != RS_IN_RETRY)
      length = rs_read_vector(&body, 2).left;
    return rs_reader_done(&body) && (place == RS_IN_RETRY || length > 0);
  case ONE_NAME:
    break;
  }
  rs_reader names = rs_read_vector(&body, 2);
  length = rs_read_vector(&names, 1).left;
  return rs_reader_done(&body) && rs_reader_done(&names) && length > 0;
}

rs_extension_fit rs_extension_fits(unsigned type, rs_extension_place place, rs_reader body) {
  int known = 0;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (rows[i].type != type)
      continue;
    known = 1;
    if (rows[i].places & place)
      return rules_has_form(body, rows[i].form, place) ? RS_EXTENSION_FITS : RS_EXTENSION_MALFORMED;
  }
  return known ? RS_EXTENSION_MISPLACED : RS_EXTENSION_FITS;
}
