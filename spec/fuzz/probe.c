/* Fuzzes resum.probe on what a server sends. Plain mutation would stop at the first record that is
 * not authentic, so this target is built without proofs (RS_FUZZ_WITHOUT_PROOFS, record.h): every
 * protected record is its own plaintext, and any Finished is right. The first byte chooses what is
 * offered, the second how the stream is cut; the mutator knows where records and messages begin.
 */
#include "fuzz.h"

#include "fixed_random.h"
#include "hello.h"
#include "record.h"

#include <stdlib.h>

enum {
  MAX_BYTES = 1 << 16,
  CHOICES = 2, /* bytes before the stream */
  WANTS_TICKETS = 4,
  HELLO_IS_PROOF = 8,
  EARLY_DATA = 16,
  NO_SESSION_ID = 32,
  RANDOM_SHARE = 64,
  EOF_AT_END = 128
};

/* --- the target --- */

static void set_bytes(lua_State *L, const char *name, const char *bytes, size_t length) {
  lua_pushlstring(L, bytes, length);
  lua_setfield(L, -2, name);
}

static void set_sessions(lua_State *L, unsigned kind) {
  static const char *const names[] = {"id12", "ticket12", "psk13", "psk13"};
  lua_newtable(L);
  fuzz_push_session(L, names[kind]);
  lua_rawseti(L, -2, 1);
  if (kind == 3) {
    fuzz_push_session(L, names[kind]);
    lua_rawseti(L, -2, 2);
  }
  lua_setfield(L, -2, "sessions");
}

/* As corpus.lua does. A session ID would hide that of the session "id12". */
static void set_options(lua_State *L, unsigned choice) {
  char fixed[32];
  memset(fixed, 'r', sizeof fixed);
  set_bytes(L, "random", fixed, sizeof fixed);
  if ((choice & 3) != 0)
    set_bytes(L, "session_id", fixed, choice & NO_SESSION_ID ? 0 : sizeof fixed);
  lua_pushinteger(L, MAX_BYTES);
  lua_setfield(L, -2, "max_bytes");
  lua_pushboolean(L, (choice & WANTS_TICKETS) != 0);
  lua_setfield(L, -2, "tickets");
  if (choice & HELLO_IS_PROOF)
    set_bytes(L, "proof", "hello", 5);
  if (choice & EARLY_DATA)
    set_bytes(L, "early_data", "early", 5);
  if (choice & RANDOM_SHARE)
    set_bytes(L, "key_share", "random", 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lua_State *L = fuzz_state();
  rs_reader r = rs_reader_of(data, size);
  const unsigned choice = rs_read_u8(&r), chunk = rs_read_u8(&r);
  if (r.bad)
    return 0;
  fixed_random_start();
  fixed_random_restart();
  lua_getfield(L, 1, "probe");
  lua_newtable(L);
  set_sessions(L, choice & 3);
  set_options(L, choice);
  fuzz_call(L, 1, 1);
  fuzz_check(lua_isuserdata(L, 2), "no probe");
  fuzz_method(L, 2, "step", 0, 0);
  fuzz_feed(L, 2, r, chunk * 4, NULL);
  fuzz_finish(L, 2, choice & EOF_AT_END);
  return 0;
}

/* --- the mutator --- */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

typedef struct {
  size_t start, length; /* with the header */
} record_place;

enum { MOST_RECORDS = 64 };

static size_t find_records(const uint8_t *data, size_t size, record_place *places) {
  rs_reader r = rs_reader_of(data, size);
  size_t count = 0;
  rs_read_bytes(&r, CHOICES);
  while (count < MOST_RECORDS && r.left > 0) {
    const size_t start = size - r.left;
    rs_read_bytes(&r, 3);
    rs_read_vector(&r, 2);
    if (r.bad)
      break;
    places[count++] = (record_place){start, size - r.left - start};
  }
  return count;
}

/* Makes the lengths in a record true: its own, and that of the one message in it. */
static void mend(uint8_t *record, size_t length) {
  rs_writer w = rs_writer_of(record + 3, 2);
  rs_write_number(&w, (uint32_t)(length - RS_RECORD_HEADER), 2);
  const size_t inner_type = record[0] == RS_APPLICATION_DATA ? 1 : 0;
  if (record[0] == RS_ALERT || length < RS_RECORD_HEADER + RS_MESSAGE_HEADER + inner_type)
    return;
  w = rs_writer_of(record + RS_RECORD_HEADER + 1, 3);
  rs_write_number(&w, (uint32_t)(length - RS_RECORD_HEADER - RS_MESSAGE_HEADER - inner_type), 3);
}

/* Replaces the bytes of a place; `most` bounds the whole. Returns the new size. */
static size_t replace(uint8_t *data, size_t size, size_t most, record_place place,
                      const uint8_t *with, size_t length) {
  if (size - place.length + length > most)
    return size;
  memmove(data + place.start + length, data + place.start + place.length,
          size - place.start - place.length);
  memcpy(data + place.start, with, length);
  return size - place.length + length;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  static uint8_t room[1 << 16];
  record_place places[MOST_RECORDS];
  const size_t count = find_records(data, size, places);
  if (count == 0 || seed % 3 == 0 || most > sizeof room / 2)
    return LLVMFuzzerMutate(data, size, most);
  const record_place place = places[(seed >> 8) % count];
  memcpy(room, data + place.start, place.length);
  switch ((seed >> 4) % 8) {
  case 0: /* it is missing */
    return replace(data, size, most, place, room, 0);
  case 1: /* it comes twice */
    memcpy(room + place.length, room, place.length);
    return replace(data, size, most, place, room, 2 * place.length);
  case 2: { /* another one stands there as well */
    const record_place other = places[(seed >> 16) % count];
    memcpy(room + place.length, data + other.start, other.length);
    return replace(data, size, most, place, room, place.length + other.length);
  }
  default: { /* its content is another one */
    const size_t length =
        RS_RECORD_HEADER + LLVMFuzzerMutate(room + RS_RECORD_HEADER,
                                            place.length - RS_RECORD_HEADER, RS_MAX_PLAINTEXT);
    if (seed & 0x1000000)
      mend(room, length);
    return replace(data, size, most, place, room, length);
  }
  }
}
