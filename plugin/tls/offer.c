/* What a ClientHello offers unless somebody wants something else: it looks like a current client of
 * that version. It decides nothing about keys, tickets or time: whoever builds the ClientHello adds
 * those.
 */
#include "offer.h"

#include "numbers.h"

static const uint16_t default_ciphers[] = {
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x009c,
    0x009d, 0x002f, 0x0035, 0x009e, 0x009f, 0x0033, 0x0039, 0xc023, 0xc027, 0x003c,
};
static const uint16_t default_suites[] = {0x1301, 0x1302, 0x1303};
static const uint16_t default_groups[] = {RS_GROUP_X25519, RS_GROUP_SECP256R1, RS_GROUP_SECP384R1,
                                          RS_GROUP_SECP521R1};
static const uint16_t default_algorithms[] = {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501,
                                              0x0603, 0x0806, 0x0601, 0x0807, 0x0808, 0x0809,
                                              0x080a, 0x080b, 0x0203, 0x0201};
static const uint16_t old_extensions[] = {RS_EXT_SERVER_NAME,
                                          RS_EXT_EC_POINT_FORMATS,
                                          RS_EXT_SUPPORTED_GROUPS,
                                          RS_EXT_SESSION_TICKET,
                                          RS_EXT_ALPN,
                                          RS_EXT_ENCRYPT_THEN_MAC,
                                          RS_EXT_EXTENDED_MASTER_SECRET,
                                          RS_EXT_SIGNATURE_ALGORITHMS,
                                          RS_EXT_RENEGOTIATION_INFO};
/* renegotiation_info means nothing in TLS 1.3; but whoever asks for it (GnuTLS's
 * %SAFE_RENEGOTIATION) looks before a version is chosen. */
static const uint16_t new_extensions[] = {RS_EXT_SERVER_NAME,
                                          RS_EXT_SUPPORTED_GROUPS,
                                          RS_EXT_RENEGOTIATION_INFO,
                                          RS_EXT_ALPN,
                                          RS_EXT_SIGNATURE_ALGORITHMS,
                                          RS_EXT_SUPPORTED_VERSIONS,
                                          RS_EXT_PSK_KEY_EXCHANGE_MODES,
                                          RS_EXT_KEY_SHARE,
                                          RS_EXT_EARLY_DATA,
                                          RS_EXT_PRE_SHARED_KEY};

#define NUMBERS(array)                                                                             \
  (rs_numbers) {                                                                                   \
    array, sizeof(array) / sizeof((array)[0])                                                      \
  }

/* The session's cipher comes first: in TLS 1.3 a server that goes by our order has to find the
 * PSK's hash. */
static rs_numbers offer_ciphers(uint16_t *room, unsigned first, rs_numbers others) {
  size_t count = 0;
  if (first)
    room[count++] = (uint16_t)first;
  for (size_t i = 0; i < others.count; i++)
    if (others.items[i] != first)
      room[count++] = others.items[i];
  return (rs_numbers){room, count};
}

static void offer_extensions(rs_offer *offer, rs_numbers types) {
  for (size_t i = 0; i < types.count; i++)
    offer->extensions[i] = (rs_hello_extension){types.items[i], 0, {NULL, 0}};
  offer->fields.extensions = offer->extensions;
  offer->fields.extension_count = types.count;
}

int rs_offer_default(rs_tools *tools, rs_offer *offer, unsigned version, unsigned cipher) {
  static const uint16_t version_13[] = {RS_TLS13};
  static const unsigned char dhe[] = {RS_PSK_DHE_KE};
  const int is_new = version >= RS_TLS13;
  rs_hello_fields *f = &offer->fields;
  memset(f, 0, sizeof *f);
  if (!rs_random(tools, offer->random, sizeof offer->random))
    return 0;
  f->legacy_version = is_new ? RS_TLS12 : version;
  f->random = (rs_bytes){offer->random, RS_RANDOM};
  f->session_id = (rs_bytes){offer->random + RS_RANDOM, RS_MAX_SESSION_ID};
  f->groups = NUMBERS(default_groups);
  if (version >= RS_TLS12)
    f->signature_algorithms = NUMBERS(default_algorithms);
  if (is_new) {
    f->ciphers = offer_ciphers(offer->ciphers, cipher, NUMBERS(default_suites));
    f->versions = NUMBERS(version_13);
    f->psk_modes = (rs_bytes){dhe, sizeof dhe};
    offer_extensions(offer, NUMBERS(new_extensions));
  } else {
    f->ciphers = offer_ciphers(offer->ciphers, cipher, NUMBERS(default_ciphers));
    offer_extensions(offer, NUMBERS(old_extensions));
  }
  return 1;
}
