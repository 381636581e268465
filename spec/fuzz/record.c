/* Fuzzes record.c: what was sealed opens again, and what comes from the peer is opened or not,
 * within its bounds. Three bytes choose suite, version and content; a body follows.
 */
#include "check.h"
#include "tools.h"

#include "tls/record.h"
#include "tls/numbers.h"

static const unsigned suites[] = {0x002f, 0x003d, 0xc028, 0xc02f, 0xc030, 0xcca8, 0xc09c,
                                  0xc0a3, 0x1301, 0x1302, 0x1303, 0x1304, 0x1305};

static rs_protection protection_of(const rs_suite *suite, unsigned choice) {
  static const unsigned versions[] = {RS_TLS10, RS_TLS11, RS_TLS12, RS_TLS12};
  rs_protection p;
  memset(&p, 0, sizeof p);
  p.suite = suite;
  p.version = rs_cipher_is_new(suite->id) ? RS_TLS13
              : rs_suite_is_cbc(suite)    ? versions[choice & 3]
                                          : RS_TLS12;
  p.encrypt_then_mac = rs_suite_is_cbc(suite) && (choice & 4);
  memset(p.key, 'k', suite->key_length);
  memset(p.iv, 'i', rs_iv_length(suite, p.version));
  memset(p.mac_key, 'm', rs_mac_key_length(suite));
  return p;
}

/* A plaintext goes there and back. */
static void round_trip(rs_protection writing, rs_protection reading, unsigned content,
                       rs_bytes plain) {
  const size_t size = plain.length + RS_RECORD_OVERHEAD;
  unsigned char *room = (unsigned char *)malloc(size);
  fuzz_check(room != NULL, "no memory");
  rs_writer w = rs_writer_of(room, size);
  unsigned opened = writing.version >= RS_TLS13 ? 23 : content;
  rs_bytes back;
  fuzz_check(rs_seal(fuzz_tools(), &writing, content, plain, &w), "a record can't be sealed");
  fuzz_check(rs_open(fuzz_tools(), &reading, &opened, room + RS_RECORD_HEADER,
                     w.used - RS_RECORD_HEADER, &back),
             "a record can't be opened again");
  fuzz_check(opened == content && back.length == plain.length &&
                 (plain.length == 0 || memcmp(back.bytes, plain.bytes, plain.length) == 0),
             "another record than was sealed");
  free(room);
}

/* What the peer sent is opened in room of just its length. */
static void take(rs_protection reading, unsigned content, rs_bytes body) {
  unsigned char *room = (unsigned char *)malloc(body.length + 1);
  rs_bytes plain = {NULL, 0};
  fuzz_check(room != NULL, "no memory");
  memcpy(room, body.bytes, body.length);
  unsigned char *exact = (unsigned char *)realloc(room, body.length ? body.length : 1);
  fuzz_check(exact != NULL, "no memory");
  if (rs_open(fuzz_tools(), &reading, &content, exact, body.length, &plain))
    fuzz_check(plain.length <= body.length, "more came out than went in");
  free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  rs_reader r = rs_reader_of(data, size);
  const unsigned choice = rs_read_u8(&r), way = rs_read_u8(&r), content = rs_read_u8(&r);
  if (r.bad || r.left == 0)
    return 0;
  const rs_suite *suite = rs_suite_find(suites[choice % (sizeof suites / sizeof suites[0])]);
  const rs_protection p = protection_of(suite, way);
  const rs_bytes rest = {r.at, r.left};
  if (way & 8 && content != 0 && rest.length <= RS_MAX_PLAINTEXT)
    round_trip(p, p, content, rest);
  else
    take(p, p.version >= RS_TLS13 ? 23 : content, rest);
  return 0;
}
