/* resum.probe: the raw resumption handshake as a Lua class. It writes the ClientHello from a
 * session and from what the caller wants changed, and runs the abbreviated handshake on libcrypto's
 * primitives, bytes in and bytes out. What it can't do it calls "unsupported"; it never guesses.
 * The steps stand in flow.c, resume12.c and resume13.c.
 */
#include "probe.h"

#include "names.h"
#include "offer.h"
#include "resum.h"
#include "session.h"
#include "tools.h"

#include <math.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#define PROBE "resum.probe"

enum { SMALL_HELLO = 4096, DEFAULT_MAX_BYTES = 1 << 18, ROOM_BESIDE_PARTS = 2048 };

/* Who has been asked for a list of PSKs: identities and ages while the ClientHello is written. */
typedef struct {
  rs_psk psks[RS_MAX_IDENTITIES];
  unsigned char zeros[RS_MAX_HASH]; /* in place of binders */
  rs_key_share share;
  unsigned char share_bytes[RS_MAX_SHARE];
  rs_bytes early_data;
} probe_plan;

/* --- life --- */

static rs_probe *probe_box_of(lua_State *L) {
  return (rs_probe *)luaL_checkudata(L, 1, PROBE);
}

static rs_probe *probe_check(lua_State *L) {
  rs_probe *p = probe_box_of(L);
  luaL_argcheck(L, p->tools, 1, "the probe is closed");
  return p;
}

/*** Wipes and frees all of it. Sends nothing: shutdown() does. Any number of times.
 * @function probe:close */
static int probe_close(lua_State *L) {
  rs_probe *p = probe_box_of(L);
  if (!p->tools) /* nothing is there any more, or yet */
    return 0;
  rs_buffer_free(&p->in);
  rs_buffer_free(&p->messages);
  rs_buffer_free(&p->out);
  rs_transcript_free(&p->transcript);
  EVP_PKEY_free(p->key);
  if (p->psks)
    OPENSSL_cleanse(p->psks, p->psk_count * sizeof *p->psks);
  free(p->psks);
  OPENSSL_cleanse(p, sizeof *p);
  return 0;
}

/* --- the session --- */

static int probe_unsupported(lua_State *L, const char *reason) {
  return rs_error(L, "probe", reason, "unsupported");
}

/* The cipher suite of a session, where its records can be protected here; else NULL. */
static const rs_suite *probe_suite(const rs_probe *p, const rs_session_parts *parts) {
  const rs_suite *suite = rs_suite_find(parts->cipher);
  return suite && rs_tools_can_protect(p->tools, suite, parts->version) ? suite : NULL;
}

static int probe_take_old_session(lua_State *L, rs_probe *p, const rs_session_parts *parts,
                                  rs_offer *offer) {
  const rs_suite *suite = probe_suite(p, parts);
  if (!suite || parts->version < RS_TLS10)
    return probe_unsupported(L, "the session's version or cipher suite is beyond the probe");
  if (parts->secret.length == 0 || parts->secret.length > sizeof p->secret)
    return probe_unsupported(L, "the session's master secret has a strange length");
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
  return 0;
}

/* Age in seconds of the i-th session: one number for all, or a list. */
static lua_Number probe_age(lua_State *L, size_t i) {
  lua_Number age = 0;
  const int type = rs_option_push(L, 1, "ticket_age_s");
  if (type == LUA_TTABLE) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    age = lua_tonumber(L, -1);
    lua_pop(L, 1);
  } else if (type == LUA_TNUMBER) {
    age = lua_tonumber(L, -1);
  } else if (type != LUA_TNIL) {
    luaL_argerror(L, 1, "option 'ticket_age_s': number or list of numbers expected");
  }
  lua_pop(L, 1);
  return age;
}

/* RFC 8446, section 4.2.11.1: milliseconds, plus what the server gave to hide them. */
static uint32_t probe_obfuscated_age(lua_State *L, const rs_session_parts *parts, size_t i) {
  const lua_Integer given = rs_option_integer(L, 1, "obfuscated_ticket_age", 0, UINT32_MAX, -1);
  if (given >= 0)
    return (uint32_t)given;
  const lua_Number age_ms = floor(probe_age(L, i) * 1000);
  const int sane = age_ms >= 0 && age_ms < 4e9;
  return (uint32_t)(sane ? (uint64_t)age_ms : 0) + parts->age_add;
}

/* The session stands at `place`. */
static int probe_take_psk(lua_State *L, rs_probe *p, int place, probe_plan *plan, size_t i) {
  const rs_session_parts *parts = rs_session_parts_of(L, place);
  const rs_suite *suite = probe_suite(p, parts);
  if (!suite || parts->ticket.length == 0 || parts->ticket.length > UINT16_MAX)
    return probe_unsupported(L, "the session's cipher suite or ticket is beyond the probe");
  rs_probe_psk *psk = &p->psks[p->psk_count++];
  psk->hash = (rs_hash)suite->hash;
  psk->cipher = parts->cipher;
  const rs_psk_schedule *schedule = rs_session_schedule(L, place, p->tools, psk->hash);
  if (!schedule)
    return rs_error_openssl(L, "probe", "openssl");
  psk->schedule = *schedule;
  plan->psks[i].identity = parts->ticket;
  plan->psks[i].obfuscated_ticket_age = probe_obfuscated_age(L, parts, i);
  plan->psks[i].binder = (rs_bytes){plan->zeros, rs_hash_length(psk->hash)};
  return 0;
}

/* The sessions stand on the stack from `first` on. Returns 0, or the number of results of the error
 * it pushed. */
static int probe_take_sessions(lua_State *L, rs_probe *p, int first, size_t count, rs_offer *offer,
                               probe_plan *plan) {
  if (p->version < RS_TLS13)
    return probe_take_old_session(L, p, rs_session_parts_of(L, first), offer);
  p->psks = (rs_probe_psk *)calloc(count, sizeof *p->psks);
  if (!p->psks)
    return rs_error(L, "probe", "not enough memory", "openssl");
  for (size_t i = 0; i < count; i++) {
    luaL_argcheck(L, rs_session_parts_of(L, first + (int)i)->version >= RS_TLS13, 1,
                  "several sessions have to be TLS 1.3 ones");
    const int failed = probe_take_psk(L, p, first + (int)i, plan, i);
    if (failed)
      return failed;
  }
  offer->fields.psks = plan->psks;
  offer->fields.psk_count = count;
  return 0;
}

/* --- the ClientHello --- */

static int probe_add_key_share(lua_State *L, rs_probe *p, rs_offer *offer, probe_plan *plan) {
  static const char *const kinds[] = {"base_point", "random"};
  const char *kind = rs_option_string(L, 1, "key_share", NULL);
  if (kind && strcmp(kind, kinds[0]) != 0 && strcmp(kind, kinds[1]) != 0)
    luaL_argerror(L, 1, "option 'key_share': base_point or random expected");
  if (p->version < RS_TLS13 || offer->fields.groups.count == 0)
    return 0;
  const int wants_random = kind ? strcmp(kind, kinds[1]) == 0 : plan->early_data.length > 0;
  p->group = offer->fields.groups.items[0];
  if ((wants_random || p->group != RS_GROUP_X25519) && !rs_resume13_new_key(p, p->group))
    return probe_unsupported(L, "a key share of the first group is beyond the probe");
  plan->share.group = p->group;
  plan->share.share.bytes = plan->share_bytes;
  plan->share.share.length = rs_resume13_share(p, plan->share_bytes);
  offer->fields.key_shares = &plan->share;
  offer->fields.key_share_count = 1;
  return 0;
}

static size_t probe_hello_size(const rs_offer *offer) {
  size_t size = ROOM_BESIDE_PARTS + offer->fields.ticket.length;
  for (size_t i = 0; i < offer->fields.psk_count; i++)
    size += offer->fields.psks[i].identity.length + RS_MAX_HASH + 8;
  for (size_t i = 0; i < offer->fields.extension_count; i++)
    size += offer->fields.extensions[i].body.length;
  return size;
}

/* Whether the ClientHello has the PSKs with binders of ours, and not a body of the caller's. */
static int probe_writes_psks(const rs_hello_fields *fields) {
  for (size_t i = 0; i < fields->extension_count; i++)
    if (fields->extensions[i].type == RS_EXT_PRE_SHARED_KEY)
      return !fields->extensions[i].has_body;
  return 0;
}

/* Writes the ClientHello with its binders into the room, and sends it. */
static void probe_send_hello(rs_probe *p, const rs_hello_fields *fields, unsigned char *room,
                             size_t size) {
  rs_writer w = rs_writer_of(room, size);
  p->binds = p->psk_count > 0 && probe_writes_psks(fields);
  if (!rs_write_client_hello(&w, fields))
    rs_probe_fail(p, "unsupported", "the ClientHello is too long", -1);
  else if (rs_resume13_write_binders(p, room, w.used))
    rs_probe_send_message(p, (rs_bytes){room, w.used});
}

/* Sends the first flight into p->out. */
static void probe_start(rs_probe *p, const rs_offer *offer, const probe_plan *plan) {
  unsigned char small[SMALL_HELLO];
  const size_t size = probe_hello_size(offer);
  unsigned char *large = size > sizeof small ? (unsigned char *)malloc(size) : NULL;
  memcpy(p->client_random, offer->fields.random.bytes, RS_RANDOM);
  p->owes_change_cipher_spec = p->version >= RS_TLS13 && offer->fields.session_id.length > 0;
  p->writing.version =
      RS_TLS10; /* of the record: what every server takes (RFC 8446, section 5.1) */
  if (size > sizeof small && !large)
    rs_probe_out_of_memory(p);
  else
    probe_send_hello(p, &offer->fields, large ? large : small, size);
  free(large);
  p->writing.version = p->version < RS_TLS13 ? p->version : RS_TLS12;
  if (plan->early_data.length > 0 && p->psk_count > 0)
    rs_resume13_send_early_data(p, plan->early_data);
}

/* --- construction --- */

/* Pushes the sessions to be offered; returns their number. */
static size_t probe_push_sessions(lua_State *L) {
  const int single = rs_option_push(L, 1, "session") != LUA_TNIL;
  if (rs_option_push(L, 1, "sessions") == LUA_TNIL) {
    lua_pop(L, 1);
    luaL_argcheck(L, single, 1, "option 'session' or 'sessions' expected");
    rs_session_check(L, lua_gettop(L));
    return 1;
  }
  luaL_argcheck(L, !single && lua_istable(L, -1), 1,
                "one session, or a list of sessions, expected");
  const int list = lua_gettop(L);
  const size_t count = (size_t)lua_rawlen(L, list);
  luaL_argcheck(L, count >= 1 && count <= RS_MAX_IDENTITIES, 1, "1 to 16 sessions expected");
  luaL_checkstack(L, RS_MAX_IDENTITIES + LUA_MINSTACK, "too many sessions");
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, list, (lua_Integer)i);
    rs_session_check(L, lua_gettop(L));
  }
  return count;
}

static void probe_read_plan(lua_State *L, rs_probe *p, probe_plan *plan) {
  const char *proof = rs_option_string(L, 1, "proof", NULL);
  if (proof && strcmp(proof, "hello") != 0 && strcmp(proof, "finished") != 0)
    luaL_argerror(L, 1, "option 'proof': finished or hello expected");
  size_t length = 0;
  const char *early_data = rs_option_string(L, 1, "early_data", &length);
  luaL_argcheck(L, length <= RS_MAX_PLAINTEXT, 1, "option 'early_data': at most 16384 bytes");
  p->hello_is_proof = proof && strcmp(proof, "hello") == 0;
  p->wants_tickets = rs_option_boolean(L, 1, "tickets", 0);
  p->max_bytes = (size_t)rs_option_integer(L, 1, "max_bytes", 1, 1 << 30, DEFAULT_MAX_BYTES);
  memset(plan, 0, sizeof *plan);
  plan->early_data = (rs_bytes){(const unsigned char *)early_data, length};
  p->alters_binder = rs_option_boolean(L, 1, "alter_binder", 0);
}

/*** Starts a resumption; the first step() gives the ClientHello.
 * @function probe
 * @tparam table options session, or sessions (a list of TLS 1.3 ones, all offered at once);
 *   server_name (SNI); key_share ("base_point", which saves the work and keeps nothing secret, or
 * "random"); proof
 *   ("finished", or "hello" to decide at the ServerHello); tickets (true: read those that come
 * after the handshake); ticket_age_s (seconds since it was issued: a number, or a list),
 * obfuscated_ticket_age; alter_binder (true: the last binder is wrong); early_data (bytes; RFC
 * 8446, section 4.2.10); max_bytes (taken in, 256 KiB). And what the ClientHello offers:
 * legacy_version, random, session_id, ciphers, extensions (in this order: names, numbers or {type,
 * body}), alpn, versions, groups (the first one's key share is sent), signature_algorithms,
 * psk_modes ("psk_dhe_ke", "psk_ke"), ticket
 * @treturn[1] probe
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: "unsupported" (the session is beyond the probe: use a handshake) or
 * "openssl" */
static int probe_new(lua_State *L) {
  static const char *const names[] = {
      "session",    "sessions",  "ticket_age_s",          "key_share",    "tickets",      "proof",
      "early_data", "max_bytes", "obfuscated_ticket_age", "alter_binder", RS_OFFER_NAMES, NULL};
  enum { OWN_NAMES = 10 };
  lua_settop(L, 1);
  luaL_checktype(L, 1, LUA_TTABLE);
  const uint64_t given = rs_options_check(L, 1, names);
  const size_t count = probe_push_sessions(L);
  const int first = lua_gettop(L) - (int)count + 1;
  const rs_session_parts *parts = rs_session_parts_of(L, first);
  luaL_argcheck(L, count == 1 || parts->version >= RS_TLS13, 1,
                "several sessions have to be TLS 1.3 ones");
  rs_probe *p = (rs_probe *)lua_newuserdatauv(L, sizeof *p, 0);
  memset(p, 0, sizeof *p);
  luaL_setmetatable(L, PROBE);
  p->tools = rs_tools_of(L);
  p->version = parts->version;
  rs_offer offer;
  probe_plan plan;
  probe_read_plan(L, p, &plan);
  rs_offer_default(L, p->tools, &offer, p->version, parts->cipher);
  int failed = probe_take_sessions(L, p, first, count, &offer, &plan);
  if (failed)
    return failed;
  offer.fields.early_data = plan.early_data.length > 0;
  rs_offer_read(L, 1, &offer, given >> OWN_NAMES);
  failed = probe_add_key_share(L, p, &offer, &plan);
  if (failed)
    return failed;
  probe_start(p, &offer, &plan);
  return 1;
}

/* --- stepping --- */

static const char *state_name(rs_probe_state state) {
  static const char *const names[] = {"want", "established", "refused", "closed", "failed"};
  return names[state];
}

static void probe_push_out(lua_State *L, rs_probe *p) {
  lua_pushlstring(L, p->out.used ? (const char *)p->out.bytes : "", p->out.used);
  p->bytes_out += p->out.used;
  p->out.used = 0;
}

static int probe_push_state(lua_State *L, rs_probe *p) {
  if (p->state != RS_PROBE_FAILED) {
    lua_pushstring(L, state_name(p->state));
    probe_push_out(L, p);
    return 2;
  }
  ERR_clear_error(); /* only a failure of libcrypto leaves something there */
  lua_pushnil(L);
  probe_push_out(L, p);
  if (!p->message && rs_transcript_push_alert(L, &p->transcript))
    return 4;
  lua_pushfstring(L, "handshake: %s", p->message ? p->message : "the server sent an alert");
  lua_pushstring(L, p->code);
  return 4;
}

/*** Takes in what the peer sent and says what to send.
 * @function probe:step
 * @tparam[opt] string bytes in any chunking; nothing for the first step
 * @treturn string|nil state "want" (more bytes), "established" (the server has proved that it
 * resumed; send the bytes and shutdown()'s in one write), "refused" (it began a full handshake;
 * send the bytes and close), "closed"; nil when it failed
 * @treturn string bytes to send, "" for none; on failure the alert
 * @treturn[opt] string message, on failure
 * @treturn[opt] string code, on failure: "alert" (the peer's), "closed", "protocol_error" and
 * "unsupported" (a handshake has to decide), "too_much", "openssl" */
static int probe_step(lua_State *L) {
  rs_probe *p = probe_check(L);
  size_t length = 0;
  const char *bytes = luaL_optlstring(L, 2, "", &length);
  if (length > 0)
    rs_probe_feed(p, (rs_bytes){(const unsigned char *)bytes, length});
  return probe_push_state(L, p);
}

/*** Tells it that the peer ended the stream.
 * @function probe:eof
 * @return as step() */
static int probe_eof(lua_State *L) {
  rs_probe *p = probe_check(L);
  rs_probe_end_of_stream(p);
  return probe_push_state(L, p);
}

/*** The close_notify alert, to be sent in one write with the bytes of "established".
 * @function probe:shutdown
 * @treturn string bytes to send; "" where the handshake was not completed, and the second time */
static int probe_shutdown(lua_State *L) {
  rs_probe *p = probe_check(L);
  if (p->finished && p->state != RS_PROBE_FAILED && !p->said_goodbye)
    rs_probe_send_alert(p, RS_ALERT_WARNING, RS_ALERT_CLOSE_NOTIFY);
  p->said_goodbye = 1;
  probe_push_out(L, p);
  return 1;
}

/* --- what came of it --- */

static void probe_push_session(lua_State *L, const rs_session_parts *parts) {
  SSL_SESSION **session = rs_session_push(L);
  *session = rs_session_build(parts);
  if (!*session)
    luaL_error(L, "OpenSSL takes no session of the server's ticket");
}

/* Up to TLS 1.2 one session: with the renewed ticket, or what was offered. */
static void probe_push_old_session(lua_State *L, const rs_probe *p) {
  rs_session_parts parts = {0};
  rs_client_hello ours;
  rs_server_hello theirs;
  rs_new_session_ticket ticket;
  rs_reader body;
  size_t place = 0;
  rs_transcript_client_hello(&p->transcript, &ours);
  rs_transcript_server_hello(&p->transcript, &theirs);
  parts.version = p->version;
  parts.cipher = p->cipher;
  parts.secret = (rs_bytes){p->secret, p->secret_length};
  parts.extended_master_secret = p->extended_master_secret;
  parts.lifetime_s = p->lifetime_s;
  parts.ticket = ours.ticket;
  if (rs_transcript_ticket(&p->transcript, &place, &body) &&
      rs_read_new_session_ticket(body, p->version, &ticket) && ticket.ticket.length > 0) {
    parts.ticket = ticket.ticket;
    parts.lifetime_s = ticket.lifetime_s;
  }
  if (parts.ticket.length == 0)
    parts.id = theirs.session_id;
  probe_push_session(L, &parts);
}

/*** The sessions that can be offered next, in the order received: in TLS 1.3 one for each ticket
 * read (option tickets); up to TLS 1.2 the one that was resumed, with its ticket renewed where the
 * server did so.
 * @function probe:sessions
 * @treturn {session,...} */
static int probe_sessions(lua_State *L) {
  rs_probe *p = probe_check(L);
  lua_newtable(L);
  if (p->finished && p->version < RS_TLS13) {
    probe_push_old_session(L, p);
    lua_rawseti(L, -2, 1);
  } else if (p->finished && p->wants_tickets) {
    unsigned char psk[RS_MAX_HASH];
    rs_session_parts parts;
    rs_reader body;
    lua_Integer count = 0;
    for (size_t place = 0; rs_transcript_ticket(&p->transcript, &place, &body);) {
      if (rs_resume13_ticket_parts(p, body, psk, &parts)) {
        probe_push_session(L, &parts);
        lua_rawseti(L, -2, ++count);
      }
      OPENSSL_cleanse(psk, sizeof psk);
    }
  }
  return 1;
}

/*** What stood on the wire, at any time, also after a failure.
 * @function probe:facts
 * @treturn table as handshake:facts(), and proof ("finished", "hello", or nil while there is none),
 * key_share
 *   ("base_point" or "random"; TLS 1.3) */
static int probe_facts(lua_State *L) {
  rs_probe *p = probe_check(L);
  const int by_hello =
      p->hello_is_proof && (p->state == RS_PROBE_ESTABLISHED || p->state == RS_PROBE_CLOSED);
  lua_createtable(L, 0, RS_FACTS);
  rs_transcript_set_facts(L, &p->transcript);
  lua_pushboolean(L, p->finished || by_hello);
  lua_setfield(L, -2, "reused");
  lua_pushboolean(L, p->finished);
  lua_setfield(L, -2, "finished");
  if (p->finished || by_hello) {
    lua_pushstring(L, p->finished ? "finished" : "hello");
    lua_setfield(L, -2, "proof");
  }
  if (p->version >= RS_TLS13) {
    lua_pushstring(L, p->key ? "random" : "base_point");
    lua_setfield(L, -2, "key_share");
  }
  lua_pushinteger(L, (lua_Integer)p->bytes_in);
  lua_setfield(L, -2, "bytes_in");
  lua_pushinteger(L, (lua_Integer)p->bytes_out);
  lua_setfield(L, -2, "bytes_out");
  return 1;
}

/*** Every handshake message, alert and change_cipher_spec, both ways, in order.
 * @function probe:transcript
 * @treturn table as handshake:transcript() */
static int probe_transcript(lua_State *L) {
  rs_transcript_push(L, &probe_check(L)->transcript);
  return 1;
}

static int probe_tostring(lua_State *L) {
  rs_probe *p = probe_box_of(L);
  lua_pushfstring(L, PROBE " (%s)", p->tools ? state_name(p->state) : "closed");
  return 1;
}

static const luaL_Reg methods[] = {
    {"step", probe_step},         {"eof", probe_eof},     {"shutdown", probe_shutdown},
    {"sessions", probe_sessions}, {"facts", probe_facts}, {"transcript", probe_transcript},
    {"close", probe_close},       {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__gc", probe_close},
#if HAVE_LUA_CLOSE
    {"__close", probe_close},
#endif
    {"__tostring", probe_tostring},
    {NULL, NULL},
};

void rs_open_probe(lua_State *L) {
  rs_new_class(L, PROBE, methods, metamethods);
  lua_pushcfunction(L, probe_new);
  lua_setfield(L, -2, "probe");
}
