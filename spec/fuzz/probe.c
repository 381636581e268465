/* Fuzzes the machine of plugin/tls on what a server sends, without a Lua state. Plain mutation
 * would stop at the first record that is not authentic, so this target is built without proofs
 * (RS_FUZZ_WITHOUT_PROOFS, tls/crypto.h): every protected record is its own plaintext, and any
 * Finished is right. The first byte chooses what is offered, the second how the stream is cut; the
 * mutator knows where records and messages begin.
 */
#include "check.h"
#include "tools.h"

#include "fixed_random.h"
#include "tls/asn1.h"
#include "tls/flow.h"
#include "tls/resume12.h"
#include "tls/resume13.h"
#include "tls/send.h"
#include "tls/start.h"

enum {
  MAX_BYTES = 1 << 16,
  MOST_BYTES_OUT = 1 << 18,
  CHOICES = 2, /* bytes before the stream */
  MOST_DATA = 64 * 1024,
  WANTS_TICKETS = 4,
  HELLO_IS_PROOF = 8,
  EARLY_DATA = 16,
  NO_SESSION_ID = 32,
  RANDOM_SHARE = 64,
  EOF_AT_END = 128
};

/* --- the sessions of corpus.lua --- */

enum { ID12, TICKET12, PSK13, SESSIONS };

/* Numbers of an SSL_SESSION's fields, as libssl's ssl_asn1.c has them. */
enum { LIFETIME = 9, TICKET = 10, FLAGS = 13, AGE_ADD = 14, MAX_EARLY_DATA = 15 };

static rs_bytes content_of(rs_reader r) {
  return (rs_bytes){r.at, r.left};
}

static void take_field(rs_session_parts *parts, unsigned number, rs_reader field) {
  unsigned tag;
  if (number == LIFETIME)
    parts->lifetime_s = rs_asn1_read_integer(field);
  else if (number == FLAGS)
    parts->extended_master_secret = (rs_asn1_read_integer(field) & 1) != 0;
  else if (number == AGE_ADD)
    parts->age_add = rs_asn1_read_integer(field);
  else if (number == MAX_EARLY_DATA)
    parts->max_early_data = rs_asn1_read_integer(field);
  else if (number == TICKET)
    parts->ticket = content_of(rs_asn1_read(&field, &tag));
}

/* SEQUENCE { version, ssl_version, cipher, session_id, master_key, [1] … }. */
static void take_session(rs_session_parts *parts, rs_reader der) {
  unsigned tag;
  rs_reader fields = rs_asn1_read(&der, &tag);
  rs_asn1_read(&fields, &tag);
  parts->version = rs_asn1_read_integer(fields);
  rs_asn1_read(&fields, &tag);
  rs_reader cipher = rs_asn1_read(&fields, &tag);
  parts->cipher = rs_read_u16(&cipher);
  parts->id = content_of(rs_asn1_read(&fields, &tag));
  parts->secret = content_of(rs_asn1_read(&fields, &tag));
  while (fields.left > 0) {
    rs_reader field = rs_asn1_read(&fields, &tag);
    take_field(parts, tag - RS_ASN1_CONTEXT, field);
  }
  fuzz_check(!fields.bad && parts->secret.length > 0, "a session of corpus.lua that is none");
}

static const rs_session_parts *session_of(unsigned kind) {
  static const char *const paths[SESSIONS] = {"build/fuzz/sessions/id12.der",
                                              "build/fuzz/sessions/ticket12.der",
                                              "build/fuzz/sessions/psk13.der"};
  static unsigned char rooms[SESSIONS][1 << 13];
  static rs_session_parts sessions[SESSIONS];
  if (sessions[kind].version == 0) {
    FILE *file = fopen(paths[kind], "rb");
    fuzz_check(file != NULL, "no sessions: run make fuzz");
    const size_t length = fread(rooms[kind], 1, sizeof rooms[kind], file);
    (void)fclose(file);
    take_session(&sessions[kind], rs_reader_of(rooms[kind], length));
  }
  return &sessions[kind];
}

/* --- the target --- */

/* Two PSKs where the choice's lowest bits are both set. */
static void take_psks(rs_probe *p, rs_start_plan *plan, rs_offer *offer, size_t count) {
  const rs_session_parts *parts = session_of(PSK13);
  rs_psk_schedule schedule;
  const rs_suite *suite = rs_start_suite(p, parts);
  fuzz_check(suite && rs_psk_schedule_of(p->tools, (rs_hash)suite->hash, parts->secret, &schedule),
             "no PSK");
  for (size_t i = 0; i < count; i++)
    fuzz_check(rs_start_add_psk(p, plan, parts, &schedule, rs_start_obfuscated_age(parts, 0)),
               "no room for a PSK");
  offer->fields.psks = plan->psks;
  offer->fields.psk_count = count;
}

/* As corpus.lua does. A session ID would hide that of the session "id12". */
static void start(rs_probe *p, unsigned choice) {
  static const unsigned char fixed[] = "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr", early[] = "early";
  const unsigned kind = (choice & 3) > PSK13 ? PSK13 : choice & 3;
  rs_start_plan plan = {0};
  rs_offer offer;
  memset(p, 0, sizeof *p);
  p->tools = fuzz_tools();
  p->version = session_of(kind)->version;
  p->max_bytes = MAX_BYTES;
  p->wants_tickets = (choice & WANTS_TICKETS) != 0;
  p->wants_data = p->wants_tickets && (choice & RANDOM_SHARE) != 0 && p->version >= RS_TLS13;
  p->hello_is_proof = (choice & HELLO_IS_PROOF) != 0;
  if (choice & EARLY_DATA)
    plan.early_data = (rs_bytes){early, sizeof early - 1};
  fuzz_check(rs_offer_default(p->tools, &offer, p->version, session_of(kind)->cipher), "no offer");
  if (kind == PSK13)
    take_psks(p, &plan, &offer, (choice & 3) - 1);
  else
    fuzz_check(!rs_start_take_session(p, session_of(kind), &offer), "no session");
  offer.fields.random = (rs_bytes){fixed, RS_RANDOM};
  if (kind != ID12)
    offer.fields.session_id = (rs_bytes){fixed, choice & NO_SESSION_ID ? 0 : RS_MAX_SESSION_ID};
  offer.fields.early_data = plan.early_data.length > 0;
  const int wants_random = (choice & RANDOM_SHARE) || plan.early_data.length > 0;
  fuzz_check(!rs_start_add_key_share(p, &plan, &offer, wants_random), "no key share");
  rs_start_send(p, &offer, &plan);
  fuzz_check(p->state == RS_PROBE_WANT && p->out.used > 0, "no ClientHello");
}

/* What holds after every step. */
static void look(rs_probe *p, int had_failed) {
  static const char *const codes[] = {"alert",       "closed",   "protocol_error",
                                      "unsupported", "too_much", "openssl"};
  const int failed = p->state == RS_PROBE_FAILED;
  int known = !failed;
  for (size_t i = 0; failed && p->code && i < sizeof codes / sizeof codes[0]; i++)
    known |= strcmp(p->code, codes[i]) == 0;
  fuzz_check(p->state <= RS_PROBE_FAILED && known, "a state or a code that nobody knows");
  fuzz_check(!failed || p->message || strcmp(p->code, "alert") == 0, "a failure without a message");
  fuzz_check(!had_failed || failed, "a machine that had failed goes on");
  fuzz_check(p->out.used <= MOST_BYTES_OUT, "too much to send");
  fuzz_check(p->data.used <= (p->wants_data ? MOST_DATA : 0), "data that nobody asked for");
  p->out.used = 0;
}

static void feed(rs_probe *p, rs_reader stream, size_t chunk) {
  while (stream.left > 0) {
    const size_t length = chunk && chunk < stream.left ? chunk : stream.left;
    const int had_failed = p->state == RS_PROBE_FAILED;
    rs_probe_feed(p, (rs_bytes){rs_read_bytes(&stream, length), length});
    look(p, had_failed);
  }
}

/* Asks for all that the class asks for. */
static void finish(rs_probe *p) {
  unsigned char psk[RS_MAX_HASH];
  rs_session_parts parts;
  rs_server_hello hello;
  rs_reader body;
  rs_transcript_server_hello(&p->transcript, &hello);
  rs_transcript_fatal_alert(&p->transcript, 1);
  fuzz_check(!p->finished || !rs_transcript_has_certificate(&p->transcript),
             "resumed, with a Certificate");
  if (p->finished && p->version < RS_TLS13)
    rs_resume12_session_parts(p, &parts);
  for (size_t place = 0; p->finished && rs_transcript_ticket(&p->transcript, &place, &body);)
    if (p->version >= RS_TLS13 && rs_resume13_ticket_parts(p, body, psk, &parts))
      fuzz_check(parts.ticket.length > 0, "a session without a ticket");
  if (p->finished && p->state != RS_PROBE_FAILED)
    rs_probe_send_alert(p, RS_ALERT_WARNING, RS_ALERT_CLOSE_NOTIFY);
  rs_probe_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  rs_reader r = rs_reader_of(data, size);
  const unsigned choice = rs_read_u8(&r), chunk = rs_read_u8(&r);
  rs_probe p;
  if (r.bad)
    return 0;
  fixed_random_start();
  fixed_random_restart();
  start(&p, choice);
  look(&p, 0);
  feed(&p, r, (size_t)chunk * 4);
  if (choice & EOF_AT_END) {
    const int had_failed = p.state == RS_PROBE_FAILED;
    rs_probe_end_of_stream(&p);
    look(&p, had_failed);
  }
  finish(&p);
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
