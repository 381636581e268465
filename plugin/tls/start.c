/* How a raw resumption begins: takes sessions into the machine, adds to the offer what only it can
 * know (tickets, PSKs, a key share), and sends the ClientHello with its binders. What it can't do
 * it says: it never guesses.
 */
#include "start.h"

#include "numbers.h"
#include "resume13.h"
#include "send.h"

#include <openssl/crypto.h>

enum { SMALL_HELLO = 4096, ROOM_BESIDE_PARTS = 2048 };

void rs_probe_free(rs_probe *p) {
  if (p->tools)
    rs_tools_forget(p->tools);
  rs_buffer_free(&p->in);
  rs_buffer_free(&p->messages);
  rs_buffer_free(&p->out);
  rs_buffer_free(&p->data);
  rs_transcript_free(&p->transcript);
  EVP_PKEY_free(p->share.key);
  if (p->psks)
    OPENSSL_cleanse(p->psks, p->psk_count * sizeof *p->psks);
  free(p->psks);
  OPENSSL_cleanse(p, sizeof *p);
}

/* --- the sessions --- */

const rs_suite *rs_start_suite(const rs_probe *p, const rs_session_parts *parts) {
  const rs_suite *suite = rs_suite_find(parts->cipher);
  return suite && rs_tools_can_protect(p->tools, suite, parts->version) ? suite : NULL;
}

const char *rs_start_take_session(rs_probe *p, const rs_session_parts *parts, rs_offer *offer) {
  const rs_suite *suite = rs_suite_find(parts->cipher);
  if (parts->secret.length == 0 || parts->secret.length > sizeof p->secret)
    return "the session's master secret has a strange length";
  memcpy(p->secret, parts->secret.bytes, parts->secret.length);
  p->secret_length = parts->secret.length;
  p->cipher = parts->cipher;
  p->hash = parts->version < RS_TLS12 ? RS_MD5_SHA1 : (rs_hash)suite->hash;
  p->extended_master_secret = parts->extended_master_secret;
  p->lifetime_s = parts->lifetime_s;
  if (parts->ticket.length > 0) { /* its id is libssl's invention: ours stays random */
    offer->fields.ticket = parts->ticket;
    offer->fields.offers_ticket = 1;
  } else {
    offer->fields.session_id = parts->id;
  }
  return NULL;
}

uint32_t rs_start_milliseconds(double seconds) {
  const double ms = seconds * 1000;
  return ms >= 0 && ms < 4e9 ? (uint32_t)ms : 0;
}

uint32_t rs_start_obfuscated_age(const rs_session_parts *parts, double age_s) {
  return rs_start_milliseconds(age_s) + parts->age_add;
}

int rs_start_add_psk(rs_probe *p, rs_start_plan *plan, const rs_session_parts *parts,
                     const rs_psk_schedule *schedule, uint32_t obfuscated_age) {
  const rs_suite *suite = rs_suite_find(parts->cipher);
  if (p->psk_count == RS_MAX_IDENTITIES)
    return 0;
  if (!p->psks)
    p->psks = (rs_probe_psk *)calloc(RS_MAX_IDENTITIES, sizeof *p->psks);
  if (!p->psks)
    return 0;
  rs_psk *offered = &plan->psks[p->psk_count];
  rs_probe_psk *psk = &p->psks[p->psk_count++];
  psk->hash = (rs_hash)suite->hash;
  psk->cipher = parts->cipher;
  psk->schedule = *schedule;
  offered->identity = parts->ticket;
  offered->obfuscated_ticket_age = obfuscated_age;
  offered->binder = (rs_bytes){plan->zeros, rs_hash_length(psk->hash)};
  if (plan->bound > 0 && p->psk_count > plan->bound) {
    offered->binder.length = 0;
    p->unbound++;
  }
  return 1;
}

/* --- the ClientHello --- */

const char *rs_start_add_key_share(rs_probe *p, rs_start_plan *plan, rs_offer *offer,
                                   int wants_random) {
  if (p->version < RS_TLS13 || offer->fields.groups.count == 0)
    return NULL;
  p->share.group = offer->fields.groups.items[0];
  if ((wants_random || p->share.group != RS_GROUP_X25519) &&
      !rs_share_new_key(&p->share, p->share.group))
    return "a key share of the first group is beyond the probe";
  plan->share.group = p->share.group;
  plan->share.share.bytes = plan->share_bytes;
  plan->share.share.length = rs_share_public(&p->share, plan->share_bytes);
  offer->fields.key_shares = &plan->share;
  offer->fields.key_share_count = 1;
  return NULL;
}

static size_t start_hello_size(const rs_offer *offer) {
  size_t size = ROOM_BESIDE_PARTS + offer->fields.ticket.length;
  for (size_t i = 0; i < offer->fields.psk_count; i++)
    size += offer->fields.psks[i].identity.length + RS_MAX_HASH + 8;
  for (size_t i = 0; i < offer->fields.extension_count; i++)
    size += offer->fields.extensions[i].body.length;
  return size;
}

/* Whether the ClientHello has the PSKs with binders of ours, and not a body of the caller's. */
static int start_writes_psks(const rs_hello_fields *fields) {
  for (size_t i = 0; i < fields->extension_count; i++)
    if (fields->extensions[i].type == RS_EXT_PRE_SHARED_KEY)
      return !fields->extensions[i].has_body;
  return 0;
}

/* Writes the ClientHello with its binders into the room, and sends it. */
static void start_send_hello(rs_probe *p, const rs_hello_fields *fields, unsigned char *room,
                             size_t size) {
  rs_writer w = rs_writer_of(room, size);
  p->binds = p->psk_count > 0 && start_writes_psks(fields);
  if (!rs_write_client_hello(&w, fields))
    rs_probe_fail(p, "unsupported", "the ClientHello is too long", -1);
  else if (rs_resume13_write_binders(p, room, w.used))
    rs_probe_send_message(p, (rs_bytes){room, w.used});
}

void rs_start_send(rs_probe *p, const rs_offer *offer, const rs_start_plan *plan) {
  unsigned char small[SMALL_HELLO];
  const size_t size = start_hello_size(offer);
  unsigned char *large = size > sizeof small ? (unsigned char *)malloc(size) : NULL;
  memcpy(p->client_random, offer->fields.random.bytes, RS_RANDOM);
  p->owes_change_cipher_spec = p->version >= RS_TLS13 && offer->fields.session_id.length > 0;
  p->writing.version =
      RS_TLS10; /* of the record: what every server takes (RFC 8446, section 5.1) */
  if (size > sizeof small && !large)
    rs_probe_out_of_memory(p);
  else
    start_send_hello(p, &offer->fields, large ? large : small, size);
  free(large);
  p->writing.version = p->version < RS_TLS13 ? p->version : RS_TLS12;
  if (plan->early_data.length > 0 && p->psk_count > 0)
    rs_resume13_send_early_data(p, plan->early_data);
}
