/* resum.probe: the raw resumption handshake as a Lua class. It writes the ClientHello from a
 * session and from what the caller wants changed, and runs the abbreviated handshake on libcrypto's
 * primitives, bytes in and bytes out. What it can't do it calls "unsupported"; it never guesses.
 * The machine itself stands in tls/: start.c, flow.c, resume12.c, resume13.c, send.c.
 */
#include "probe.h"

#include "class.h"
#include "error.h"
#include "facts.h"
#include "guard.h"
#include "offer.h"
#include "options.h"
#include "push.h"
#include "session.h"
#include "session_der.h"
#include "tools.h"
#include "tls/flow.h"
#include "tls/numbers.h"
#include "tls/resume12.h"
#include "tls/resume13.h"
#include "tls/send.h"
#include "tls/start.h"

#include <openssl/evp.h>

#define PROBE "resum.probe"

enum { DEFAULT_MAX_BYTES = 1 << 18, MOST_EARLY_DATA = 1 << 16 };

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
  if (p->tools) /* else nothing is there any more, or yet */
    rs_probe_free(p);
  return 0;
}

/* --- the sessions --- */

static int probe_unsupported(lua_State *L, const char *reason) {
  return rs_error(L, "probe", reason, "unsupported");
}

/* For a session that rs_start_suite finds no suite for. */
static int probe_unsupported_suite(lua_State *L, const rs_probe *p, const rs_session_parts *parts) {
  const rs_suite *suite = rs_suite_find(parts->cipher);
  const char *missing = suite ? rs_tools_missing_for(p->tools, suite, parts->version) : NULL;
  if (!missing)
    return probe_unsupported(L, "the session's version or cipher suite is beyond the probe");
  return probe_unsupported(
      L, lua_pushfstring(L, "OpenSSL, as it is configured, has no %s, which the session needs",
                         missing));
}

/* Age in seconds of the i-th session: one number for all, or a list. */
static lua_Number probe_age(lua_State *L, size_t i) {
  lua_Number age = 0;
  const int type = rs_option_push(L, 1, "ticket_age_s");
  if (type == LUA_TTABLE)
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
  if (lua_type(L, -1) == LUA_TNUMBER)
    age = lua_tonumber(L, -1);
  else if (type != LUA_TNIL)
    luaL_argerror(L, 1, "option 'ticket_age_s': number, or list of as many as sessions, expected");
  lua_pop(L, type == LUA_TTABLE ? 2 : 1);
  return age;
}

static uint32_t probe_obfuscated_age(lua_State *L, const rs_session_parts *parts, size_t i) {
  const lua_Integer given = rs_option_integer(L, 1, "obfuscated_ticket_age", 0, UINT32_MAX, -1);
  return given >= 0 ? (uint32_t)given : rs_start_obfuscated_age(parts, probe_age(L, i));
}

/* The session stands at `place`. */
static int probe_take_psk(lua_State *L, rs_probe *p, int place, rs_start_plan *plan, size_t i) {
  const rs_session_parts *parts = rs_session_parts_of(L, place);
  const rs_suite *suite = rs_start_suite(p, parts);
  if (!suite)
    return probe_unsupported_suite(L, p, parts);
  if (parts->ticket.length == 0 || parts->ticket.length > UINT16_MAX)
    return probe_unsupported(L, "the session's ticket is none that a ClientHello can carry");
  const rs_psk_schedule *schedule = rs_session_schedule(L, place, p->tools, (rs_hash)suite->hash);
  if (!schedule)
    return rs_error_openssl(L, "probe", "openssl");
  if (!rs_start_add_psk(p, plan, parts, schedule, probe_obfuscated_age(L, parts, i)))
    return rs_error(L, "probe", "not enough memory", "openssl");
  return 0;
}

/* The sessions stand on the stack from `first` on. Returns 0, or the number of results of the error
 * it pushed. */
static int probe_take_sessions(lua_State *L, rs_probe *p, int first, size_t count, rs_offer *offer,
                               rs_start_plan *plan) {
  if (p->version < RS_TLS13) {
    if (!rs_start_suite(p, rs_session_parts_of(L, first)))
      return probe_unsupported_suite(L, p, rs_session_parts_of(L, first));
    const char *problem = rs_start_take_session(p, rs_session_parts_of(L, first), offer);
    return problem ? probe_unsupported(L, problem) : 0;
  }
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

static int probe_add_key_share(lua_State *L, rs_probe *p, rs_offer *offer, rs_start_plan *plan) {
  static const char *const kinds[] = {"base_point", "random"};
  const char *kind = rs_option_string(L, 1, "key_share", NULL);
  if (kind && strcmp(kind, kinds[0]) != 0 && strcmp(kind, kinds[1]) != 0)
    luaL_argerror(L, 1, "option 'key_share': base_point or random expected");
  luaL_argcheck(L, !p->wants_data || p->version >= RS_TLS13, 1,
                "option 'data': the session has to be a TLS 1.3 one");
  luaL_argcheck(L, !p->wants_data || !kind || strcmp(kind, kinds[1]) == 0, 1,
                "option 'data': the base point keeps nothing secret");
  const int wants_random =
      kind ? strcmp(kind, kinds[1]) == 0 : plan->early_data.length > 0 || p->wants_data;
  const char *problem = rs_start_add_key_share(p, plan, offer, wants_random);
  return problem ? probe_unsupported(L, problem) : 0;
}

/* --- construction --- */

/* Pushes the sessions to be offered; returns their number. */
static size_t probe_push_sessions(lua_State *L) {
  const int single = rs_option_push(L, 1, "session") != LUA_TNIL;
  if (rs_option_push(L, 1, "sessions") == LUA_TNIL) {
    lua_pop(L, 1);
    luaL_argcheck(L, single, 1, "option 'session' or 'sessions' expected");
    rs_session_option(L, 1, "session");
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
    rs_session_entry(L, 1, "sessions", (int)i);
  }
  return count;
}

static void probe_read_plan(lua_State *L, rs_probe *p, rs_start_plan *plan) {
  const char *proof = rs_option_string(L, 1, "proof", NULL);
  if (proof && strcmp(proof, "hello") != 0 && strcmp(proof, "finished") != 0)
    luaL_argerror(L, 1, "option 'proof': finished or hello expected");
  size_t length = 0;
  const char *early_data = rs_option_string(L, 1, "early_data", &length);
  luaL_argcheck(L, length <= MOST_EARLY_DATA, 1, "option 'early_data': at most 65536 bytes");
  p->hello_is_proof = proof && strcmp(proof, "hello") == 0;
  p->wants_data = rs_option_boolean(L, 1, "data", 0);
  p->wants_tickets = rs_option_boolean(L, 1, "tickets", 0) || p->wants_data;
  p->max_bytes = (size_t)rs_option_integer(L, 1, "max_bytes", 1, 1 << 30, DEFAULT_MAX_BYTES);
  memset(plan, 0, sizeof *plan);
  plan->early_data = (rs_bytes){(const unsigned char *)early_data, length};
  p->alters_binder = rs_option_boolean(L, 1, "alter_binder", 0);
  plan->bound = (size_t)rs_option_integer(L, 1, "binders", 1, RS_MAX_IDENTITIES, 0);
  p->keeps_age = rs_option_push(L, 1, "obfuscated_ticket_age") != LUA_TNIL;
  lua_pop(L, 1);
}

/*** Starts a resumption; the first step() gives the ClientHello.
 * @function probe
 * @tparam table options session, or sessions (a list of TLS 1.3 ones, all offered at once);
 *   server_name (SNI); key_share ("base_point", which saves the work and keeps nothing secret, or
 *   "random"); proof ("finished", or "hello" to decide at the ServerHello); tickets (true: read
 *   those that come after the handshake); ticket_age_s (seconds since it was issued: a number, or a
 *   list), obfuscated_ticket_age; alter_binder (true: the last binder is wrong); binders (so many
 *   are sent, the first ones; all); early_data (bytes; RFC 8446, section 4.2.10); data (true: what
 * is said inside TLS can be read and written; TLS 1.3, with a random key share); max_bytes (taken
 * in, 256 KiB). And what the ClientHello offers: legacy_version, random, session_id, ciphers,
 * extensions (in this order: names, numbers or {type, body}), alpn, versions, groups (the first
 * one's key share is sent), signature_algorithms, psk_modes ("psk_dhe_ke", "psk_ke"), ticket
 * @treturn[1] probe
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: "unsupported" (the session is beyond the probe: use a handshake) or
 *   "openssl" */
static int probe_new(lua_State *L) {
  static const char *const names[] = {
      "session",      "sessions",  "ticket_age_s",          "key_share",    "tickets", "proof",
      "early_data",   "max_bytes", "obfuscated_ticket_age", "alter_binder", "data",    "binders",
      RS_OFFER_NAMES, NULL};
  enum { OWN_NAMES = 12 };
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
  rs_start_plan plan;
  probe_read_plan(L, p, &plan);
  if (!rs_offer_default(p->tools, &offer, p->version, parts->cipher))
    luaL_error(L, "OpenSSL has no random bytes");
  int failed = probe_take_sessions(L, p, first, count, &offer, &plan);
  if (failed)
    return failed;
  offer.fields.early_data = plan.early_data.length > 0;
  rs_offer_read(L, 1, &offer, given >> OWN_NAMES);
  failed = probe_add_key_share(L, p, &offer, &plan);
  if (failed)
    return failed;
  rs_start_send(p, &offer, &plan);
  return p->state == RS_PROBE_FAILED ? rs_error(L, "probe", p->message, p->code) : 1;
}

/* --- stepping --- */

static const char *probe_state_name(rs_probe_state state) {
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
    lua_pushstring(L, probe_state_name(p->state));
    probe_push_out(L, p);
    return 2;
  }
  lua_pushnil(L);
  probe_push_out(L, p);
  if (!p->message && rs_facts_push_alert(L, &p->transcript))
    return 4;
  lua_pushfstring(L, "handshake: %s", p->message ? p->message : "the server sent an alert");
  lua_pushstring(L, p->code);
  return 4;
}

/*** Takes in what the peer sent and says what to send.
 * @function probe:step
 * @tparam[opt] string bytes in any chunking; nothing for the first step
 * @tparam[optchain] number elapsed_s seconds since the probe was made, by which its tickets have
 *   aged where a HelloRetryRequest wants a second ClientHello (RFC 8446, section 4.1.2)
 * @treturn string|nil state "want" (more bytes), "established" (the server has proved that it
 *   resumed; send the bytes and shutdown()'s in one write), "refused" (it began a full handshake;
 *   send the bytes and close), "closed"; nil when it failed
 * @treturn string bytes to send, "" for none; on failure the alert
 * @treturn[opt] string message, on failure
 * @treturn[opt] string code, on failure: "alert" (the peer's), "closed", "protocol_error" and
 *   "unsupported" (a handshake has to decide), "too_much", "openssl" */
static int probe_step(lua_State *L) {
  rs_probe *p = probe_check(L);
  size_t length = 0;
  const char *bytes = luaL_optlstring(L, 2, "", &length);
  p->elapsed_ms = rs_start_milliseconds(luaL_optnumber(L, 3, 0));
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

/* --- inside TLS --- */

/*** What the server has said inside TLS since the last call (option data), at most 64 KiB.
 * @function probe:read
 * @treturn string bytes */
static int probe_read(lua_State *L) {
  rs_probe *p = probe_check(L);
  lua_pushlstring(L, p->data.used ? (const char *)p->data.bytes : "", p->data.used);
  rs_buffer_drop(&p->data, p->data.used);
  return 1;
}

/*** Says something inside TLS.
 * @function probe:write
 * @tparam string bytes
 * @treturn[1] string bytes to send
 * @treturn[2] nil
 * @treturn[2] string message
 * @treturn[2] string code: "state" (the handshake is not completed, or the option data was not
 *   given) */
static int probe_write(lua_State *L) {
  rs_probe *p = probe_check(L);
  size_t length;
  const char *bytes = luaL_checklstring(L, 2, &length);
  if (!p->wants_data || p->state != RS_PROBE_ESTABLISHED || p->said_goodbye)
    return rs_error(L, "write", "nothing can be said on this connection", "state");
  if (!rs_probe_send(p, RS_APPLICATION_DATA, (rs_bytes){(const unsigned char *)bytes, length}))
    return rs_error(L, "write", p->message, p->code);
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

/*** The sessions that can be offered next, in the order received: in TLS 1.3 one for each ticket
 * read (option tickets); up to TLS 1.2 the one that was resumed, with its ticket renewed where
 * the server did so.
 * @function probe:sessions
 * @treturn {session,...} */
static int probe_sessions(lua_State *L) {
  rs_probe *p = probe_check(L);
  rs_session_parts parts;
  lua_newtable(L);
  if (p->finished && p->version < RS_TLS13) {
    rs_resume12_session_parts(p, &parts);
    probe_push_session(L, &parts);
    rs_append(L);
  } else if (p->finished && p->wants_tickets) {
    unsigned char psk[RS_MAX_HASH];
    rs_reader body;
    for (size_t place = 0; rs_transcript_ticket(&p->transcript, &place, &body);) {
      if (rs_resume13_ticket_parts(p, body, psk, &parts)) {
        probe_push_session(L, &parts);
        rs_append(L);
      }
      OPENSSL_cleanse(psk, sizeof psk);
    }
  }
  return 1;
}

/*** What stood on the wire, at any time, also after a failure.
 * @function probe:facts
 * @treturn table as handshake:facts(), and proof ("finished", "hello", or nil while there is none),
 *   key_share ("base_point" or "random"; TLS 1.3), violation (what the server did against the
 *   protocol where step() said "protocol_error": the codes of tls/violations.c) */
static int probe_facts(lua_State *L) {
  rs_probe *p = probe_check(L);
  const int by_hello =
      p->hello_is_proof && (p->state == RS_PROBE_ESTABLISHED || p->state == RS_PROBE_CLOSED);
  lua_createtable(L, 0, RS_FACTS);
  rs_facts_set(L, &p->transcript);
  rs_set_boolean(L, "reused", p->finished || by_hello);
  rs_set_boolean(L, "finished", p->finished);
  if (p->finished || by_hello)
    rs_set_string(L, "proof", p->finished ? "finished" : "hello");

  if (p->violation)
    rs_set_string(L, "violation", rs_violation_code(p->violation));
  if (p->version >= RS_TLS13)
    rs_set_string(L, "key_share", p->share.key ? "random" : "base_point");

  rs_set_integer(L, "bytes_in", (lua_Integer)p->bytes_in);
  rs_set_integer(L, "bytes_out", (lua_Integer)p->bytes_out);
  return 1;
}

/*** Every handshake message, alert and change_cipher_spec, both ways, in order.
 * @function probe:transcript
 * @treturn table as handshake:transcript() */
static int probe_transcript(lua_State *L) {
  rs_facts_push_messages(L, &probe_check(L)->transcript);
  return 1;
}

static int probe_tostring(lua_State *L) {
  rs_probe *p = probe_box_of(L);
  lua_pushfstring(L, PROBE " (%s)", p->tools ? probe_state_name(p->state) : "closed");
  return 1;
}

static const luaL_Reg methods[] = {
    {"step", probe_step},         {"eof", probe_eof},
    {"shutdown", probe_shutdown}, {"read", probe_read},
    {"write", probe_write},       {"sessions", probe_sessions},
    {"facts", probe_facts},       {"transcript", probe_transcript},
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
  rs_set_function(L, "probe", probe_new);
}
